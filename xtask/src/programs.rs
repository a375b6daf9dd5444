//! The programs as they are built from this checkout, and their way onto a host, as an administrator would install them
//! from `dist/`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::lab::Host;
use crate::sys;

/// The managed account.
pub const ACCOUNT: &str = "lapadmin";

/// Where the programs go on a host, by their names here.
const PROGRAMS: [(&str, &str); 3] = [
    ("lapwing", "/usr/bin/lapwing"),
    ("lapwingd", "/usr/sbin/lapwingd"),
    ("lapwingd-priv", "/usr/libexec/lapwing/lapwingd-priv"),
];

/// Where the files of `dist/` go on a host.
const FILES: [(&str, &str); 12] = [
    ("lapwing.catalog", "/usr/lib/systemd/catalog/lapwing.catalog"),
    ("pam-configs/lapwing", "/usr/share/pam-configs/lapwing"),
    ("pam-configs/lapwing-smart-cards", "/usr/share/pam-configs/lapwing-smart-cards"),
    ("systemd/lapwing-log-on.socket", "/usr/lib/systemd/system/lapwing-log-on.socket"),
    ("pam.d/lapwing", "/etc/pam.d/lapwing"),
    ("systemd/lapwing-priv.socket", "/usr/lib/systemd/system/lapwing-priv.socket"),
    ("systemd/lapwing-priv@.service", "/usr/lib/systemd/system/lapwing-priv@.service"),
    ("systemd/lapwing-recover.service", "/usr/lib/systemd/system/lapwing-recover.service"),
    ("systemd/lapwingd.service", "/usr/lib/systemd/system/lapwingd.service"),
    ("systemd/lapwingd.socket", "/usr/lib/systemd/system/lapwingd.socket"),
    ("sysusers.d/lapwing.conf", "/usr/lib/sysusers.d/lapwing.conf"),
    ("tmpfiles.d/lapwing.conf", "/usr/lib/tmpfiles.d/lapwing.conf"),
];

/// The units that are switched on.
pub const UNITS: [&str; 5] = [
    "lapwing-recover.service",
    "lapwing-priv.socket",
    "lapwing-log-on.socket",
    "lapwingd.socket",
    "lapwingd.service",
];

/// Whether the programs can be killed at named points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Build {
    /// As shipped, unoptimised.
    Plain,
    /// With the points at which a test kills them.
    WithFailPoints,
}

/// Has Cargo optimise, into a folder of its own.
pub const OPTIMISED: [&str; 3] = ["--release", "--target-dir", "target/bench"];

/// The PAM module, as Cargo names it, and where Debian has such.
pub const MODULE: (&str, &str) = ("libpam_lapwing.so", "/usr/lib/x86_64-linux-gnu/security/pam_lapwing.so");
/// Its package.
pub const MODULE_PACKAGE: &str = "lapwing-pam";

/// The packages of the programs, each with the name of its program.
pub const PACKAGES: [(&str, &str); 5] = [
    ("lapwing-agent", "lapwingd"),
    ("lapwing-priv", "lapwingd-priv"),
    ("lapwing-kds", "lapwing-kds"),
    ("lapwing-server", "lapwing-server"),
    ("lapwing-cli", "lapwing"),
];

/// Builds the programs and returns a folder that holds them and nothing else.
///
/// # Errors
/// When they do not build.
pub fn build(kind: Build) -> Result<PathBuf> {
    let target = sys::workspace().join("target");
    let folder = target.join("programs").join(match kind {
        Build::Plain => "plain",
        Build::WithFailPoints => "fail-points",
    });
    fs::create_dir_all(&folder)?;
    // Cargo puts both forms of a program at the same place, so each is taken away before the other can be built.
    let lock = fs::File::create(target.join("programs/lock"))?;
    lock.lock()?;
    let mut cargo = sys::rust("cargo");
    match kind {
        Build::Plain => {
            cargo.args(["build", "--quiet", "--bins"]);
            for (package, _) in PACKAGES {
                cargo.args(["--package", package]);
            }
            cargo.args(["--lib", "--package", MODULE_PACKAGE]);
        }
        // As the test runner has it built: nothing is built twice, and the programs that other tests run at the same
        // time stay as they are.
        Build::WithFailPoints => {
            cargo.args(["test", "--no-run", "--quiet", "--workspace", "--all-features"]);
        }
    }
    sys::run(&mut cargo)?;
    if kind == Build::WithFailPoints {
        // Tests link with no module, so that Cargo has built none for them; its features are those of the rest.
        sys::run(sys::rust("cargo").args(["build", "--quiet", "--workspace", "--all-features", "--lib"]))?;
    }
    for program in PACKAGES.map(|(_, program)| program).into_iter().chain([MODULE.0]) {
        let (built, kept) = (target.join("debug").join(program), folder.join(program));
        let fresh = folder.join(format!(".{program}"));
        fs::copy(&built, &fresh).with_context(|| format!("cannot copy {}", built.display()))?;
        // Replaced by a rename, for a program that runs cannot be written to.
        fs::rename(&fresh, &kept)?;
    }
    Ok(folder)
}

/// Builds the programs as they are shipped and returns a folder that holds them.
///
/// # Errors
/// When they do not build.
pub fn shipped() -> Result<PathBuf> {
    let mut build = sys::rust("cargo");
    build.arg("build").args(OPTIMISED).args(["--bins", "--lib", "--package", MODULE_PACKAGE]);
    for (package, _) in PACKAGES {
        build.args(["--package", package]);
    }
    eprintln!("▸ {}", sys::shown(&build));
    sys::run(build.arg("--quiet"))?;
    Ok(sys::workspace().join("target/bench/release"))
}

/// Builds an example and returns where it is.
///
/// # Errors
/// When it does not build.
pub fn example(name: &str) -> Result<PathBuf> {
    let mut cargo = sys::rust("cargo");
    // As the test runner has it built: nothing is built twice.
    cargo.args(["build", "--quiet", "--workspace", "--all-features", "--example", name]);
    sys::run(&mut cargo)?;
    Ok(sys::workspace().join("target/debug/examples").join(name))
}

/// Puts the agent's programs and files on a host, and makes the account that it will manage.
///
/// # Errors
/// When the host cannot take them.
pub fn install(host: &Host, programs: &Path) -> Result<()> {
    for (program, path) in PROGRAMS {
        host.copy_in(&programs.join(program), path, 0o755)?;
    }
    for (file, path) in FILES {
        host.copy_in(&sys::workspace().join("dist").join(file), path, 0o644)?;
    }
    let (module, path) = MODULE;
    host.copy_in(&programs.join(module), path, 0o644)?;
    host.run(&["pam-auth-update", "--package"])?;
    host.run(&["systemd-sysusers"])?;
    host.run(&["systemd-tmpfiles", "--create", "/usr/lib/tmpfiles.d/lapwing.conf"])?;
    host.run(&["journalctl", "--update-catalog"])?;
    host.run(&["systemctl", "daemon-reload"])?;
    host.run(&["useradd", "--create-home", "--shell", "/bin/bash", ACCOUNT])?;
    allow_container(host)
}

/// Has root's file say that this host may be a container, which the lab's are to whoever looks.
///
/// # Errors
/// When the host cannot write it.
pub fn allow_container(host: &Host) -> Result<()> {
    host.write("/etc/lapwing/managed.toml", 0o644, b"allow_container = true\n")
}

/// Puts the key distribution service on a domain controller, with the administrator's command, its configuration and its unit, and
/// does not start it.
///
/// # Errors
/// When the host cannot take them.
pub fn install_kds(controller: &Host, programs: &Path, configuration: &str) -> Result<()> {
    const UNIT: &str = "lapwing-kds.service";
    for (program, path) in [("lapwing-kds", "/usr/sbin/lapwing-kds"), ("lapwing", "/usr/bin/lapwing")] {
        controller.copy_in(&programs.join(program), path, 0o755)?;
    }
    let unit = sys::workspace().join("dist/systemd").join(UNIT);
    controller.copy_in(&unit, &format!("/usr/lib/systemd/system/{UNIT}"), 0o644)?;
    controller.run(&["mkdir", "--parents", "/etc/lapwing"])?;
    controller.write("/etc/lapwing/kds.toml", 0o644, configuration.as_bytes())?;
    controller.run(&["systemctl", "daemon-reload"]).map(drop)
}

/// Switches a host's agent on; its first cycle starts at once.
///
/// # Errors
/// When a unit does not start.
pub fn switch_on(host: &Host) -> Result<()> {
    host.run(&[&["systemctl", "enable", "--now"][..], &UNITS].concat())?;
    Ok(())
}
