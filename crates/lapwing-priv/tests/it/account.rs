//! The account files, beside the other programs of a host and on file systems in trouble.

use std::{fs::File, process::Command};

use lapwing_core::local::root_half::{Committed, Fault, Field, Prepared};
use rustix::fs::{FlockOperation, fcntl_lock};

use crate::world::{Call, SHADOW, World, commit_request, field_of, opens, prepare_request};

#[test]
fn changes_beside_those_of_shadow_utils_lose_nothing() {
    const ROUNDS: usize = 12;
    let world = World::new();
    let managed = world.read("etc/lapwing/managed.toml");
    world.write("etc/lapwing/managed.toml", &managed.replace("changes_per_day = 3", "changes_per_day = 100"));
    let users: Vec<_> = (0..4).map(|number| format!("user{number}")).collect();
    for (number, user) in users.iter().enumerate() {
        let passwd = world.read("etc/passwd");
        world.write("etc/passwd", &format!("{passwd}{user}:x:{n}:{n}::/:/bin/sh\n", n = 2000 + number));
        let shadow = world.read("etc/shadow");
        world.write("etc/shadow", &format!("{}\n{user}:*:1::::::\n", shadow.trim_end()));
    }
    world.begin();
    // Their `/etc` is this root's, by a mount that nobody else sees.
    let script = r#"mount --bind "$1/etc" /etc
        i=0; while [ $i -lt 12 ]; do
            for n in 0 1 2 3; do echo "user$n:\$6\$chpasswd\$round$i" | chpasswd -e || exit 1; done
            usermod -e 2030-01-0$((i % 9 + 1)) user1 || exit 2
            useradd -M -N -g 0 -p "\$6\$useradd\$$i" new$i || exit 3
            i=$((i + 1)); done"#;
    let mut others = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "sh", "-c", script, "sh"])
        .arg(world.root())
        .spawn()
        .unwrap();
    let mut last = (0..ROUNDS).map(|_| world.rotate().1).last().unwrap();
    while others.try_wait().unwrap().is_none() {
        last = world.rotate().1;
    }
    let status = others.wait().unwrap();
    assert!(status.success(), "chpasswd, usermod or useradd (package passwd) failed: {status}");

    let shadow = world.read("etc/shadow");
    assert!(opens(&last, &world.field()));
    for user in &users {
        assert_eq!(field_of(&shadow, user), "$6$chpasswd$round11");
    }
    for number in 0..12 {
        assert_eq!(field_of(&shadow, &format!("new{number}")), format!("$6$useradd${number}"));
    }
    assert!(shadow.contains("+nis::::::::"), "{shadow}");
}

#[test]
fn a_lock_that_somebody_holds_is_respected_and_nothing_is_left_behind() {
    let world = World::new();
    world.begin();
    let lock = File::create(world.path("etc/.pwd.lock")).unwrap();
    fcntl_lock(&lock, FlockOperation::NonBlockingLockExclusive).unwrap();
    assert_eq!(world.prepare().err(), Some(Fault::FileLocked));
    drop(lock);
    world.write("etc/shadow.lock", &std::process::id().to_string());
    assert_eq!(world.prepare().err(), Some(Fault::FileLocked));
    // Its owner is gone: no process has this number.
    world.write("etc/shadow.lock", "4194304");
    world.rotate();
    assert!(!world.path("etc/shadow.lock").exists());
    let names = std::fs::read_dir(world.path("etc")).unwrap().map(|entry| entry.unwrap().file_name());
    let left: Vec<_> = names.filter(|name| name.to_str().unwrap().starts_with(".shadow")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_read_only_file_system_is_found_before_anything_is_drawn() {
    let world = World::new();
    world.begin();
    let mounts = "mount --bind $R/etc $R/etc; mount -o remount,bind,ro $R/etc";
    let refused: Result<Prepared, _> =
        world.call_with(Call { mounts, ..Call::default() }, &prepare_request()).unwrap();
    assert_eq!(refused.err(), Some(Fault::NotWritable));
    assert!(world.state().candidates.is_empty());
}

#[test]
fn an_immutable_file_is_found_before_anything_is_drawn() {
    let world = World::new();
    world.begin();
    let attribute = |sign: &str| {
        let status = Command::new("chattr").arg(sign).arg(world.path("etc/shadow")).status();
        assert!(status.expect("chattr (package e2fsprogs)").success());
    };
    attribute("+i");
    let refused = world.prepare();
    attribute("-i");
    assert_eq!(refused.err(), Some(Fault::NotWritable));
}

#[test]
fn a_full_disk_is_found_before_anything_is_drawn() {
    let world = World::new();
    world.begin();
    for folder in ["etc", "var/lib/lapwing-priv"] {
        let mounts = format!(
            "mkdir $R/copy; cp -a $R/{folder}/. $R/copy; mount -t tmpfs -o size=512k tmpfs $R/{folder}; \
             cp -a $R/copy/. $R/{folder}; rm -r $R/copy"
        );
        let call = Call { mounts: &mounts, ..Call::default() };
        let refused: Result<Prepared, _> = world.call_with(call, &prepare_request()).unwrap();
        assert_eq!(refused.err(), Some(Fault::NoSpace), "{folder}");
    }
    assert!(world.state().candidates.is_empty());
}

#[test]
fn a_disk_that_fills_up_before_the_commit_leaves_the_file_whole_and_the_commit_pending() {
    let world = World::new();
    world.begin();
    let version = world.prepare().unwrap().version;
    // The fill must end for lack of room, or nothing is tried here: the script stops unless it did. What the full file
    // system held at the end is copied out by a helper that outlives the program's mounts.
    let mounts = "mkdir $R/copy; cp -a $R/etc/. $R/copy; mount -t tmpfs -o size=128k tmpfs $R/etc; \
        cp -a $R/copy/. $R/etc; rm $R/copy/shadow; \
        LC_ALL=C dd if=/dev/zero of=$R/etc/fill bs=4k 2>&1 | grep -q 'No space left on device'; \
        (\"$0\" serve --root \"$1\"; cp -a $R/etc/shadow $R/copy/); exit";
    let refused: Result<Committed, _> =
        world.call_with(Call { mounts, ..Call::default() }, &commit_request(&version, None)).unwrap();
    assert_eq!(refused.err(), Some(Fault::NoSpace));
    assert_eq!(world.read("copy/shadow"), SHADOW);
    assert!(world.state().candidates[0].recorded);
    world.commit(&version).unwrap();
    assert_eq!(world.state().field, Field::Current);
}

#[test]
fn an_account_that_ages_out_before_the_password_is_refused() {
    let world = World::new();
    world.begin();
    for line in ["lapadmin:!:19001:0:30:7:::", "lapadmin:!:19001:0:99999:7::1:"] {
        world.write("etc/shadow", &SHADOW.replace("lapadmin:!:19001:0:99999:7:::", line));
        assert_eq!(world.prepare().err(), Some(Fault::AgeingTooShort), "{line}");
    }
}

#[test]
fn two_names_of_one_uid_are_refused() {
    let world = World::new();
    world.begin();
    let passwd = world.read("etc/passwd");
    world.write("etc/passwd", &format!("{passwd}twin:x:1000:1000::/:/bin/sh\n"));
    assert_eq!(world.prepare().err(), Some(Fault::AccountUnsuitable));
}
