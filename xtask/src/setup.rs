//! `cargo xtask setup`: installs what building and testing need and this machine lacks.

mod pam_module;
mod python;

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
    /// A shared library, by its path in the folder of this machine's architecture.
    Library(&'static str),
}

const NEEDS: [Need; 24] = [
    Need {
        package: "chromium",
        why: "is the browser that walks the console",
        sign: Sign::File("/usr/bin/chromium"),
    },
    Need {
        package: "dbus-daemon",
        why: "is the bus on which a test tells the agent that the host sleeps",
        sign: Sign::Program("dbus-daemon"),
    },
    Need {
        package: "debian-archive-keyring",
        why: "trusts the packages that the lab's hosts are made of",
        sign: Sign::File("/usr/share/keyrings/debian-archive-keyring.gpg"),
    },
    Need {
        package: "e2fsprogs",
        why: "makes files immutable, and small disks that fill up",
        sign: Sign::Program("chattr"),
    },
    Need {
        package: "iproute2",
        why: "joins the lab's hosts by a network of their own",
        sign: Sign::Program("ip"),
    },
    Need {
        package: "libclang-dev",
        why: "reads the headers of Kerberos for the bindings to it",
        sign: Sign::File("/usr/share/doc/libclang-dev"),
    },
    Need {
        package: "libfaketime",
        why: "gives the server a wrong clock",
        sign: Sign::Library("faketime/libfaketime.so.1"),
    },
    Need {
        package: "libkrb5-dev",
        why: "is Kerberos, by which hosts and administrators prove themselves to Active Directory",
        sign: Sign::File("/usr/include/gssapi/gssapi_ext.h"),
    },
    Need {
        package: "libnss3-tools",
        why: "lets that browser trust a test's authority",
        sign: Sign::Program("certutil"),
    },
    Need {
        package: "libpam0g-dev",
        why: "the PAM module links against libpam",
        sign: Sign::File("/usr/include/security/pam_modules.h"),
    },
    Need {
        package: "libpwquality1",
        why: "is behind the PAM module that tests refuse passwords with",
        sign: Sign::Library("libpwquality.so.1"),
    },
    Need {
        package: "mmdebstrap",
        why: "makes the root directory that the lab's hosts boot",
        sign: Sign::Program("mmdebstrap"),
    },
    Need { package: "openssh-client", why: "logs in to the lab's hosts", sign: Sign::Program("ssh") },
    Need {
        package: "passwd",
        why: "locks and changes account files as Lapwing's neighbours do",
        sign: Sign::Program("chpasswd"),
    },
    Need {
        package: "perl",
        why: "judges password hashes by the system's crypt",
        sign: Sign::Program("perl"),
    },
    Need {
        package: "python3-cryptography",
        why: "judges seals by another implementation",
        sign: Sign::File("/usr/lib/python3/dist-packages/cryptography"),
    },
    Need {
        package: "python3-dev",
        why: "lets a Python program that judges use Kerberos",
        sign: Sign::File("/usr/share/doc/python3-dev"),
    },
    Need {
        package: "python3-venv",
        why: "holds the Python programs that judge the server",
        sign: Sign::File("/usr/share/doc/python3-venv"),
    },
    Need {
        package: "qemu-system-x86",
        why: "is the machine that sleeps and wakes",
        sign: Sign::Program("qemu-system-x86_64"),
    },
    Need {
        package: "sqlite3",
        why: "tests look into the server's database from outside",
        sign: Sign::Program("sqlite3"),
    },
    Need { package: "sshpass", why: "types passwords at real log-ons", sign: Sign::Program("sshpass") },
    Need {
        package: "tinyproxy-bin",
        why: "stands between a device and its server, and cuts what is idle",
        sign: Sign::Program("tinyproxy"),
    },
    Need {
        package: "util-linux",
        why: "gives the lab's hosts their namespaces",
        sign: Sign::Program("unshare"),
    },
    Need {
        package: "valgrind",
        why: "looks for what the PAM module does wrong within other programs",
        sign: Sign::Program("valgrind"),
    },
];

/// What fuzzing needs beside.
const FUZZING_NEEDS: [Need; 1] =
    [Need { package: "g++", why: "compiles libFuzzer", sign: Sign::Program("g++") }];

/// What packages are made with.
const PACKAGING_NEEDS: [Need; 3] = [
    Need { package: "binutils", why: "strips the programs", sign: Sign::Program("strip") },
    Need {
        package: "dpkg-dev",
        why: "finds the packages of the libraries that programs need",
        sign: Sign::Program("dpkg-shlibdeps"),
    },
    Need {
        package: "rpm",
        why: "makes packages for other systems than Debian",
        sign: Sign::Program("rpmbuild"),
    },
];

impl Need {
    fn is_met(&self) -> bool {
        match self.sign {
            Sign::Program(name) => has_program(name),
            Sign::File(path) => Path::new(path).exists(),
            Sign::Library(path) => {
                Path::new(&format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH)).join(path).exists()
            }
        }
    }
}

/// Installs the missing packages and fills the cache with what no package may put into this machine, the root
/// directories of the lab's hosts and its domain above all. All of it is kept, so the next run is over at once.
pub(crate) fn run() -> Result<()> {
    install(&NEEDS)?;
    for_packaging()?;
    pam_module::prepare()?;
    python::prepare()?;
    for kind in lab::Kind::ALL {
        lab::Image::prepare(kind)?;
    }
    lab::domain::prepare()?;
    eprintln!("The lab's hosts boot from {}", lab::cache()?.display());
    Ok(())
}

/// Installs what `cargo xtask fuzz` needs and is missing.
pub(crate) fn for_fuzzing() -> Result<()> {
    install(&FUZZING_NEEDS)
}

/// Installs what `cargo xtask package` needs and is missing.
pub(crate) fn for_packaging() -> Result<()> {
    install(&PACKAGING_NEEDS)
}

fn missing(needs: &[Need]) -> Vec<&Need> {
    needs.iter().filter(|need| !need.is_met()).collect()
}

fn install(needs: &[Need]) -> Result<()> {
    let missing_now = missing(needs);
    if missing_now.is_empty() {
        return Ok(());
    }
    eprintln!("Missing on this machine:");
    for need in &missing_now {
        eprintln!("    {:24}{}", need.package, need.why);
    }
    let packages: Vec<_> = missing_now.iter().map(|need| need.package).collect();
    if !rustix::process::geteuid().is_root() {
        bail!("only root can install them\nnext: sudo apt-get install {}", packages.join(" "));
    }
    sys::run(apt_get().arg("update"))?;
    sys::run(apt_get().args(["install", "--yes", "--no-install-recommends"]).args(&packages))?;
    if let Some(need) = missing(needs).first() {
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
