//! `cargo xtask setup`: installs what building and testing need and this machine lacks.

use std::path::Path;

use anyhow::{Result, bail};
use xtask::lab;
use xtask::sys::{self, has_program};

/// A Debian package, what it is for, and how to tell that it (or a like of it) is there.
struct Need {
    package: &'static str,
    why: &'static str,
    sign: Sign,
}

enum Sign {
    Program(&'static str),
    File(&'static str),
}

const NEEDS: [Need; 8] = [
    Need {
        package: "debian-archive-keyring",
        why: "trusts the packages that the lab's hosts are made of",
        sign: Sign::File("/usr/share/keyrings/debian-archive-keyring.gpg"),
    },
    Need {
        package: "iproute2",
        why: "joins the lab's hosts by a network of their own",
        sign: Sign::Program("ip"),
    },
    Need {
        package: "libpam0g-dev",
        why: "the PAM module links against libpam",
        sign: Sign::File("/usr/include/security/pam_modules.h"),
    },
    Need {
        package: "mmdebstrap",
        why: "makes the root directory that the lab's hosts boot",
        sign: Sign::Program("mmdebstrap"),
    },
    Need { package: "openssh-client", why: "logs in to the lab's hosts", sign: Sign::Program("ssh") },
    Need {
        package: "sqlite3",
        why: "tests look into the server's database from outside",
        sign: Sign::Program("sqlite3"),
    },
    Need { package: "sshpass", why: "types passwords at real log-ons", sign: Sign::Program("sshpass") },
    Need {
        package: "util-linux",
        why: "gives the lab's hosts their namespaces",
        sign: Sign::Program("unshare"),
    },
];

impl Need {
    fn is_met(&self) -> bool {
        match self.sign {
            Sign::Program(name) => has_program(name),
            Sign::File(path) => Path::new(path).exists(),
        }
    }
}

/// Installs the missing packages and makes the root directory of the lab's hosts; both are kept, so the next run is
/// over at once.
pub(crate) fn run() -> Result<()> {
    install(&missing())?;
    let image = lab::Image::prepare()?;
    println!("The lab's hosts boot from {}", image.root().display());
    Ok(())
}

fn missing() -> Vec<&'static Need> {
    NEEDS.iter().filter(|need| !need.is_met()).collect()
}

fn install(needs: &[&Need]) -> Result<()> {
    if needs.is_empty() {
        return Ok(());
    }
    println!("Missing on this machine:");
    for need in needs {
        println!("    {:24}{}", need.package, need.why);
    }
    let packages: Vec<_> = needs.iter().map(|need| need.package).collect();
    if !rustix::process::geteuid().is_root() {
        bail!("only root can install them\nnext: sudo apt-get install {}", packages.join(" "));
    }
    sys::run(apt_get().arg("update"))?;
    sys::run(apt_get().args(["install", "--yes", "--no-install-recommends"]).args(&packages))?;
    if let Some(need) = missing().first() {
        bail!("{} was installed and is still not found\nnext: look for another one on PATH", need.package);
    }
    Ok(())
}

fn apt_get() -> std::process::Command {
    let mut command = sys::networked("apt-get");
    // Another installation on this machine may hold the lock: wait for it as a person would.
    command.env("DEBIAN_FRONTEND", "noninteractive").args(["-qq", "-o", "DPkg::Lock::Timeout=300"]);
    command
}
