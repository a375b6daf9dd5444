//! Calls and answers in several fragments, as they should come and as they should not.

use super::{both::*, fake::NEGOTIATE};
use crate::rpc::{
    ClientError, Ended, Event, Next, ServerError,
    ndr::Transfer,
    pdu::{AuthKind, CallHeader, FIRST, Header, Kind, LAST},
};

#[test]
fn fragments_out_of_order_or_of_too_long_a_call_are_refused() {
    let stub = vec![0xff; 64 << 10];
    let two = |hand: &mut Hand| {
        let sealed = hand.association.seal(Kind::Request, 2, GET_KEY, &stub[..10_000]).unwrap();
        let len = Header::parse(&sealed).unwrap().unwrap().fragment_len.into();
        let (first, second) = sealed.split_at(len);
        (first.to_vec(), second.to_vec())
    };
    let mut hand = Hand::ready();
    let (first, second) = two(&mut hand);
    assert!(matches!(hand.server.receive(&first), Ok(Event::Read)));
    // All are there, and it is no call of GetKey.
    assert_eq!(fault(hand.server.receive(&second)).1, 0x6f7);

    // A second call begins before the first has ended.
    let mut hand = Hand::ready();
    let (first, _) = two(&mut hand);
    assert!(matches!(hand.server.receive(&first), Ok(Event::Read)));
    hand.association.seal.take_back(1);
    let (again, _) = two(&mut hand);
    assert_eq!(fault(hand.server.receive(&again)).1, 0x1c01_000b);

    let mut hand = Hand::ready();
    let event = hand.call(GET_KEY, &vec![0xff; (64 << 10) + 1]);
    assert!(matches!(fault(event), (ServerError::Malformed(_), 0x1c01_000b)));
    let mut hand = Hand::ready();
    assert_eq!(fault(hand.call(GET_KEY, &stub)).1, 0x6f7, "as long as it may be");
}

/// Takes a call apart where its fragments end.
fn fragments(mut call: &[u8]) -> Vec<Vec<u8>> {
    let mut fragments = Vec::new();
    while let Some(header) = Header::parse(call).unwrap() {
        let (fragment, rest) = call.split_at(header.fragment_len.into());
        fragments.push(fragment.to_vec());
        call = rest;
    }
    fragments
}

/// Every order in which up to `len` of so many fragments may come, repetitions and gaps included.
fn orders(count: usize, len: u32) -> impl Iterator<Item = Vec<usize>> {
    (1..=len).flat_map(move |len| {
        (0..count.pow(len)).map(move |code| (0..len).map(|place| code / count.pow(place) % count).collect())
    })
}

#[test]
fn fragments_that_are_moved_lost_doubled_or_mixed_with_those_of_another_call_ask_for_nothing() {
    let mut long = request();
    long.descriptor = vec![7; 4000];
    let stub = long.to_stub(Transfer::Ndr64);
    let sealed = || {
        let mut hand = Hand::ready();
        hand.association.fragment_len_max = 1432;
        let mut all = fragments(&hand.association.seal(Kind::Request, 2, GET_KEY, &stub).unwrap());
        assert_eq!(all.len(), 3);
        // The beginning of the call that follows.
        all.push(fragments(&hand.association.seal(Kind::Request, 3, GET_KEY, &stub).unwrap()).remove(0));
        (hand, all)
    };
    for order in orders(4, 4) {
        let (mut hand, fragments) = sealed();
        let mut is_whole = false;
        for (place, &at) in order.iter().enumerate() {
            let event = hand.server.receive(&fragments[at]);
            match (order[..=place] == [0, 1, 2][..=place.min(2)], event) {
                (true, Ok(Event::Read)) if place < 2 => {}
                (true, Ok(Event::GetKey(asked))) if place == 2 => {
                    assert_eq!(asked, long);
                    is_whole = true;
                }
                (_, Err(Ended { why: ServerError::Seal(_), last_words: None })) => break,
                (_, Err(Ended { why: ServerError::Impatient, .. })) if is_whole => break,
                (_, other) => panic!("{order:?} at {place}: {other:?}"),
            }
        }
        assert_eq!(is_whole, order.starts_with(&[0, 1, 2]), "{order:?}");
    }
}

#[test]
fn fragments_that_were_sealed_in_a_wrong_order_ask_for_nothing_either() {
    let stub = request().to_stub(Transfer::Ndr64);
    let (head, tail) = stub.split_at(64);
    // One fragment of a call: its number, flags, context and part of the stub.
    type Sent<'a> = (u32, u8, u16, &'a [u8]);
    let refused = |sent: &[Sent<'_>]| {
        let mut hand = Hand::ready();
        let (last, before) = sent.split_last().unwrap();
        let mut send = |&(call, flags, context, part): &Sent<'_>| {
            let mut sealed = Vec::new();
            let header = CallHeader { context, ..GET_KEY };
            hand.association.seal_fragment(&mut sealed, (Kind::Request, flags, call), header, part).unwrap();
            hand.server.receive(&sealed)
        };
        for sent in before {
            assert!(matches!(send(sent), Ok(Event::Read)), "{sent:?}");
        }
        fault(send(last)).1
    };
    for sent in [
        &[(2, 0, 0, tail)][..],
        &[(2, LAST, 0, tail)],
        &[(2, FIRST, 0, head), (2, FIRST | LAST, 0, &stub)],
        &[(2, FIRST, 0, head), (3, LAST, 0, tail)],
        &[(2, FIRST, 0, head), (3, FIRST | LAST, 0, &stub)],
    ] {
        assert_eq!(refused(sent), 0x1c01_000b, "{sent:?}");
    }
    assert_eq!(refused(&[(2, FIRST, 0, head), (2, LAST, 1, tail)]), 0x1c01_0003, "of another context");
    assert_eq!(refused(&[(2, FIRST, 0, tail), (2, LAST, 0, head)]), 0x6f7, "put together, it is no call");
}

#[test]
fn fragments_of_an_answer_that_are_moved_lost_doubled_or_of_another_call_give_no_key() {
    let begin = || {
        let (client, mut server, _) = ask(AuthKind::Negotiate, NEGOTIATE, usize::MAX);
        let all = fragments(&server.answer(&envelope(14_000)).unwrap());
        assert_eq!(all.len(), 3);
        (client, all)
    };
    for order in orders(3, 3) {
        let (mut client, fragments) = begin();
        let mut given = None;
        for (place, &at) in order.iter().enumerate() {
            match (at == place, client.receive(&fragments[at])) {
                (true, Ok(Next::Read)) if place < 2 => {}
                (true, Ok(Next::Done(answer))) => given = Some(answer),
                (false, Err(ClientError::Seal(_))) => break,
                (_, other) => panic!("{order:?} at {place}: {other:?}"),
            }
        }
        assert_eq!(given.is_some(), order == [0, 1, 2], "{order:?}");
    }
    // All at once, with one more behind the end.
    let (mut client, mut fragments) = begin();
    fragments.push(fragments[2].clone());
    assert!(matches!(client.receive(&fragments.concat()), Err(ClientError::Surplus)));
    let (mut client, mut fragments) = begin();
    // The number of the call, where headers are not signed: nothing but this tells.
    fragments[0][12] ^= 1;
    assert!(matches!(client.receive(&fragments[0]), Err(ClientError::Unexpected(Kind::Response))));
}
