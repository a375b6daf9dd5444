//! Peers on this machine's own loopback addresses, which behave as they are told, and what is said of failures.

use core::net::Ipv4Addr;

use lapwing_dpapi::rpc::Mapper;
use lapwing_proto::ad::dns::DnsName;
use tokio::net::TcpListener;

use super::*;
use crate::ad::{Limits, Protection, Source};

/// How a peer behaves.
enum Behaviour {
    /// An endpoint mapper that knows the service at this port.
    Maps(u16),
    /// It reads and says nothing.
    Silent,
    /// It reads and ends the connection.
    Closes,
    /// It says something else than was asked for.
    Babbles,
}

async fn peer(behaviour: Behaviour) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut mapper = Mapper::begin(
            Ipv4Addr::LOCALHOST,
            match behaviour {
                Behaviour::Maps(port) => port,
                Behaviour::Silent | Behaviour::Closes | Behaviour::Babbles => 0,
            },
        );
        let mut buffer = vec![0; READ_LEN];
        loop {
            let len = stream.read(&mut buffer).await.unwrap();
            match behaviour {
                _ if len == 0 => return,
                Behaviour::Maps(_) => {
                    let answer = mapper.receive(&buffer[..len]).unwrap();
                    // In two parts: whole packets must not be counted on.
                    for part in answer.unwrap_or_default().chunks(50) {
                        stream.write_all(part).await.unwrap();
                    }
                }
                Behaviour::Silent => {}
                Behaviour::Closes => return,
                Behaviour::Babbles => stream.write_all(b"HTTP/1.1 400 Bad Request\r\n").await.unwrap(),
            }
        }
    });
    port
}

async fn look_up(port: u16) -> Result<Option<u16>, KeyFailure> {
    let limits = Limits { answer: Duration::from_millis(300), ..Limits::default() };
    let domain = DnsName::parse("lapwing.test").unwrap();
    let source = Source { domain, site: None, controllers: Vec::new(), host: "host".to_owned() };
    let connector = Connector { source, protection: Protection::Sealed, limits, pin: None };
    let (mut lookup, first) = Lookup::begin();
    connector.exchange(Ipv4Addr::LOCALHOST.into(), port, first, |bytes| lookup.receive(bytes)).await
}

#[tokio::test]
async fn a_port_is_told_by_the_endpoint_mapper() {
    assert_eq!(look_up(peer(Behaviour::Maps(49_700)).await).await.unwrap(), Some(49_700));
}

#[tokio::test]
async fn whatever_else_a_peer_does_ends_in_time_and_says_why() {
    let silent = look_up(peer(Behaviour::Silent).await).await.unwrap_err();
    assert!(matches!(silent, KeyFailure::TimedOut { stage: Stage::Answering, .. }), "{silent:?}");
    let closed = look_up(peer(Behaviour::Closes).await).await.unwrap_err();
    assert!(matches!(closed, KeyFailure::Closed(_)), "{closed:?}");
    let other = look_up(peer(Behaviour::Babbles).await).await.unwrap_err();
    assert!(matches!(other, KeyFailure::Call(ClientError::Malformed(_))), "{other:?}");
    let nobody = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap().local_addr().unwrap().port();
    let away = look_up(nobody).await.unwrap_err();
    assert!(matches!(away, KeyFailure::Unreachable { .. }), "{away:?}");
}

fn error(tried: Vec<KeyFailure>) -> GroupKeyError {
    let tried = (1..).zip(tried).map(|(number, why)| (format!("dc{number}.lapwing.test"), why)).collect();
    GroupKeyError { domain: "lapwing.test".to_owned(), tried, source: None }
}

#[test]
fn an_error_tells_everyone_who_was_asked_and_what_to_do() {
    let away = || KeyFailure::Unreachable { port: 135, source: io::ErrorKind::ConnectionRefused.into() };
    let error = |tried| {
        let error = error(tried);
        (error.to_string(), error.result(), error.next_step())
    };
    let (text, result, next) = error(vec![KeyFailure::Refused(Hresult::NO_KEY), away()]);
    assert_eq!(
        text,
        "nobody in lapwing.test gave the group key (dc1.lapwing.test: it refuses with 0x8009000D; dc2.lapwing.test: it cannot be reached on port 135: connection refused)"
    );
    assert_eq!(result, Some(Hresult::NO_KEY));
    assert!(next.contains("KDS root key"), "{next}");
    let (.., next) = error(vec![KeyFailure::Refused(Hresult::ACCESS_DENIED)]);
    assert!(next.contains("to whom the data is encrypted"), "{next}");
    let slow = KerberosError::TimedOut(Duration::from_secs(1));
    let (_, result, next) = error(vec![KeyFailure::Kerberos(slow), KeyFailure::NotRegistered]);
    assert_eq!(result, None);
    assert!(next.contains("port 88"), "{next}");
    let (.., next) = error(vec![away(), KeyFailure::NotRegistered]);
    assert!(next.contains("lapwing-kds"), "{next}");
    let (.., next) = error(vec![KeyFailure::NotRegistered, away()]);
    assert!(next.contains("firewall") && next.contains("14135"), "{next}");
    let (text, ..) = error(vec![]);
    assert_eq!(text, "nobody in lapwing.test gave the group key");
}
