//! Where no password and no hash may be found.

use crate::world::{World, prepare_request};
use lapwing_core::local::root_half::Prepared;
use std::os::unix::fs::PermissionsExt;

#[test]
fn no_log_argument_or_environment_holds_a_password_or_hash() {
    let world = World::new();
    world.begin();
    // The stack itself looks at the process that runs it and at that one's parent.
    let seen = world.path("seen");
    let script = format!(
        "#!/bin/sh\nfor pid in $PPID $(sed -n 's/^PPid:[^0-9]*//p' /proc/$PPID/status); do\n\
         for what in cmdline environ limits status; do echo \"$what:\"; tr '\\0' ' ' < /proc/$pid/$what; echo; done\ndone >> {}\n",
        seen.display()
    );
    world.write("look", &script);
    std::fs::set_permissions(world.path("look"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let stack = format!(
        "password required pam_exec.so {}\npassword required pam_unix.so sha512\n",
        world.path("look").display()
    );
    world.write("etc/pam.d/common-password", &stack);

    let prepared: Prepared = world.call(&prepare_request()).unwrap();
    let password = crate::world::clear(&prepared);
    world.commit(&prepared.version).unwrap();
    let hash = world.field();
    let seen = world.read("seen");
    assert!(seen.contains("try-password --root") && seen.contains("serve --root"), "{seen}");
    for line in seen.lines().filter(|line| line.starts_with("Max core file size")) {
        assert_eq!(line.split_whitespace().nth(4), Some("0"), "{line}");
    }
    let locked: Vec<_> = seen.lines().filter(|line| line.starts_with("VmLck:")).collect();
    assert!(locked.len() >= 2 && locked.iter().all(|line| !line.contains(" 0 kB")), "{locked:?}");
    let log = world.log();
    for verb in ["VERB=Begin", "VERB=Prepare", "VERB=Commit"] {
        assert!(log.contains(verb), "{log}");
    }
    assert!(
        log.contains(&format!("ACCOUNT=lapadmin PASSWORD_VERSION={} EVENT_ID=", prepared.version)),
        "{log}"
    );
    for (place, text) in [("log", &log), ("process", &seen)] {
        assert!(!text.contains(&password) && !text.contains(&hash), "{place}: {text}");
    }
    // Not in the journal either; the hash is there and nowhere else but in the account file.
    assert!(!world.read("var/lib/lapwing-priv/journal").contains(&password));
}

#[test]
fn the_journal_and_its_folder_are_roots_alone() {
    let world = World::new();
    world.begin();
    for (name, mode) in [("", 0o700), ("/journal", 0o600), ("/lock", 0o600)] {
        let path = world.path(&format!("var/lib/lapwing-priv{name}"));
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o7777, mode, "{name}");
    }
}
