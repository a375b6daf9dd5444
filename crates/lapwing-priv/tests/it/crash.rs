//! Kills the real program at every point of a change and checks that nothing is torn.

use std::os::unix::fs::MetadataExt;

use lapwing_core::local::root_half::{Committed, Field, Prepared, Request};

use crate::world::{Call, World, commit_request, field_of, of_version, prepare_request};

fn dying(point: &str) -> Call<'_> {
    Call { failpoint: Some(point), ..Call::default() }
}

/// What holds after every crash and `recover`: other lines are as they were, nothing is left behind, and the field
/// holds a hash of the journal.
fn check_nothing_torn(world: &World, before: &str, point: &str) {
    assert!(world.recover(), "{point}: {}", world.log());
    let shadow = world.read("etc/shadow");
    let others = |text: &str| -> Vec<String> {
        text.lines().filter(|line| !line.starts_with("lapadmin:")).map(str::to_owned).collect()
    };
    assert_eq!(others(&shadow), others(before), "{point}");
    let metadata = std::fs::metadata(world.path("etc/shadow")).unwrap();
    assert_eq!((metadata.gid(), metadata.mode() & 0o7777), (42, 0o640), "{point}");
    for stale in ["etc/.shadow.lapwing", "etc/shadow.lock", "etc/.shadow.lapwing.lock"] {
        assert!(!world.path(stale).exists(), "{point} left {stale}");
    }
    let state = world.state();
    assert!(state.candidates.iter().all(|candidate| !candidate.recorded), "{point}");
    assert_eq!(state.field, Field::Current, "{point}");
    assert_eq!(world.field(), world.journalled_hash(&state.current.unwrap().version), "{point}");
}

#[test]
fn a_crash_while_preparing_leaves_the_old_password_and_at_most_one_more_candidate() {
    for (point, candidates) in [
        ("prepare.before_journal", 0),
        ("journal.inside_write", 0),
        ("journal.before_rename", 0),
        ("journal.after_rename", 1),
        ("prepare.after_journal", 1),
    ] {
        let world = World::new();
        world.begin();
        let (version, _) = world.rotate();
        let before = world.read("etc/shadow");
        let answer = world.call_with::<Prepared>(dying(point), &prepare_request());
        assert!(answer.is_none(), "{point} was not reached");
        check_nothing_torn(&world, &before, point);
        let state = world.state();
        assert_eq!(state.current.unwrap().version, version, "{point}");
        assert_eq!(state.candidates.len(), candidates, "{point}");
        assert_eq!(world.read("etc/shadow"), before, "{point}");
        world.rotate();
    }
}

#[test]
fn a_crash_while_committing_is_finished_at_boot_once_recorded_and_undone_before() {
    for (point, recorded) in [
        ("commit.before_record", false),
        ("journal.inside_write", false),
        ("journal.before_rename", false),
        ("journal.after_rename", true),
        ("commit.after_record", true),
        ("commit.inside_shadow_write", true),
        ("commit.before_rename", true),
        ("commit.after_rename", true),
        ("commit.before_journal", true),
        ("commit.after_journal", true),
    ] {
        let world = World::new();
        world.begin();
        let (old, _) = world.rotate();
        let before = world.read("etc/shadow");
        let new = world.prepare().unwrap().version;
        let answer = world.call_with::<Committed>(dying(point), &commit_request(&new, None));
        assert!(answer.is_none(), "{point} was not reached");
        // Whole even before anything is repaired.
        assert!(
            ["lapadmin", "root", "other"]
                .iter()
                .all(|name| !field_of(&world.read("etc/shadow"), name).is_empty())
        );
        check_nothing_torn(&world, &before, point);
        let state = world.state();
        assert_eq!(state.current.unwrap().version, if recorded { &new } else { &old }[..], "{point}");
        // The caller, which had no answer, asks again.
        world.commit(&new).unwrap();
        let state = world.state();
        assert_eq!(
            (state.current.unwrap().version, state.replaced, state.field),
            (new, vec![old], Field::Current)
        );
    }
}

#[test]
fn a_second_crash_during_recovery_is_recovered_from() {
    for point in ["commit.inside_shadow_write", "commit.after_rename", "commit.before_journal"] {
        let world = World::new();
        world.begin();
        let version = world.prepare().unwrap().version;
        assert!(
            world
                .call_with::<Committed>(dying("commit.after_record"), &commit_request(&version, None))
                .is_none()
        );
        assert!(world.call_with::<Committed>(dying(point), &commit_request(&version, None)).is_none());
        assert!(world.recover() && world.recover());
        let state = world.state();
        assert_eq!((state.current.unwrap().version, state.field), (version, Field::Current));
    }
}

#[test]
fn a_crash_while_reinstating_is_repeated() {
    for point in ["commit.inside_shadow_write", "commit.before_rename", "commit.after_rename"] {
        let world = World::new();
        world.begin();
        let (version, _) = world.rotate();
        world.set_field("$6$foreign$hash");
        let reinstate = Request::Reinstate(of_version(&version));
        assert!(world.call_with::<Committed>(dying(point), &reinstate).is_none());
        assert!(world.recover());
        assert!(!world.path("etc/.shadow.lapwing").exists());
        if world.state().field == Field::Drifted {
            let _: Committed = world.call(&reinstate).unwrap();
        }
        assert_eq!(world.state().field, Field::Current);
    }
}
