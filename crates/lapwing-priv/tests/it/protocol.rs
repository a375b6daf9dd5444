//! The commit protocol, verb by verb.

use lapwing_core::local::root_half::{Committed, Counted, Fault, Field, InRun, Journal, Prepared, Request};

use crate::world::{
    ACCOUNT, Call, DIRECTORY, EXPIRY, RUN, SHADOW, World, clear, commit_request, of_version, opens, prepare,
};

#[test]
fn a_prepared_password_opens_the_account_only_once_committed() {
    let world = World::new();
    assert_eq!(world.begin().field, Field::Unmanaged);
    let prepared = world.prepare().unwrap();
    let password = clear(&prepared);
    assert_eq!((prepared.account.as_str(), prepared.uid, prepared.expiry.as_str()), (ACCOUNT, 1000, EXPIRY));
    assert_eq!(password.len(), 14);
    assert_eq!(world.read("etc/shadow"), SHADOW);

    let committed = world.commit(&prepared.version).unwrap();
    assert_eq!((committed.version, committed.uid), (prepared.version, 1000));
    assert!(opens(&password, &world.field()));
    assert_eq!(world.state().field, Field::Current);
}

#[test]
fn a_commit_changes_two_fields_and_keeps_owner_and_mode() {
    use std::os::unix::fs::MetadataExt;
    let world = World::new();
    world.begin();
    let label = "user.lapwing.test";
    rustix::fs::setxattr(world.path("etc/shadow"), label, b"kept", rustix::fs::XattrFlags::empty()).unwrap();
    world.rotate();

    let today = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs() / 86_400;
    let expected = SHADOW.replace("lapadmin:!:19001:", &format!("lapadmin:{}:{today}:", world.field()));
    assert_eq!(world.read("etc/shadow"), expected);
    let metadata = std::fs::metadata(world.path("etc/shadow")).unwrap();
    assert_eq!((metadata.uid(), metadata.gid(), metadata.mode() & 0o7777), (0, 42, 0o640));
    let mut value = [0; 16];
    let len = rustix::fs::getxattr(world.path("etc/shadow"), label, &mut value[..]).unwrap();
    assert_eq!(&value[..len], b"kept");
}

#[test]
fn every_verb_may_be_repeated() {
    let world = World::new();
    world.begin();
    world.begin();
    let prepared = world.prepare().unwrap();
    assert_eq!(world.count_send(&prepared.version), Ok(1));
    for _ in 0..2 {
        let counted: Counted = world.call(&Request::Answered(of_version(&prepared.version))).unwrap();
        assert_eq!(counted.unanswered, 0);
    }
    let first = world.commit(&prepared.version).unwrap();
    let shadow = world.read("etc/shadow");
    let second = world.commit(&prepared.version).unwrap();
    assert_eq!((first.version, world.read("etc/shadow")), (second.version, shadow));
    assert_eq!(world.state().replaced, Vec::<String>::new());
}

#[test]
fn a_verb_of_an_earlier_run_is_refused() {
    let world = World::new();
    world.begin();
    let prepared = world.prepare().unwrap();
    let _: Journal = world
        .call(&Request::Begin(InRun { run: "22222222-2222-4222-8222-222222222222".to_owned() }))
        .unwrap();
    assert_eq!(world.commit(&prepared.version).err(), Some(Fault::StaleRun));
    assert_eq!(world.prepare().err(), Some(Fault::StaleRun));
    let state: Result<Journal, _> = world.call(&Request::State(InRun { run: RUN.to_owned() }));
    assert_eq!(state.err(), Some(Fault::StaleRun));
    assert_eq!(world.read("etc/shadow"), SHADOW);
}

#[test]
fn eight_candidates_are_kept_and_a_commit_drops_the_others() {
    let world = World::new();
    world.begin();
    let versions: Vec<_> = (0..9).map(|_| world.prepare().unwrap().version).collect();
    let candidates = world.state().candidates;
    assert_eq!(
        candidates.iter().map(|entry| &entry.version).collect::<Vec<_>>(),
        versions[1..].iter().collect::<Vec<_>>()
    );
    assert_eq!(world.commit(&versions[0]).err(), Some(Fault::UnknownVersion));
    world.commit(&versions[4]).unwrap();
    let state = world.state();
    assert!(state.candidates.is_empty());
    assert_eq!(state.current.unwrap().version, versions[4]);
    assert_eq!(world.commit(&versions[5]).err(), Some(Fault::UnknownVersion));
}

#[test]
fn nothing_but_the_commit_is_accepted_once_it_is_recorded() {
    let world = World::new();
    world.begin();
    let (first, second) = (world.prepare().unwrap().version, world.prepare().unwrap().version);
    let read_only =
        Call { mounts: "mount --bind $R/etc $R/etc; mount -o remount,bind,ro $R/etc", ..Call::default() };
    let refused: Result<Committed, _> = world.call_with(read_only, &commit_request(&first, None)).unwrap();
    assert_eq!(refused.err(), Some(Fault::NotWritable));
    assert!(world.state().candidates.iter().find(|entry| entry.version == first).unwrap().recorded);

    assert_eq!(world.prepare().err(), Some(Fault::CommitPending));
    assert_eq!(world.count_send(&second).err(), Some(Fault::CommitPending));
    assert_eq!(world.commit(&second).err(), Some(Fault::CommitPending));
    // No policy stops it either: root's file no longer lists the account.
    world.write("etc/lapwing/managed.toml", "");
    world.commit(&first).unwrap();
    assert_eq!(world.state().current.unwrap().version, first);
}

#[test]
fn an_account_or_directory_that_root_took_off_the_list_is_not_committed() {
    let world = World::new();
    world.begin();
    let version = world.prepare().unwrap().version;
    let managed = world.read("etc/lapwing/managed.toml");
    world.write("etc/lapwing/managed.toml", "accounts = ['lapadmin']");
    assert_eq!(world.commit(&version).err(), Some(Fault::DirectoryNotListed));
    world.write("etc/lapwing/managed.toml", &managed.replace("lapadmin", "other"));
    assert_eq!(world.commit(&version).err(), Some(Fault::AccountNotListed));
    assert_eq!(world.read("etc/shadow"), SHADOW);
}

#[test]
fn the_budget_ends_changes_and_says_so() {
    let world = World::new();
    world.begin();
    (0..3).for_each(|_| drop(world.rotate()));
    let shadow = world.read("etc/shadow");
    assert_eq!(world.prepare().err(), Some(Fault::BudgetSpent));
    assert_eq!(world.read("etc/shadow"), shadow);
    assert!(world.log().contains("EVENT_ID=30012"), "{}", world.log());
}

#[test]
fn drift_is_told_and_the_journalled_hash_goes_back() {
    let world = World::new();
    world.begin();
    let (version, password) = world.rotate();
    let reinstate =
        |version: &str| -> Result<Committed, Fault> { world.call(&Request::Reinstate(of_version(version))) };
    assert_eq!(reinstate(&version).err(), Some(Fault::NoDrift));
    for (drift, field, prefix) in [
        ("$6$foreign$hash", Field::Drifted, ""),
        ("!$6$foreign$hash", Field::Drifted, "!"),
        ("!", Field::Drifted, "!"),
        ("", Field::Emptied, ""),
    ] {
        world.set_field(drift);
        assert_eq!(world.state().field, field, "{drift}");
        assert_eq!(reinstate("33333333-3333-4333-8333-333333333333").err(), Some(Fault::UnknownVersion));
        reinstate(&version).unwrap();
        let healed = if prefix.is_empty() { Field::Current } else { Field::Locked };
        assert_eq!(world.state().field, healed);
        let now = world.field();
        assert!(opens(&password, now.strip_prefix(prefix).unwrap()), "{drift}");
    }
}

#[test]
fn an_administrator_sees_what_is_in_force_and_what_is_not_decided_and_no_hash() {
    let world = World::new();
    assert_eq!(world.show(), "");
    world.begin();
    let (version, _) = world.rotate();
    let in_force = format!("current {version} {ACCOUNT} {DIRECTORY}\n");
    assert_eq!(world.show(), in_force);
    let candidate = world.prepare().unwrap().version;
    assert_eq!(world.show(), format!("{in_force}candidate {candidate} {ACCOUNT} {DIRECTORY}\n"));
    world.commit(&candidate).unwrap();
    assert_eq!(world.show(), format!("current {candidate} {ACCOUNT} {DIRECTORY}\n"));
}

#[test]
fn an_emptied_field_is_refilled_at_boot_and_drift_waits_for_the_directory() {
    let world = World::new();
    world.begin();
    let (version, _) = world.rotate();
    world.set_field("");
    assert!(world.recover());
    assert_eq!(world.field(), world.journalled_hash(&version));
    world.set_field("$6$foreign$hash");
    assert!(world.recover());
    assert_eq!(world.field(), "$6$foreign$hash");
}

#[test]
fn an_administrators_lock_survives_a_commit() {
    let world = World::new();
    world.begin();
    world.rotate();
    world.set_field(&format!("!{}", world.field()));
    assert_eq!(world.state().field, Field::Locked);
    let (_, password) = world.rotate();
    assert!(opens(&password, world.field().strip_prefix('!').unwrap()));
}

#[test]
fn a_candidate_of_a_lost_account_is_void() {
    let world = World::new();
    world.begin();
    let version = world.prepare().unwrap().version;
    let passwd = world.read("etc/passwd");
    world.write("etc/passwd", &passwd.replace(":1000:1000:", ":1002:1000:"));
    assert_eq!(world.state().field, Field::Missing);
    assert_eq!(world.commit(&version).err(), Some(Fault::AccountMissing));
    assert_eq!(world.state().candidates.len(), 0);
    assert_eq!(world.read("etc/shadow"), SHADOW);
}

#[test]
fn what_is_no_single_request_is_refused() {
    let world = World::new();
    let long = vec![b'x'; 300 * 1024];
    for frame in [
        &b"\0"[..],
        b"{}\0",
        b"nonsense",
        br#"{"method":"org.lapwing.Priv.Shutdown","parameters":{"run":"x"}}"#,
        b"{\"method\":\"org.lapwing.Priv.State\",\"parameters\":{\"run\":\"x\",\"more\":1}}\0",
        b"{\"method\":\"org.lapwing.Priv.State\",\"parameters\":{\"run\":\"x\"}}\0",
        b"{\"method\":\"org.lapwing.Priv.Begin\",\"parameters\":{\"run\":\"x\"}}\0{}",
        &long,
    ] {
        let answer = String::from_utf8(world.exchange(Call::default(), frame)).unwrap();
        assert!(answer.contains(r#""fault":"malformed""#), "{answer}");
    }
}

#[test]
fn a_request_with_values_out_of_range_is_refused() {
    let world = World::new();
    world.begin();
    let ask = |change: &dyn Fn(&mut lapwing_core::local::root_half::Prepare)| {
        let mut request = prepare();
        change(&mut request);
        world.call::<Prepared>(&Request::Prepare(request)).err()
    };
    let malformed = Some(Fault::Malformed);
    assert_eq!(ask(&|request| request.rules.password_length = 7), malformed);
    assert_eq!(ask(&|request| request.rules.password_complexity = 9), malformed);
    assert_eq!(ask(&|request| request.expiry = "tomorrow".to_owned()), malformed);
    assert_eq!(ask(&|request| request.directory = "ldap:x".to_owned()), malformed);
    assert_eq!(ask(&|request| request.account = Some("../x".to_owned())), malformed);
    assert_eq!(ask(&|request| request.account = Some("other".to_owned())), Some(Fault::AccountNotListed));
    assert_eq!(ask(&|request| request.account = Some("nobody".to_owned())), Some(Fault::AccountMissing));
    assert_eq!(ask(&|request| request.record = "CN=PC2".to_owned()), Some(Fault::DirectoryNotListed));
    assert_eq!(ask(&|request| request.account = None), Some(Fault::AccountNotListed));
}
