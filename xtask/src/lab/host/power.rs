//! A host's power: how it boots, and how it is cut.

use std::fs::{self, File};
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::{CONFINED, Host};
use crate::lab::inside_cgroup;
use crate::{os, sys};

/// How long a host may take to boot; it takes half a second on an idle machine.
const BOOT_MAX: Duration = Duration::from_secs(60);

/// The largest message of sd_notify(3) that is read.
const NOTICE_LEN_MAX: usize = 4096;

const BOOT: &str = include_str!("../boot.sh");

/// A host that is on.
#[derive(Debug)]
pub(super) struct Power {
    /// `unshare`, the parent of the host's PID 1.
    parent: Child,
    /// The host's PID 1, as this machine counts.
    pub(super) init: u32,
}

impl Host {
    /// Cuts the power: every process of the host dies at the same moment. What had been written to its disk is kept
    /// whether or not it was synced, because this machine's page cache lives on.
    ///
    /// # Errors
    /// When a process outlives it.
    pub fn power_off(&mut self) -> Result<()> {
        if let Some(mut power) = self.power.take() {
            self.cgroup.kill()?;
            power.parent.wait()?;
            // A group remembers that it was killed: Linux 6.18 kills every process that is cloned from one that was into
            // one that was not, or the other way round, so the next boot must find none of this one's.
            self.cgroup.remove()?;
        }
        Ok(())
    }

    /// Boots from the host's disk as it is.
    ///
    /// # Errors
    /// When it does not come up within a minute; the last words of PID 1 are in the message.
    pub fn power_on(&mut self) -> Result<()> {
        self.power_on_with(&[])
    }

    /// As [`Host::power_on`], with arguments for systemd, as the kernel's command line gives them to it: `systemd.unit=…`.
    ///
    /// # Errors
    /// As there.
    pub fn power_on_with(&mut self, arguments: &[&str]) -> Result<()> {
        ensure!(self.power.is_none(), "{} is on", self.name());
        self.cgroup.create()?;
        let notices = self.folder.join("notify");
        let console = self.folder.join("console");
        if notices.exists() {
            fs::remove_file(&notices)?;
        }
        let socket = UnixDatagram::bind(&notices).context("cannot listen to the host's PID 1")?;
        let mut parent = self.spawn(&notices, File::create(&console)?, arguments)?;
        let up = wait_for_boot(&socket, &parent)
            .and_then(|()| self.cgroup.init().context("PID 1 left its control group"));
        match up {
            Ok(init) => {
                self.power = Some(Power { parent, init });
                Ok(())
            }
            Err(error) => {
                self.cgroup.kill()?;
                parent.wait()?;
                // Without its words the error still says why.
                let said = fs::read_to_string(&console).unwrap_or_default();
                Err(error.context(format!("{} does not boot\n{}", self.name(), said.trim_end())))
            }
        }
    }

    /// A power failure: off and on again.
    ///
    /// # Errors
    /// Those of [`Host::power_off`] and [`Host::power_on`].
    pub fn power_cycle(&mut self) -> Result<()> {
        self.power_off()?;
        self.power_on()
    }

    fn spawn(&self, notices: &Path, console: File, arguments: &[&str]) -> Result<Child> {
        let mut command = sys::command("nsenter");
        command.arg(format!("--net={}", self.run.network.card(self.name())));
        command.args(["unshare", "--mount", "--pid", "--fork", "--uts", "--ipc", "--propagation", "private"]);
        command.arg("--kill-child=SIGKILL");
        // PID 1 enters its group first, so that its new cgroup namespace has that group as the root.
        let inner = inside_cgroup(&self.cgroup.entrance());
        command.arg(inner.get_program()).args(inner.get_args());
        command.args(["unshare", "--cgroup"]).args(CONFINED).args(["sh", "-c", BOOT, "boot"]);
        command.arg(self.root()).arg(notices).arg(self.name()).args(arguments);
        command.stdin(self.run.life_line()?).stdout(console.try_clone()?).stderr(console);
        // Not ended by the key that interrupts the command that began it.
        command.process_group(0);
        command.spawn().context("cannot start unshare\nnext: cargo xtask setup")
    }
}

/// Returns when PID 1 has sent `READY=1`, or fails as soon as it dies. sd_notify(3).
fn wait_for_boot(socket: &UnixDatagram, parent: &Child) -> Result<()> {
    let death = pidfd_open(Pid::from_child(parent), PidfdFlags::empty())?;
    let begun = os::now();
    let mut notice = [0; NOTICE_LEN_MAX];
    loop {
        let mut events = [PollFd::new(socket, PollFlags::IN), PollFd::new(&death, PollFlags::IN)];
        ensure!(
            poll(&mut events, Some(&left(begun)?))? > 0,
            "PID 1 reported no end of the boot in {BOOT_MAX:?}"
        );
        let [message, end] = events.map(|event| event.revents().contains(PollFlags::IN));
        if message {
            let len = socket.recv(&mut notice)?;
            if notice[..len].split(|byte| *byte == b'\n').any(|line| line == b"READY=1") {
                return Ok(());
            }
        } else if end {
            bail!("PID 1 died while booting");
        }
    }
}

fn left(begun: Instant) -> Result<Timespec> {
    Ok(Timespec::try_from(BOOT_MAX.saturating_sub(begun.elapsed()))?)
}
