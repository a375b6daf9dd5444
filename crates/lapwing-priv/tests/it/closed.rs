//! An account that nobody can log on with until it has another password: closed, opened, and killed at each step of that.

use std::process::{Command, Output};

use lapwing_core::local::root_half::{
    Committed, Dropped, EndStep, EndUse, EnsureAccount, Ensured, Fault, Field, InRun, Prepare, Prepared,
    Request, UseEnded,
};

use crate::world::{
    ACCOUNT, Call, PROGRAM, RUN, World, clear, commit_request, field_of, of_version, opens, prepare,
};

const UID: u32 = 1000;
const FILE: &str = "etc/lapwing/managed.toml";

fn world() -> World {
    let world = World::new();
    let managed = world.read(FILE);
    world.write(FILE, &format!("may_close = true\n{managed}"));
    world.begin();
    world
}

fn step(step: EndStep, account: &str, uid: u32) -> Request {
    Request::EndUse(EndUse { run: RUN.to_owned(), account: account.to_owned(), uid, step })
}

fn close(world: &World) -> Result<UseEnded, Fault> {
    world.call(&step(EndStep::Close, ACCOUNT, UID))
}

fn open(world: &World) -> Result<UseEnded, Fault> {
    world.call(&step(EndStep::Open, ACCOUNT, UID))
}

fn open_by_hand(world: &World) -> Output {
    Command::new(PROGRAM).arg("open").arg("--root").arg(world.root()).output().unwrap()
}

fn line(world: &World) -> String {
    let shadow = world.read("etc/shadow");
    shadow.lines().find(|line| line.starts_with(ACCOUNT)).unwrap().to_owned()
}

fn set_line(world: &World, new: &str) {
    let shadow = world.read("etc/shadow");
    world.write("etc/shadow", &shadow.replacen(&line(world), new, 1));
}

fn is_closed(world: &World) -> bool {
    world.state().closed.is_some()
}

/// The line with another expiry, and its field behind a lock.
fn closed_line(open: &str) -> String {
    let mut fields: Vec<String> = open.split(':').map(str::to_owned).collect();
    fields[1].insert(0, '!');
    fields[7] = "1".to_owned();
    fields.join(":")
}

#[test]
fn nobody_can_log_on_with_a_closed_account_and_opening_it_leaves_every_byte_as_it_was() {
    let world = world();
    world.rotate();
    for expiry in ["", "400000"] {
        let with_expiry = line(&world).replace(":99999:7:::", &format!(":99999:7::{expiry}:"));
        set_line(&world, &with_expiry);
        let before = world.read("etc/shadow");
        close(&world).unwrap();
        assert_eq!(world.read("etc/shadow"), before.replacen(&with_expiry, &closed_line(&with_expiry), 1));
        let state = world.state();
        assert_eq!((state.field, state.closed.unwrap().uid), (Field::Current, UID));
        // Repeated, nothing more.
        close(&world).unwrap();
        assert_eq!(line(&world), closed_line(&with_expiry));
        // A boot changes nothing about it.
        assert!(world.recover());
        assert_eq!(line(&world), closed_line(&with_expiry));
        open(&world).unwrap();
        open(&world).unwrap();
        assert_eq!(world.read("etc/shadow"), before);
        assert!(!is_closed(&world) && !world.path("var/lib/lapwing-priv/closed").exists());

        close(&world).unwrap();
        assert!(open_by_hand(&world).status.success());
        assert_eq!(world.read("etc/shadow"), before);
    }
}

#[test]
fn another_password_opens_it_and_the_same_one_does_not() {
    let world = world();
    world.rotate();
    let with_expiry = line(&world).replace(":99999:7:::", ":99999:7::400000:");
    set_line(&world, &with_expiry);
    let (version, _) = world.rotate();
    close(&world).unwrap();
    // What somebody else puts there is healed behind the door.
    world.set_field("");
    let refilled: Committed = world.call(&Request::Reinstate(of_version(&version))).unwrap();
    assert_eq!((refilled.version, is_closed(&world)), (version, true));
    assert!(world.field().starts_with('!'));

    let (_, password) = world.rotate();
    let open = line(&world);
    assert!(opens(&password, &world.field()) && open.ends_with(":99999:7::400000:"), "{open}");
    assert!(!is_closed(&world) && !world.path("var/lib/lapwing-priv/closed").exists());
}

#[test]
fn an_administrators_lock_and_expiry_outlive_it() {
    for with in ["lock", "expiry"] {
        let world = world();
        world.rotate();
        if with == "lock" {
            world.set_field(&format!("!{}", world.field()));
        } else {
            set_line(&world, &line(&world).replace(":99999:7:::", ":99999:7::1:"));
        }
        let before = line(&world);
        close(&world).unwrap();
        assert!(is_closed(&world));
        assert_eq!(world.state().field, if with == "lock" { Field::Locked } else { Field::Current });
        open(&world).unwrap();
        assert_eq!(line(&world), before, "{with}");
        close(&world).unwrap();
        if with == "lock" {
            let (_, password) = world.rotate();
            assert!(opens(&password, world.field().strip_prefix('!').unwrap()));
        }
    }
}

#[test]
fn whoever_opens_it_by_hand_is_seen_and_it_can_be_closed_again() {
    let world = world();
    world.rotate();
    let before = line(&world);
    close(&world).unwrap();
    set_line(&world, &before);
    assert_eq!((is_closed(&world), world.state().field), (false, Field::Current));
    close(&world).unwrap();
    assert_eq!(line(&world), closed_line(&before));
    // What they have set since is theirs, also with the next password.
    let theirs = before.replace(":99999:7:::", ":99999:7::500000:");
    set_line(&world, &theirs);
    world.rotate();
    assert!(
        line(&world).ends_with(":99999:7::500000:") && !world.path("var/lib/lapwing-priv/closed").exists()
    );

    close(&world).unwrap();
    // An emptied one is not opened to everybody.
    world.set_field("");
    open(&world).unwrap();
    assert_eq!((world.field().as_str(), world.state().field), ("!", Field::Drifted));
}

#[test]
fn what_must_not_be_closed_is_not() {
    let world = world();
    // Lapwing knows no password that would open it again.
    assert_eq!(close(&world).map(drop), Err(Fault::UnknownVersion));
    world.rotate();
    let root: Result<UseEnded, Fault> = world.call(&step(EndStep::Close, "root", 0));
    assert_eq!(root.map(drop), Err(Fault::AccountNotListed));
    let other: Result<UseEnded, Fault> = world.call(&step(EndStep::Close, "other", 1001));
    assert_eq!(other.map(drop), Err(Fault::AccountNotListed));
    let managed = world.read(FILE);
    world.write(FILE, &format!("uids = [0]\n{managed}"));
    let root: Result<UseEnded, Fault> = world.call(&step(EndStep::Close, "root", 0));
    assert_eq!(root.map(drop), Err(Fault::Malformed));
    // Unless root says so, nothing is.
    world.write(FILE, &managed);
    close(&world).unwrap();
    open(&world).unwrap();
    world.write(FILE, &managed.replace("may_close = true", ""));
    assert_eq!(close(&world).map(drop), Err(Fault::AccountNotListed));
    assert!(world.log().contains("may_close = true") && !is_closed(&world));
}

#[test]
fn on_a_host_that_may_be_a_copy_none_is_closed() {
    let world = world();
    world.write("etc/machine-id", "0123456789abcdef0123456789abcdef\n");
    world.rotate();
    world.write("etc/machine-id", "fedcba9876543210fedcba9876543210\n");
    assert_eq!(close(&world).map(drop), Err(Fault::PossibleClone));
    assert!(!is_closed(&world));
}

#[test]
fn a_crash_leaves_it_open_or_closed_and_either_can_be_gone_on_from() {
    for (point, is_closed_then) in [
        ("closed.inside_write", false),
        ("closed.before_rename", false),
        ("closed.after_rename", false),
        ("close.after_record", false),
        ("commit.inside_shadow_write", false),
        ("commit.before_rename", false),
        ("commit.after_rename", true),
    ] {
        let world = world();
        world.rotate();
        let before = line(&world);
        let dying = Call { failpoint: Some(point), ..Call::default() };
        let answer = world.call_with::<UseEnded>(dying, &step(EndStep::Close, ACCOUNT, UID));
        assert!(answer.is_none(), "{point} was not reached");
        assert!(world.recover());
        assert_eq!(is_closed(&world), is_closed_then, "{point}");
        assert_eq!(
            line(&world),
            if is_closed_then { closed_line(&before) } else { before.clone() },
            "{point}"
        );
        close(&world).unwrap();
        assert_eq!(line(&world), closed_line(&before), "{point}");
        open(&world).unwrap();
        assert_eq!(line(&world), before, "{point}");
    }
}

#[test]
fn a_crash_of_the_change_that_opens_it_is_finished_at_boot() {
    for point in
        ["commit.after_record", "commit.before_rename", "commit.after_rename", "commit.before_journal"]
    {
        let world = world();
        world.rotate();
        let with_expiry = line(&world).replace(":99999:7:::", ":99999:7::400000:");
        set_line(&world, &with_expiry);
        close(&world).unwrap();
        let new = world.prepare().unwrap();
        let dying = Call { failpoint: Some(point), ..Call::default() };
        let answer = world.call_with::<Committed>(dying, &commit_request(&new.version, None));
        assert!(answer.is_none(), "{point} was not reached");
        assert!(world.recover());
        let state = world.state();
        assert_eq!((state.field, state.closed.is_some()), (Field::Current, false), "{point}");
        assert!(line(&world).ends_with(":99999:7::400000:") && !world.field().starts_with('!'), "{point}");
    }
}

#[test]
fn an_account_of_lapwings_own_is_closed_too_and_renamed_open() {
    let world = world();
    let managed = world.read(FILE);
    world.write(FILE, &format!("prefixes = ['lw']\n{managed}"));
    world.write("etc/group", "root:x:0:\nshadow:x:42:\nsudo:x:27:other\nlapwing:x:998:\nusers:x:100:\n");
    let ensure = || -> Ensured {
        let (run, name_or_prefix) = (RUN.to_owned(), "lw".to_owned());
        let request = EnsureAccount { run, name_or_prefix, random_suffix: true, enabled: true };
        world.call(&Request::EnsureAccount(request)).unwrap()
    };
    let prepare_for = |account: &str| -> Prepared {
        let request = Prepare { account: Some(account.to_owned()), ..prepare() };
        world.call(&Request::Prepare(request)).unwrap()
    };
    let made = ensure();
    let first = prepare_for(&made.account);
    world.commit(&first.version).unwrap();
    let before = world.read("etc/shadow");
    let _: UseEnded = world.call(&step(EndStep::Close, &first.account, made.uid)).unwrap();
    assert!(field_of(&world.read("etc/shadow"), &first.account).starts_with('!'));
    let state = world.state();
    assert!(state.own.unwrap().wrong.is_empty() && state.closed.is_some());
    // What every cycle does leaves it closed, and heals what would open it.
    assert!(ensure().repaired.is_empty());
    world.write("etc/shadow", &before);
    assert_eq!(world.state().own.unwrap().wrong.len(), 2);
    assert_eq!(ensure().repaired.len(), 2);
    let _: UseEnded = world.call(&step(EndStep::Open, &first.account, made.uid)).unwrap();
    assert_eq!(world.read("etc/shadow"), before);

    let _: UseEnded = world.call(&step(EndStep::Close, &first.account, made.uid)).unwrap();
    let second = prepare_for(&first.account);
    world.commit(&second.version).unwrap();
    assert_ne!(second.account, first.account);
    let field = field_of(&world.read("etc/shadow"), &second.account);
    assert!(opens(&clear(&second), &field));
    assert!(!is_closed(&world) && world.state().own.unwrap().wrong.is_empty());

    // Nothing is left to be opened once it is gone.
    let _: UseEnded = world.call(&step(EndStep::Close, &second.account, made.uid)).unwrap();
    let _: Dropped = world.call(&Request::DropAccount(InRun { run: RUN.to_owned() })).unwrap();
    assert!(!is_closed(&world) && !world.path("var/lib/lapwing-priv/closed").exists());
}

#[test]
fn no_account_stays_closed_when_another_one_is() {
    let world = world();
    let managed = world.read(FILE);
    world.write(FILE, &managed.replace("['lapadmin']", "['lapadmin', 'other']"));
    let shadow = world.read("etc/shadow");
    world.write("etc/shadow", &shadow.replace(":1:0:5:7::30000:x", ":1:0:99999:7:::"));
    world.rotate();
    let before = line(&world);
    close(&world).unwrap();
    let request = Prepare { account: Some("other".to_owned()), ..prepare() };
    let other: Prepared = world.call(&Request::Prepare(request)).unwrap();
    world.commit(&other.version).unwrap();
    assert_eq!(world.state().closed.unwrap().uid, UID);
    let _: UseEnded = world.call(&step(EndStep::Close, "other", 1001)).unwrap();
    assert_eq!((world.state().closed.unwrap().uid, line(&world)), (1001, before));
}
