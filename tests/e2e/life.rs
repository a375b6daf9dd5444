//! The life of a host's password, without faults.

use xtask::scene::Build;

use crate::support::{settled, status};

#[test]
fn a_password_is_stored_set_rotated_and_kept_in_the_history() {
    let scene = settled(Build::Plain);
    let first = scene.password().unwrap();
    scene.host.run(&["lapwing", "reset-password"]).unwrap();
    let passwords = scene.passwords().unwrap();
    let second = &passwords[0].password;
    assert_ne!(*second, first);
    assert_eq!(passwords[1].password, first);
    scene.must_open(second).unwrap();
    scene.must_not_open(&first).unwrap();
    let status = status(&scene).unwrap();
    assert_eq!((status.state.as_str(), status.last_event), ("idle", Some(10020)));
    assert!(status.version.is_some());
}
