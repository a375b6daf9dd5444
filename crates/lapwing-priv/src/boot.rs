//! What is seen of how this system was booted. `lapwing_core::boot` says what that comes to.

use std::{fs, os::unix::fs::MetadataExt as _, path::Path};

use lapwing_core::boot::{BootFacts, NotNormal, check};

use crate::{managed::Managed, root::Root};

/// What runs in a boot for repair; each service has a control group for as long as it runs.
const RESCUE_SERVICES: [&str; 2] = ["rescue.service", "emergency.service"];
/// Where those are, with the one hierarchy of control groups and with the older ones.
const SLICES: [&str; 2] = ["/sys/fs/cgroup/system.slice", "/sys/fs/cgroup/systemd/system.slice"];
/// By what containers are known: systemd(1), podman(1), docker(1).
const CONTAINER_MARKS: [&str; 2] = ["/run/.containerenv", "/.dockerenv"];

/// Checks that this is a normal boot of the host. A private root is none of any, and always changed.
///
/// # Errors
/// Why nothing may be changed.
pub(crate) fn check_normal(root: &Root) -> Result<(), NotNormal> {
    if !root.is_host() {
        return Ok(());
    }
    // A file that cannot be read allows nothing, and the verb that needs it says why.
    let allow_container = Managed::read(root).is_ok_and(|managed| managed.allow_container);
    check(&look(), allow_container)
}

fn look() -> BootFacts {
    let is_there = |path: &str| Path::new(path).exists();
    let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let container = container();
    let words = match container {
        // The kernel's command line is that of the machine around it.
        Some(_) => text("/proc/1/cmdline").split('\0').skip(1).map(str::to_owned).collect(),
        None => text("/proc/cmdline").split_whitespace().map(str::to_owned).collect(),
    };
    BootFacts {
        is_booted: is_there("/run/systemd/system"),
        is_initrd: is_there("/etc/initrd-release"),
        is_chroot: is_chroot(),
        rescue: RESCUE_SERVICES
            .into_iter()
            .find(|service| SLICES.iter().any(|slice| Path::new(slice).join(service).exists())),
        words,
        container,
        machine_id: text("/etc/machine-id"),
        mounts: text("/proc/self/mountinfo"),
    }
}

/// The kind of container that this is, if it is one.
pub(crate) fn container() -> Option<String> {
    let told = fs::read_to_string("/run/systemd/container").ok().map(|kind| kind.trim().to_owned());
    let marked = || CONTAINER_MARKS.into_iter().find(|mark| Path::new(mark).exists()).map(str::to_owned);
    told.or_else(marked)
}

/// Whether PID 1 has another root; where that cannot be told, it is believed to have the same.
fn is_chroot() -> bool {
    let identity = |path: &str| fs::metadata(path).ok().map(|root| (root.dev(), root.ino()));
    let init = identity("/proc/1/root/");
    init.is_some() && init != identity("/")
}
