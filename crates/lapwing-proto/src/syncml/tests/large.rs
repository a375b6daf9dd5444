//! Objects that are longer than a message.

use proptest::prelude::*;

use super::sample::{header, results, status};
use crate::syncml::{
    CmdId, Command, Item, Operation, Outbox, StatusCode, Verb,
    chunk::{Assembly, OBJECT_LEN_MAX, Taken},
    encode,
};

const LEN_MAX: usize = 2048;

fn item(uri: &str, data: &str, size: Option<u32>, more_data: bool) -> Item {
    let mut item = Item {
        source: Some(uri.parse().unwrap()),
        data: Some(data.to_owned()),
        more_data,
        ..Item::default()
    };
    item.meta.size = size;
    item
}

/// The data of Results as it arrives through messages of at most `len_max` bytes, and how many they were.
fn travel(data: &str, len_max: usize) -> (String, usize) {
    let mut outbox = Outbox::default();
    outbox.push(results(2, data.to_owned()));
    let mut assembly = Assembly::default();
    for messages in 1.. {
        let first = status(1, "SyncHdr", StatusCode::OK);
        let message = outbox.fill(header(), vec![first.clone()], len_max);
        assert_eq!(message.commands.first(), Some(&first));
        let bytes = encode(&message);
        assert!(bytes.len() <= len_max, "{} > {len_max}", bytes.len());
        assert_eq!(message.is_final, outbox.is_empty());
        for command in message.commands {
            let Command::Results(mut results) = command else { continue };
            // The length of the whole stands in the first chunk alone.
            let is_first_of_several = messages == 1 && !outbox.is_empty();
            assert_eq!(results.items[0].meta.size.is_some(), is_first_of_several);
            match assembly.take(results.items.remove(0)).unwrap() {
                Taken::Chunk => assert!(!outbox.is_empty()),
                Taken::Whole(item) => return (item.data.unwrap(), messages),
            }
        }
    }
    unreachable!("the loop has no end of its own")
}

proptest! {
    #[test]
    fn data_of_any_length_arrives_whole(data in "[\\PC&<\n]{0,3000}", len_max in 1000..4000_usize) {
        prop_assert_eq!(travel(&data, len_max).0, data);
    }
}

#[test]
fn what_fits_goes_in_one_message_and_the_longest_in_several() {
    assert_eq!(travel("short", LEN_MAX).1, 1);
    let longest = "x".repeat(OBJECT_LEN_MAX);
    let (arrived, messages) = travel(&longest, 64 << 10);
    assert!(arrived == longest && messages == 17, "{messages}");
}

#[test]
fn an_object_that_is_too_long_or_of_another_length_than_told_is_refused() {
    let size = u32::try_from(OBJECT_LEN_MAX).unwrap();
    let refused = |items: &[Item]| {
        let mut assembly = Assembly::default();
        let last = items.iter().map(|item| assembly.take(item.clone())).last().unwrap();
        assert_eq!(assembly.give_up().is_some(), last == Ok(Taken::Chunk));
        last.err()
    };
    assert_eq!(refused(&[item("./a", "x", Some(size), true)]), None);
    assert_eq!(refused(&[item("./a", "x", Some(size + 1), true)]), Some(StatusCode::TOO_LARGE));
    assert_eq!(refused(&[item("./a", "x", None, true)]), Some(StatusCode::SIZE_REQUIRED));
    let rest = |data, more_data| [item("./a", "12", Some(4), true), item("./a", data, None, more_data)];
    assert_eq!(refused(&rest("34", false)), None);
    assert_eq!(refused(&rest("34", true)), None);
    for (data, more_data) in [("3", false), ("345", false), ("345", true)] {
        assert_eq!(refused(&rest(data, more_data)), Some(StatusCode::SIZE_MISMATCH), "{data} {more_data}");
    }
}

#[test]
fn an_object_whose_end_does_not_come_is_noticed() {
    let mut assembly = Assembly::default();
    assert_eq!(assembly.take(item("./a", "12", Some(4), true)), Ok(Taken::Chunk));
    assert!(!assembly.is_broken_by(&item("./a", "34", None, false)));
    let other = item("./b", "1", None, false);
    assert!(assembly.is_broken_by(&other));
    assert_eq!(assembly.give_up().unwrap().source.unwrap().as_str(), "./a");
    assert_eq!(assembly.take(other.clone()), Ok(Taken::Whole(other)));
}

#[test]
fn commands_keep_their_order_over_messages_and_one_that_fits_none_has_its_own() {
    let mut outbox = Outbox::default();
    let large = item("./a", &"x".repeat(LEN_MAX), None, false);
    // Two items cannot be cut.
    let unsplittable = Operation {
        id: CmdId::number(50),
        verb: Verb::Replace,
        correlator: None,
        items: vec![large.clone(), large],
    };
    (1..50).for_each(|id| outbox.push(status(id, "Replace", StatusCode::OK)));
    outbox.push(Command::Operation(unsplittable));
    outbox.push(status(51, "Replace", StatusCode::OK));
    let mut sent = Vec::new();
    while !outbox.is_empty() {
        let message = outbox.fill(header(), Vec::new(), LEN_MAX);
        assert!(encode(&message).len() <= LEN_MAX || message.commands.len() == 1);
        sent.extend(message.commands.iter().map(|command| command.id().unwrap().clone()));
    }
    assert_eq!(sent, (1..=51).map(CmdId::number).collect::<Vec<_>>());
}
