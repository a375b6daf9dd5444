//! The host's own password rules, asked without effect.

use std::path::PathBuf;

use lapwing_core::local::root_half::Fault;

use crate::world::{SHADOW, World, clear, opens};

/// A world in which `pam_pwquality.so` is the one that set-up has unpacked: a test must not install its package, for
/// that would put it into the rules of this machine.
fn world_with(stack: &str) -> World {
    let world = World::new();
    world.begin();
    world.write("etc/pam.d/common-password", &stack.replace("pam_pwquality.so", &pwquality()));
    world
}

fn pwquality() -> String {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")));
    let module = cache.expect("HOME or XDG_CACHE_HOME").join("lapwing/pam/pam_pwquality.so");
    assert!(module.exists(), "{} is needed: cargo xtask setup", module.display());
    module.to_str().expect("a path in UTF-8").to_owned()
}

#[test]
fn a_stack_that_refuses_every_password_ends_the_attempt_and_changes_nothing() {
    for stack in [
        "password requisite pam_pwquality.so enforce_for_root minlen=40 dictcheck=0\npassword required pam_unix.so\n",
        "password required pam_deny.so\n",
        "password required pam_no_such_module.so\n",
    ] {
        let world = world_with(stack);
        assert_eq!(world.prepare().err(), Some(Fault::NoAcceptablePassword), "{stack}");
        assert!(world.state().candidates.is_empty());
        assert_eq!(world.read("etc/shadow"), SHADOW);
    }
}

#[test]
fn a_strict_stack_that_our_passwords_meet_accepts_them() {
    let stack = "password requisite pam_pwquality.so enforce_for_root minlen=12 minclass=4 dictcheck=0\n\
        password required pam_unix.so use_authtok sha512\n";
    let world = world_with(stack);
    let prepared = world.prepare().unwrap();
    assert_eq!(prepared.warning, None);
    world.commit(&prepared.version).unwrap();
    assert!(opens(&clear(&prepared), &world.field()));
}

#[test]
fn what_the_stack_writes_stays_in_memory() {
    let stack = "password required pam_pwhistory.so remember=5 enforce_for_root\n\
        password required pam_unix.so use_authtok sha512\n";
    let world = world_with(stack);
    world.write("etc/security/opasswd", "");
    let world_before = names(&world);
    world.prepare().unwrap();
    assert_eq!(world.read("etc/security/opasswd"), "");
    assert_eq!(world.read("etc/shadow"), SHADOW);
    let new: Vec<_> = names(&world).into_iter().filter(|name| !world_before.contains(name)).collect();
    assert_eq!(new, [".pwd.lock"]);
}

fn names(world: &World) -> Vec<String> {
    let entries = std::fs::read_dir(world.path("etc")).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_complaint_that_every_password_draws_alike_is_passed_on_as_a_warning() {
    let world = world_with(
        "password requisite pam_pwquality.so dictpath=/nonexistent/dictionary\npassword required pam_unix.so use_authtok\n",
    );
    let prepared = world.prepare().unwrap();
    let warning = prepared.warning.unwrap();
    assert!(warning.contains("dictionary"), "{warning}");
    assert!(world.log().contains("EVENT_ID=30017"), "{}", world.log());
    world.commit(&prepared.version).unwrap();
}

#[test]
fn a_stack_that_hangs_is_killed_and_does_not_stop_rotation() {
    let world = world_with("password required pam_exec.so /bin/sleep 600\n");
    let prepared = world.prepare().unwrap();
    assert!(prepared.warning.unwrap().contains("did not answer within 10s"));
}

#[test]
fn a_host_without_our_service_or_any_stack_is_asked_by_its_own_or_not_at_all() {
    let world = world_with("password requisite pam_pwquality.so enforce_for_root minlen=40 dictcheck=0\n");
    std::fs::remove_file(world.path("etc/pam.d/lapwing")).unwrap();
    assert_eq!(world.prepare().err(), Some(Fault::NoAcceptablePassword));
    std::fs::rename(world.path("etc/pam.d/common-password"), world.path("etc/pam.d/system-auth")).unwrap();
    assert_eq!(world.prepare().err(), Some(Fault::NoAcceptablePassword));
    std::fs::remove_file(world.path("etc/pam.d/system-auth")).unwrap();
    assert!(world.prepare().unwrap().warning.unwrap().contains("no PAM service"));
    assert!(!world.path("etc/pam.d/lapwing").exists());
}
