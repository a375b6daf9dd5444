use lapwing_core::policy::{HostRole, PolicyContext, Setting, Verdict, resolve};
use proptest::prelude::*;

use super::*;

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}

fn of_key(key: &str, value: &str, kind: u32, data: Vec<u8>) -> Record {
    Record { key: key.to_owned(), value: value.to_owned(), kind, data }
}

fn number(name: &str, number: u32) -> Record {
    of_key(LAPS_KEY, name, 4, number.to_le_bytes().to_vec())
}

fn instruction(value: &str, data: &str) -> Record {
    of_key(LAPS_KEY, value, 1, utf16(data))
}

/// What holds after one object after another, as `Name=value (object)`.
fn after(gpos: &[(&str, Vec<Record>)]) -> Vec<String> {
    let mut policy = RegistryPolicy::default();
    for (gpo, records) in gpos {
        policy.apply(gpo, records);
    }
    let shown = |source: &RawPolicy| {
        let entries = source.entries.iter();
        entries.map(|entry| format!("{}={} ({})", entry.name, entry.value, entry.origin)).collect::<Vec<_>>()
    };
    policy.into_sources().iter().flat_map(shown).collect()
}

#[test]
fn a_later_object_wins_value_by_value_and_each_value_tells_its_object() {
    let held = after(&[
        ("Baseline", vec![number("BackupDirectory", 2), number("PasswordLength", 20)]),
        (
            "Servers",
            vec![number("passwordlength", 30), of_key(LEGACY_KEY, "AdmPwdEnabled", 4, vec![1, 0, 0, 0])],
        ),
    ]);
    assert_eq!(
        held,
        ["BackupDirectory=2 (Baseline)", "passwordlength=30 (Servers)", "AdmPwdEnabled=1 (Servers)"]
    );
}

#[test]
fn keys_differ_not_by_case_and_others_are_passed_over() {
    let held = after(&[(
        "A",
        vec![
            of_key(&LAPS_KEY.to_uppercase(), "BackupDirectory", 4, vec![2, 0, 0, 0]),
            of_key(&format!(r"{LAPS_KEY}\Sub"), "PasswordLength", 4, vec![9, 0, 0, 0]),
            of_key(r"Software\Policies\Other", "PasswordLength", 4, vec![9, 0, 0, 0]),
        ],
    )]);
    assert_eq!(held, ["BackupDirectory=2 (A)"]);
}

/// Each instruction of the format, over two values of an earlier object.
#[test]
fn instructions_take_values_away() {
    let table: [(&str, Record, &[&str]); 14] = [
        ("one", instruction("**del.PasswordLength", " "), &["BackupDirectory"]),
        ("one in any case", instruction("**DEL.passwordLENGTH", " "), &["BackupDirectory"]),
        ("all", instruction("**DelVals", " "), &[]),
        ("all, as editors write it", instruction("**delvals.", " "), &[]),
        ("a list", instruction("**DeleteValues", "PasswordLength;Other"), &["BackupDirectory"]),
        ("no list", instruction("**DeleteValues", ""), &["BackupDirectory", "PasswordLength"]),
        ("a key below", instruction("**DeleteKeys", "Sub"), &["BackupDirectory", "PasswordLength"]),
        (
            "this key",
            of_key(r"Software\Microsoft\Windows\CurrentVersion\Policies", "**DeleteKeys", 1, utf16("X;laps")),
            &[],
        ),
        ("a key above", of_key("Software", "**DeleteKeys", 1, utf16("Microsoft")), &[]),
        (
            "a key whose name begins alike",
            of_key(r"Software\Microsoft\Windows\CurrentVersion\Policies", "**DeleteKeys", 1, utf16("LAP")),
            &["BackupDirectory", "PasswordLength"],
        ),
        ("another key", of_key("Other", "**DelVals", 1, utf16(" ")), &["BackupDirectory", "PasswordLength"]),
        ("secured", instruction("**SecureKey", "1"), &["BackupDirectory", "PasswordLength"]),
        ("commented", instruction("**Comment:PasswordLength", "why"), &["BackupDirectory", "PasswordLength"]),
        ("made without a value", instruction("", ""), &["BackupDirectory", "PasswordLength"]),
    ];
    for (what, record, expected) in table {
        let earlier = vec![number("BackupDirectory", 2), number("PasswordLength", 20)];
        let held = after(&[("A", earlier), ("B", vec![record])]);
        let names: Vec<&str> = held.iter().map(|line| line.split('=').next().unwrap()).collect();
        assert_eq!(names, expected, "{what}");
    }
}

#[test]
fn a_soft_value_holds_only_where_there_is_none() {
    let soft = || of_key(LAPS_KEY, "**soft.PasswordLength", 4, vec![20, 0, 0, 0]);
    assert_eq!(after(&[("A", vec![soft()])]), ["PasswordLength=20 (A)"]);
    let held = after(&[("A", vec![number("PasswordLength", 30)]), ("B", vec![soft()])]);
    assert_eq!(held, ["PasswordLength=30 (A)"]);
}

#[test]
fn data_becomes_values_or_says_what_it_is_instead() {
    let table: [(u32, Vec<u8>, &str); 8] = [
        (4, vec![0xff; 4], "4294967295"),
        (1, utf16("lap admin"), "\"lap admin\""),
        (1, b"a\0".to_vec(), "\"a\""),
        (1, vec![0x61], "REG_SZ of malformed text"),
        (1, vec![0, 0xd8], "REG_SZ of malformed text"),
        (4, vec![1], "REG_DWORD of a wrong length"),
        (3, vec![1, 0, 0, 0], "REG_BINARY"),
        (99, vec![], "a value of an unknown type"),
    ];
    for (kind, data, expected) in table {
        assert_eq!(value(kind, &data).to_string(), expected, "{kind} {data:?}");
    }
}

#[test]
fn the_core_resolves_what_group_policy_sets_beside_its_other_roots() {
    let mut policy = RegistryPolicy::default();
    policy
        .apply("Baseline", &[number("BackupDirectory", 2), of_key(LAPS_KEY, "PasswordLength", 3, vec![20])]);
    let mut sources = policy.into_sources();
    let local = RawEntry {
        name: "BackupDirectory".to_owned(),
        value: RawValue::Integer(1),
        origin: "policy.toml".to_owned(),
    };
    sources.push(RawPolicy { root: PolicyRoot::Local, entries: vec![local] });
    let context = PolicyContext { role: HostRole::Member, announced_age_min: None };
    let resolution = resolve(&sources, &context);
    assert_eq!(resolution.winner, Some(PolicyRoot::GroupPolicy));
    let seen = |setting| {
        let found =
            resolution.explanations.iter().find(|explanation| explanation.setting == setting).unwrap();
        found.seen.iter().map(|seen| (seen.origin.clone(), seen.verdict.clone())).collect::<Vec<_>>()
    };
    assert!(seen(Setting::BackupDirectory).contains(&("Baseline".to_owned(), Verdict::InForce)));
    // A value of a wrong type is not lost: it is replaced by the default, and said to be.
    assert_eq!(
        seen(Setting::PasswordLength),
        [("Baseline".to_owned(), Verdict::Malformed { expected: "a number" })]
    );
}

proptest! {
    #[test]
    fn arbitrary_entries_never_panic(
        key in r"(Software\\)?(Microsoft\\)?\PC{0,8}",
        value in r"(\*\*)?(Del\.|DelVals|DeleteKeys|DeleteValues|Soft\.)?\PC{0,8}",
        kind in 0_u32..13,
        data: Vec<u8>,
    ) {
        let mut policy = RegistryPolicy::default();
        policy.apply("A", &[of_key(&key, &value, kind, data.clone()), of_key(LAPS_KEY, &value, kind, data)]);
        prop_assert!(policy.into_sources().len() == 2);
    }

    #[test]
    fn what_concerns_laps_is_all_that_counts(
        entries in prop::collection::vec(
            (
                prop::sample::select(vec![LAPS_KEY, LEGACY_KEY, "Software", "software\\policies", ""]),
                prop::sample::select(vec!["A", "B", "**Del.A", "**DelVals.", "**DeleteKeys", "**Soft.A", "Microsoft"]),
                prop::sample::select(vec!["", "Microsoft", "Microsoft Services;Policies"]),
            ),
            0..8,
        ),
    ) {
        let records: Vec<Record> =
            entries.iter().map(|(key, value, data)| of_key(key, value, 1, utf16(data))).collect();
        let kept: Vec<Record> = records.iter().filter(|record| concerns_laps(record)).cloned().collect();
        let applied = |records: &[Record]| {
            let mut policy = RegistryPolicy::default();
            policy.apply("A", records);
            policy
        };
        prop_assert_eq!(applied(&kept), applied(&records));
    }
}
