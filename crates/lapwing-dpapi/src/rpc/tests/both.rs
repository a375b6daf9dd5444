//! Both sides, and a client that does what a test wants.

use lapwing_core::{secret::SecretBytes, types::Guid};

use super::fake::{Fake, FakeError, KERBEROS, Legs};
use crate::rpc::{
    Answer, Ended, Event, GetKey, Next, Server, ServerError,
    association::Association,
    isdkey::{self, Request},
    ndr::Transfer,
    pdu::{AuthHeader, AuthKind, Bind, CallHeader, Fragment, HEADER_SIGNING, Kind, Offer, SyntaxId, write},
};

pub(super) const PORT: u16 = 49_700;
pub(super) const PRIVATE: AuthHeader = AuthHeader::new(AuthKind::Negotiate, 0);

pub(super) fn request() -> Request {
    Request {
        descriptor: (0..108).collect(),
        root_key: Some(Guid::from_bytes([7; 16])),
        interval: [364, 18, -1],
    }
}

pub(super) fn envelope(len: usize) -> Answer {
    Answer::Envelope(SecretBytes::new((0..len).map(|at| (at % 251) as u8).collect()))
}

/// Has both speak until the server knows the request; `chunk` is how many bytes arrive at a time.
pub(super) fn ask(kind: AuthKind, legs: Legs, chunk: usize) -> (GetKey<Fake>, Server<Fake>, Request) {
    let (seal, token) = Fake::client(legs);
    let (mut client, mut to_server) = GetKey::begin(seal, kind, &token, request());
    let mut server = Server::begin(Fake::server(legs), PORT);
    loop {
        let mut to_client = Vec::new();
        for part in to_server.chunks(chunk) {
            match server.receive(part).unwrap() {
                Event::Read => {}
                Event::Send(bytes) => to_client = bytes,
                Event::GetKey(request) => return (client, server, request),
            }
        }
        to_server = Vec::new();
        for part in to_client.chunks(chunk) {
            match client.receive(part).unwrap() {
                Next::Read => {}
                Next::Send(bytes) => to_server = bytes,
                Next::Done(answer) => panic!("{answer:?} before there was one"),
            }
        }
        assert!(!to_server.is_empty(), "the client waits for nothing");
    }
}

pub(super) fn take(client: &mut GetKey<Fake>, bytes: &[u8]) -> Answer {
    for part in bytes.chunks(100) {
        match client.receive(part).unwrap() {
            Next::Read => {}
            Next::Done(answer) => return answer,
            Next::Send(_) => panic!("nothing is left to be sent"),
        }
    }
    panic!("the answer does not end")
}

/// A client that says what a test wants it to say.
pub(super) struct Hand {
    pub(super) server: Server<Fake>,
    pub(super) association: Association<Fake>,
}

impl Hand {
    pub(super) fn bind(
        legs: Legs,
        flags: u8,
        auth: Option<AuthHeader>,
        offers: Vec<Offer>,
    ) -> (Self, Result<Event, Ended<FakeError>>) {
        let (seal, token) = Fake::client(legs);
        let association = Association {
            seal,
            auth: auth.unwrap_or(PRIVATE),
            signs_headers: flags & HEADER_SIGNING != 0,
            fragment_len_max: 5840,
        };
        let mut server = Server::begin(Fake::server(legs), PORT);
        let auth = auth.map(|auth| (auth, &token[..]));
        let event = server.receive(&write(Kind::Bind, flags, 2, &bind(offers), auth));
        (Self { server, association }, event)
    }

    /// Has proved who it is, by two tokens.
    pub(super) fn ready() -> Self {
        let (mut this, event) = Self::bind(KERBEROS, HEADER_SIGNING, Some(PRIVATE), offers());
        let Ok(Event::Send(ack)) = event else { panic!("{event:?}") };
        let third = this.token(&ack);
        let event = this.server.receive(&write(Kind::Auth3, 0, 2, &[0; 4], Some((PRIVATE, &third))));
        assert!(matches!(event, Ok(Event::Read)), "{event:?}");
        this
    }

    pub(super) fn token(&mut self, ack: &[u8]) -> Vec<u8> {
        use crate::rpc::Seal as _;
        let (_, token) = Fragment::parse(ack).unwrap().auth.unwrap();
        self.association.seal.step(token).unwrap()
    }

    pub(super) fn call(&mut self, header: CallHeader, stub: &[u8]) -> Result<Event, Ended<FakeError>> {
        let sealed = self.association.seal(Kind::Request, 2, header, stub).unwrap();
        self.server.receive(&sealed)
    }
}

pub(super) fn bind(offers: Vec<Offer>) -> Vec<u8> {
    Bind { send_max: 5840, receive_max: 5840, group: 0, offers }.to_body()
}

pub(super) fn offer(context: u16, interface: SyntaxId, transfer: SyntaxId) -> Offer {
    Offer { context, interface, transfers: vec![transfer] }
}

pub(super) fn offers() -> Vec<Offer> {
    vec![offer(0, isdkey::INTERFACE, Transfer::Ndr64.syntax())]
}

pub(super) const GET_KEY: CallHeader = CallHeader { hint: 0, context: 0, method: 0 };

pub(super) fn fault(outcome: Result<Event, Ended<FakeError>>) -> (ServerError<FakeError>, u32) {
    let Ended { last_words, why } = outcome.map(|event| panic!("{event:?}")).unwrap_err();
    let words = last_words.unwrap();
    let fragment = Fragment::parse(&words).unwrap();
    assert_eq!(fragment.header.kind, Kind::Fault);
    let (_, stub) = CallHeader::parse(&fragment).unwrap();
    (why, u32::from_le_bytes(*stub.first_chunk().unwrap()))
}
