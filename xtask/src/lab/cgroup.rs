//! The control group of a lab: every process of it is in there, so one write ends them all and no pid is ever guessed.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// How long killed processes may take to be gone.
const DEATH_MAX: Duration = Duration::from_secs(20);

/// A control group and what is below it.
#[derive(Debug)]
pub(super) struct Cgroup(PathBuf);

impl Cgroup {
    /// Names the group of a lab; it need not exist.
    pub(super) fn of_lab(lab: &str) -> Result<Self> {
        let mounts = fs::read_to_string("/proc/self/mounts").context("cannot read the mount table")?;
        let top = mounts
            .lines()
            .filter_map(|line| {
                let mut fields = line.split(' ').skip(1);
                Some((fields.next()?, fields.next()?))
            })
            .find_map(|(place, kind)| (kind == "cgroup2").then_some(place))
            .context(
                "no cgroup2 file system is mounted here\nnext: mount -t cgroup2 none /sys/fs/cgroup/unified",
            )?;
        Ok(Self(Path::new(top).join(format!("lapwing.{lab}"))))
    }

    /// Names a part of this group; it need not exist.
    pub(super) fn below(&self, name: &str) -> Self {
        Self(self.0.join(name))
    }

    /// Creates a part of this group.
    pub(super) fn part(&self, name: &str) -> Result<Self> {
        let part = self.below(name);
        part.create()?;
        Ok(part)
    }

    /// Creates this group unless it is there.
    pub(super) fn create(&self) -> Result<()> {
        fs::create_dir_all(&self.0)
            .with_context(|| format!("cannot create the control group {}", self.0.display()))
    }

    /// The file that takes in the process that writes `0` to it.
    pub(super) fn entrance(&self) -> PathBuf {
        self.0.join("cgroup.procs")
    }

    /// PID 1 of a booted host, as this machine counts: systemd keeps a group for itself alone. None of a host that is off,
    /// for it has no such group, or an empty one.
    pub(super) fn init(&self) -> Option<u32> {
        let members = fs::read_to_string(self.0.join("init.scope/cgroup.procs")).ok()?;
        members.lines().next()?.parse().ok()
    }

    /// Kills every process at once, as a power cut would, and returns when the last is gone.
    pub(super) fn kill(&self) -> Result<()> {
        if !self.0.exists() {
            return Ok(());
        }
        fs::write(self.0.join("cgroup.kill"), "1")
            .with_context(|| format!("cannot kill what is in {}", self.0.display()))?;
        let mut events = File::open(self.0.join("cgroup.events"))?;
        let limit = Timespec::try_from(DEATH_MAX)?;
        loop {
            let mut state = String::new();
            events.rewind()?;
            events.read_to_string(&mut state)?;
            if state.contains("populated 0") {
                break;
            }
            if poll(&mut [PollFd::new(&events, PollFlags::PRI)], Some(&limit))? == 0 {
                bail!("processes in {} outlived SIGKILL by {DEATH_MAX:?}", self.0.display());
            }
        }
        Ok(())
    }

    /// Removes this group and all below; nothing may run in it any more.
    pub(super) fn remove(&self) -> Result<()> {
        if !self.0.exists() {
            return Ok(());
        }
        for entry in fs::read_dir(&self.0)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                Self(entry.path()).remove()?;
            }
        }
        fs::remove_dir(&self.0).with_context(|| format!("cannot remove {}", self.0.display()))
    }
}
