//! Finds a controller of the domain that this host has joined, and binds to it: what the end-to-end tests run inside a host, and
//! of use by hand.
//!
//! `connect [--site S] [--controller C]… [--prefer NAME=ADDRESS] [--last NAME]… [--never NAME]… [--ldaps]
//! [--pin FOLDER] [--own-pin] [--again] [--keytab FILE]`
//!
//! Writes what came of it as lines of `name value`: `taken`, `site`, `base`, `tried`, or `error`, `cause` and `next`; and `took`
//! in milliseconds.
#![expect(clippy::print_stdout, reason = "that is what it is for")]

use core::error::Error;
use std::{env, path::PathBuf, process::ExitCode};

use lapwing_client::ad::{
    Connected, Connector, Controller, Credentials, KdcPin, Limits, Protection, Source, Tried, Wish,
};
use lapwing_proto::ad::dns::{DnsName, SiteName};
use tokio::time::Instant;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut keytab = PathBuf::from("/etc/krb5.keytab");
    let mut source = Source {
        domain: DnsName::parse("invalid")?,
        site: None,
        controllers: Vec::new(),
        host: "example".to_owned(),
    };
    let (mut wish, mut protection, mut pin, mut times) = (Wish::default(), Protection::Sealed, None, 1);
    let mut prefer = None;
    let mut arguments = env::args().skip(1);
    while let Some(option) = arguments.next() {
        let mut value = || arguments.next().ok_or("a value is missing");
        match option.as_str() {
            "--keytab" => keytab = value()?.into(),
            "--site" => source.site = Some(SiteName::parse(&value()?)?),
            "--controller" => source.controllers.push(value()?.parse()?),
            "--prefer" => prefer = Some(value()?),
            "--last" => drop(wish.last.insert(value()?)),
            "--never" => drop(wish.never.insert(value()?)),
            "--pin" => pin = Some(KdcPin::within(&PathBuf::from(value()?))),
            "--own-pin" => pin = KdcPin::of_this_process(),
            "--ldaps" => protection = Protection::Tls,
            "--again" => times = 2,
            other => return Err(format!("{other} is no option").into()),
        }
    }
    let (credentials, machine) = match Credentials::machine(&keytab) {
        Ok(machine) => machine,
        Err(error) => {
            tell(&error, error.next_step());
            return Ok(ExitCode::FAILURE);
        }
    };
    source.domain = DnsName::parse(&machine.domain())?;
    if let Some(prefer) = prefer {
        let (name, address) = prefer.split_once('=').ok_or("--prefer NAME=ADDRESS")?;
        wish.preferred = Some(Controller {
            name: name.to_owned(),
            address: address.parse()?,
            domain: source.domain.to_string(),
        });
    }
    let mut connector = Connector { source, protection, limits: Limits::default(), pin };
    for turn in 0..times {
        let start = Instant::now();
        // The same whom is asked first at each run.
        let connected = connector.connect(&credentials, wish.clone(), turn).await;
        println!("took {}", start.elapsed().as_millis());
        match connected {
            Ok(connected) => report(connected).await?,
            Err(error) => {
                tell(&error, error.next_step());
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn report(connected: Connected) -> Result<(), Box<dyn Error>> {
    let Connected { mut connection, controller, client_site, tried } = connected;
    println!("taken {} {}", controller.name, controller.address);
    if let Some(site) = client_site {
        println!("site {site}");
    }
    for Tried { controller, why } in tried {
        println!("tried {controller}: {why}");
    }
    println!("base {}", connection.root().await?.domain);
    Ok(())
}

fn tell(error: &dyn Error, next_step: &str) {
    println!("error {error}");
    let mut cause = error.source();
    while let Some(source) = cause {
        println!("cause {source}");
        cause = source.source();
    }
    println!("next {next_step}");
}
