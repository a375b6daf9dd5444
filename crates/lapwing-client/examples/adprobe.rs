#![allow(missing_docs, clippy::unwrap_used)]
use lapwing_client::ad::*;
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let args: Vec<String> = std::env::args().collect();
    let controller =
        Controller { name: args[1].clone(), address: args[2].parse().unwrap(), domain: args[3].clone() };
    let credentials = if args[4] == "tickets" {
        Credentials::Tickets
    } else {
        Credentials::Keytab {
            keytab: args[4].clone().into(),
            principal: args[5].clone(),
            cache: "probe".into(),
        }
    };
    let protection = if args.get(6).is_some() { Protection::Tls } else { Protection::Sealed };
    for _ in 0..3 {
        let start = std::time::Instant::now();
        let opened = Connection::open(&controller, &credentials, protection, &Limits::default()).await;
        let mut connection = match opened {
            Ok(c) => c,
            Err(e) => {
                let mut s: &dyn std::error::Error = &e;
                println!("{e}");
                while let Some(x) = s.source() {
                    println!(" {x}");
                    s = x;
                }
                println!("next: {} {:?}", e.next_step(), start.elapsed());
                return;
            }
        };
        let bound = start.elapsed();
        let base = args[3].split('.').map(|p| format!("DC={p}")).collect::<Vec<_>>().join(",");
        let found = connection
            .search(&Search {
                base: &base,
                scope: Scope::Subtree,
                filter: "(objectClass=*)",
                attributes: &["cn", "nTSecurityDescriptor"],
                security: SecurityParts::WithoutAuditing,
            })
            .await
            .unwrap();
        println!("{} entries, bound {bound:?}, all {:?}", found.len(), start.elapsed());
        println!("{:?} {:?}", found[3].name, found[3].value("ntsecuritydescriptor").map(<[u8]>::len));
    }
}
