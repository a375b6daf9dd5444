//! The account that Lapwing makes and owns whole: made, put right, renamed and removed, and killed at each step of that.

use std::process::Command;

use lapwing_core::local::root_half::{
    Attribute, Committed, Dropped, EnsureAccount, Ensured, Fault, InRun, Prepare, Prepared, Request,
};

use crate::world::{RUN, World, clear, commit_request, field_of, opens, prepare};

const FILES: [&str; 4] = ["etc/passwd", "etc/shadow", "etc/group", "etc/gshadow"];
/// The highest free system uid: 998 and 999 apart from it are looked for from the top.
const UID: u32 = 999;

fn world() -> World {
    let world = World::new();
    let managed = world.read("etc/lapwing/managed.toml");
    world.write("etc/lapwing/managed.toml", &format!("prefixes = ['lw', 'WLaps']\n{managed}"));
    world.write("etc/group", "root:x:0:\nshadow:x:42:\nsudo:x:27:other\nlapwing:x:998:\nusers:x:100:\n");
    world.write("etc/gshadow", "root:*::\nsudo:*::other\n");
    // Files of this kind end so; what does not is given its line break when a line is added.
    let shadow = world.read("etc/shadow");
    world.write("etc/shadow", &format!("{shadow}\n"));
    world.begin();
    world
}

fn request(name: &str, random_suffix: bool, enabled: bool) -> Request {
    let (run, name_or_prefix) = (RUN.to_owned(), name.to_owned());
    Request::EnsureAccount(EnsureAccount { run, name_or_prefix, random_suffix, enabled })
}

fn ensure(world: &World, name: &str, random_suffix: bool, enabled: bool) -> Result<Ensured, Fault> {
    world.call(&request(name, random_suffix, enabled))
}

fn drop_account(world: &World) -> Dropped {
    world.call(&Request::DropAccount(InRun { run: RUN.to_owned() })).unwrap()
}

fn prepare_for(world: &World, account: &str) -> Prepared {
    world.call(&Request::Prepare(Prepare { account: Some(account.to_owned()), ..prepare() })).unwrap()
}

/// Gives the account a password; the name and password in force.
fn rotate(world: &World, account: &str) -> (String, String) {
    let prepared = prepare_for(world, account);
    world.commit(&prepared.version).unwrap();
    (prepared.account.clone(), clear(&prepared))
}

fn line(world: &World, file: &str, name: &str) -> Option<String> {
    let text = world.read(file);
    text.lines().find(|line| line.split(':').next() == Some(name)).map(str::to_owned)
}

fn all(world: &World) -> Vec<String> {
    FILES.iter().map(|file| world.read(file)).collect()
}

fn tool(world: &World, program: &str, arguments: &[&str]) {
    let done = Command::new(program).arg("--prefix").arg(world.root()).args(arguments).output().unwrap();
    assert!(done.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// Which names of `names` open with which password of `passwords`.
fn doors(world: &World, names: &[&str], passwords: &[&str]) -> Vec<(usize, usize)> {
    let shadow = world.read("etc/shadow");
    let mut open = Vec::new();
    for (at, name) in names.iter().enumerate() {
        // Nobody logs on as what has no line here, whatever /etc/shadow says of it.
        if line(world, "etc/passwd", name).is_none() {
            continue;
        }
        let field = field_of(&shadow, name);
        open.extend(
            (0..passwords.len()).filter(|which| opens(passwords[*which], &field)).map(|which| (at, which)),
        );
    }
    open
}

#[test]
fn it_is_made_locked_and_expired_and_removed_without_a_trace() {
    let world = world();
    let before = all(&world);
    let made = ensure(&world, "WLapsAdmin", false, false).unwrap();
    assert_eq!((made.account.as_str(), made.uid, made.is_new), ("WLapsAdmin", UID, true));
    let passwd = line(&world, "etc/passwd", "WLapsAdmin").unwrap();
    assert_eq!(
        passwd,
        format!("WLapsAdmin:x:{UID}:27:Local administrator managed by Lapwing:/nonexistent:/bin/sh")
    );
    let shadow = line(&world, "etc/shadow", "WLapsAdmin").unwrap();
    assert!(shadow.starts_with("WLapsAdmin:!*:") && shadow.ends_with(":0:99999:7::1:"), "{shadow}");
    assert_eq!(line(&world, "etc/group", "sudo").unwrap(), "sudo:x:27:other,WLapsAdmin");
    assert_eq!(line(&world, "etc/gshadow", "sudo").unwrap(), "sudo:*::other,WLapsAdmin");
    let again = ensure(&world, "WLapsAdmin", false, false).unwrap();
    assert_eq!((again.is_new, again.switched, again.repaired), (false, false, Vec::new()));

    let (name, password) = rotate(&world, "WLapsAdmin");
    let field = field_of(&world.read("etc/shadow"), &name);
    assert!(opens(&password, field.strip_prefix('!').unwrap()));
    let enabled = ensure(&world, "WLapsAdmin", false, true).unwrap();
    assert!(enabled.switched && enabled.repaired.is_empty(), "{enabled:?}");
    assert_eq!(doors(&world, &["WLapsAdmin"], &[&password]), [(0, 0)]);
    assert!(world.state().own.unwrap().wrong.is_empty());

    assert_eq!(drop_account(&world).former.unwrap().account, "WLapsAdmin");
    assert!(drop_account(&world).former.is_none());
    assert_eq!(all(&world), before);
    let state = world.state();
    assert_eq!((state.field, state.own.is_none()), (lapwing_core::local::root_half::Field::Unmanaged, true));
}

#[test]
fn roots_file_decides_which_names_may_be_given_and_a_strangers_account_is_left_alone() {
    let world = world();
    let before = all(&world);
    assert_eq!(ensure(&world, "admin", false, true).err(), Some(Fault::AccountNotListed));
    world.write("etc/passwd", &format!("{}lwother:x:1234:1234::/:/bin/sh\n", world.read("etc/passwd")));
    world.write("etc/shadow", &format!("{}\nlwother:!:1::::::\n", world.read("etc/shadow")));
    let strangers = all(&world);
    assert_eq!(ensure(&world, "lwother", false, true).err(), Some(Fault::AccountNotOurs));
    assert_eq!(all(&world), strangers);
    assert!(world.state().own.is_none());
    for name in ["lw x", "lw$", "lwä", "lw:x"] {
        assert!(ensure(&world, name, false, true).is_err(), "{name}");
    }
    world.write("etc/passwd", &before[0]);
    world.write("etc/group", "root:x:0:\nshadow:x:42:\n");
    assert_eq!(ensure(&world, "lw", false, true).err(), Some(Fault::ManagedFile));
    let managed = world.read("etc/lapwing/managed.toml");
    world.write("etc/lapwing/managed.toml", &format!("administrators = 'shadow'\n{managed}"));
    assert!(ensure(&world, "lw", false, true).unwrap().is_new);
    assert_eq!(line(&world, "etc/group", "shadow").unwrap(), "shadow:x:42:lw");
}

#[test]
fn each_attribute_that_somebody_changes_is_told_and_put_back() {
    let world = world();
    ensure(&world, "lw", false, true).unwrap();
    let (_, password) = rotate(&world, "lw");
    let right = all(&world);
    let edits: [(&str, &str, &str, &[Attribute]); 11] = [
        ("etc/passwd", ":/bin/sh", ":/bin/false", &[Attribute::Shell]),
        ("etc/passwd", ":/nonexistent:", ":/root:", &[Attribute::Home]),
        ("etc/passwd", "Local administrator managed by Lapwing", "Bob", &[Attribute::Notice]),
        ("etc/passwd", ":999:27:", ":999:100:", &[Attribute::PrimaryGroup]),
        ("etc/passwd", ":999:27:", ":5000:27:", &[Attribute::Uid]),
        ("etc/passwd", "lw:x:999", "lw::999", &[Attribute::PasswordPlace]),
        ("etc/shadow", "lw:$", "lw:!$", &[Attribute::Lock]),
        ("etc/shadow", ":0:99999:7:::\n", ":0:30:7:::\n", &[Attribute::Ageing]),
        ("etc/shadow", ":0:99999:7:::\n", ":0:99999:7::20:\n", &[Attribute::Expiry]),
        ("etc/group", "other,lw", "other", &[Attribute::Membership]),
        ("etc/gshadow", "other,lw", "other", &[Attribute::Membership]),
    ];
    for (file, from, to, attributes) in edits {
        let text = world.read(file);
        let is_meant = |line: &&str| line.starts_with("lw:") || line.starts_with("sudo:");
        let line = text.split_inclusive('\n').find(is_meant).unwrap();
        assert!(line.contains(from), "{from} is not in {file}: {text}");
        world.write(file, &text.replace(line, &line.replace(from, to)));
        assert_eq!(world.state().own.unwrap().wrong, attributes, "{file}: {to}");
        assert_eq!(ensure(&world, "lw", false, true).unwrap().repaired, attributes, "{file}: {to}");
        assert_eq!(all(&world), right, "{file}: {to}");
    }
    assert_eq!(doors(&world, &["lw"], &[&password]), [(0, 0)]);
}

#[test]
fn one_that_was_deleted_or_renamed_by_the_hosts_tools_is_there_again_with_the_password_of_record() {
    let world = world();
    ensure(&world, "lw", false, true).unwrap();
    let (_, password) = rotate(&world, "lw");
    let right = all(&world);
    tool(&world, "usermod", &["-l", "eve", "lw"]);
    assert_eq!(world.state().own.unwrap().wrong, [Attribute::Name]);
    assert_eq!(ensure(&world, "lw", false, true).unwrap().repaired, [Attribute::Name]);
    assert_eq!(all(&world), right);
    tool(&world, "userdel", &["lw"]);
    assert_eq!(world.state().field, lapwing_core::local::root_half::Field::Missing);
    assert_eq!(ensure(&world, "lw", false, true).unwrap().repaired, [Attribute::Existence]);
    assert_eq!(doors(&world, &["lw"], &[&password]), [(0, 0)]);
    // Somebody else's by then: nothing of it is touched, and ours gets another number.
    tool(&world, "userdel", &["lw"]);
    tool(&world, "useradd", &["-o", "-u", "999", "-M", "-s", "/bin/sh", "mallory"]);
    let made = ensure(&world, "lw", false, true).unwrap();
    assert_eq!((made.uid, line(&world, "etc/passwd", "mallory").is_some()), (997, true));
}

#[test]
fn a_strangers_account_under_the_name_of_ours_is_not_taken_for_it() {
    let world = world();
    ensure(&world, "lw", false, true).unwrap();
    rotate(&world, "lw");
    tool(&world, "usermod", &["-l", "eve", "lw"]);
    tool(&world, "useradd", &["-M", "-s", "/bin/sh", "lw"]);
    let strangers = all(&world);
    assert_eq!(ensure(&world, "lw", false, true).err(), Some(Fault::AccountNotOurs));
    assert_eq!(all(&world), strangers);
}

#[test]
fn on_a_possible_copy_no_account_is_made_changed_or_removed() {
    let world = world();
    let uuid = "sys/class/dmi/id/product_uuid";
    std::fs::create_dir_all(world.path("sys/class/dmi/id")).unwrap();
    world.write(uuid, "4c4c4544-0034-3610-8052-b4c04f4e3732\n");
    ensure(&world, "lw", false, true).unwrap();
    rotate(&world, "lw");
    world.write(uuid, "4c4c4544-0034-3610-8052-b4c04f4e3733\n");
    let before = all(&world);
    assert_eq!(ensure(&world, "lw", false, false).err(), Some(Fault::PossibleClone));
    let dropped: Result<Dropped, Fault> = world.call(&Request::DropAccount(InRun { run: RUN.to_owned() }));
    assert_eq!(dropped.err(), Some(Fault::PossibleClone));
    assert_eq!(all(&world), before);
}

#[test]
fn a_random_name_changes_with_each_password_and_the_old_one_is_nowhere_any_more() {
    let world = world();
    let made = ensure(&world, "lw", true, true).unwrap();
    let (first, first_password) = rotate(&world, &made.account);
    assert_eq!(first, made.account, "a name that nobody has been told of yet is kept");
    let (second, second_password) = rotate(&world, &first);
    assert!(
        second != first && second.len() == 8 && second[2..].bytes().all(|b| b.is_ascii_digit()),
        "{second}"
    );
    assert_eq!(doors(&world, &[&first, &second], &[&first_password, &second_password]), [(1, 1)]);
    for file in FILES {
        assert!(!world.read(file).contains(&first), "{file}");
    }
    assert_eq!(ensure(&world, "lw", true, true).unwrap().repaired, []);
    assert!(world.read("run/lapwing-priv/accounts").lines().eq([&second]));
    // Another prefix comes with the next password.
    assert_eq!(ensure(&world, "lwx", true, true).unwrap().account, second);
    assert!(rotate(&world, &second).0.starts_with("lwx"));
}

#[cfg(feature = "failpoints")]
mod crash {
    use super::*;
    use crate::world::Call;

    fn dying(point: &str) -> Call<'_> {
        Call { failpoint: Some(point), ..Call::default() }
    }

    /// Where a commit that renames can die, and whether the new name opens it from then on.
    const RENAME: [(&str, bool); 11] = [
        ("commit.after_record", false),
        ("accounts.inside_write", false),
        ("accounts.before_rename", false),
        ("accounts.after_rename", false),
        ("rename.after_shadow", false),
        ("rename.after_passwd", true),
        ("rename.after_group", true),
        ("rename.after_old_line", true),
        ("owned.before_rename", true),
        ("owned.after_rename", true),
        ("commit.before_journal", true),
    ];

    #[test]
    fn at_each_step_of_a_rename_one_name_opens_with_one_password_and_the_boot_finishes_it() {
        for (point, is_renamed) in RENAME {
            let world = world();
            let made = ensure(&world, "lw", true, true).unwrap();
            let (old, old_password) = rotate(&world, &made.account);
            let prepared = prepare_for(&world, &old);
            let (new, new_password) = (prepared.account.clone(), clear(&prepared));
            let answer = world.call_with::<Committed>(dying(point), &commit_request(&prepared.version, None));
            assert!(answer.is_none(), "{point} was not reached");
            let opened = doors(&world, &[&old, &new], &[&old_password, &new_password]);
            assert_eq!(opened, [if is_renamed { (1, 1) } else { (0, 0) }], "{point}");
            // Whoever is in force is an administrator by the primary group, whatever the lists say.
            let in_force = if is_renamed { &new } else { &old };
            assert!(line(&world, "etc/passwd", in_force).unwrap().contains(":27:"), "{point}");
            assert!(world.recover(), "{point}: {}", world.log());
            assert_eq!(doors(&world, &[&old, &new], &[&old_password, &new_password]), [(1, 1)], "{point}");
            for file in FILES {
                assert!(!world.read(file).contains(&old), "{point} {file}");
            }
            let state = world.state();
            assert!(state.own.unwrap().wrong.is_empty(), "{point}");
            for stale in [".passwd.lapwing", ".shadow.lapwing", ".group.lapwing", ".gshadow.lapwing"] {
                assert!(!world.path("etc").join(stale).exists(), "{point} left {stale}");
            }
        }
    }

    #[test]
    fn at_each_step_of_making_and_removing_it_a_repetition_completes_it() {
        for point in [
            "owned.after_rename",
            "create.after_record",
            "accounts.after_rename",
            "create.after_shadow",
            "create.after_group",
            "create.after_passwd",
        ] {
            let world = world();
            let before = all(&world);
            let answer = world.call_with::<Ensured>(dying(point), &request("lw", false, true));
            assert!(answer.is_none(), "{point} was not reached");
            assert!(world.recover());
            let made = ensure(&world, "lw", false, true).unwrap();
            assert_eq!(made.uid, UID, "{point}");
            assert!(world.state().own.unwrap().wrong.is_empty(), "{point}");
            drop_account(&world);
            assert_eq!(all(&world), before, "{point}");
        }
        for point in ["remove.after_sessions", "remove.after_passwd", "remove.after_account"] {
            let world = world();
            let before = all(&world);
            ensure(&world, "lw", false, true).unwrap();
            rotate(&world, "lw");
            let request = Request::DropAccount(InRun { run: RUN.to_owned() });
            assert!(world.call_with::<Dropped>(dying(point), &request).is_none(), "{point} was not reached");
            assert!(world.recover());
            drop_account(&world);
            assert_eq!(all(&world), before, "{point}");
        }
    }
}
