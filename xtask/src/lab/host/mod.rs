//! One booted host: its disk, its power, and what may be done in it.

mod power;

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use self::power::Power;
use super::cgroup::Cgroup;
use super::overlay::{Copied, Overlay};
use super::runs::{self, Run};
use super::ssh::{self, Door, Login, Proof, Stay};
use super::{Disk, image};
use crate::{os, sys};

/// Between two looks at a condition.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Takes away what no namespace confines: the machine's clock, kernel and memory. Everything in a host runs under it.
const CONFINED: [&str; 2] = ["setpriv", "--bounding-set=-sys_time,-sys_module,-sys_rawio"];

/// A host of a lab. Dropping it cuts its power; its disk goes with the lab.
#[derive(Debug)]
pub struct Host {
    run: Arc<Run>,
    name: String,
    address: Ipv4Addr,
    folder: PathBuf,
    disk: Overlay,
    cgroup: Cgroup,
    power: Option<Power>,
}

impl Host {
    pub(super) fn create(run: Arc<Run>, disk: &Disk, name: &str, address: Ipv4Addr) -> Result<Self> {
        let mut host = Self::build(run, name, address, |folder| Overlay::new(folder, disk.layers()))?;
        host.write("/etc/hostname", 0o644, format!("{}\n", host.name()).as_bytes())?;
        let hosts = format!("127.0.0.1 localhost\n{address} {}\n", host.name());
        host.write("/etc/hosts", 0o644, hosts.as_bytes())?;
        host.power_on()?;
        Ok(host)
    }

    /// A machine with that name on its network, which is off.
    fn build(
        run: Arc<Run>,
        name: &str,
        address: Ipv4Addr,
        disk: impl FnOnce(&Path) -> Result<Overlay>,
    ) -> Result<Self> {
        runs::check_name(name)?;
        let folder = run.folder.join(name);
        ensure!(!folder.exists(), "the lab has a host {name} already");
        image::folder(&folder)?;
        let disk = disk(&folder)?;
        run.network.plug(name, address)?;
        let cgroup = run.cgroup.part(name)?;
        Ok(Self { run, name: name.to_owned(), address, folder, disk, cgroup, power: None })
    }

    /// Another machine with a copy of this host's disk, for which this host is off for a moment; both are on then. Only in the
    /// lab the copy has another name, and an address of its own: what is on the disk is the same.
    pub(super) fn copy_to(&mut self, name: &str, address: Ipv4Addr, copy: Copied) -> Result<Self> {
        self.power_off()?;
        let mut twin =
            Self::build(Arc::clone(&self.run), name, address, |folder| self.disk.copy_to(folder, copy))?;
        self.power_on()?;
        twin.power_on()?;
        Ok(twin)
    }

    /// The host's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The host's address on the lab's network.
    #[must_use]
    pub const fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// A program run by root inside: in the running system, or while the power is off in the bare disk, as from a
    /// rescue medium.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        let mut command = match &self.power {
            Some(power) => entering(power.init),
            None => {
                let mut command = rooted("chroot");
                command.arg(self.root()).args(CONFINED);
                command
            }
        };
        command.arg(program);
        command
    }

    /// Runs a program inside to its end and returns what it printed.
    ///
    /// # Errors
    /// When it does not succeed; its standard error is in the message.
    pub fn run(&self, program_and_arguments: &[&str]) -> Result<String> {
        let (program, arguments) = program_and_arguments.split_first().context("no program to run")?;
        sys::text(self.command(program).args(arguments))
    }

    /// As [`Host::run`], with `input` on standard input: the way for secrets.
    ///
    /// # Errors
    /// As [`Host::run`].
    pub fn feed(&self, program_and_arguments: &[&str], input: &[u8]) -> Result<String> {
        let (program, arguments) = program_and_arguments.split_first().context("no program to run")?;
        let mut command = self.command(program);
        command.args(arguments);
        sys::text_fed(&mut command, input)
    }

    /// Writes a file inside, with its folders.
    ///
    /// # Errors
    /// When the host cannot.
    pub fn write(&self, path: &str, mode: u32, content: &[u8]) -> Result<()> {
        let script = r#"mkdir -p "$(dirname "$1")"; rm -f "$1"; (umask 077; cat >"$1"); chmod "$2" "$1""#;
        self.feed(&["sh", "-euc", script, "write", path, &format!("{mode:o}")], content).map(drop)
    }

    /// Copies a file of this machine in.
    ///
    /// # Errors
    /// When it cannot be read, or the host cannot write it.
    pub fn copy_in(&self, from: &Path, to: &str, mode: u32) -> Result<()> {
        let content = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
        self.write(to, mode, &content)
    }

    /// Copies a file to the same place on another host, where root alone may read it.
    ///
    /// # Errors
    /// When this host cannot read it, or the other not write it.
    pub fn hand_over(&self, path: &str, to: &Self) -> Result<()> {
        let text = self.run(&["base64", path])?;
        let decode = r#"umask 077; base64 --decode >"$1""#;
        to.feed(&["sh", "-euc", decode, "decode", path], text.as_bytes()).map(drop)
    }

    /// Writes a unit file and lets systemd read it.
    ///
    /// # Errors
    /// When the host cannot.
    pub fn install_unit(&self, name: &str, text: &str) -> Result<()> {
        self.write(&format!("/etc/systemd/system/{name}"), 0o644, text.as_bytes())?;
        self.run(&["systemctl", "daemon-reload"]).map(drop)
    }

    /// Ends a process at once, as a crash would; `pid` is as the host counts.
    ///
    /// # Errors
    /// When there is no such process.
    pub fn kill(&self, pid: u32) -> Result<()> {
        self.run(&["kill", "-KILL", &pid.to_string()]).map(drop)
    }

    /// Looks again and again until `condition` holds; prefer what tells by itself, such as `systemctl start`.
    ///
    /// # Errors
    /// When it does not hold within `limit`, or a look fails.
    pub fn wait_until(
        &self,
        what: &str,
        limit: Duration,
        mut condition: impl FnMut(&Self) -> Result<bool>,
    ) -> Result<()> {
        let begun = os::now();
        while !condition(self)? {
            ensure!(begun.elapsed() < limit, "{}: not within {limit:?}: {what}", self.name());
            os::pause(LOOK_AGAIN);
        }
        Ok(())
    }

    /// How often this host's agent has told of an event. The root half tells of its own part by the same numbers.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn told(&self, event: u32) -> Result<usize> {
        self.run(&["journalctl", "--sync"])?;
        let event = format!("EVENT_ID={event}");
        let search = ["--quiet", "--output=cat", "SYSLOG_IDENTIFIER=lapwingd", &event];
        // It ends with 1 where there is none.
        let found = self.command("journalctl").args(search).output()?;
        Ok(String::from_utf8_lossy(&found.stdout).lines().count())
    }

    /// Waits until this host's agent tells of an event.
    ///
    /// # Errors
    /// When it does not within `limit`, with the end of the journal.
    pub fn wait_until_told(&self, event: u32, limit: Duration) -> Result<()> {
        let told = self.wait_until(&format!("event {event}"), limit, |host| Ok(host.told(event)? > 0));
        let Err(error) = told else { return Ok(()) };
        let journal = self.run(&["journalctl", "--quiet", "--lines=60", "--no-hostname"])?;
        Err(error.context(journal))
    }

    /// Logs in by `ssh` from outside with a password, and runs `command` there.
    ///
    /// # Errors
    /// When the tools are missing, or the command itself fails.
    pub fn ssh(&self, user: &str, password: &str, command: &str) -> Result<Login> {
        self.ssh_by(user, Proof::Password(password), command)
    }

    /// As [`Host::ssh`], with another proof.
    ///
    /// # Errors
    /// As there.
    pub fn ssh_by(&self, user: &str, proof: Proof<'_>, command: &str) -> Result<Login> {
        ssh::log_in(&Door::of(self, self.address, ssh::PORT)?, user, proof, command)
    }

    /// Logs in from outside to stay, on a terminal, with this command in the place of a shell.
    ///
    /// # Errors
    /// When the tools are missing.
    pub fn stay(&self, user: &str, password: &str, command: &str) -> Result<Stay> {
        Stay::begin(&Door::of(self, self.address, ssh::PORT)?, user, password, command)
    }

    /// Pulls the network cable; it stays out over a power cycle.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn cut_link(&self) -> Result<()> {
        self.run.network.cut(self.name())
    }

    /// Plugs the network cable in again.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn restore_link(&self) -> Result<()> {
        self.run.network.restore(self.name())
    }

    /// Shuts the host down as its operator would, and gives the folder of all that it has written, which another host may
    /// start from as a layer above this one's disk. It goes with the lab unless it is moved.
    ///
    /// # Errors
    /// When it does not end.
    pub(super) fn into_layer(mut self) -> Result<PathBuf> {
        self.run(&["sync"])?;
        self.power_off()?;
        self.disk.take_out()
    }

    /// Takes a snapshot of the host's disk, in place of an earlier one; for that the host is off for a moment.
    ///
    /// # Errors
    /// Those of [`Host::power_off`] and [`Host::power_on`], or when this machine's disk is full.
    pub fn take_snapshot(&mut self) -> Result<()> {
        self.power_off()?;
        self.disk.take_snapshot()?;
        self.power_on()
    }

    /// Puts the host's disk back to the snapshot, as one who restores a virtual machine does.
    ///
    /// # Errors
    /// As [`Host::take_snapshot`], and when none was taken.
    pub fn roll_back(&mut self) -> Result<()> {
        self.power_off()?;
        self.disk.roll_back()?;
        self.power_on()
    }

    /// Where the host's disk can be looked at from outside.
    pub(super) fn root(&self) -> PathBuf {
        self.disk.root()
    }

    /// The UUID of the disk's file system, where the kernel gives it one.
    pub(super) fn disk_uuid(&self) -> Option<String> {
        self.disk.uuid()
    }

    /// What the lab keeps about this host on this machine.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The lab that it is in.
    pub(super) fn lab_run(&self) -> Arc<Run> {
        Arc::clone(&self.run)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // In a kept lab the hosts are what stays; the processes become children of PID 1.
        if self.run.ends_when_dropped()
            && let Err(error) = self.power_off()
        {
            eprintln!("{} is not fully off: {error:#}", self.name());
        }
    }
}

/// A command as root's shell has it in any Debian host.
fn rooted(program: &str) -> Command {
    let mut command = sys::command(program);
    command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("HOME", "/root");
    command
}

/// A command inside the host whose PID 1 this is; the program is still to be named.
pub(super) fn entering(init: u32) -> Command {
    let mut command = rooted("nsenter");
    command.arg(format!("--target={init}"));
    command.args(["--mount", "--pid", "--uts", "--ipc", "--net", "--cgroup", "--root", "--wd", "--"]);
    command.args(CONFINED);
    command
}
