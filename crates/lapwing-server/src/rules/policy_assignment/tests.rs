use lapwing_core::types::Guid;
use proptest::prelude::*;

use super::*;

fn id(n: u8) -> PolicyId {
    PolicyId(Guid::from_bytes([n; 16]))
}

fn version(policy: u8, number: u32) -> PolicyVersion {
    PolicyVersion { policy: id(policy), number }
}

fn member(n: u8, name: &str, tags: &[&str]) -> Member {
    Member {
        device: DeviceId(Guid::from_bytes([n; 16])),
        display_name: name.to_owned(),
        tags: tags.iter().map(|tag| tag.parse().unwrap()).collect(),
    }
}

/// Policies 1, 2, 3 …, each of version 1 and for the groups of its rules.
fn policies(rules: &[&[&str]]) -> Policies {
    (1..)
        .zip(rules)
        .map(|(n, rules)| {
            let groups = rules.iter().map(|rule| rule.parse().unwrap()).collect();
            (id(n), Assigned { version: 1, sets_anything: true, groups })
        })
        .collect()
}

#[test]
fn a_pattern_fits_whole_names_whatever_their_case() {
    for (pattern, fits, does_not) in [
        ("web-01", &["web-01", "WEB-01"][..], &["web-011", "aweb-01", ""][..]),
        ("web-*", &["web-", "Web-01"], &["web", "db-web-01"]),
        ("*-db", &["-db", "x-DB"], &["x-dbx"]),
        ("*", &["", "anything"], &[]),
        ("a*b*c", &["abc", "aXbXc", "abbcc"], &["acb", "ab", "bc"]),
        ("ab*ba", &["abba", "abxba"], &["aba"]),
        ("a**b", &["ab", "axb"], &["a"]),
        ("[a]?", &["[a]?"], &["a", "ab"]),
        ("MÜLL-*", &["müll-1"], &["mull-1"]),
    ] {
        let pattern: NamePattern = pattern.parse().unwrap();
        for name in fits {
            assert!(pattern.fits(name), "{pattern:?} {name}");
        }
        for name in does_not {
            assert!(!pattern.fits(name), "{pattern:?} {name}");
        }
    }
}

#[test]
fn a_rule_reads_as_it_prints_and_nonsense_is_refused() {
    for rule in ["tag:web", "name:web-*:1"] {
        assert_eq!(rule.parse::<Group>().unwrap().to_string(), rule);
    }
    assert_eq!("tag:WEB".parse::<Group>().unwrap().to_string(), "tag:web");
    for (rule, error) in [
        ("", GroupError::Rule),
        ("web", GroupError::Rule),
        ("os:linux", GroupError::Rule),
        ("tag:", GroupError::Tag),
        ("tag:two words", GroupError::Tag),
        ("name:", GroupError::Pattern),
        ("name:a\nb", GroupError::Pattern),
    ] {
        assert_eq!(rule.parse::<Group>(), Err(error), "{rule}");
    }
    assert!("x".repeat(TAG_CHARS_MAX).parse::<Tag>().is_ok());
    assert!("x".repeat(TAG_CHARS_MAX + 1).parse::<Tag>().is_err());
    assert!("x".repeat(PATTERN_CHARS_MAX).parse::<NamePattern>().is_ok());
    assert!("x".repeat(PATTERN_CHARS_MAX + 1).parse::<NamePattern>().is_err());
}

#[test]
fn a_device_gets_the_one_policy_that_is_for_it() {
    let policies = policies(&[&["tag:web", "name:web-*"], &["name:db-*"]]);
    // By tag and by name, and yet one policy.
    assert_eq!(effective(&member(1, "web-01", &["web"]), &policies), Effective::One(version(1, 1)));
    assert_eq!(effective(&member(2, "DB-01", &[]), &policies), Effective::One(version(2, 1)));
    assert_eq!(effective(&member(3, "pc-01", &["other"]), &policies), Effective::None);
}

#[test]
fn two_policies_that_set_anything_are_in_conflict() {
    let mut policies = policies(&[&["tag:web"], &["name:web-*"], &["name:*"]]);
    let web = member(1, "web-01", &["web"]);
    assert_eq!(effective(&web, &policies), Effective::Conflict(vec![id(1), id(2), id(3)]));
    for n in [1, 3] {
        policies.get_mut(&id(n)).unwrap().sets_anything = false;
    }
    assert_eq!(effective(&web, &policies), Effective::One(version(2, 1)));
}

#[test]
fn in_conflict_a_device_keeps_the_last_policy_it_was_told_whole() {
    let conflict = Effective::Conflict(vec![id(1), id(2)]);
    for (effective, told, expected) in [
        (&Effective::One(version(1, 3)), None, Target::Version(version(1, 3))),
        (&Effective::One(version(1, 3)), Some(version(2, 9)), Target::Version(version(1, 3))),
        (&conflict, Some(version(1, 2)), Target::Version(version(1, 2))),
        (&conflict, Some(version(7, 2)), Target::Version(version(7, 2))),
        (&conflict, None, Target::Untouched),
        (&Effective::None, Some(version(1, 2)), Target::Nothing),
        (&Effective::None, None, Target::Untouched),
    ] {
        assert_eq!(target(effective, told), expected, "{effective:?} {told:?}");
    }
}

#[test]
fn a_dry_run_names_the_devices_that_would_change_and_no_others() {
    let before = policies(&[&["name:web-*"], &["tag:db"]]);
    let mut after = before.clone();
    after.get_mut(&id(1)).unwrap().version = 2;
    after.get_mut(&id(2)).unwrap().groups.push("name:web-9*".parse().unwrap());
    let members = [
        member(1, "web-01", &[]),
        member(2, "web-99", &[]),
        member(3, "db-01", &["db"]),
        member(4, "pc", &[]),
    ];
    let found = differences(&before, &after, &members);
    let found: Vec<_> =
        found.into_iter().map(|found| (found.display_name, found.before, found.after)).collect();
    let first = Effective::One(version(1, 1));
    assert_eq!(
        found,
        [
            ("web-01".to_owned(), first.clone(), Effective::One(version(1, 2))),
            ("web-99".to_owned(), first, Effective::Conflict(vec![id(1), id(2)])),
        ]
    );
    assert_eq!(differences(&before, &before, &members), []);
}

proptest! {
    #[test]
    fn a_name_fits_itself_and_any_part_of_it_may_be_a_star(name in "\\PC{1,40}", from in 0_usize..40, len in 0_usize..40) {
        let chars: Vec<char> = name.chars().collect();
        let from = from.min(chars.len());
        let to = (from + len).min(chars.len());
        let starred: String = chars[..from].iter().chain(&['*']).chain(&chars[to..]).collect();
        for pattern in [&name, &starred] {
            prop_assert!(pattern.parse::<NamePattern>().unwrap().fits(&name), "{pattern:?} {name:?}");
        }
    }
}
