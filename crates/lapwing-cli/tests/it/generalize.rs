//! What is taken off a host before it is copied.

use std::fs;

use crate::run::World;

const SETTINGS: &str = "server = \"https://laps.example\"\ntenant = \"f3531ec6-6330-4f8e-8d39-7a671fbac605\"\n\
    device = \"0b3c2a10-1111-4222-8333-444455556666\"\nproxy = \"http://proxy.example:3128\"\n";
const MANAGED: &str = "accounts = [\"lapadmin\"]\n\n[[directory]]\n\
    id = \"lapwing:f3531ec6-6330-4f8e-8d39-7a671fbac605\"\nrecord = \"0b3c2a10-1111-4222-8333-444455556666\"\n";

/// An image of a host that was enrolled, with so many candidates.
fn image(candidates: &str) -> World {
    let world = World::new();
    for (path, text) in [
        ("etc/lapwing/agent.toml", SETTINGS),
        ("etc/lapwing/managed.toml", MANAGED),
        ("etc/krb5.keytab", "keys"),
        ("var/lib/lapwing/device.key", "key"),
        ("var/lib/lapwing/memory.json", "{}"),
        ("var/lib/lapwing/gpo/cache", "policy"),
        ("var/lib/lapwing-priv/owned", "an account of Lapwing's own"),
        ("var/lib/lapwing-priv/closed", "an account that is closed"),
        (
            "var/lib/lapwing-priv/journal",
            &format!("{{\"schema\":1,\"candidates\":[{candidates}]}}\ndigest\n"),
        ),
    ] {
        let path = world.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    world
}

fn names(world: &World, folder: &str) -> Vec<String> {
    let entries = fs::read_dir(world.path().join(folder)).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

#[test]
fn what_is_the_hosts_own_goes_and_what_root_wrote_stays() {
    let world = image("");
    let read = |path: &str| fs::read_to_string(world.path().join(path)).unwrap();
    insta::assert_snapshot!(world.run(&["generalize", "--root", world.root()]).text());
    assert_eq!(names(&world, "var/lib/lapwing"), [""; 0]);
    // What these tell of is copied with the account files.
    assert_eq!(names(&world, "var/lib/lapwing-priv"), ["closed", "owned"]);
    assert_eq!(read("etc/lapwing/agent.toml"), "proxy = \"http://proxy.example:3128\"\n");
    assert_eq!(read("etc/lapwing/managed.toml").trim(), "accounts = [\"lapadmin\"]");
    assert_eq!(read("etc/krb5.keytab"), "keys");
    // Again, and nothing is left to do.
    insta::assert_snapshot!(world.run(&["generalize", "--json", "--root", world.root()]).text());
}

#[test]
fn a_change_that_is_not_finished_is_not_dropped_without_a_word() {
    let world = image("{\"version\":\"v\"}");
    insta::assert_snapshot!(world.run(&["generalize", "--root", world.root()]).text());
    assert_eq!(names(&world, "var/lib/lapwing-priv"), ["closed", "journal", "owned"]);
    assert_eq!(world.run(&["generalize", "--force", "--root", world.root()]).code, 0);
    assert_eq!(names(&world, "var/lib/lapwing-priv"), ["closed", "owned"]);
}
