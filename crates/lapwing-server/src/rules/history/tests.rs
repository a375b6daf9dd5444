use lapwing_core::types::Guid;
use proptest::prelude::*;

use super::*;

fn version(n: u8) -> PasswordVersion {
    PasswordVersion(Guid::from_bytes([n; 16]))
}

/// Versions 1 to `len`, oldest first.
fn held(len: u8) -> Vec<Held> {
    (1..=len)
        .map(|n| Held { sequence: n.into(), version: Some(version(n)), sealed_sha256: Some([n; 32]) })
        .collect()
}

fn offer(n: u8, condition: Condition, in_force: Option<u8>) -> Offer {
    Offer { version: version(n), sealed_sha256: [n; 32], condition, in_force: in_force.map(version) }
}

#[test]
fn a_store_succeeds_only_on_the_version_expected() {
    let table = [
        (0, Condition::Absent, Decision::Store { drop: vec![] }),
        (0, Condition::Holds(version(1)), Decision::Mismatch),
        (0, Condition::Any, Decision::Store { drop: vec![] }),
        (1, Condition::Absent, Decision::Mismatch),
        (1, Condition::Holds(version(1)), Decision::Store { drop: vec![] }),
        (2, Condition::Holds(version(1)), Decision::Mismatch),
        (2, Condition::Any, Decision::Store { drop: vec![] }),
    ];
    for (len, condition, expected) in table {
        assert_eq!(decide(&held(len), &offer(9, condition, None)), expected, "{len} {condition:?}");
    }
}

#[test]
fn a_repeat_of_the_newest_makes_no_new_entry_whatever_it_expects() {
    for condition in [Condition::Any, Condition::Absent, Condition::Holds(version(1))] {
        assert_eq!(decide(&held(2), &offer(2, condition, None)), Decision::Repeat { sequence: 2 });
    }
}

#[test]
fn a_late_repeat_of_an_older_version_does_not_undo_the_newer() {
    assert_eq!(decide(&held(2), &offer(1, Condition::Any, None)), Decision::Mismatch);
}

#[test]
fn a_version_used_twice_is_refused() {
    let twice = Offer { sealed_sha256: [0xee; 32], ..offer(2, Condition::Any, None) };
    assert_eq!(decide(&held(2), &twice), Decision::Reused);
}

#[test]
fn the_one_in_force_and_all_after_it_stay() {
    let drop_of = |in_force| match decide(&held(6), &offer(9, Condition::Any, in_force)) {
        Decision::Store { drop } => drop,
        other => panic!("{other:?}"),
    };
    assert_eq!(drop_of(Some(3)), [1, 2]);
    assert_eq!(drop_of(Some(6)), [1, 2, 3, 4]);
    assert_eq!(drop_of(Some(77)), [1, 2, 3, 4]);
    assert_eq!(drop_of(None), [1, 2, 3, 4]);
}

#[test]
fn a_device_that_never_commits_is_stopped_at_the_limit() {
    let limit = u8::try_from(ENTRIES_MAX).unwrap();
    assert_eq!(decide(&held(limit), &offer(99, Condition::Any, Some(1))), Decision::Full);
    assert_eq!(
        decide(&held(limit - 1), &offer(99, Condition::Any, Some(1))),
        Decision::Store { drop: vec![] }
    );
    assert!(matches!(decide_plain(&held(limit), Some(version(1))), Decision::Store { .. }));
}

proptest! {
    #[test]
    fn a_store_keeps_three_and_everything_from_the_one_in_force(len in 0_u8..40, in_force in 0_u8..50) {
        let entries = held(len);
        if let Decision::Store { drop } = decide(&entries, &offer(99, Condition::Any, Some(in_force))) {
            let kept: Vec<i64> = entries.iter().map(|e| e.sequence).filter(|s| !drop.contains(s)).collect();
            prop_assert!(kept.len() + 1 >= ENTRIES_MIN.min(entries.len() + 1));
            prop_assert!(drop.iter().all(|s| *s < i64::from(in_force) || in_force == 0 || in_force > len));
        }
    }
}
