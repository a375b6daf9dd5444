//! The root directories that hosts of a lab start from: small Debians, built once per machine and never changed.

use std::collections::hash_map::DefaultHasher;
use std::env;
use std::fs::{self, File};
use std::hash::{Hash as _, Hasher as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::apt::Sources;
use crate::sys;

/// What every managed host has, and no more: the log-on programs, their PAM modules, and what shows what happened.
const HOST: [&str; 13] = [
    "cracklib-runtime",
    "dbus",
    "iproute2",
    "libfaketime",
    "libpam-modules",
    "libpam-pwquality",
    "libpam-systemd",
    "openssh-server",
    "passwd",
    "procps",
    "sudo",
    "systemd",
    "systemd-sysv",
];

/// What a member of an Active Directory domain has besides: what joins it, what gets tickets, what reads SYSVOL, what reads a
/// backup of a controller.
const MEMBER: [&str; 8] = [
    "adcli",
    "bzip2",
    "krb5-user",
    "ldap-utils",
    "ldb-tools",
    "libgssapi-krb5-2",
    "libsasl2-modules-gssapi-mit",
    "smbclient",
];

/// What a domain controller has in place of that.
const CONTROLLER: [&str; 12] = [
    "bzip2",
    "krb5-user",
    "ldap-utils",
    "ldb-tools",
    "libsasl2-modules-gssapi-mit",
    "openssl",
    "samba",
    "samba-ad-dc",
    "samba-ad-provision",
    "smbclient",
    "tdb-tools",
    "winbind",
];

/// What the controller of an older release has beside that.
const OLDER_CONTROLLER: [&str; 2] = ["samba-dsdb-modules", "samba-vfs-modules"];

/// What a host has besides on which every way to use an account is gone: who else asks PAM, and what types passwords into them.
const WORKSTATION: [&str; 4] = ["cron", "expect", "pkexec", "polkitd"];

/// What only Debian 13 has of that, smart cards in software, and a desktop without a screen.
const LATER_WORKSTATION: [&str; 9] = [
    "authselect",
    "dbus-user-session",
    "dunst",
    "libpam-pkcs11",
    "opensc",
    "openssl",
    "softhsm2",
    "sudo-rs",
    "xvfb",
];

/// What a machine of its own has besides a host.
const MACHINE: [&str; 3] = ["kmod", "linux-image-cloud-amd64", "login"];

/// What would make a first root directory for its kernel, which needs none.
const LEAVE_OUT_MACHINE: &str = "/etc/kernel/postinst.d/initramfs-tools";

/// What a host is for, which decides what is installed on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A host that is managed, in no domain.
    Host,
    /// A managed host that people work at.
    Workstation,
    /// The same of Debian 12.
    OlderWorkstation,
    /// A managed host with a kernel of its own, for [`Machine`](super::Machine).
    Machine,
    /// A host that may join an Active Directory domain.
    Member,
    /// A domain controller of Samba's.
    Controller,
    /// One of the oldest Samba that Lapwing is for: 4.17, of Debian 12.
    OlderController,
}

impl Kind {
    /// Every kind there is.
    pub const ALL: [Self; 7] = [
        Self::Host,
        Self::Workstation,
        Self::OlderWorkstation,
        Self::Machine,
        Self::Member,
        Self::Controller,
        Self::OlderController,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Workstation | Self::OlderWorkstation => "workstation",
            Self::Machine => "machine",
            Self::Member => "member",
            Self::Controller | Self::OlderController => "controller",
        }
    }

    const fn release(self) -> &'static str {
        match self {
            Self::Host | Self::Workstation | Self::Machine | Self::Member | Self::Controller => "trixie",
            Self::OlderWorkstation | Self::OlderController => "bookworm",
        }
    }

    fn packages(self) -> Vec<&'static str> {
        match self {
            Self::Host => HOST.into(),
            Self::Workstation => [&HOST[..], &WORKSTATION, &LATER_WORKSTATION].concat(),
            Self::OlderWorkstation => [&HOST[..], &WORKSTATION].concat(),
            Self::Machine => [&HOST[..], &MACHINE].concat(),
            Self::Member => [&HOST[..], &MEMBER].concat(),
            Self::Controller => [&HOST[..], &CONTROLLER].concat(),
            Self::OlderController => [&HOST[..], &CONTROLLER, &OLDER_CONTROLLER].concat(),
        }
    }
}

/// Leaves out what no test reads, for a fast build.
const LEAVE_OUT: [&str; 3] = ["/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/man/*"];

/// Run with the new root as its argument. Takes the machine's sources and settings, which may hold credentials, out
/// again, and leaves each host to find an identity of its own at its first boot.
const FINISH: &str = r#"set -eu
cd "$1"
rm -f etc/apt/sources.list etc/apt/sources.list.d/* etc/apt/apt.conf.d/99mmdebstrap etc/resolv.conf
: >etc/machine-id
chroot . systemctl --quiet mask console-getty.service getty@tty1.service
# A controller's programs are started as parts of `samba`, by whoever has made its domain.
for unit in nmbd smbd winbind; do
    if [ -e "usr/lib/systemd/system/$unit.service" ]; then chroot . systemctl --quiet mask "$unit.service"; fi
done
if [ -e usr/lib/systemd/system/samba-ad-dc.service ]; then chroot . systemctl --quiet disable samba-ad-dc.service; fi"#;

/// A built root directory.
#[derive(Debug)]
pub struct Image {
    root: PathBuf,
}

impl Image {
    /// Builds the root directory of hosts of a kind, or finds the one built before; a second caller waits for the first.
    ///
    /// # Errors
    /// When the machine's package sources cannot serve the release, or mmdebstrap fails.
    pub fn prepare(kind: Kind) -> Result<Self> {
        let images = cache()?.join("images");
        let home = images.join(format!("{}-{}-{:016x}", kind.release(), kind.name(), recipe(kind)));
        let root = home.join("root");
        if root.exists() {
            return Ok(Self { root });
        }
        folder(&images)?;
        let lock = File::create(home.with_extension("lock")).context("cannot lock the lab's image")?;
        lock.lock()?;
        if !root.exists() {
            build(kind, &home)?;
        }
        Ok(Self { root })
    }

    /// The root directory; hosts see it through an overlay and never write to it.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }
}

/// Where developer commands keep what they build once per machine: outside the checkout, so that a clean build keeps it.
///
/// # Errors
/// When the environment names neither a cache nor a home.
pub fn cache() -> Result<PathBuf> {
    let base = match (env::var_os("XDG_CACHE_HOME"), env::var_os("HOME")) {
        (Some(base), _) if !base.is_empty() => PathBuf::from(base),
        (_, Some(home)) => Path::new(&home).join(".cache"),
        (_, None) => {
            anyhow::bail!("neither HOME nor XDG_CACHE_HOME is set, so the lab has no place to build in")
        }
    };
    Ok(base.join("lapwing"))
}

/// Makes a folder that only root looks into, for hosts hold password hashes.
pub(super) fn folder(path: &Path) -> Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("cannot create {}", path.display()))
}

/// Removes a folder without ever crossing into something mounted below it.
///
/// # Errors
/// When something of it stays.
pub fn remove_folder(path: &Path) -> Result<()> {
    sys::output(sys::command("rm").args(["--recursive", "--force", "--one-file-system", "--"]).arg(path))?;
    Ok(())
}

/// Changes with anything that changes the image. Another hash in another Rust only costs one more build.
fn recipe(kind: Kind) -> u64 {
    let mut hasher = DefaultHasher::new();
    (kind.release(), kind.packages(), LEAVE_OUT, FINISH).hash(&mut hasher);
    if kind == Kind::Machine {
        LEAVE_OUT_MACHINE.hash(&mut hasher);
    }
    hasher.finish()
}

/// Builds beside the final place and renames, so that a broken build is never taken for an image.
fn build(kind: Kind, home: &Path) -> Result<()> {
    eprintln!(
        "Building the lab's Debian {} once, which takes minutes at most, in {}",
        kind.name(),
        home.display()
    );
    let unfinished = home.with_extension("new");
    remove_folder(&unfinished)?;
    folder(&unfinished)?;
    let sources = Sources::of_this_machine(kind.release())?;
    let mut files = Vec::new();
    for (name, content) in [("lab.list", &sources.lines), ("lab.sources", &sources.stanzas)] {
        if !content.is_empty() {
            fs::write(unfinished.join(name), content)?;
            files.push(unfinished.join(name));
        }
    }
    let settings = unfinished.join("apt.conf");
    fs::write(&settings, &sources.settings)?;

    // A mount namespace of its own, so that a killed build leaves nothing mounted.
    let mut command = sys::networked("unshare");
    command.args(["--mount", "--propagation", "private", "mmdebstrap", "--quiet", "--mode=root"]);
    command.args(["--variant=essential", "--format=directory"]);
    command.arg(format!("--include={}", kind.packages().join(",")));
    command.arg(format!("--aptopt={}", settings.display()));
    command.args(LEAVE_OUT.map(|path| format!("--dpkgopt=path-exclude={path}")));
    if kind == Kind::Machine {
        command.arg(format!("--dpkgopt=path-exclude={LEAVE_OUT_MACHINE}"));
    }
    command.arg(format!("--customize-hook={FINISH}"));
    command.arg(kind.release()).arg(unfinished.join("root")).args(&files);
    sys::output(&mut command).context("cannot build a Debian root for the lab")?;

    for file in files.iter().chain([&settings]) {
        fs::remove_file(file)?;
    }
    fs::rename(&unfinished, home).context("cannot put a Debian root for the lab in its place")?;
    Ok(())
}
