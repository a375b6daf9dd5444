//! The machine's keytab: handed over to the network half where root lists a domain, and nowhere else.

use std::{
    fs::{self, File, Permissions},
    io::Write as _,
    os::fd::AsRawFd as _,
    os::unix::fs::{PermissionsExt as _, chown},
};

use lapwing_core::local::root_half::{Fault, InRun, KEYTAB_LEN_MAX, Keytab, Request};
use rustix::fs::{SealFlags, fcntl_get_seals};

use crate::world::{RUN, World};

const KEYS: &str = "\u{5}\u{2}the keys of this machine";

fn world() -> World {
    let world = World::new();
    world.write("etc/krb5.keytab", KEYS);
    fs::set_permissions(world.path("etc/krb5.keytab"), Permissions::from_mode(0o600)).unwrap();
    world.begin();
    world
}

fn request() -> Request {
    Request::Keytab(InRun { run: RUN.to_owned() })
}

fn fault(world: &World) -> Option<Fault> {
    world.call::<Keytab>(&request()).err()
}

/// As Kerberos reads it: by a path of the process itself.
fn read_by_path(file: &File) -> String {
    fs::read_to_string(format!("/proc/self/fd/{}", file.as_raw_fd())).unwrap()
}

#[test]
fn the_keytab_comes_in_a_file_in_memory_that_nobody_can_change() {
    let world = world();
    let (answer, passed) = world.exchange_passed(&request());
    assert_eq!(answer, format!("{{\"parameters\":{{\"len\":{}}}}}\0", KEYS.len()).into_bytes());
    let mut file = File::from(passed.unwrap());
    let wanted = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    assert!(fcntl_get_seals(&file).unwrap().contains(wanted));
    assert!(file.write(b"x").is_err());
    assert_eq!(read_by_path(&file), KEYS);
    let log = world.log();
    assert!(log.contains("Keytab") && !log.contains("the keys"), "{log}");
}

#[test]
fn the_keytab_is_read_anew_each_time_from_where_root_says() {
    let world = world();
    let managed = world.read("etc/lapwing/managed.toml");
    world.write("etc/lapwing/managed.toml", &format!("keytab = '/etc/lapwing/own.keytab'\n{managed}"));
    for keys in ["older", "newer and longer"] {
        world.write("etc/lapwing/own.keytab", keys);
        let file = File::from(world.exchange_passed(&request()).1.unwrap());
        assert_eq!(read_by_path(&file), keys);
    }
}

#[test]
fn no_keytab_leaves_a_host_whose_root_lists_no_domain() {
    let world = World::with_directory(
        "id = 'lapwing:f3531ec6-6330-4f8e-8d39-7a671fbac605'\n\
         record = '0b3c2a10-1111-4222-8333-444455556666'\nclear_text = true\n",
    );
    world.write("etc/krb5.keytab", KEYS);
    world.begin();
    let (answer, passed) = world.exchange_passed(&request());
    assert!(passed.is_none());
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.contains("directory_not_listed") && answer.contains("ad:DOMAIN"), "{answer}");
}

#[test]
fn a_keytab_that_is_missing_too_long_or_not_roots_alone_is_refused() {
    let world = world();
    let path = world.path("etc/krb5.keytab");
    fs::set_permissions(&path, Permissions::from_mode(0o620)).unwrap();
    assert_eq!(fault(&world), Some(Fault::Keytab));
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    chown(&path, Some(1000), None).unwrap();
    assert_eq!(fault(&world), Some(Fault::Keytab));
    chown(&path, Some(0), None).unwrap();
    assert_eq!(fault(&world), None);
    File::options().write(true).open(&path).unwrap().set_len(u64::from(KEYTAB_LEN_MAX) + 1).unwrap();
    assert_eq!(fault(&world), Some(Fault::Keytab));
    fs::remove_file(&path).unwrap();
    assert_eq!(fault(&world), Some(Fault::Keytab));
    fs::create_dir(&path).unwrap();
    assert_eq!(fault(&world), Some(Fault::Keytab));
}

#[test]
fn a_keytab_is_not_handed_to_an_earlier_run() {
    let world = world();
    let run = "22222222-2222-4222-8222-222222222222".to_owned();
    assert_eq!(world.call::<Keytab>(&Request::Keytab(InRun { run })).err(), Some(Fault::StaleRun));
}
