//! The labs of this machine: each has a folder whose lock is held by whatever the lab lives for.
//!
//! INVARIANT: a lab whose lock is free belongs to nobody, and the next one that begins removes it.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result, bail, ensure};

use super::cgroup::Cgroup;
use super::network::Network;
use super::{host, image, inside_cgroup, overlay};

/// Longest name of a lab or host: a host's is also that of a network interface, which has 15 characters at most.
const NAME_LEN_MAX: usize = 15;

/// What ends a lab.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Until {
    Dropped,
    TakenDown,
}

/// One lab while this process uses it.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) name: String,
    pub(super) folder: PathBuf,
    pub(super) cgroup: Cgroup,
    pub(super) network: Network,
    lock: File,
    until: Until,
}

impl Run {
    /// A lab that ends with the value.
    pub(super) fn begin() -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        Self::claim(&name, Until::Dropped)
    }

    /// A lab that its hosts keep alive.
    pub(super) fn begin_kept(name: &str) -> Result<Self> {
        Self::claim(name, Until::TakenDown)
    }

    fn claim(name: &str, until: Until) -> Result<Self> {
        ensure!(rustix::process::geteuid().is_root(), "the lab needs root, for namespaces and mounts");
        check_name(name)?;
        let _guard = sweep()?;
        let folder = labs()?.join(name);
        ensure!(!folder.exists(), "the lab {name} is up\nnext: cargo xtask lab down {name}");
        image::folder(&folder)?;
        let lock = File::create(folder.join("lock"))?;
        lock.lock()?;
        let (cgroup, network) = (Cgroup::of_lab(name)?, Network::of_lab(name));
        Ok(Self { name: name.to_owned(), folder, cgroup, network, lock, until })
    }

    pub(super) fn ends_when_dropped(&self) -> bool {
        self.until == Until::Dropped
    }

    /// What a host of this lab keeps open for its life: in a kept lab the lock.
    pub(super) fn life_line(&self) -> Result<process::Stdio> {
        Ok(match self.until {
            Until::Dropped => process::Stdio::null(),
            Until::TakenDown => self.lock.try_clone()?.into(),
        })
    }

    /// A program in the lab's outside network and control group.
    pub(super) fn outside(&self, program: &str) -> Result<Command> {
        let mut command = inside_cgroup(&self.cgroup.part("outside")?.entrance());
        command.args(["nsenter", &format!("--net={}", self.network.outside()), program]);
        Ok(command)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if self.ends_when_dropped()
            && let Err(error) = clear(&self.name)
        {
            eprintln!("The lab {} is not fully gone: {error:#}\nnext: cargo xtask lab down {0}", self.name);
        }
    }
}

/// What a person may know about a lab.
#[derive(Debug)]
pub struct Report {
    /// The lab's name.
    pub lab: String,
    /// Where its hosts have their disks and what their PID 1 last said.
    pub folder: PathBuf,
    /// Its hosts, each with PID 1 as this machine counts, if it is on.
    pub hosts: Vec<(String, Option<u32>)>,
}

/// Every lab of this machine.
///
/// # Errors
/// When the folder of labs cannot be read.
pub fn status() -> Result<Vec<Report>> {
    let mut reports = Vec::new();
    for lab in names(&labs()?)? {
        let (folder, cgroup) = (labs()?.join(&lab), Cgroup::of_lab(&lab)?);
        let hosts =
            names(&folder)?.into_iter().map(|host| (host.clone(), cgroup.below(&host).init())).collect();
        reports.push(Report { lab, folder, hosts });
    }
    Ok(reports)
}

/// Ends a lab, whoever began it.
///
/// # Errors
/// When there is no such lab, or something of it cannot be removed.
pub fn down(name: &str) -> Result<()> {
    check_name(name)?;
    ensure!(labs()?.join(name).exists(), "no lab {name} is up\nnext: cargo xtask lab status");
    clear(name)
}

/// Becomes `arguments`, run as root inside a host; returns only when it cannot.
///
/// # Errors
/// When that host is not on, or the program cannot start.
pub fn enter(lab: &str, host: &str, arguments: &[String]) -> Result<()> {
    let Some(init) = Cgroup::of_lab(lab)?.below(host).init() else {
        bail!("no host {host} of a lab {lab} is on\nnext: cargo xtask lab status");
    };
    let error =
        host::entering(init).args(arguments).envs(std::env::var("TERM").map(|term| ("TERM", term))).exec();
    Err(error).context("cannot enter the host")
}

/// Fit for a folder, a control group and a network interface.
pub(super) fn check_name(name: &str) -> Result<()> {
    let fit = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    ensure!(
        !name.is_empty() && name.len() <= NAME_LEN_MAX && name.chars().all(fit) && !name.starts_with('-'),
        "`{name}` is no name for a lab or host: use a-z, 0-9 and -, at most {NAME_LEN_MAX}"
    );
    Ok(())
}

fn labs() -> Result<PathBuf> {
    Ok(image::cache()?.join("labs"))
}

/// The names of the folders in a folder. One that begins with a dot is not a host's: see [`super::Lab::folder`].
fn names(folder: &Path) -> Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        // It is not there yet, or its lab has just ended.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.with_context(|| format!("cannot read {}", folder.display()))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            // A name that is no text is none of ours.
            names.extend(entry.file_name().into_string().ok().filter(|name| !name.starts_with('.')));
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Removes the labs that belong to nobody. While the guard is held no other lab can begin.
fn sweep() -> Result<File> {
    let labs = labs()?;
    image::folder(&labs)?;
    let guard = File::create(labs.join("lock"))?;
    guard.lock()?;
    for name in names(&labs)? {
        let free = File::open(labs.join(&name).join("lock")).is_ok_and(|lock| lock.try_lock().is_ok());
        if free {
            clear(&name).with_context(|| format!("cannot remove the lab {name}, which a killed run left"))?;
        }
    }
    Ok(guard)
}

/// Ends everything of a lab. Each part may be gone already.
fn clear(name: &str) -> Result<()> {
    let folder = labs()?.join(name);
    let cgroup = Cgroup::of_lab(name)?;
    cgroup.kill()?;
    for host in names(&folder)? {
        overlay::detach(&folder.join(host))?;
    }
    Network::of_lab(name).remove()?;
    cgroup.remove()?;
    image::remove_folder(&folder)
}
