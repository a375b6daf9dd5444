//! The child that runs the host's PAM stack where it can do no harm.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    path::Path,
};

use lapwing_core::{
    secret::{PASSWORD_LEN_MAX, Password},
    types::AccountName,
};
use rustix::{
    mount::{MountFlags, MountPropagationFlags, mount, mount_change},
    process::{Signal, set_parent_process_death_signal},
};

use super::{
    Verdict,
    sys::{Libpam, Said, c_string, unshare_mounts_and_network},
};
use crate::root::Root;

/// The PAM service, and the name of its file.
const SERVICE: &str = "lapwing";
/// What the service's file may include, where the distribution's package brought none: Debian and SUSE, then others.
const STACKS: [&str; 2] = ["common-password", "system-auth"];
const PAM_FOLDERS: [&str; 2] = ["/etc/pam.d", "/usr/lib/pam.d"];

/// Reads a password from standard input and prints what the host's rules say of it.
///
/// # Errors
/// If standard input or output fails.
pub(crate) fn run(root: &Root, account: &AccountName) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let mut text = String::with_capacity(PASSWORD_LEN_MAX);
    let limit = u64::try_from(PASSWORD_LEN_MAX).unwrap_or(u64::MAX);
    io::stdin().take(limit).read_to_string(&mut text)?;
    let verdict = verdict(root, account, &Password::new(text));
    let answer = serde_json::to_vec(&verdict).map_err(io::Error::other)?;
    io::stdout().write_all(&answer)?;
    io::stdout().flush()
}

fn verdict(root: &Root, account: &AccountName, password: &Password) -> Verdict {
    let Some(libpam) = Libpam::load() else {
        return Verdict::Unavailable("the host has no libpam".to_owned());
    };
    if let Err(error) = isolate(root) {
        return Verdict::Unavailable(format!("the password rules cannot be tried without effect: {error}"));
    }
    if let Err(error) = provide_service() {
        return Verdict::Unavailable(format!("there is no PAM service for password changes: {error}"));
    }
    let (Some(service), Some(account)) = (c_string(SERVICE), c_string(account.as_str())) else {
        return Verdict::Unavailable("the account's name holds a NUL".to_owned());
    };
    let Said { refusal, complaints } = libpam.change_password(&service, &account, password);
    match (refusal, complaints.join("; ")) {
        (None, complaints) if complaints.is_empty() => Verdict::Accepted,
        (None, complaints) => Verdict::Warned(complaints),
        (Some(refusal), complaints) if complaints.is_empty() => Verdict::Refused(refusal),
        (Some(_), complaints) => Verdict::Refused(complaints),
    }
}

/// Gives this process mounts and a network of its own: `/etc` is the root's, with changes kept in memory, `/run` is
/// empty, and over the journal lies the memory that takes the changes.
fn isolate(root: &Root) -> io::Result<()> {
    let etc = root.etc().canonicalize()?;
    let etc = etc.to_str().filter(|path| !path.contains([',', ':', '\\'])).ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            "overlayfs takes no path with a comma, colon or backslash",
        )
    })?;
    unshare_mounts_and_network()?;
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
    let memory = root.state();
    mount_memory(&memory)?;
    let (upper, work) = (memory.join("upper"), memory.join("work"));
    fs::create_dir(&upper)?;
    fs::create_dir(&work)?;
    // The upper folder becomes `/etc` itself, so others must be able to look into it, as helpers of PAM may.
    fs::set_permissions(&upper, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    let options = format!("lowerdir={etc},upperdir={},workdir={}", upper.display(), work.display());
    let options = c_string(&options).ok_or(io::ErrorKind::InvalidInput)?;
    mount("overlay", "/etc", "overlay", MountFlags::NOSUID | MountFlags::NODEV, options.as_c_str())?;
    mount_memory(Path::new("/run"))
}

fn mount_memory(at: &Path) -> io::Result<()> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    Ok(mount("tmpfs", at, "tmpfs", flags, c"size=16m,mode=0700")?)
}

/// Writes the service's file, into memory, where the host has none.
fn provide_service() -> io::Result<()> {
    let there = |name: &str| PAM_FOLDERS.iter().any(|folder| Path::new(folder).join(name).exists());
    if there(SERVICE) {
        return Ok(());
    }
    let stack = STACKS.into_iter().find(|stack| there(stack)).ok_or(io::ErrorKind::NotFound)?;
    fs::create_dir_all(PAM_FOLDERS[0])?;
    fs::write(Path::new(PAM_FOLDERS[0]).join(SERVICE), format!("password include {stack}\n"))
}
