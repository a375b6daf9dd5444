//! Root's own file, as found on disk.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt, chown, symlink},
};

use lapwing_core::local::root_half::{Fault, Prepared, Request};

use crate::world::{World, clear, prepare};

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

fn passphrase_of(list: &str) -> Request {
    let mut prepare = prepare();
    prepare.rules.password_complexity = 6;
    prepare.rules.passphrase_word_list = Some(list.to_owned());
    Request::Prepare(prepare)
}

/// As many words as a list must have, none of them in a built-in one.
fn own_list() -> String {
    let letters = || (b'a'..=b'z').map(char::from);
    letters()
        .flat_map(|a| letters().flat_map(move |b| ["qz", "qx"].map(|end| format!("z{a}{b}{end}\n"))))
        .collect()
}

#[test]
fn a_passphrase_is_made_of_the_hosts_own_words() {
    let world = World::new();
    world.begin();
    fs::create_dir(world.path("etc/lapwing/wordlists")).unwrap();
    fs::write(world.path("etc/lapwing/wordlists/ours.txt"), own_list()).unwrap();
    let prepared: Prepared = world.call(&passphrase_of("ours")).unwrap();
    let password = clear(&prepared);
    assert_eq!(password.len(), 30);
    let words: Vec<_> =
        password.as_bytes().chunks(5).map(|word| String::from_utf8_lossy(word).to_lowercase()).collect();
    assert!(words.iter().all(|word| own_list().lines().any(|ours| ours == word)));
}

#[test]
fn a_word_list_that_others_can_write_is_not_used() {
    let world = World::new();
    world.begin();
    fs::create_dir(world.path("etc/lapwing/wordlists")).unwrap();
    let path = world.path("etc/lapwing/wordlists/ours.txt");
    fs::write(&path, own_list()).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o666)).unwrap();
    let refused = world.call::<Prepared>(&passphrase_of("ours")).unwrap_err();
    assert_eq!(refused, Fault::ManagedFile);
    assert_eq!(world.state().candidates.len(), 0);
}
