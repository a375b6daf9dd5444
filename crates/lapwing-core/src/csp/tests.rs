//! What the tree answers, and what of it is published.

use super::*;
use crate::{
    event::Hresult,
    policy::{HostRole, Kind, PolicyContext, RawPolicy, RawValue, Setting, Verdict, choices, resolve},
    types::Guid,
};

mod page;

const PENDING: Hresult = Hresult(0x8000_000A);

fn operation(verb: Verb, uri: &str, format: Option<Format>, data: Option<&str>) -> Operation {
    Operation { verb, uri: uri.to_owned(), format, data: data.map(str::to_owned), correlator: None }
}

fn leaf(setting: Setting) -> String {
    Node::Policy(setting).uri()
}

fn replace(setting: Setting, data: &str) -> Operation {
    operation(Verb::Replace, &leaf(setting), None, Some(data))
}

fn done(performed: Performed) -> Reply {
    match performed {
        Performed::Done(reply) => reply,
        Performed::Reset { .. } => panic!("the password is to be reset"),
    }
}

fn read(tree: &mut Tree, uri: &str) -> (u16, Option<(String, String)>) {
    let reply = done(tree.perform(&operation(Verb::Get, uri, None, None), PENDING));
    (reply.status.0, reply.value.map(|value| (value.format.name().to_owned(), value.data)))
}

fn held(tree: &Tree) -> Vec<(Setting, &str)> {
    tree.values().collect()
}

#[test]
fn an_interior_node_reads_as_the_names_below_it() {
    let mut tree = Tree::default();
    let node = |names: &str| (200, Some(("node".to_owned(), names.to_owned())));
    assert_eq!(read(&mut tree, "./Device/Vendor/MSFT/LAPS"), node("Policies/Actions"));
    assert_eq!(read(&mut tree, "./Device/Vendor/MSFT/LAPS/Policies"), node(""));
    assert_eq!(read(&mut tree, "./Vendor/MSFT/LAPS/Actions"), node("ResetPassword/ResetPasswordStatus"));
    tree.perform(&replace(Setting::PasswordAgeDays, "7"), PENDING);
    tree.perform(&replace(Setting::BackupDirectory, "1"), PENDING);
    assert_eq!(
        read(&mut tree, "./Device/Vendor/MSFT/LAPS/Policies"),
        node("BackupDirectory/PasswordAgeDays")
    );
}

#[test]
fn a_leaf_reads_as_it_was_sent_until_it_is_deleted() {
    let mut tree = Tree::default();
    let uri = leaf(Setting::PasswordExpirationProtectionEnabled);
    assert_eq!(read(&mut tree, &uri), (404, None));
    tree.perform(&replace(Setting::PasswordExpirationProtectionEnabled, "True"), PENDING);
    assert_eq!(read(&mut tree, &uri), (200, Some(("bool".to_owned(), "True".to_owned()))));
    tree.perform(&operation(Verb::Delete, &uri, None, None), PENDING);
    assert_eq!((read(&mut tree, &uri), tree), ((404, None), Tree::default()));
}

#[test]
fn case_and_a_missing_scope_name_the_same_node() {
    for uri in [
        "./Device/Vendor/MSFT/LAPS/Policies/PasswordLength",
        "./Vendor/MSFT/LAPS/Policies/PasswordLength",
        "./device/vendor/msft/laps/policies/passwordlength",
    ] {
        assert_eq!(Node::find(uri), Some(Node::Policy(Setting::PasswordLength)), "{uri}");
    }
    for uri in [
        "",
        "/Device/Vendor/MSFT/LAPS",
        "Vendor/MSFT/LAPS",
        "./User/Vendor/MSFT/LAPS",
        "./Vendor/MSFT/LAPS/",
        "./Vendor/MSFT/LAPSPolicies",
        "./Vendor/MSFT/LAPS/Policies/PasswordLength/",
        "./Vendor/MSFT/LAPS/Policies/ADBackupDSRMPassword",
        "./Vendor/MSFT/LAPS/Policies/ActivationGraceMinutes",
        "./Vendor/MSFT/LÄPS",
    ] {
        assert_eq!(Node::find(uri), None, "{uri}");
    }
}

#[test]
fn every_node_is_found_by_its_own_uri() {
    assert_eq!(Node::all().count(), 5 + 17);
    for node in Node::all() {
        assert_eq!(Node::find(&node.uri()), Some(node));
    }
}

#[test]
fn the_reset_status_reads_as_a_signed_number() {
    let mut tree = Tree::default();
    let status = Node::ResetPasswordStatus.uri();
    for (hr, shown) in [(0, "0"), (0x8000_000A, "-2147483638"), (0x8007_0005, "-2147024891")] {
        let reply = done(tree.perform(&operation(Verb::Get, &status, None, None), Hresult(hr)));
        assert_eq!(reply.value.unwrap(), Value { format: Format::Int, data: shown.to_owned() });
    }
}

#[test]
fn an_exec_is_the_callers_to_answer_and_keeps_its_name() {
    let correlator = Some(Guid::from_bytes([7; 16]));
    let exec = Operation { correlator, ..operation(Verb::Exec, &Node::ResetPassword.uri(), None, None) };
    assert_eq!(Tree::default().perform(&exec, PENDING), Performed::Reset { correlator });
}

#[test]
fn a_number_has_32_bits_and_decimal_digits() {
    let kept = |data: &str| Tree::default().perform(&replace(Setting::PasswordLength, data), PENDING);
    for data in ["0", "-1", "2147483647", "-2147483648", "+14", " 14\n", "014"] {
        assert_eq!(done(kept(data)).status, Status::OK, "{data:?}");
    }
    for data in ["", "-", "14.0", "0x0E", "2147483648", "1 4", "fourteen"] {
        assert_eq!(done(kept(data)).status, Status::WRONG_FORMAT, "{data:?}");
    }
}

#[test]
fn a_truth_is_read_case_aside_and_as_one_or_zero() {
    let value = |data: &str| {
        let mut tree = Tree::default();
        tree.perform(&replace(Setting::ADPasswordEncryptionEnabled, data), PENDING);
        tree.raw_policy().entries.pop().map(|entry| entry.value)
    };
    for (data, truth) in [("True", true), ("true", true), ("1", true), ("FALSE", false), ("0", false)] {
        assert_eq!(value(data), Some(RawValue::Boolean(truth)), "{data:?}");
    }
    for data in ["", "yes", "2", "-1", "wahr"] {
        assert_eq!(value(data), None, "{data:?}");
    }
}

#[test]
fn an_atomic_takes_effect_whole() {
    let mut tree = Tree::default();
    let members = [
        Member::Operation(replace(Setting::BackupDirectory, "1")),
        Member::Operation(operation(Verb::Add, &leaf(Setting::PasswordAgeDays), None, Some("7"))),
    ];
    let reply = tree.perform_atomic(&members, PENDING);
    assert_eq!(reply, AtomicReply { status: Status::OK, members: vec![Status::OK; 2] });
    assert_eq!(held(&tree), [(Setting::BackupDirectory, "1"), (Setting::PasswordAgeDays, "7")]);
}

#[test]
fn an_atomic_that_fails_leaves_the_whole_policy_of_before() {
    let before = Tree::holding([(Setting::BackupDirectory, "2".to_owned())]).unwrap();
    let failing = [
        (Member::Operation(replace(Setting::PasswordLength, "many")), 415),
        (Member::Operation(operation(Verb::Get, ROOT, None, None)), 500),
        (Member::Operation(operation(Verb::Exec, &Node::ResetPassword.uri(), None, None)), 500),
        (Member::Atomic, 500),
    ];
    for (member, status) in failing {
        let mut tree = before.clone();
        let members = [
            Member::Operation(replace(Setting::BackupDirectory, "1")),
            Member::Operation(operation(Verb::Delete, &leaf(Setting::BackupDirectory), None, None)),
            member,
            Member::Operation(replace(Setting::PasswordAgeDays, "7")),
            Member::Atomic,
        ];
        let reply = tree.perform_atomic(&members, PENDING);
        assert_eq!(reply.status, Status::ATOMIC_FAILED);
        assert_eq!(reply.members, [216, 216, status, 215, 215].map(Status));
        assert_eq!(tree, before);
    }
}

#[test]
fn an_empty_atomic_changes_nothing() {
    let reply = Tree::default().perform_atomic(&[], PENDING);
    assert_eq!(reply, AtomicReply { status: Status::OK, members: Vec::new() });
}

#[test]
fn what_is_out_of_range_or_means_nothing_is_kept_and_explained_by_the_policy() {
    let mut tree = Tree::default();
    for (setting, data) in [
        (Setting::BackupDirectory, "1"),
        (Setting::PasswordLength, "70000"),
        (Setting::PassphraseLength, "4"),
        (Setting::AdministratorAccountName, "lapadmin"),
    ] {
        assert_eq!(done(tree.perform(&replace(setting, data), PENDING)).status, Status::OK);
    }
    let context = PolicyContext { role: HostRole::Member, announced_age_min: None };
    let resolution = resolve(&[tree.raw_policy()], &context);
    let seen = |setting: Setting| {
        let explained = resolution.explanations.iter().find(|explained| explained.setting == setting);
        explained.unwrap().seen[0].clone()
    };
    assert_eq!(seen(Setting::BackupDirectory).verdict, Verdict::InForce);
    assert!(matches!(seen(Setting::PasswordLength).verdict, Verdict::Unsupported { .. }));
    assert!(matches!(seen(Setting::PassphraseLength).verdict, Verdict::Unused(_)));
    assert_eq!(seen(Setting::AdministratorAccountName).origin, "CSP AdministratorAccountName");
}

#[test]
fn a_tree_is_built_again_from_what_it_held() {
    let values = [(Setting::BackupDirectory, "9"), (Setting::AutomaticAccountManagementEnabled, "True")];
    let values = values.map(|(setting, data)| (setting, data.to_owned()));
    let tree = Tree::holding(values.clone()).unwrap();
    assert!(tree.values().map(|(setting, data)| (setting, data.to_owned())).eq(values));
    for damaged in [
        vec![(Setting::PasswordLength, "x")],
        vec![(Setting::ADBackupDSRMPassword, "true")],
        vec![(Setting::PasswordLength, "9"), (Setting::PasswordLength, "10")],
    ] {
        let values = damaged.into_iter().map(|(setting, data)| (setting, data.to_owned()));
        assert!(Tree::holding(values).is_err());
    }
}

#[test]
fn what_the_table_supports_a_policy_may_set_and_nothing_else() {
    for (setting, text, value) in [
        (Setting::PasswordLength, " 14 ", Some("14")),
        (Setting::PasswordLength, "7", None),
        (Setting::PasswordLength, "fourteen", None),
        (Setting::PostAuthenticationActions, "4", None),
        (Setting::ADPasswordEncryptionEnabled, "True", Some("true")),
        (Setting::ADPasswordEncryptionEnabled, "1", None),
        (Setting::AdministratorAccountName, "lapadmin", Some("lapadmin")),
    ] {
        assert_eq!(supported_value(setting, text).as_deref(), value, "{setting} {text}");
    }
    assert_eq!(supported_value(Setting::AdministratorAccountName, &"a".repeat(VALUE_LEN_MAX + 1)), None);
}

#[test]
fn the_choices_of_a_setting_are_the_numbers_that_it_supports() {
    let mut with_choices = 0;
    for setting in Setting::ALL.iter().copied().filter(|setting| !choices(*setting).is_empty()) {
        let Kind::Integer { allowed, .. } = setting.kind() else { panic!("{setting} is no number") };
        let numbers: Vec<u16> = choices(setting).iter().map(|(number, _)| u16::from(*number)).collect();
        assert!((0..100).filter(|number| allowed.contains(*number)).eq(numbers), "{setting}");
        assert!(choices(setting).iter().all(|(number, doc)| doc.starts_with(&format!("{number}: "))));
        with_choices += 1;
    }
    assert_eq!(with_choices, 4);
}

proptest::proptest! {
    #[test]
    fn no_operation_panics_and_what_is_kept_can_be_kept_again(
        verb in proptest::sample::select(Verb::ALL),
        node in proptest::sample::select(Node::all().collect::<Vec<_>>()),
        format in proptest::option::of("int|bool|chr|node|null|xml"),
        data in proptest::option::of("-?[0-9]{0,11}|true|\\PC*"),
    ) {
        let mut tree = Tree::default();
        let format = format.as_deref().map(Format::of_name);
        let refused = match tree.perform(&operation(verb, &node.uri(), format, data.as_deref()), PENDING) {
            Performed::Done(reply) => !reply.status.is_success(),
            Performed::Reset { .. } => false,
        };
        proptest::prop_assert!(!refused || tree == Tree::default());
        let again = Tree::holding(tree.values().map(|(setting, data)| (setting, data.to_owned())));
        let RawPolicy { entries, .. } = tree.raw_policy();
        proptest::prop_assert_eq!(entries.len(), tree.values().count());
        proptest::prop_assert_eq!(again, Ok(tree));
    }

    #[test]
    fn arbitrary_uris_name_no_node(uri: String) {
        proptest::prop_assert_eq!(Node::find(&uri), None);
    }
}
