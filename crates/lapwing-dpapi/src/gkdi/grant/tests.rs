use proptest::prelude::*;

use super::*;
use crate::{
    descriptor::security_descriptor,
    gkdi::{GroupKey, KdfParameters, SecretAgreement, StoredRootKeyError},
    samples::own_sid,
};

/// 2026-11-22T01:30:00Z, in the interval (364, 18, 15).
fn now() -> FileTime {
    "2026-11-22T01:30:00Z".parse().unwrap()
}

fn at(l0: i32, l1: i32, l2: i32) -> Interval {
    Interval::new(l0, l1, l2).unwrap()
}

/// A root key whose id is this byte sixteen times.
fn stored(byte: u8, created: FileTime, use_start: FileTime) -> StoredRootKey {
    let id = Guid::from_bytes([byte; 16]);
    let key = RootKey::new(id, KdfParameters::ABSENT, SecretAgreement::P256, &[byte; 64]).unwrap();
    StoredRootKey { id, created, use_start, key: Ok(key) }
}

fn ask(
    root_keys: &[StoredRootKey],
    id: Option<u8>,
    indexes: [i32; 3],
    share: Option<Share>,
) -> Result<GroupKeyEnvelope, Refusal> {
    let descriptor = security_descriptor(&own_sid());
    let root_key_id = id.map(|byte| Guid::from_bytes([byte; 16]));
    let request = Request { descriptor: &descriptor, root_key_id, indexes };
    grant(root_keys, &request, share, now(), DomainNames::default())
}

const CURRENT: [i32; 3] = [-1; 3];

fn old() -> [StoredRootKey; 1] {
    [stored(7, at(300, 0, 0).start(), at(300, 0, 1).start())]
}

/// The id's byte, the interval and the flags of an answer.
fn answered(answer: Result<GroupKeyEnvelope, Refusal>) -> Result<(u8, [i32; 3], u32), Refusal> {
    answer.map(|envelope| {
        let [byte, ..] = envelope.root_key_id().to_bytes();
        (byte, envelope.interval().indexes(), envelope.flags().bits())
    })
}

#[test]
fn intervals_are_answered_by_the_rules() {
    let table = [
        (None, CURRENT, (7, [364, 18, 15], 2)),
        (Some(7), CURRENT, (7, [364, 18, 15], 2)),
        // Without an id just what was asked for.
        (None, [364, 18, 15], (7, [364, 18, 15], 0)),
        (None, [364, 3, 4], (7, [364, 3, 4], 0)),
        (None, [361, 3, 4], (7, [361, 3, 4], 0)),
        // With one the newest that there is of it.
        (Some(7), [364, 3, 4], (7, [364, 18, 15], 0)),
        (Some(7), [364, 18, 15], (7, [364, 18, 15], 0)),
        (Some(7), [361, 3, 4], (7, [361, 31, 31], 0)),
    ];
    for (id, indexes, expected) in table {
        assert_eq!(answered(ask(&old(), id, indexes, Some(Share::Seed))), Ok(expected), "{id:?} {indexes:?}");
    }
    assert_eq!(answered(ask(&old(), None, CURRENT, Some(Share::Public))), Ok((7, [364, 18, 15], 3)));
}

#[test]
fn seed_keys_are_those_that_the_interval_allows() {
    let key = |indexes| ask(&old(), None, indexes, Some(Share::Seed)).unwrap().key;
    assert!(matches!(key([361, 3, 31]), GroupKey::Newest(_)));
    assert!(matches!(key([361, 0, 31]), GroupKey::Newest(_)));
    assert!(matches!(key([361, 3, 30]), GroupKey::Below { older: Some(_), .. }));
    assert!(matches!(key([361, 0, 30]), GroupKey::Below { older: None, .. }));
}

#[test]
fn who_may_only_protect_gets_the_current_public_key_and_nothing_else() {
    for (id, indexes) in [(None, [364, 18, 15]), (Some(7), [361, 3, 4]), (Some(7), [364, 18, 15])] {
        assert_eq!(ask(&old(), id, indexes, Some(Share::Public)).unwrap_err(), Refusal::AccessDenied);
    }
    for indexes in [CURRENT, [364, 18, 15]] {
        assert_eq!(ask(&old(), None, indexes, None).unwrap_err(), Refusal::AccessDenied);
    }
}

#[test]
fn what_is_no_interval_or_in_the_future_is_refused() {
    for indexes in [
        [-1, -1, 0],
        [0, -1, -1],
        [364, -1, -1],
        [364, 18, -1],
        [364, 32, 0],
        [364, 0, 32],
        [-2; 3],
        [364, 18, 16],
        [365, 0, 0],
        [i32::MAX, 31, 31],
    ] {
        let refused = ask(&old(), None, indexes, Some(Share::Seed)).unwrap_err();
        assert_eq!(
            (refused, Hresult::from(refused)),
            (Refusal::InvalidArgument, Hresult(0x8007_0057)),
            "{indexes:?}"
        );
    }
}

#[test]
fn a_clock_that_is_five_minutes_ahead_is_borne() {
    let next = at(364, 18, 16);
    let ask_before = |seconds: u64| {
        let now = FileTime::from_ticks(next.start().ticks() - seconds * 10_000_000).unwrap();
        let request = Request {
            descriptor: b"descriptor",
            root_key_id: Some(Guid::from_bytes([7; 16])),
            indexes: next.indexes(),
        };
        answered(grant(&old(), &request, Some(Share::Seed), now, DomainNames::default()))
    };
    assert_eq!(ask_before(300), Ok((7, next.indexes(), 0)));
    assert_eq!(ask_before(301), Err(Refusal::InvalidArgument));
}

#[test]
fn the_root_key_is_chosen_by_the_rules() {
    let keys = [
        stored(1, at(361, 0, 0).start(), at(361, 0, 2).start()),
        stored(2, at(360, 0, 0).start(), at(362, 0, 0).start()),
        // Made last, and in use only later today.
        stored(3, at(364, 18, 15).start(), at(364, 18, 16).start()),
    ];
    let chosen = |id, indexes| answered(ask(&keys, id, indexes, Some(Share::Seed))).map(|(byte, ..)| byte);
    // By default the one that came into use last.
    assert_eq!(chosen(None, CURRENT), Ok(2));
    // For an interval the one that was made last of those in use.
    assert_eq!(chosen(None, [364, 18, 15]), Ok(1));
    assert_eq!(chosen(None, [361, 0, 2]), Ok(1));
    assert_eq!(chosen(None, [361, 0, 1]), Err(Refusal::NoKey));
    assert_eq!(chosen(Some(2), [362, 0, 0]), Ok(2));
    assert_eq!(chosen(Some(2), [361, 31, 31]), Err(Refusal::InvalidArgument));
    assert_eq!(chosen(Some(3), CURRENT), Err(Refusal::InvalidArgument));
    assert_eq!(chosen(Some(4), CURRENT), Err(Refusal::NoKey));
    assert_eq!(answered(ask(&[], None, CURRENT, Some(Share::Seed))), Err(Refusal::NoKey));
}

#[test]
fn a_damaged_root_key_is_told_from_none() {
    let zero = FileTime::from_ticks(0).unwrap();
    let of = |stored: StoredRootKey, id| answered(ask(&[stored], id, CURRENT, Some(Share::Seed)));
    assert_eq!(of(stored(7, now(), zero), Some(7)), Err(Refusal::BadKey));
    let early = FileTime::from_ticks(PERIOD_TICKS + SKEW_TICKS - 1).unwrap();
    assert_eq!(of(stored(7, now(), early), Some(7)), Err(Refusal::InvalidArgument));
    let [whole] = old();
    let damaged = StoredRootKey { key: Err(StoredRootKeyError::KeyLength { len: 63 }), ..whole };
    assert_eq!(of(damaged, None), Err(Refusal::BadKey));
    assert_eq!(
        [Refusal::NoKey, Refusal::BadKey, Refusal::AccessDenied].map(Hresult::from),
        [0x8009_000d, 0x8009_0003, 0x8007_0005].map(Hresult)
    );
}

proptest! {
    #[test]
    fn no_answer_is_newer_than_now_and_every_answer_reaches_what_was_asked(
        l0 in -2..366_i32, l1 in -2..33_i32, l2 in -2..33_i32, has_id: bool,
    ) {
        if let Ok(answer) = ask(&old(), has_id.then_some(7), [l0, l1, l2], Some(Share::Seed)) {
            prop_assert!(answer.interval() <= Interval::at(now()));
            let wanted = Interval::new(l0, l1, l2).unwrap_or(Interval::at(now()));
            prop_assert!(answer.seed(wanted).is_some());
        }
    }
}
