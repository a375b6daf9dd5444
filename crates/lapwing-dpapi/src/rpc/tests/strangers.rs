//! Nothing that a stranger sends brings either machine down.

use core::net::Ipv4Addr;

use proptest::prelude::*;

use super::{
    both::request,
    fake::{Fake, FakeError, KERBEROS},
};
use crate::rpc::{
    Answer, GetKey, Lookup, Mapper, Next, Server,
    epm::{Places, Question},
    isdkey::Request,
    ndr::Transfer,
    pdu::{AuthKind, Bind, BindAck, Fragment},
};

/// A packet's header, with what a stranger would have to get right, and something.
fn packet() -> impl Strategy<Value = Vec<u8>> {
    let kind = prop::sample::select(vec![0_u8, 2, 3, 11, 12, 13, 14, 15, 16]);
    let body = prop::collection::vec(any::<u8>(), 0..200);
    (kind, any::<u8>(), 0_u16..64, body).prop_map(|(kind, flags, auth_len, body)| {
        let len = (16 + body.len()) as u16;
        let [a, b] = len.to_le_bytes();
        let [c, d] = auth_len.to_le_bytes();
        [&[5, 0, kind, flags, 0x10, 0, 0, 0, a, b, c, d, 1, 0, 0, 0][..], &body].concat()
    })
}

fn client() -> (GetKey<Fake>, Vec<u8>) {
    let (seal, token) = Fake::client(KERBEROS);
    GetKey::begin(seal, AuthKind::Kerberos, &token, request())
}

fn feed(bytes: &[u8]) {
    drop(Lookup::begin().0.receive::<FakeError>(bytes));
    drop(Mapper::begin(Ipv4Addr::LOCALHOST, 1).receive(bytes));
    drop(client().0.receive(bytes));
    // To a server that has not heard of the client yet, and to one that waits for its next token.
    let mut server = Server::begin(Fake::server(KERBEROS), 1);
    drop(server.receive(bytes));
    let mut server = Server::begin(Fake::server(KERBEROS), 1);
    assert!(server.receive(&client().1).is_ok());
    drop(server.receive(bytes));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
        feed(&bytes);
        for transfer in Transfer::ALL {
            drop(Request::parse(transfer, &bytes));
            drop(Answer::parse(transfer, &bytes));
            drop(Question::parse(transfer, &bytes));
            drop(Places::parse(transfer, &bytes));
        }
        drop(Bind::parse(&bytes));
        drop(BindAck::parse(&bytes));
    }

    #[test]
    fn arbitrary_packets_never_panic(packets in prop::collection::vec(packet(), 1..4)) {
        feed(&packets.concat());
        for packet in &packets {
            drop(Fragment::parse(packet).map(|fragment| fragment.clear_body().map(<[u8]>::to_vec)));
        }
    }

    #[test]
    fn what_a_request_holds_is_read_of_it(
        descriptor in prop::collection::vec(any::<u8>(), 0..300),
        root_key: Option<[u8; 16]>,
        interval: [i32; 3],
    ) {
        let root_key = root_key.map(lapwing_core::types::Guid::from_bytes);
        let request = Request { descriptor, root_key, interval };
        for transfer in Transfer::ALL {
            let mut stub = request.to_stub(transfer);
            let len = stub.len();
            stub.extend(b"rest");
            prop_assert_eq!(Request::parse(transfer, &stub), Ok((request.clone(), &stub[len..])));
        }
    }

    #[test]
    fn a_cut_or_spoiled_answer_of_the_server_never_panics(at in 0_usize..10_000, to: u8) {
        let (mut client, first) = client();
        let mut server = Server::begin(Fake::server(KERBEROS), 1);
        let Ok(crate::rpc::Event::Send(mut ack)) = server.receive(&first) else { panic!("no answer") };
        let at = at % ack.len();
        ack[at] = to;
        if let Ok(Next::Send(third)) = client.receive(&ack) {
            drop(server.receive(&third));
        }
        ack.truncate(at);
        drop(self::client().0.receive(&ack));
    }
}
