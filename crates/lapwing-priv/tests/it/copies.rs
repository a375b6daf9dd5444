//! The journal is bound to the machine that it was written on, and read as another's where that has changed.

use std::process::Command;

use lapwing_core::local::root_half::Fault;

use crate::world::{PROGRAM, World};

const ID: &str = "0123456789abcdef0123456789abcdef\n";
const OTHER_ID: &str = "fedcba9876543210fedcba9876543210\n";
const UUID: &str = "4c4c4544-0034-3610-8052-b4c04f4e3732\n";
const OTHER_UUID: &str = "4C4C4544-0034-3610-8052-B4C04F4E3733\n";

fn world() -> World {
    let world = World::new();
    std::fs::create_dir_all(world.path("sys/class/dmi/id")).unwrap();
    world.write("etc/machine-id", ID);
    world.write("sys/class/dmi/id/product_uuid", UUID);
    world.begin();
    world
}

fn adopt(world: &World) {
    let output = Command::new(PROGRAM).arg("adopt").arg("--root").arg(world.root()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// What the root half says of this host being a copy.
fn said(world: &World) -> Option<String> {
    world.state().possible_clone.map(|why| why.message)
}

#[test]
fn on_another_machine_nothing_is_changed_until_root_adopts_it() {
    let world = world();
    let (version, _) = world.rotate();
    for (path, value, says) in [
        ("sys/class/dmi/id/product_uuid", OTHER_UUID, "firmware has another UUID"),
        ("etc/machine-id", OTHER_ID, "machine id is another"),
    ] {
        let candidate = world.prepare().unwrap();
        let field = world.field();
        world.write(path, value);
        let told = said(&world).unwrap();
        assert!(told.contains(says), "{told}");
        assert_eq!(world.prepare().map(drop), Err(Fault::PossibleClone));
        assert_eq!(world.commit(&candidate.version).map(drop), Err(Fault::PossibleClone));
        assert_eq!(world.field(), field);
        adopt(&world);
        assert_eq!(said(&world), None);
        world.commit(&candidate.version).unwrap();
        assert_ne!(world.field(), field);
    }
    assert_ne!(world.state().current.unwrap().version, version);
}

#[test]
fn a_machine_without_firmware_or_whose_firmware_tells_nothing_is_known_by_the_rest() {
    let world = world();
    std::fs::remove_file(world.path("sys/class/dmi/id/product_uuid")).unwrap();
    world.rotate();
    // Known from now on, and no evidence of anything before.
    for value in ["00000000-0000-0000-0000-000000000000\n", UUID] {
        world.write("sys/class/dmi/id/product_uuid", value);
        assert_eq!(said(&world), None);
    }
    world.rotate();
    world.write("sys/class/dmi/id/product_uuid", OTHER_UUID);
    assert!(said(&world).is_some());
}

#[test]
fn the_journal_tells_none_of_what_it_is_bound_to() {
    let world = world();
    world.rotate();
    let journal = world.read("var/lib/lapwing-priv/journal").to_lowercase();
    assert!(journal.contains("product_uuid") && journal.contains("salt"), "{journal}");
    for value in [ID, UUID, &UUID.replace('-', "")] {
        assert!(!journal.contains(value.trim()), "{value}");
    }
}

#[test]
fn a_journal_from_before_bindings_is_read_and_bound_by_the_next_change() {
    let world = world();
    world.prepare().unwrap();
    let journal = world.read("var/lib/lapwing-priv/journal");
    let line = journal.lines().next().unwrap();
    let (before, after) = line.split_once(",\"binding\":").unwrap();
    let (_, after) = after.split_once('}').unwrap();
    let json = format!("{before}{after}\n");
    let script = "printf '%s' \"$1\" | sha256sum | cut -d ' ' -f 1";
    let digest = crate::world::run("sh", &["-euc", script, "sum", &json], "");
    world.write("var/lib/lapwing-priv/journal", &format!("{json}{digest}"));
    world.write("etc/machine-id", OTHER_ID);
    assert_eq!(said(&world), None);
    world.rotate();
    world.write("etc/machine-id", ID);
    assert!(said(&world).is_some());
}
