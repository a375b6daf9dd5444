//! Bytes that others have recorded or documented, and sizes that were measured.

use core::net::Ipv4Addr;

use lapwing_core::{event::Hresult, secret::SecretBytes};

use super::{both::request, fake::FakeError};
use crate::rpc::{
    Answer, ClientError, DecodeError, Lookup, Mapper, Next,
    epm::{self, Places, Question, Tower},
    isdkey::{self, Request},
    ndr::Transfer,
    pdu::{
        AuthHeader, AuthKind, Bind, BindAck, BindNak, CONTEXTS_MAX, Fragment, Header, Kind, Offer, Outcome,
        SyntaxId, write,
    },
    trailer::{self, About, TrailerError},
};

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// As public clients send it, for NDR64.
const TRAILER: &str = "8ae3137102f4367102402800605978b94f52df118b6d83dcded720850100000033057171babe37498319b5dbef9ccc3601000000";

/// Of a public client's question to an endpoint mapper.
const TOWER: &str = "0500 1300 0d 605978b94f52df118b6d83dcded72085 0100 0200 0000
    1300 0d 045d888aeb1cc9119fe808002b104860 0200 0200 0000
    0100 0b 0200 0000   0100 07 0200 0087   0100 09 0400 00000000";

fn about(transfer: Transfer) -> About {
    About {
        interface: isdkey::INTERFACE,
        transfer: transfer.syntax(),
        call: 2,
        context: 1,
        method: 0,
        signs_headers: false,
    }
}

#[test]
fn a_trailer_is_that_of_other_clients() {
    let mut stub = vec![1, 2, 3, 4, 5];
    trailer::put(&mut stub, isdkey::INTERFACE, Transfer::Ndr64.syntax());
    assert_eq!(stub[..8], [1, 2, 3, 4, 5, 0, 0, 0]);
    assert_eq!(stub[8..], hex(TRAILER));
    assert_eq!(trailer::check(&stub[5..], &about(Transfer::Ndr64)), Ok(()));
    let other = trailer::check(&stub[5..], &about(Transfer::Ndr));
    assert_eq!(other, Err(TrailerError::Other("transfer syntax")));
}

#[test]
fn whatever_a_trailer_tells_is_checked() {
    let signature = "8ae3137102f43671";
    let check =
        |commands: &str| trailer::check(&hex(&format!("{signature}{commands}")), &about(Transfer::Ndr));
    let header = |call: &str| format!("0340 1000 00000000 10000000 {call} 0100 0000");
    assert_eq!(check(&header("02000000")), Ok(()));
    assert_eq!(check(&header("03000000")), Err(TrailerError::Other("call")));
    assert_eq!(check("0140 0400 00000000"), Ok(()));
    assert_eq!(check("0140 0400 01000000"), Err(TrailerError::Other("signing of headers")));
    assert_eq!(check("0900 0200 aaaa 0140 0400 00000000"), Ok(()), "unknown, and need not be understood");
    assert_eq!(check("09c0 0200 aaaa"), Err(TrailerError::Unknown(9)));
    assert_eq!(check("0140 0400 00000000 00"), Err(DecodeError::Trailing.into()));
    assert_eq!(check("0100 0400 00000000"), Err(DecodeError::Truncated.into()), "there is no last one");
    assert_eq!(trailer::check(&[], &about(Transfer::Ndr)), Ok(()), "none");
    assert_eq!(trailer::check(&[0; 7], &about(Transfer::Ndr)), Ok(()), "alignment");
    assert!(trailer::check(&[0; 8], &about(Transfer::Ndr)).is_err());
    assert!(trailer::check(b"something else", &about(Transfer::Ndr)).is_err());
}

#[test]
fn a_tower_is_that_of_other_clients() {
    let tower = Tower {
        interface: isdkey::INTERFACE,
        transfer: Transfer::Ndr.syntax(),
        port: epm::PORT,
        address: Ipv4Addr::UNSPECIFIED,
    };
    assert_eq!(hex(TOWER).len(), 75);
    assert_eq!(tower.to_bytes(), hex(TOWER));
    assert_eq!(Tower::parse(&hex(TOWER)), Ok(tower));
    // Over a named pipe.
    let pipe = hex(&TOWER.replace("0100 07", "0100 0f"));
    assert_eq!(Tower::parse(&pipe), Err(DecodeError::Malformed("protocol")));
}

#[test]
fn questions_and_places_are_as_long_as_they_are_elsewhere_and_read_as_they_were_written() {
    let tower = Tower::parse(&hex(TOWER)).unwrap();
    // Object, tower, handle, number: with pointers and lengths of four bytes, and of eight.
    for (transfer, len) in [
        (Transfer::Ndr, 20 + (4 + 4 + 4 + 75 + 1) + 20 + 4),
        (Transfer::Ndr64, 24 + (8 + 8 + 4 + 75 + 1) + 20 + 4),
    ] {
        let question = Question { tower: Some(tower), towers_max: 4 };
        let stub = question.to_stub(transfer);
        assert_eq!(stub.len(), len);
        assert_eq!(Question::parse(transfer, &stub), Ok(question));
        let nothing = Question { tower: None, towers_max: 1 };
        assert_eq!(Question::parse(transfer, &nothing.to_stub(transfer)), Ok(nothing));

        for towers in [vec![], vec![tower], vec![tower; 4]] {
            let places = Places { towers, status: 0 };
            assert_eq!(Places::parse(transfer, &places.to_stub(transfer, 4)), Ok(places));
        }
        let many = Places { towers: vec![tower; 5], status: 0 };
        assert!(matches!(
            Places::parse(transfer, &many.to_stub(transfer, 5)),
            Err(DecodeError::TooLong { max: 4, .. })
        ));
        let unasked = Places { towers: vec![tower; 2], status: 0 };
        assert!(Places::parse(transfer, &unasked.to_stub(transfer, 1)).is_err());
    }
}

#[test]
fn what_sambas_endpoint_mapper_answers_is_read_and_would_be_written_alike() {
    let places = |fixture: &[u8], expected: &Places| {
        assert_eq!(Places::parse(Transfer::Ndr, fixture).as_ref(), Ok(expected));
        // Samba's referents are other numbers.
        let mut written = expected.to_stub(Transfer::Ndr, 4);
        if !expected.towers.is_empty() {
            written[36] = fixture[36];
        }
        assert_eq!(written, fixture);
    };
    let none = Places { towers: vec![], status: epm::NOT_REGISTERED };
    places(include_bytes!("../fixtures/endpoints/samba_not_registered"), &none);
    let replication = "e3514235-4b06-11d1-ab04-00c04fc2dcd2".parse().unwrap();
    let tower = Tower {
        interface: SyntaxId { uuid: replication, major: 4, minor: 0 },
        transfer: Transfer::Ndr.syntax(),
        port: 49_153,
        address: Ipv4Addr::UNSPECIFIED,
    };
    let one = Places { towers: vec![tower], status: 0 };
    places(include_bytes!("../fixtures/endpoints/samba_places"), &one);

    for (packet, outcome) in [
        (&include_bytes!("../fixtures/packet/samba_bind_ack")[..], Outcome::Accepted(Transfer::Ndr.syntax())),
        (include_bytes!("../fixtures/packet/samba_bind_ack_without_ndr"), Outcome::Refused(2)),
    ] {
        let fragment = Fragment::parse(packet).unwrap();
        let ack = BindAck::parse(fragment.clear_body().unwrap()).unwrap();
        assert_eq!((ack.outcomes.as_slice(), ack.address.as_str()), (&[outcome][..], "135"));
        assert_eq!(write(Kind::BindAck, 0, 1, &ack.to_body(), None), packet);
    }
}

/// Has a client ask, and take these packets of an endpoint mapper's.
fn looked_up(packets: [&[u8]; 2]) -> Result<Next<Option<u16>>, ClientError<FakeError>> {
    let (mut client, _) = Lookup::begin();
    let [ack, answer] = packets;
    assert!(matches!(client.receive::<FakeError>(ack), Ok(Next::Send(_))));
    client.receive(answer)
}

#[test]
fn a_client_understands_sambas_endpoint_mapper() {
    let ack = include_bytes!("../fixtures/packet/samba_bind_ack");
    let none = include_bytes!("../fixtures/packet/samba_not_registered");
    // As calls are numbered by whoever makes them.
    let numbered = |packet: &[u8]| [&packet[..12], &2_u32.to_le_bytes(), &packet[16..]].concat();
    assert!(matches!(looked_up([ack, &numbered(none)]), Ok(Next::Done(None))));
    assert!(matches!(looked_up([ack, none]), Err(ClientError::Unexpected(Kind::Response))));
    let fault = include_bytes!("../fixtures/packet/samba_fault");
    assert!(matches!(looked_up([ack, fault]), Err(ClientError::Fault(0x1c01_0002))));
    let (mut client, _) = Lookup::begin();
    let refused =
        client.receive::<FakeError>(include_bytes!("../fixtures/packet/samba_bind_ack_without_ndr"));
    assert!(matches!(refused, Err(ClientError::NoInterface)));
}

#[test]
fn a_mapper_understands_a_client_that_speaks_ndr64_alone() {
    let mut mapper = Mapper::begin(Ipv4Addr::new(10, 0, 0, 7), 49_700);
    let ack = mapper.receive(include_bytes!("../fixtures/packet/dpapi_ng_bind")).unwrap().unwrap();
    let ack = BindAck::parse(Fragment::parse(&ack).unwrap().clear_body().unwrap()).unwrap();
    assert_eq!(ack.outcomes, [Outcome::Accepted(Transfer::Ndr64.syntax())]);
    let answer = mapper.receive(include_bytes!("../fixtures/packet/dpapi_ng_ept_map")).unwrap().unwrap();
    let places = Places::parse(Transfer::Ndr64, &answer[24..]).unwrap();
    let [tower] = places.towers[..] else { panic!("{places:?}") };
    assert_eq!((tower.interface, tower.port), (isdkey::INTERFACE, 49_700));
}

#[test]
fn the_same_is_asked_in_the_same_bytes_as_by_other_clients() {
    let past = Request {
        descriptor: (0..108).collect(),
        root_key: Some("00112233-4455-6677-8899-aabbccddeeff".parse().unwrap()),
        interval: [364, 18, 15],
    };
    let current = Request { root_key: None, interval: [-1; 3], ..past.clone() };
    assert_eq!(current.to_stub(Transfer::Ndr64), include_bytes!("../fixtures/request/dpapi_ng_current"));
    assert_eq!(past.to_stub(Transfer::Ndr64), include_bytes!("../fixtures/request/dpapi_ng_past"));
    assert_eq!(current.to_stub(Transfer::Ndr), include_bytes!("../fixtures/request/impacket_current"));
    // The referent, which says only that a root key follows, is drawn by impacket.
    let drawn = include_bytes!("../fixtures/request/impacket_past");
    let mut ours = past.to_stub(Transfer::Ndr);
    ours[116..120].copy_from_slice(&drawn[116..120]);
    assert_eq!(ours, drawn);
    for (transfer, others) in [
        (Transfer::Ndr64, include_str!("../fixtures/paddings/dpapi_ng")),
        (Transfer::Ndr, include_str!("../fixtures/paddings/impacket")),
    ] {
        for (len, line) in (1..).zip(others.lines()) {
            let (theirs, asked) = (hex(line), Request { descriptor: (0..len).collect(), ..past.clone() });
            let mut ours = asked.to_stub(transfer);
            if transfer == Transfer::Ndr {
                // What fills up is of no meaning either; impacket has 0xaa there.
                let (from, to) = (8 + usize::from(len), ours.len() - (16 + 12));
                ours[from..to].copy_from_slice(&theirs[from..to]);
            }
            assert_eq!(ours, theirs, "a descriptor of {len} bytes");
            assert_eq!(Request::parse(transfer, &theirs), Ok((asked, &[][..])));
        }
        assert_eq!(others.lines().count(), 8);
    }
    let tower = Tower::parse(&hex(TOWER)).unwrap();
    let question = Question { tower: Some(tower), towers_max: 4 };
    assert_eq!(question.to_stub(Transfer::Ndr64), include_bytes!("../fixtures/endpoints/dpapi_ng_question"));
}

#[test]
fn a_request_is_as_long_as_it_is_elsewhere_and_read_as_it_was_written() {
    for (transfer, with_key, len) in [
        (Transfer::Ndr, false, 132),
        (Transfer::Ndr, true, 148),
        (Transfer::Ndr64, false, 148),
        (Transfer::Ndr64, true, 164),
    ] {
        let whole = request();
        let asked = Request { root_key: whole.root_key.filter(|_| with_key), ..whole };
        let stub = asked.to_stub(transfer);
        assert_eq!(stub.len(), len);
        assert_eq!(Request::parse(transfer, &stub), Ok((asked, &[][..])));
        for cut in 0..stub.len() {
            assert!(Request::parse(transfer, &stub[..cut]).is_err(), "cut at {cut}");
        }
    }
}

#[test]
fn an_answer_is_read_as_it_was_written_and_its_result_is_at_the_end() {
    for transfer in Transfer::ALL {
        for len in [1, 2, 3, 4, 866] {
            let answer = Answer::Envelope(SecretBytes::new(vec![7; len]));
            let stub = answer.to_stub(transfer);
            assert_eq!(stub[stub.len() - 4..], [0; 4]);
            assert!(stub.capacity() >= stub.len() && stub.len() <= len + 32, "it never grew");
            let Ok(Answer::Envelope(read)) = Answer::parse(transfer, &stub) else { panic!("no envelope") };
            assert_eq!(read.expose_secret(), vec![7; len]);
            let mut long = stub.to_vec();
            long.push(0);
            assert_eq!(Answer::parse(transfer, &long).unwrap_err(), DecodeError::Trailing);
            for cut in 0..stub.len() {
                assert!(Answer::parse(transfer, &stub[..cut]).is_err(), "cut at {cut}");
            }
            // With a result that is not zero the envelope counts for nothing.
            let end = long.len() - 5;
            long.truncate(end);
            long.extend([5, 0, 7, 0x80]);
            assert!(matches!(Answer::parse(transfer, &long), Ok(Answer::Refused(Hresult::ACCESS_DENIED))));
        }
        let refusal = Answer::Refused(Hresult::NO_KEY).to_stub(transfer);
        assert!(matches!(Answer::parse(transfer, &refusal), Ok(Answer::Refused(Hresult::NO_KEY))));
        let nothing = Answer::Refused(Hresult(0)).to_stub(transfer);
        assert_eq!(Answer::parse(transfer, &nothing).unwrap_err(), DecodeError::Malformed("result"));
    }
}

#[test]
fn packets_are_read_as_they_were_written_and_no_cut_one_is_read() {
    let offer = |context| Offer {
        context,
        interface: isdkey::INTERFACE,
        transfers: Transfer::ALL.map(Transfer::syntax).to_vec(),
    };
    let bind = Bind { send_max: 5840, receive_max: 4280, group: 3, offers: (0..4).map(offer).collect() };
    assert_eq!(Bind::parse(&bind.to_body()), Ok(bind.clone()));
    let many = Bind { offers: (0..5).map(offer).collect(), ..bind.clone() };
    assert!(matches!(Bind::parse(&many.to_body()), Err(DecodeError::TooLong { max: CONTEXTS_MAX, .. })));
    for address in ["", "135", "49700"] {
        let outcomes = vec![
            Outcome::Accepted(Transfer::Ndr64.syntax()),
            Outcome::Refused(2),
            Outcome::Features(3),
            Outcome::Other { result: 1, reason: 9 },
        ];
        let ack =
            BindAck { send_max: 5840, receive_max: 5840, group: 3, address: address.to_owned(), outcomes };
        assert_eq!(ack.to_body().len() % 4, 0, "a token may follow");
        assert_eq!(BindAck::parse(&ack.to_body()), Ok(ack));
    }
    assert_eq!(BindNak::parse(&BindNak::AUTH_KIND.to_body()), Ok(BindNak::AUTH_KIND));

    let auth = AuthHeader::new(AuthKind::Kerberos, 7);
    let packet = write(Kind::Bind, 4, 9, &bind.to_body(), Some((auth, b"token")));
    let fragment = Fragment::parse(&packet).unwrap();
    assert_eq!(
        fragment.header,
        Header { kind: Kind::Bind, flags: 7, fragment_len: packet.len() as u16, auth_len: 5, call: 9 }
    );
    assert_eq!(
        (fragment.clear_body(), fragment.auth),
        (Ok(&bind.to_body()[..]), Some((auth, &b"token"[..])))
    );
    for cut in 0..packet.len() {
        assert!(Fragment::parse(&packet[..cut]).is_err(), "cut at {cut}");
    }
    assert_eq!(Header::parse(&packet[..15]), Ok(None), "more is to come");
}

#[test]
fn headers_of_what_cannot_be_are_refused_before_their_packet_is_there() {
    let header = |text: &str| Header::parse(&hex(text));
    assert!(header("05000003 10000000 d016 0000 01000000").is_ok(), "a request of 5840 bytes");
    assert!(matches!(header("05000003 10000000 d116 0000 01000000"), Err(DecodeError::TooLong { .. })));
    assert!(header("05000b03 10000000 ffff 0000 01000000").is_ok(), "a bind, whose token may be long");
    for (text, what) in [
        ("04000003 10000000 1800 0000 01000000", "version"),
        ("05000103 10000000 1800 0000 01000000", "kind of packet"),
        ("05000003 00000000 0018 0000 01000000", "data representation"),
        ("05000003 10000000 1700 0000 01000000", "length"),
        ("05000b03 10000000 1800 0100 01000000", "length"),
        ("05000b03 10000000 1000 ffff 01000000", "length"),
    ] {
        assert_eq!(header(text), Err(DecodeError::Malformed(what)), "{text}");
    }
}
