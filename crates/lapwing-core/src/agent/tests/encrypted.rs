//! Passwords that are encrypted to whom policy names, in Active Directory.

use super::*;
use crate::policy::{EncryptionPrincipal, HistorySize};

fn encrypted() -> Plan {
    let history = HistorySize::parse(2).unwrap();
    let encryption = Encryption { principal: EncryptionPrincipal::DomainAdmins, history };
    Plan { target: Target::ActiveDirectory, encryption: Some(encryption), ..plan() }
}

/// A host whose password is encrypted to somebody.
fn world() -> World {
    let mut world = World::new();
    world.guarantees = Guarantees::EachReplica;
    world.principal = Some(Sid::local_system());
    world.verdict = Verdict::Managed(encrypted());
    world.run();
    assert_eq!((world.in_force(), world.held), (Some(version(1)), Some(version(1))));
    world.forget_the_past()
}

fn process(world: &mut World) {
    world.input(Input::Request(RequestId(1), Request::ProcessPolicy));
}

#[test]
fn the_key_is_asked_for_before_a_password_is_drawn_and_not_for_nothing() {
    let mut world = world();
    process(&mut world);
    assert!(world.done.is_empty(), "{:?}", world.done);
    world.input(Input::Request(RequestId(2), Request::ResetPassword));
    assert_eq!(world.done[..2], ["group key", "prepare"]);
    assert_eq!((world.in_force(), world.held), (Some(version(2)), Some(version(2))));
}

#[test]
fn without_a_key_no_password_is_drawn_and_the_change_is_made_later() {
    for fault in [DirectoryFault::NotEncrypted, DirectoryFault::NoKeyService] {
        let mut world = world();
        world.keyless = Some(fault);
        world.input(Input::Request(RequestId(1), Request::ResetPassword));
        assert_eq!((&world.done[..], world.in_force()), (&["group key"][..], Some(version(1))));
        assert!(world.raised(EventId::EncryptionFailed));
        world.pass(2 * DAY / 24);
        assert_eq!((world.in_force(), world.held), (Some(version(2)), Some(version(2))));
    }
}

#[test]
fn a_password_in_clear_text_is_replaced_once_the_policy_wants_it_encrypted() {
    let mut world = World::new();
    (world.guarantees, world.sealed) = (Guarantees::EachReplica, false);
    world.verdict = Verdict::Managed(Plan { encryption: None, ..encrypted() });
    world.run();
    let mut world = world.forget_the_past();
    (world.principal, world.sealed) = (Some(Sid::local_system()), true);
    world.verdict = Verdict::Managed(encrypted());
    world.input(Input::PolicyChanged);
    assert_eq!(world.in_force(), Some(version(2)));
    process(&mut world);
    assert_eq!(world.in_force(), Some(version(2)));
}

#[test]
fn a_password_for_somebody_else_is_replaced() {
    let mut world = world();
    world.principal = Some(Sid::everyone());
    process(&mut world);
    assert_eq!(world.in_force(), Some(version(2)));
    process(&mut world);
    assert_eq!(world.in_force(), Some(version(2)));
}

#[test]
fn what_a_policy_cannot_have_is_told_by_its_event_and_what_had_landed_is_committed_first() {
    for (fault, event) in [
        (DirectoryFault::LevelTooLow, EventId::FunctionalLevelTooLow),
        (DirectoryFault::PrincipalNameUnknown, EventId::PrincipalNameUnknown),
        (DirectoryFault::PrincipalSidUnknown, EventId::PrincipalSidUnknown),
        (DirectoryFault::ControllerUnmanaged, EventId::DomainControllerUnsupported),
        (DirectoryFault::ControllerUnprotected, EventId::DsrmNeedsEncryption),
    ] {
        let mut world = world();
        world.fates.push_back(Fate::AnswerLost);
        world.input(Input::Request(RequestId(1), Request::ResetPassword));
        assert_eq!((world.in_force(), world.held), (Some(version(1)), Some(version(2))));
        (world.unfit, world.principal) = (Some(fault), None);
        world.pass(2 * MINUTE);
        assert_eq!(world.in_force(), Some(version(2)), "{fault:?}");
        assert!(world.raised(event), "{fault:?}");
        world.input(Input::Request(RequestId(2), Request::ResetPassword));
        assert_eq!((world.in_force(), world.held), (Some(version(2)), Some(version(2))), "{fault:?}");
    }
}

#[test]
fn a_candidate_for_somebody_else_or_in_clear_text_is_not_sent_again() {
    for sealed in [true, false] {
        let mut world = world();
        (world.sealed, world.principal) = (sealed, sealed.then(Sid::local_system));
        if !sealed {
            world.verdict = Verdict::Managed(Plan { encryption: None, ..encrypted() });
        }
        world.fates.push_back(Fate::RequestLost);
        world.input(Input::Request(RequestId(1), Request::ResetPassword));
        assert_eq!((world.in_force(), world.held), (Some(version(1)), Some(version(1))));
        (world.sealed, world.principal) = (true, Some(Sid::everyone()));
        world.verdict = Verdict::Managed(encrypted());
        world.pass(2 * MINUTE);
        assert_eq!((world.in_force(), world.held), (Some(version(3)), Some(version(3))), "{sealed}");
    }
}
