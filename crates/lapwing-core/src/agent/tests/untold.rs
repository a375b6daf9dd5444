//! Directories that do not tell the version that they hold, and what an Active Directory policy asks.

use super::*;
use crate::policy::{
    EncryptionPrincipal, HostRole, PolicyContext, PolicyRoot, RawEntry, RawPolicy, RawValue, resolve,
};

fn world(hides: Hides) -> World {
    let mut world = World::new();
    (world.guarantees, world.sealed, world.hides) = (Guarantees::EachReplica, false, hides);
    world.verdict = Verdict::Managed(Plan { target: Target::ActiveDirectory, ..plan() });
    world.run();
    assert_eq!((world.in_force(), world.held), (Some(version(1)), Some(version(1))));
    world.forget_the_past()
}

#[test]
fn a_version_that_may_be_written_and_not_read_is_asked_for() {
    let mut world = world(Hides::Versions);
    world.input(Input::Request(RequestId(1), Request::ProcessPolicy));
    assert!(world.done.is_empty() && world.raised(EventId::NoUpdateNeeded), "{:?}", world.done);
    // An answer that is lost: the candidate is found by asking for it.
    world.fates.push_back(Fate::AnswerLost);
    world.input(Input::Request(RequestId(2), Request::ResetPassword));
    assert_eq!((world.in_force(), world.held), (Some(version(1)), Some(version(2))));
    world.pass(MINUTE);
    assert_eq!(world.in_force(), world.held);
    assert!(world.raised(EventId::CandidateResolved) && !world.raised(EventId::VersionNeverOurs));
}

#[test]
fn an_unreadable_version_that_is_none_of_ours_is_replaced_without_knowing_it() {
    let mut world = world(Hides::Versions);
    for foreign in [Some(version(99)), None] {
        let before = world.in_force();
        world.held = foreign;
        world.memory.last_foreign = None;
        world.machine = Machine::new(world.now, BOOT, 8, world.memory.clone(), Ledger::default());
        world.run();
        assert!(world.raised(EventId::VersionNeverOurs));
        assert!(world.in_force() > before && world.held == world.in_force(), "{:?}", world.done);
    }
}

#[test]
fn a_second_unreadable_version_within_a_day_is_a_conflict() {
    let mut world = world(Hides::Versions);
    world.held = Some(version(99));
    world.input(Input::Request(RequestId(1), Request::ProcessPolicy));
    assert_eq!(world.in_force(), Some(version(2)));
    world.held = Some(version(98));
    world.input(Input::Request(RequestId(2), Request::ProcessPolicy));
    assert!(world.raised(EventId::Conflict));
    assert_eq!((world.in_force(), world.held), (Some(version(2)), Some(version(98))));
}

#[test]
fn without_versions_a_moved_expiry_is_heeded_and_taken_for_an_administrators() {
    let mut world = world(Hides::All);
    assert!(world.memory.last_foreign.is_none());
    world.held_expiry = Some(world.now.wall.saturating_add(DAY));
    world.input(Input::Request(RequestId(1), Request::ProcessPolicy));
    assert!(world.done.is_empty() && !world.raised(EventId::VersionNeverOurs), "{:?}", world.done);
    world.pass(DAY + MINUTE);
    assert_eq!((world.in_force(), world.held), (Some(version(2)), Some(version(2))));
}

#[test]
fn without_versions_a_moved_expiry_and_an_unanswered_send_call_for_a_rotation_at_once() {
    let mut world = world(Hides::All);
    world.fates.push_back(Fate::AnswerLost);
    world.input(Input::Request(RequestId(1), Request::ResetPassword));
    world.held_expiry = Some(world.now.wall.saturating_add(DAY));
    world.pass(MINUTE);
    assert_eq!((world.in_force(), world.held), (Some(version(3)), Some(version(3))));
}

#[test]
fn an_expiry_that_was_deleted_is_as_good_as_one_that_has_passed() {
    for hides in [Hides::Nothing, Hides::Versions] {
        let mut world = world(hides);
        world.held_expiry = None;
        world.input(Input::Request(RequestId(1), Request::ProcessPolicy));
        assert_eq!((world.in_force(), world.held), (Some(version(2)), Some(version(2))));
        assert!(world.held_expiry.is_some());
    }
}

#[test]
fn that_versions_are_not_kept_is_told_once_in_a_run_and_never_of_legacy_microsoft_laps() {
    let lacks = |world: &World| {
        world.events.iter().filter(|event| event.id() == EventId::AdSchemaLacksVersion).count()
    };
    let mut world = world(Hides::All);
    world.replica = true;
    for id in 1..3 {
        world.input(Input::Request(RequestId(id), Request::ProcessPolicy));
        assert_eq!(lacks(&world), 1);
    }
    world.restart();
    assert_eq!(lacks(&world), 2);
    assert!(world.raised(EventId::TargetIsAd) && world.raised(EventId::DomainControllerFound));
    world.verdict = Verdict::Managed(Plan { target: Target::LegacyActiveDirectory, ..plan() });
    world.restart();
    assert_eq!(lacks(&world), 2);
}

#[test]
fn no_two_passwords_of_a_host_expire_within_three_seconds_of_each_other() {
    let mut world = world(Hides::All);
    for _ in 0..4 {
        world.fates.push_back(Fate::Refused);
        world.input(Input::Request(RequestId(7), Request::ResetPassword));
        // The refused one is not sent again, for nobody keeps its clear text.
        world.holds = false;
    }
    let mut expiries: Vec<_> =
        world.journal.current.iter().chain(&world.journal.candidates).map(|entry| entry.expiry).collect();
    expiries.sort_unstable();
    assert!(expiries.len() > 3, "{expiries:?}");
    for pair in expiries.windows(2) {
        assert!(pair[1].saturating_since(pair[0]) >= Duration::from_secs(3), "{expiries:?}");
    }
}

#[test]
fn a_refusal_of_active_directory_raises_its_own_event_and_that_alone() {
    for (fault, event) in [
        (DirectoryFault::NoRight, EventId::NoRightOnAttribute),
        (DirectoryFault::NoRightOnLegacy, EventId::NoRightOnLegacyAttribute),
        (DirectoryFault::SchemaLacking, EventId::AdSchemaLacksLaps),
        (DirectoryFault::UpdateFailed, EventId::AdUpdateFailed),
    ] {
        let mut world = world(Hides::Nothing);
        world.refusal = fault;
        world.fates.push_back(Fate::Refused);
        world.input(Input::Request(RequestId(1), Request::ResetPassword));
        assert!(world.raised(event) && world.raised(EventId::ProcessingFailed), "{fault:?}");
        assert!(!world.raised(EventId::EntraUpdateFailed), "{fault:?}");
        assert_eq!(world.in_force(), Some(version(1)));
    }
}

/// What a cycle is told of these values under a root.
fn read(root: PolicyRoot, values: &[(&str, RawValue)]) -> PolicyRead {
    let entries = values
        .iter()
        .map(|(name, value)| RawEntry {
            name: (*name).to_owned(),
            value: value.clone(),
            origin: "test".to_owned(),
        })
        .collect();
    let context = PolicyContext { role: HostRole::Member, announced_age_min: None };
    PolicyRead::of(&resolve(&[RawPolicy { root, entries }], &context))
}

#[test]
fn a_policy_for_active_directory_is_planned_in_clear_text_and_told_as_windows_does() {
    let read = read(
        PolicyRoot::Local,
        &[
            ("BackupDirectory", RawValue::Integer(2)),
            ("AdministratorAccountName", RawValue::Text("lapadmin".to_owned())),
            ("ADPasswordEncryptionEnabled", RawValue::Boolean(false)),
            ("PasswordAgeDays", RawValue::Integer(1)),
        ],
    );
    let Verdict::Managed(plan) = &read.verdict else { panic!("{:?}", read.verdict) };
    assert_eq!((plan.target, plan.age.days()), (Target::ActiveDirectory, 1));
    let Some(Event::PolicyIsAd { backup_directory, password_age_days, password_encryption_enabled, .. }) =
        read.events.iter().find(|event| event.id() == EventId::PolicyIsAd)
    else {
        panic!("{:?}", read.events)
    };
    assert_eq!(
        (backup_directory.as_str(), *password_age_days, *password_encryption_enabled),
        ("Active Directory", 1, false)
    );
}

#[test]
fn a_policy_wants_encryption_unless_it_says_no_and_one_that_names_nobody_is_not_followed() {
    let of = |values: &[(&str, RawValue)]| {
        let directory = [("BackupDirectory", RawValue::Integer(2))];
        read(PolicyRoot::GroupPolicy, &[&directory, values].concat())
    };
    let planned = of(&[("ADEncryptedPasswordHistorySize", RawValue::Integer(12))]);
    let Verdict::Managed(plan) = &planned.verdict else { panic!("{:?}", planned.verdict) };
    let encryption = plan.encryption.as_ref().expect("Windows' default is on");
    assert_eq!(
        (&encryption.principal, encryption.history.entries()),
        (&EncryptionPrincipal::DomainAdmins, 12)
    );
    for (named, event) in [
        ("Readers", EventId::PrincipalAmbiguous),
        ("CORP\\\"Readers\"", EventId::PrincipalNameUnknown),
        ("S-1-nonsense", EventId::PrincipalSidUnknown),
    ] {
        let read = of(&[("ADPasswordEncryptionPrincipal", RawValue::Text(named.to_owned()))]);
        let Verdict::Unsupported { message, .. } = &read.verdict else { panic!("{:?}", read.verdict) };
        assert!(message.contains(&named[..4]), "{message}");
        assert!(read.events.iter().any(|told| told.id() == event), "{named}: {:?}", read.events);
    }
}

#[test]
fn a_legacy_policy_goes_into_the_legacy_attributes() {
    let read = read(PolicyRoot::Legacy, &[("AdmPwdEnabled", RawValue::Integer(1))]);
    let Verdict::Managed(plan) = &read.verdict else { panic!("{:?}", read.verdict) };
    assert_eq!((plan.target, plan.expiry_protected), (Target::LegacyActiveDirectory, false));
    assert!(read.events.iter().any(|event| event.id() == EventId::PolicyIsLegacy), "{:?}", read.events);
}
