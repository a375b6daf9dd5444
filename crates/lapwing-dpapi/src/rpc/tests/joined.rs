//! Client and server speak with each other, byte by byte and all at once.

use core::net::Ipv4Addr;

use lapwing_core::{event::Hresult, types::Guid};

use super::{
    both::*,
    fake::{Fake, FakeError, KERBEROS, Legs, NEGOTIATE},
};
use crate::rpc::{
    Answer, ClientError, Event, GetKey, Lookup, Mapper, Next, Server, ServerError, isdkey,
    ndr::Transfer,
    pdu::{
        AuthHeader, AuthKind, BindAck, BindNak, CallHeader, Fragment, HEADER_SIGNING, Kind, NO_INTERFACE,
        NO_TRANSFER, Outcome, SyntaxId, write, write_call,
    },
    trailer,
};

#[test]
fn a_key_is_asked_for_and_given_however_the_bytes_arrive_and_however_many_tokens_it_takes() {
    for (kind, legs) in [
        (AuthKind::Negotiate, NEGOTIATE),
        (AuthKind::Negotiate, Legs { client: 2, server: 2 }),
        (AuthKind::Negotiate, Legs { client: 1, server: 1 }),
        (AuthKind::Kerberos, KERBEROS),
    ] {
        for chunk in [1, 7, usize::MAX] {
            let (mut client, mut server, asked) = ask(kind, legs, chunk);
            assert_eq!(asked, request());
            // Fragments of the longest answer there can be, and of a short one.
            for len in [1, 866, 20_000] {
                let bytes = server.answer(&envelope(len)).unwrap();
                let Answer::Envelope(given) = take(&mut client, &bytes) else { panic!("refused") };
                let Answer::Envelope(sent) = envelope(len) else { unreachable!() };
                assert_eq!(given.expose_secret(), sent.expose_secret());
                (client, server, _) = ask(kind, legs, chunk);
            }
            let bytes = server.answer(&Answer::Refused(Hresult::ACCESS_DENIED)).unwrap();
            assert!(matches!(take(&mut client, &bytes), Answer::Refused(Hresult::ACCESS_DENIED)));
        }
    }
}

#[test]
fn every_changed_byte_of_a_sealed_call_is_noticed() {
    let (mut client, mut server, _) = ask(AuthKind::Negotiate, NEGOTIATE, usize::MAX);
    let answer = server.answer(&envelope(100)).unwrap();
    for at in 0..answer.len() {
        let mut changed = answer.clone();
        changed[at] ^= 1;
        let (mut other, ..) = ask(AuthKind::Negotiate, NEGOTIATE, usize::MAX);
        match other.receive(&changed) {
            Err(_) | Ok(Next::Read) => {}
            Ok(next) => panic!("byte {at} was changed, and it came to {next:?}"),
        }
    }
    assert!(matches!(client.receive(&answer), Ok(Next::Done(Answer::Envelope(_)))));
}

#[test]
fn the_last_token_may_come_without_being_answered_and_the_call_right_behind_it() {
    let (mut this, event) = Hand::bind(KERBEROS, 0, Some(PRIVATE), offers());
    let Ok(Event::Send(ack)) = event else { panic!("{event:?}") };
    let third = this.token(&ack);
    let mut bytes = write(Kind::Auth3, 0, 2, &[0; 4], Some((PRIVATE, &third)));
    let stub = request().to_stub(Transfer::Ndr64);
    bytes.extend(this.association.seal(Kind::Request, 2, GET_KEY, &stub).unwrap());
    let Ok(Event::GetKey(asked)) = this.server.receive(&bytes) else { panic!("no call") };
    assert_eq!(asked, request());
    assert!(this.server.seal().is_some());
    let ended = this.server.receive(&[5]).unwrap_err();
    assert!(matches!(ended.why, ServerError::Impatient));
    assert!(this.server.seal().is_none());
    assert!(this.server.answer(&envelope(1)).is_err(), "there is nobody left to be answered");
}

#[test]
fn whoever_does_not_prove_who_it_is_or_wants_no_encryption_is_refused_at_once() {
    let ntlm = AuthHeader { kind: 10, ..PRIVATE };
    let integrity = AuthHeader { level: 5, ..PRIVATE };
    for (auth, reason) in [
        (None, BindNak::AUTH_KIND),
        (Some(ntlm), BindNak::AUTH_KIND),
        (Some(integrity), BindNak::UNSPECIFIED),
    ] {
        let (mut hand, event) = Hand::bind(KERBEROS, 0, auth, offers());
        let words = event.unwrap_err().last_words.unwrap();
        let fragment = Fragment::parse(&words).unwrap();
        assert_eq!(fragment.header.kind, Kind::BindNak);
        assert_eq!(BindNak::parse(fragment.body), Ok(reason));
        assert!(hand.server.receive(&words).is_err(), "an end is an end");
    }
    let mut server = Server::begin(Fake::server(KERBEROS), PORT);
    let event = server.receive(&write(Kind::Bind, 0, 2, &bind(offers()), Some((PRIVATE, b"forged"))));
    assert!(matches!(event.unwrap_err().why, ServerError::Seal(FakeError("another token"))));
}

#[test]
fn a_call_before_the_proof_or_without_a_seal_is_denied() {
    let (mut hand, event) = Hand::bind(KERBEROS, 0, Some(PRIVATE), offers());
    assert!(matches!(event, Ok(Event::Send(_))));
    let stub = request().to_stub(Transfer::Ndr64);
    let clear = write_call(Kind::Request, 2, GET_KEY, &stub);
    let (why, status) = fault(hand.server.receive(&clear));
    assert!(matches!(why, ServerError::Unproved));
    assert_eq!(status, 5);

    let (why, status) = fault(Hand::ready().server.receive(&clear));
    assert!(matches!(why, ServerError::Unprotected));
    assert_eq!(status, 5);

    let mut hand = Hand::ready();
    hand.association.auth.context = 9;
    let (why, _) = fault(hand.call(GET_KEY, &stub));
    assert!(matches!(why, ServerError::Unprotected));
}

#[test]
fn a_call_that_is_changed_or_repeated_ends_the_connection_without_a_word() {
    let stub = request().to_stub(Transfer::Ndr64);
    let sealed = Hand::ready().association.seal(Kind::Request, 2, GET_KEY, &stub).unwrap();
    // The header's number of the method, the body, and the signature.
    for at in [22, 60, sealed.len() - 28] {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        let ended = Hand::ready().server.receive(&changed).unwrap_err();
        assert!(matches!(ended.why, ServerError::Seal(_)), "byte {at}");
        assert!(ended.last_words.is_none());
    }
    let mut hand = Hand::ready();
    assert!(matches!(hand.server.receive(&sealed), Ok(Event::GetKey(_))));
    hand.server.answer(&envelope(1)).unwrap();
    assert!(matches!(hand.server.receive(&sealed).unwrap_err().why, ServerError::Seal(_)));
}

#[test]
fn calls_of_something_else_get_their_faults() {
    let stub = request().to_stub(Transfer::Ndr64);
    let (why, status) = fault(Hand::ready().call(CallHeader { method: 1, ..GET_KEY }, &stub));
    assert!(matches!(why, ServerError::Method(1)));
    assert_eq!(status, 0x1c01_0002);
    let (why, status) = fault(Hand::ready().call(CallHeader { context: 1, ..GET_KEY }, &stub));
    assert!(matches!(why, ServerError::Context(1)));
    assert_eq!(status, 0x1c01_0003);
    let (why, status) = fault(Hand::ready().call(GET_KEY, &stub[..100]));
    assert!(matches!(why, ServerError::Malformed(_)));
    assert_eq!(status, 0x6f7);
    let mut foreign = stub.clone();
    trailer::put(&mut foreign, isdkey::INTERFACE, Transfer::Ndr.syntax());
    let (why, status) = fault(Hand::ready().call(GET_KEY, &foreign));
    assert!(matches!(why, ServerError::Trailer(_)));
    assert_eq!(status, 5);
    let mut long = request();
    long.descriptor = vec![0; isdkey::DESCRIPTOR_LEN_MAX];
    assert!(matches!(Hand::ready().call(GET_KEY, &long.to_stub(Transfer::Ndr64)), Ok(Event::GetKey(_))));
    long.descriptor.push(0);
    let (_, status) = fault(Hand::ready().call(GET_KEY, &long.to_stub(Transfer::Ndr64)));
    assert_eq!(status, 0x6f7);
}

#[test]
fn what_is_spoken_about_is_settled_offer_by_offer() {
    let features =
        SyntaxId { uuid: "6cb71c2c-9812-4540-0300-000000000000".parse().unwrap(), major: 1, minor: 0 };
    let other = SyntaxId { uuid: Guid::from_bytes([1; 16]), major: 1, minor: 0 };
    let newer = SyntaxId { minor: 1, ..isdkey::INTERFACE };
    let all = vec![
        offer(0, isdkey::INTERFACE, Transfer::Ndr.syntax()),
        offer(1, isdkey::INTERFACE, Transfer::Ndr64.syntax()),
        offer(2, isdkey::INTERFACE, features),
        offer(3, other, Transfer::Ndr.syntax()),
    ];
    let (mut hand, event) = Hand::bind(KERBEROS, HEADER_SIGNING, Some(PRIVATE), all);
    let Ok(Event::Send(bytes)) = event else { panic!("{event:?}") };
    let fragment = Fragment::parse(&bytes).unwrap();
    assert_eq!(fragment.header.flags & HEADER_SIGNING, HEADER_SIGNING);
    let ack = BindAck::parse(fragment.clear_body().unwrap()).unwrap();
    assert_eq!(ack.address, PORT.to_string());
    assert_eq!(
        ack.outcomes,
        [
            Outcome::Accepted(Transfer::Ndr.syntax()),
            Outcome::Accepted(Transfer::Ndr64.syntax()),
            Outcome::Features(0),
            Outcome::Refused(NO_INTERFACE),
        ]
    );
    let more = vec![
        offer(0, isdkey::INTERFACE, Transfer::Ndr64.syntax()),
        offer(1, isdkey::INTERFACE, Transfer::Ndr64.syntax()),
        offer(4, newer, Transfer::Ndr.syntax()),
        offer(5, isdkey::INTERFACE, other),
    ];
    let event = hand.server.receive(&write(Kind::AlterContext, 0, 3, &bind(more), None));
    let Ok(Event::Send(bytes)) = event else { panic!("{event:?}") };
    let fragment = Fragment::parse(&bytes).unwrap();
    assert_eq!(fragment.header.flags & HEADER_SIGNING, HEADER_SIGNING, "still agreed");
    let ack = BindAck::parse(fragment.clear_body().unwrap()).unwrap();
    assert_eq!(
        ack.outcomes,
        [
            Outcome::Refused(NO_TRANSFER),
            Outcome::Accepted(Transfer::Ndr64.syntax()),
            Outcome::Refused(NO_INTERFACE),
            Outcome::Refused(NO_TRANSFER),
        ]
    );
}

#[test]
fn a_client_that_never_ends_proving_who_it_is_is_sent_away() {
    let legs = Legs { client: u8::MAX, server: u8::MAX };
    let (mut hand, event) = Hand::bind(legs, 0, Some(PRIVATE), offers());
    let mut answer = event;
    for _ in 0..7 {
        let Ok(Event::Send(bytes)) = answer else { panic!("{answer:?}") };
        let token = hand.token(&bytes);
        answer =
            hand.server.receive(&write(Kind::AlterContext, 0, 2, &bind(offers()), Some((PRIVATE, &token))));
    }
    let Ok(Event::Send(bytes)) = answer else { panic!("{answer:?}") };
    let token = hand.token(&bytes);
    let alter = write(Kind::AlterContext, 0, 2, &bind(offers()), Some((PRIVATE, &token)));
    assert!(matches!(fault(hand.server.receive(&alter)), (ServerError::Unproved, 5)));
}

#[test]
fn a_client_ends_where_the_server_does_not_prove_or_seal_or_says_no() {
    let begin = || {
        let (seal, token) = Fake::client(KERBEROS);
        GetKey::begin(seal, AuthKind::Negotiate, &token, request()).0
    };
    let ack = |outcomes: Vec<Outcome>, token: &[u8]| {
        let ack = BindAck { send_max: 5840, receive_max: 5840, group: 1, address: String::new(), outcomes };
        write(Kind::BindAck, HEADER_SIGNING, 1, &ack.to_body(), Some((PRIVATE, token)))
    };
    let both = || Transfer::ALL.map(|transfer| Outcome::Accepted(transfer.syntax())).to_vec();
    let none = vec![Outcome::Refused(2), Outcome::Refused(2)];
    let nak = write(Kind::BindNak, 0, 1, &BindNak::AUTH_KIND.to_body(), None);
    assert!(matches!(begin().receive(&nak), Err(ClientError::Refused(BindNak::AUTH_KIND))));
    assert!(matches!(begin().receive(&ack(none, b"s\x01")), Err(ClientError::NoInterface)));
    assert!(matches!(begin().receive(&ack(both(), b"")), Err(ClientError::Unproved)));
    assert!(matches!(begin().receive(&ack(both(), b"s\x02")), Err(ClientError::Seal(_))));
    let mut surplus = ack(both(), b"s\x01");
    surplus.push(5);
    assert!(matches!(begin().receive(&surplus), Err(ClientError::Surplus)));
    let fault = crate::rpc::pdu::write_fault(1, 0, 0x1c01_0003);
    assert!(matches!(begin().receive(&fault), Err(ClientError::Fault(0x1c01_0003))));

    let (mut client, _, _) = ask(AuthKind::Kerberos, KERBEROS, usize::MAX);
    let clear = write_call(Kind::Response, 2, GET_KEY, &envelope(100).to_stub(Transfer::Ndr));
    assert!(matches!(client.receive(&clear), Err(ClientError::Unprotected)));
}

#[test]
fn a_mapper_tells_the_port_of_the_service_and_of_nothing_else() {
    let (mut client, first) = Lookup::begin();
    let mut mapper = Mapper::begin(Ipv4Addr::new(10, 0, 0, 7), PORT);
    let ack = mapper.receive(&first).unwrap().unwrap();
    let Ok(Next::Send(question)) = client.receive::<FakeError>(&ack) else { panic!("no question") };
    let (half, rest) = question.split_at(50);
    assert!(mapper.receive(half).unwrap().is_none());
    let answer = mapper.receive(rest).unwrap().unwrap();
    assert!(matches!(client.receive::<FakeError>(&answer), Ok(Next::Done(Some(PORT)))));

    let mut other = question.clone();
    // The interface's first byte, which stands in the tower behind both headers, two pointers, its length and 7 bytes.
    let at = other.windows(4).position(|bytes| bytes == [0x60, 0x59, 0x78, 0xb9]).unwrap();
    other[at] = 0;
    let answer = mapper.receive(&other).unwrap().unwrap();
    let (mut client, _) = Lookup::begin();
    assert!(matches!(client.receive::<FakeError>(&ack), Ok(Next::Send(_))));
    assert!(matches!(client.receive::<FakeError>(&answer), Ok(Next::Done(None))));

    let mut insert = question;
    insert[22] = 0;
    assert!(matches!(mapper.receive(&insert).unwrap_err().why, ServerError::Method(0)));
}
