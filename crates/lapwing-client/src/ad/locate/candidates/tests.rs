//! Controllers on this machine's own loopback addresses, which answer as they are told.

use core::net::Ipv4Addr;

use lapwing_proto::ldap::ber;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, UdpSocket},
};

use super::*;

const LIMIT: Duration = Duration::from_secs(5);
/// A directory with a KDC.
const READ_ONLY: u32 = 0x30;
const WRITABLE: u32 = READ_ONLY | 0x100;
const WRITABLE_AND_CLOSEST: u32 = WRITABLE | 0x80;

/// How one behaves.
#[derive(Clone, Copy)]
enum Behaviour {
    Answers(u32, &'static str),
    /// Datagrams are lost; over connections it answers.
    LosesDatagrams(u32),
    /// Datagrams are lost, and over connections it says that it knows nothing.
    ConnectsOnly,
    /// It has sockets and says nothing.
    Silent,
    /// Nobody is there.
    Refuses,
}

/// [MS-ADTS] 6.3.1.9, from a controller of that number.
fn told(number: u8, roles: u32, domain: &str) -> Vec<u8> {
    let controller = format!("dc{number}.{domain}");
    let mut value = 23_u16.to_le_bytes().to_vec();
    value.extend([0, 0]);
    value.extend(roles.to_le_bytes());
    value.extend([7; 16]);
    for name in [domain, domain, &controller, "SHORT", "DC", "", "There", "Here"] {
        for label in name.split('.').filter(|label| !label.is_empty()) {
            value.push(u8::try_from(label.len()).unwrap());
            value.extend(label.bytes());
        }
        value.push(0);
    }
    let wrap = |parts: &[(u8, &[u8])]| {
        let mut out = Vec::new();
        for (tag, part) in parts {
            ber::put(&mut out, *tag, part);
        }
        out
    };
    let attribute = wrap(&[(ber::OCTET_STRING, b"netlogon"), (0x31, &wrap(&[(ber::OCTET_STRING, &value)]))]);
    let entry = wrap(&[(ber::OCTET_STRING, b""), (ber::SEQUENCE, &wrap(&[(ber::SEQUENCE, &attribute)]))]);
    wrap(&[(ber::SEQUENCE, &wrap(&[(ber::INTEGER, &[ping::MESSAGE]), (0x64, &entry)]))])
}

/// `searchResDone` without an entry.
fn nothing() -> Vec<u8> {
    vec![0x30, 12, 2, 1, ping::MESSAGE, 0x65, 7, 10, 1, 0, 4, 0, 4, 0]
}

/// Controllers from 127.7.0.1 on, and the port that all of them have.
struct Controllers {
    port: u16,
    running: JoinSet<()>,
    idle: Vec<(UdpSocket, TcpListener)>,
}

fn address(number: u8) -> IpAddr {
    Ipv4Addr::new(127, 7, 0, number).into()
}

impl Controllers {
    async fn start(behaviours: &[Behaviour]) -> Self {
        let mut this = Self { port: 0, running: JoinSet::new(), idle: Vec::new() };
        for (number, behaviour) in (1..).zip(behaviours) {
            if matches!(behaviour, Behaviour::Refuses) {
                continue;
            }
            // A port that is free for connections at the first is taken to be free everywhere: others have the same chance.
            let listener = TcpListener::bind((address(number), this.port)).await.unwrap();
            this.port = listener.local_addr().unwrap().port();
            let socket = UdpSocket::bind((address(number), this.port)).await.unwrap();
            match *behaviour {
                Behaviour::Silent => this.idle.push((socket, listener)),
                Behaviour::Answers(roles, domain) => {
                    drop(this.running.spawn(datagrams(socket, told(number, roles, domain))));
                }
                Behaviour::LosesDatagrams(roles) => {
                    drop(this.running.spawn(connections(listener, told(number, roles, "example.com"))));
                    this.running.spawn(lose(socket));
                }
                Behaviour::ConnectsOnly => {
                    drop(this.running.spawn(connections(listener, nothing())));
                    this.running.spawn(lose(socket));
                }
                Behaviour::Refuses => {}
            }
        }
        this
    }

    fn search(&self, count: u8, wish: Wish) -> Candidates {
        let source = Source {
            domain: DnsName::parse("example.com").unwrap(),
            site: None,
            controllers: (1..=count).map(|number| Place::Address(address(number))).collect(),
            host: "test".to_owned(),
        };
        Candidates::begin_at(source, wish, 1, self.port)
    }
}

async fn datagrams(socket: UdpSocket, answer: Vec<u8>) {
    let mut question = [0; 512];
    while let Ok((len, from)) = socket.recv_from(&mut question).await {
        assert!(question[..len].windows(11).any(|part| part == b"example.com"));
        socket.send_to(&answer, from).await.unwrap();
    }
}

async fn lose(socket: UdpSocket) {
    let mut question = [0; 512];
    while socket.recv_from(&mut question).await.is_ok() {}
}

async fn connections(listener: TcpListener, answer: Vec<u8>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let mut question = [0; 512];
        assert!(stream.read(&mut question).await.unwrap() > 0);
        stream.write_all(&answer).await.unwrap();
    }
}

fn name(found: Option<Found>) -> Option<String> {
    found.map(|found| found.controller.name)
}

fn reasons(candidates: Candidates) -> Vec<String> {
    let (tried, unlisted) = candidates.into_tried();
    assert!(unlisted.is_none(), "{unlisted:?}");
    let mut reasons: Vec<String> =
        tried.iter().map(|Tried { controller, why }| format!("{controller}: {why}")).collect();
    reasons.sort();
    reasons
}

#[tokio::test]
async fn the_first_that_answers_and_can_be_written_to_is_taken() {
    use Behaviour::{Answers, Refuses, Silent};
    let behaviours = [
        Silent,
        Answers(READ_ONLY, "example.com"),
        Refuses,
        Answers(WRITABLE, "example.org"),
        Answers(WRITABLE, "example.com"),
    ];
    let controllers = Controllers::start(&behaviours).await;
    let mut candidates = controllers.search(5, Wish::default());
    let start = Instant::now();
    let found = candidates.next(LIMIT).await.unwrap();
    assert!(start.elapsed() < Duration::from_millis(1500), "{:?}", start.elapsed());
    assert_eq!(found.controller.name, "dc5.example.com");
    assert_eq!(found.controller.address, address(5));
    assert_eq!(found.answer.unwrap().client_site, SiteName::parse("here").ok());
    // There is no other, and each has its reason.
    assert_eq!(candidates.next(LIMIT).await, None);
    let expected = [
        "127.7.0.1: it does not answer",
        "127.7.0.2: it is read-only",
        "127.7.0.3: it cannot be reached",
        "127.7.0.4: it serves the domain example.org",
    ];
    assert_eq!(reasons(candidates), expected);
}

#[tokio::test]
async fn where_datagrams_are_not_let_through_a_connection_tells() {
    let controllers = Controllers::start(&[Behaviour::LosesDatagrams(WRITABLE)]).await;
    assert_eq!(name(controllers.search(1, Wish::default()).next(LIMIT).await).unwrap(), "dc1.example.com");
    let controllers = Controllers::start(&[Behaviour::LosesDatagrams(READ_ONLY)]).await;
    let mut candidates = controllers.search(1, Wish::default());
    assert_eq!(name(candidates.next(LIMIT).await), None);
    assert_eq!(reasons(candidates), ["127.7.0.1: it is read-only"]);
}

#[tokio::test]
async fn who_accepts_connections_only_must_be_named() {
    let controllers = Controllers::start(&[Behaviour::ConnectsOnly]).await;
    let mut candidates = controllers.search(1, Wish::default());
    assert_eq!(name(candidates.next(LIMIT).await), None);
    assert_eq!(reasons(candidates), ["127.7.0.1: it does not tell its name: name it by it"]);
    // The one that is preferred has a name.
    let known = Controller {
        name: "dc1.example.com".to_owned(),
        address: address(1),
        domain: "example.com".to_owned(),
    };
    let wish = Wish { preferred: Some(known.clone()), ..Wish::default() };
    let mut candidates = controllers.search(0, wish);
    assert_eq!(candidates.next(LIMIT).await, Some(Found { controller: known, answer: None }));
}

#[tokio::test]
async fn wishes_decide_the_order_and_never_means_never() {
    let all = [Behaviour::Answers(WRITABLE_AND_CLOSEST, "example.com"); 3];
    let controllers = Controllers::start(&all).await;
    let preferred = Controller {
        name: "dc3.example.com".to_owned(),
        address: address(3),
        domain: "example.com".to_owned(),
    };
    let wish = Wish {
        preferred: Some(preferred.clone()),
        last: BTreeSet::from(["127.7.0.1".to_owned()]),
        never: BTreeSet::new(),
    };
    let mut candidates = controllers.search(3, wish);
    let mut order = Vec::new();
    while let Some(found) = candidates.next(LIMIT).await {
        order.push(found.controller.name);
    }
    // The third stands in line under its name and its address, and comes once.
    assert_eq!(order, ["dc3.example.com", "dc2.example.com", "dc1.example.com"]);

    let never = ["dc3.example.com", "127.7.0.2"].map(str::to_owned).into();
    let wish = Wish { preferred: Some(preferred), last: BTreeSet::new(), never };
    let mut candidates = controllers.search(3, wish);
    assert_eq!(name(candidates.next(LIMIT).await).unwrap(), "dc1.example.com");
    assert_eq!(candidates.next(LIMIT).await, None);
}

#[tokio::test]
async fn a_search_ends_at_its_limit_and_says_who_was_silent() {
    let controllers = Controllers::start(&[Behaviour::Silent, Behaviour::Silent]).await;
    let mut candidates = controllers.search(2, Wish::default());
    let start = Instant::now();
    assert_eq!(candidates.next(Duration::from_millis(600)).await, None);
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    assert_eq!(reasons(candidates), ["127.7.0.1: it does not answer", "127.7.0.2: it does not answer"]);
}
