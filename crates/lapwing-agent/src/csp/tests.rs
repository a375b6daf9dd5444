use std::fs;

use lapwing_core::csp::{Node, Verb};

use super::*;

const NEVER_RESET: Hresult = Hresult(0);

fn store() -> (tempfile::TempDir, CspStore) {
    let dir = tempfile::tempdir().unwrap();
    let store = CspStore::new(&Root::at(dir.path().to_owned()));
    (dir, store)
}

fn operation(verb: Verb, node: Node, data: Option<&str>) -> Operation {
    Operation { verb, uri: node.uri(), format: None, data: data.map(str::to_owned), correlator: None }
}

fn replace(setting: Setting, data: &str) -> Operation {
    operation(Verb::Replace, Node::Policy(setting), Some(data))
}

fn status(performed: Performed) -> u16 {
    match performed {
        Performed::Done(reply) => reply.status.0,
        Performed::Reset { .. } => panic!("the password is to be reset"),
    }
}

fn held(store: &CspStore) -> Vec<(Setting, String)> {
    let tree = store.load().unwrap();
    tree.values().map(|(setting, data)| (setting, data.to_owned())).collect()
}

#[test]
fn what_was_set_is_there_after_a_restart_and_gone_once_deleted() {
    let (dir, store) = store();
    assert_eq!(held(&store), []);
    assert_eq!(status(store.perform(&replace(Setting::BackupDirectory, "1"), NEVER_RESET)), 200);
    assert_eq!(
        status(store.perform(&replace(Setting::ADPasswordEncryptionEnabled, "True"), NEVER_RESET)),
        200
    );
    let later = CspStore::new(&Root::at(dir.path().to_owned()));
    let both = [
        (Setting::BackupDirectory, "1".to_owned()),
        (Setting::ADPasswordEncryptionEnabled, "True".to_owned()),
    ];
    assert_eq!(held(&later), both);
    for (setting, _) in both {
        let delete = operation(Verb::Delete, Node::Policy(setting), None);
        assert_eq!(status(later.perform(&delete, NEVER_RESET)), 200);
    }
    assert_eq!(held(&store), []);
}

#[test]
fn reading_and_refusing_write_nothing() {
    let (_dir, store) = store();
    assert_eq!(status(store.perform(&operation(Verb::Get, Node::Policies, None), NEVER_RESET)), 200);
    assert_eq!(status(store.perform(&replace(Setting::BackupDirectory, "on"), NEVER_RESET)), 415);
    let reset = store.perform(&operation(Verb::Exec, Node::ResetPassword, None), NEVER_RESET);
    assert_eq!(reset, Performed::Reset { correlator: None });
    assert!(!store.path.exists());
}

#[test]
fn what_cannot_be_saved_is_not_in_effect() {
    let (dir, store) = store();
    store.perform(&replace(Setting::BackupDirectory, "1"), NEVER_RESET);
    // The replacement cannot be written aside: a folder with something in it has its name.
    fs::create_dir_all(dir.path().join("var/lib/lapwing/csp.json.new/full")).unwrap();
    assert_eq!(status(store.perform(&replace(Setting::BackupDirectory, "2"), NEVER_RESET)), 510);
    let members = [replace(Setting::PasswordAgeDays, "9"), replace(Setting::PasswordLength, "20")]
        .map(Member::Operation);
    let reply = store.perform_atomic(&members, NEVER_RESET);
    assert_eq!((reply.status.0, reply.members), (507, vec![Status(216), Status(510)]));
    assert_eq!(held(&store), [(Setting::BackupDirectory, "1".to_owned())]);
}

#[test]
fn an_atomic_is_written_whole_or_not_at_all() {
    let (_dir, store) = store();
    let good = [replace(Setting::BackupDirectory, "1"), replace(Setting::PasswordAgeDays, "9")];
    assert_eq!(store.perform_atomic(&good.map(Member::Operation), NEVER_RESET).status, Status::OK);
    let bad = [replace(Setting::PasswordAgeDays, "8"), replace(Setting::PasswordLength, "long")];
    assert_eq!(store.perform_atomic(&bad.map(Member::Operation), NEVER_RESET).status, Status::ATOMIC_FAILED);
    let expected = [(Setting::BackupDirectory, "1".to_owned()), (Setting::PasswordAgeDays, "9".to_owned())];
    assert_eq!(held(&store), expected);
}

#[test]
fn a_damaged_file_is_neither_obeyed_in_part_nor_overwritten() {
    for damaged in [
        "",
        "{",
        r#"{"version":2,"policies":{}}"#,
        r#"{"version":1,"policies":{"BackupDirectory":"1","Colour":"red"}}"#,
        r#"{"version":1,"policies":{"BackupDirectory":"1","ActivationGraceMinutes":"5"}}"#,
        r#"{"version":1,"policies":{"BackupDirectory":"1","PasswordLength":"long"}}"#,
        r#"{"version":1,"policies":{},"more":1}"#,
    ] {
        let (_dir, store) = store();
        fs::create_dir_all(store.path.parent().unwrap()).unwrap();
        fs::write(&store.path, damaged).unwrap();
        assert!(store.load().is_err(), "{damaged}");
        assert_eq!(status(store.perform(&replace(Setting::BackupDirectory, "2"), NEVER_RESET)), 510);
        assert_eq!(fs::read_to_string(&store.path).unwrap(), damaged);
    }
}
