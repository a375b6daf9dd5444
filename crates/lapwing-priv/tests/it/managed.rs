//! Root's own file, as found on disk.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt, chown, symlink},
};

use lapwing_core::local::root_half::{Fault, Prepared, Request};

use crate::world::{World, prepare};

const FILE: &str = "etc/lapwing/managed.toml";

#[test]
fn a_file_that_others_could_have_written_is_not_believed() {
    let spoil: [&dyn Fn(&World); 7] = [
        &|world| chown(world.path(FILE), Some(998), None).unwrap(),
        &|world| fs::set_permissions(world.path(FILE), Permissions::from_mode(0o664)).unwrap(),
        &|world| fs::set_permissions(world.path(FILE), Permissions::from_mode(0o602)).unwrap(),
        &|world| chown(world.path("etc/lapwing"), Some(998), None).unwrap(),
        &|world| fs::set_permissions(world.path("etc/lapwing"), Permissions::from_mode(0o777)).unwrap(),
        &|world| {
            fs::rename(world.path(FILE), world.path("etc/elsewhere")).unwrap();
            symlink(world.path("etc/elsewhere"), world.path(FILE)).unwrap();
        },
        &|world| fs::remove_file(world.path(FILE)).unwrap(),
    ];
    for (number, spoil) in spoil.into_iter().enumerate() {
        let world = World::new();
        world.begin();
        spoil(&world);
        assert_eq!(world.prepare().err(), Some(Fault::ManagedFile), "case {number}");
    }
}

#[test]
fn the_built_in_administrator_is_managed_only_by_number() {
    let world = World::new();
    world.begin();
    let ask = || {
        let mut request = prepare();
        request.account = None;
        world.call::<Prepared>(&Request::Prepare(request))
    };
    let file = world.read(FILE);
    world.write(FILE, &file.replace("'lapadmin'", "'root'"));
    assert_eq!(ask().err(), Some(Fault::AccountNotListed));
    world.write(FILE, &format!("uids = [0]\n{file}"));
    let prepared = ask().unwrap();
    assert_eq!((prepared.account.as_str(), prepared.uid), ("root", 0));
}

#[test]
fn the_example_of_the_package_is_a_valid_file() {
    let world = World::new();
    world.begin();
    world.write(FILE, include_str!("../../../../dist/managed.toml"));
    // Read and understood: what is refused is only the directory, which it leaves to the operator.
    assert_eq!(world.prepare().err(), Some(Fault::DirectoryNotListed));
}
