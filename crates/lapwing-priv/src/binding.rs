//! What tells this machine from another, read and digested. `lapwing_core::host_binding` says what a change of it means.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt as _,
    path::Path,
};

use lapwing_core::host_binding::{HostBinding, Identity, Parts};
use rand_core::Rng as _;
use sha2::{Digest as _, Sha256};

use crate::{boot, log, os, root::Root, sys};

/// Root alone may read it. Documentation/ABI/testing/sysfs-class-dmi.
const PRODUCT_UUID: &str = "/sys/class/dmi/id/product_uuid";
const MACHINE_ID: &str = "/etc/machine-id";
/// What udev knows of each block device, by its number. udevadm(8), `info --export-db`.
const UDEV_DATA: &str = "/run/udev/data";
const UDEV_UUID: &str = "E:ID_FS_UUID=";

/// This machine, with the salt of `bound` or a fresh one.
pub(crate) fn of(root: &Root, bound: Option<&HostBinding>) -> HostBinding {
    let salt = bound.map_or_else(fresh_salt, |bound| bound.salt);
    let digest = |part: lapwing_core::host_binding::Part, value: [u8; 16]| {
        Sha256::new().chain_update(salt).chain_update(part.label()).chain_update(value).finalize().into()
    };
    let digests: Parts<[u8; 32]> = read(root).map(digest);
    HostBinding { salt, digests }
}

fn fresh_salt() -> [u8; 16] {
    let mut salt = [0; 16];
    os::rng().fill_bytes(&mut salt);
    salt
}

fn read(root: &Root) -> Identity {
    let text = |path: &str| known(path, fs::read_to_string(root.within(Path::new(path)))).unwrap_or_default();
    // A private root is no container, whatever the system around it is.
    let is_container = root.is_host() && boot::container().is_some();
    Identity::of(&text(MACHINE_ID), &text(PRODUCT_UUID), filesystem(root), is_container)
}

/// The UUID of the file system in which `/etc/shadow` is replaced.
fn filesystem(root: &Root) -> Option<[u8; 16]> {
    let folder = known("/etc", File::open(root.etc()))?;
    // `Identity` leaves zeros out, which stand for a file system that has none.
    let is_drawn = |uuid: &[u8; 16]| *uuid != [0; 16];
    sys::filesystem_uuid(&folder)
        .filter(is_drawn)
        .or_else(|| sys::btrfs_uuid(&folder))
        .or_else(|| from_udev(root, known("/etc", folder.metadata())?.dev()))
}

/// What udev read from the device: before Linux 6.9 most file systems tell nobody else.
fn from_udev(root: &Root, device: u64) -> Option<[u8; 16]> {
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    let path = format!("{UDEV_DATA}/b{major}:{minor}");
    let data = known(&path, fs::read_to_string(root.within(Path::new(&path))))?;
    let uuid = data.lines().find_map(|line| line.strip_prefix(UDEV_UUID))?;
    Identity::of(uuid, "", None, false).machine_id
}

/// What was read; nothing, where the platform has none of it. Why it cannot be read is logged: it is left out then too.
fn known<T>(path: &str, read: io::Result<T>) -> Option<T> {
    match read {
        Ok(read) => Some(read),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => {
            let reason = error.to_string();
            log::warning(
                "What tells this machine from another cannot be read, and is left out",
                &[("FILE", path), ("REASON", &reason)],
            );
            None
        }
    }
}
