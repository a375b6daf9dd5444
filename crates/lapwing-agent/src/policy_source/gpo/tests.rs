use lapwing_client::{
    ad::policy::{Object, SkippedLink},
    identity::files,
};
use lapwing_core::{
    agent::Verdict,
    policy::{PolicyRoot, RawValue},
};
use lapwing_proto::gpo::{LAPS_KEY, LEGACY_KEY, registry_pol::Record};

use super::*;
use crate::policy_source::PolicySources;

const NOW: FileTime = FileTime::UNIX_EPOCH;

struct World {
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn root(&self) -> Root {
        Root::at(self.folder.path().to_owned())
    }

    fn source(&self) -> GroupPolicySource {
        GroupPolicySource::new(&self.root())
    }

    fn sources(&self) -> PolicySources {
        PolicySources::new(self.root())
    }

    fn local(&self, text: &str) {
        files::replace_public(&self.root().path("/etc/lapwing/policy.toml"), text.as_bytes()).unwrap();
    }
}

fn number(key: &str, value: &str, number: u32) -> Record {
    Record { key: key.to_owned(), value: value.to_owned(), kind: 4, data: number.to_le_bytes().to_vec() }
}

fn object(name: &str, version: u16, records: Vec<Record>) -> Object {
    Object {
        guid: "31b2f340-016d-11d2-945f-00c04fb984f9".parse().unwrap(),
        name: name.to_owned(),
        version,
        container: "OU=Web,DC=corp,DC=example".to_owned(),
        is_enforced: true,
        has_wmi_filter: true,
        records,
    }
}

fn policy(version: u16, directory: u32) -> GroupPolicy {
    let records =
        vec![number(LAPS_KEY, "BackupDirectory", directory), number(LEGACY_KEY, "AdmPwdEnabled", 1)];
    let skipped = SkippedLink {
        object: "Other".to_owned(),
        container: "DC=corp,DC=example".to_owned(),
        why: "the link is switched off".to_owned(),
    };
    GroupPolicy {
        domain: "corp.example".to_owned(),
        is_controller: false,
        objects: vec![object("Passwords of servers", version, records)],
        skipped: vec![skipped],
    }
}

fn away(domain: &str) -> Unread {
    Unread {
        domain: Some(domain.to_owned()),
        reason: "dc1.corp.example cannot be reached".to_owned(),
        next_step: "check the network".to_owned(),
    }
}

/// What stands under Group Policy's own root, each with where it comes from.
fn values(sources: &[lapwing_core::policy::RawPolicy]) -> Vec<(String, RawValue, String)> {
    let own = sources.iter().filter(|source| source.root == PolicyRoot::GroupPolicy);
    own.flat_map(|source| &source.entries)
        .map(|entry| (entry.name.clone(), entry.value.clone(), entry.origin.clone()))
        .collect()
}

#[test]
fn what_was_read_last_holds_while_the_domain_is_away_and_after_a_restart() {
    let world = World::new();
    let mut source = world.source();
    source.settle(NOW, Ok(Some(policy(1, 2))));
    let title = r#"GPO "Passwords of servers" {31b2f340-016d-11d2-945f-00c04fb984f9}"#;
    let expected = [("BackupDirectory".to_owned(), RawValue::Integer(2), title.to_owned())];
    assert_eq!(values(&source.read().unwrap().unwrap()), expected);
    source.settle(NOW, Err(away("corp.example")));
    for mut source in [source, world.source()] {
        let (last, why) = source.read().unwrap_err();
        assert_eq!(values(&last.unwrap()), expected);
        assert_eq!(
            why.reason,
            "dc1.corp.example cannot be reached (last read: 1970-01-01T00:00:00.0000000Z)"
        );
        assert_eq!(source.policy(), Some(&policy(1, 2)));
    }
    let mut source = world.source();
    source.settle(NOW, Ok(Some(policy(1, 2))));
    assert!(source.read().is_ok() && world.source().read().is_ok());
}

#[test]
fn nothing_is_known_before_the_first_reading_and_a_host_in_no_domain_has_none() {
    let world = World::new();
    let mut source = world.source();
    assert!(matches!(source.read(), Err((None, _))));
    source.settle(NOW, Err(away("corp.example")));
    assert!(matches!(source.read(), Err((None, _))));
    // Across a restart too.
    assert!(matches!(world.source().read(), Err((None, _))));
    source.settle(NOW, Ok(None));
    assert_eq!(source.read().unwrap(), Some(Vec::new()));
}

#[test]
fn a_host_that_leaves_its_domain_or_joins_another_keeps_nothing_of_it() {
    let world = World::new();
    let mut source = world.source();
    source.settle(NOW, Ok(Some(policy(1, 2))));
    source.settle(NOW, Err(away("other.example")));
    assert!(matches!(source.read(), Err((None, _))));
    source.settle(NOW, Ok(Some(policy(1, 2))));
    source.settle(NOW, Ok(None));
    assert_eq!(source.policy(), None);
    assert!(!world.root().path("/var/lib/lapwing/group-policy.json").exists());
}

#[test]
fn a_change_is_told_once_and_what_stays_as_it_is_not_at_all() {
    let world = World::new();
    let mut source = world.source();
    let told = |source: &mut GroupPolicySource| {
        source.news().map(|event| match event {
            Event::GroupPolicyChanged { objects } => objects,
            other => panic!("{other:?}"),
        })
    };
    source.settle(NOW, Ok(None));
    assert_eq!(told(&mut source), None);
    source.settle(NOW, Ok(Some(policy(1, 2))));
    let title = r#""Passwords of servers" {31b2f340-016d-11d2-945f-00c04fb984f9} version"#;
    assert_eq!(told(&mut source), Some(format!("{title} 1")));
    source.settle(NOW, Ok(Some(policy(1, 2))));
    assert_eq!(told(&mut source), None);
    source.settle(NOW, Err(away("corp.example")));
    assert_eq!(told(&mut source), None);
    // A run that begins anew knows what the last one told.
    let mut source = world.source();
    source.settle(NOW, Ok(Some(policy(1, 2))));
    assert_eq!(told(&mut source), None);
    source.settle(NOW, Ok(Some(policy(2, 2))));
    assert_eq!(told(&mut source), Some(format!("{title} 2")));
    source.settle(NOW, Ok(None));
    assert_eq!(told(&mut source), Some(String::new()));
}

#[test]
fn a_damaged_file_is_no_empty_policy_and_the_next_reading_replaces_it() {
    let world = World::new();
    world.source().settle(NOW, Ok(Some(policy(1, 2))));
    let path = world.root().path("/var/lib/lapwing/group-policy.json");
    let whole = String::from_utf8(files::read_if_there(&path).unwrap().unwrap()).unwrap();
    let broken = [
        String::new(),
        whole.replace("\"version\": 1,\n  \"policy\"", "\"version\": 2,\n  \"policy\""),
        whole.replace("AgAAAA==", "?"),
        whole.replace("31b2f340", "x"),
        whole.replace("\"domain\"", "\"dominion\""),
    ];
    for text in broken {
        assert_ne!(text, whole);
        files::replace_private(&path, text.as_bytes()).unwrap();
        let mut source = world.source();
        assert!(matches!(source.read(), Err((None, _))), "{text}");
        assert_eq!(source.policy(), None);
        source.settle(NOW, Ok(Some(policy(1, 2))));
        assert!(world.source().read().is_ok());
    }
}

#[test]
fn an_unread_group_policy_lets_nothing_below_it_win_and_what_is_above_it_go_on() {
    let world = World::new();
    world.local("BackupDirectory = 1\nAdministratorAccountName = \"lapadmin\"\n");
    let mut sources = world.sources();
    sources.settle_group_policy(NOW, Err(away("corp.example")));
    let read = sources.read(None);
    let Verdict::Unsupported { message, next_step } = read.verdict else { panic!("{:?}", read.verdict) };
    assert!(message.contains("Group Policy: dc1.corp.example cannot be reached"), "{message}");
    assert_eq!(next_step, "check the network");
    assert!(matches!(&read.events[..], [Event::GroupPolicyUnread { .. }]), "{:?}", read.events);
    // Device management is asked first.
    let csp = r#"{"version":1,"policies":{"BackupDirectory":"0"}}"#;
    files::replace_private(&world.root().csp(), csp.as_bytes()).unwrap();
    let read = sources.read(None);
    assert_eq!((read.source, read.verdict), (Some(PolicyRoot::Csp), Verdict::Disabled));
    assert!(matches!(&read.events[..], [Event::GroupPolicyUnread { .. }]), "{:?}", read.events);
}

#[test]
fn the_report_names_the_object_of_each_value_and_why_others_do_not_hold() {
    let world = World::new();
    world.local("BackupDirectory = 1\n");
    let mut sources = world.sources();
    sources.settle_group_policy(NOW, Ok(Some(policy(7, 0))));
    let report = world.sources().explain(None);
    assert_eq!(report.source.as_deref(), Some("GPO"));
    let setting = report.settings.iter().find(|setting| setting.name == "BackupDirectory").unwrap();
    assert_eq!(setting.origin, r#"GPO "Passwords of servers" {31b2f340-016d-11d2-945f-00c04fb984f9}"#);
    let expected = [
        "GPO: \"Passwords of servers\" {31b2f340-016d-11d2-945f-00c04fb984f9}, version 7, linked to \
         OU=Web,DC=corp,DC=example, enforced; its WMI filter is not evaluated",
        "GPO: \"Other\", linked to DC=corp,DC=example: not applied: the link is switched off",
    ];
    for remark in expected {
        assert!(report.remarks.iter().any(|told| told == remark), "{remark}: {:?}", report.remarks);
    }
    sources.settle_group_policy(NOW, Err(away("corp.example")));
    let report = world.sources().explain(None);
    assert_eq!(report.source.as_deref(), Some("GPO"));
    assert!(report.remarks.iter().any(|told| told.contains("cannot be reached")), "{:?}", report.remarks);
}
