//! One booted host: its disk, its power, and what may be done in it.

use std::ffi::CString;
use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{XattrFlags, setxattr};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::cgroup::Cgroup;
use super::runs::{self, Run};
use super::ssh::{self, Door, Login, Stay};
use super::{Disk, image, inside_cgroup};
use crate::{os, sys};

/// How long a host may take to boot; it takes half a second on an idle machine.
const BOOT_MAX: Duration = Duration::from_secs(60);

/// Between two looks at a condition.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The largest message of sd_notify(3) that is read.
const NOTICE_LEN_MAX: usize = 4096;

/// Where a host's disk is mounted, within its folder.
pub(super) const ROOT: &str = "root";
/// What the host has written.
const UPPER: &str = "upper";
/// What the kernel needs beside that.
const WORK: &str = "work";
/// A copy of what it had written.
const SNAPSHOT: &str = "snapshot";

/// Takes away what no namespace confines: the machine's clock, kernel and memory. Everything in a host runs under it.
const CONFINED: [&str; 2] = ["setpriv", "--bounding-set=-sys_time,-sys_module,-sys_rawio"];

const BOOT: &str = include_str!("boot.sh");

/// How a disk is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copied {
    /// Block by block: the file system has the same UUID.
    Blocks,
    /// File by file, onto a file system of its own.
    Files,
}

/// A host of a lab. Dropping it cuts its power; its disk goes with the lab.
#[derive(Debug)]
pub struct Host {
    run: Arc<Run>,
    name: String,
    address: Ipv4Addr,
    folder: PathBuf,
    /// The layers that it never writes to, as the kernel is told.
    lower: String,
    /// The folders that the disk is made of, as the kernel is told.
    layers: CString,
    cgroup: Cgroup,
    power: Option<Power>,
}

/// A host that is on.
#[derive(Debug)]
struct Power {
    /// `unshare`, the parent of the host's PID 1.
    parent: Child,
    /// The host's PID 1, as this machine counts.
    init: u32,
}

impl Host {
    pub(super) fn create(run: Arc<Run>, disk: &Disk, name: &str, address: Ipv4Addr) -> Result<Self> {
        let mut host = Self::build(run, &disk.layers(), name, address)?;
        // The upper folder's mode is the one of the host's `/`.
        image::folder(&host.folder.join(UPPER))?;
        fs::set_permissions(host.folder.join(UPPER), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        host.mount()?;
        host.write("/etc/hostname", 0o644, format!("{}\n", host.name()).as_bytes())?;
        let hosts = format!("127.0.0.1 localhost\n{address} {}\n", host.name());
        host.write("/etc/hosts", 0o644, hosts.as_bytes())?;
        host.power_on()?;
        Ok(host)
    }

    /// A machine with that name on its network, its disk not written yet.
    fn build(run: Arc<Run>, lower: &str, name: &str, address: Ipv4Addr) -> Result<Self> {
        runs::check_name(name)?;
        let folder = run.folder.join(name);
        ensure!(!folder.exists(), "the lab has a host {name} already");
        for part in [WORK, ROOT] {
            image::folder(&folder.join(part))?;
        }
        let layers = format!(
            "lowerdir={lower},upperdir={folder}/{UPPER},workdir={folder}/{WORK}",
            folder = folder.display()
        );
        let layers = CString::new(layers)?;
        run.network.plug(name, address)?;
        let cgroup = run.cgroup.part(name)?;
        let (name, lower) = (name.to_owned(), lower.to_owned());
        Ok(Self { run, name, address, folder, lower, layers, cgroup, power: None })
    }

    /// Another machine with a copy of this host's disk, for which this host is off for a moment; both are on then. Only in the
    /// lab the copy has another name, and an address of its own: what is on the disk is the same.
    pub(super) fn copy_to(&mut self, name: &str, address: Ipv4Addr, copy: Copied) -> Result<Self> {
        self.power_off()?;
        let mut twin = Self::build(Arc::clone(&self.run), &self.lower, name, address)?;
        copy_folder(&self.folder.join(UPPER), &twin.folder.join(UPPER))?;
        self.power_on()?;
        if copy == Copied::Files {
            // Where the kernel keeps the UUID of a disk that is made of layers.
            let uuid = u128::from(address.to_bits()).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_0c2d_5d1b_a3e1);
            let name = "trusted.overlay.uuid";
            setxattr(twin.folder.join(UPPER), name, &uuid.to_be_bytes(), XattrFlags::REPLACE)
                .context("the kernel gives layered disks no UUID")?;
        }
        twin.mount()?;
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
                command.arg(self.folder.join(ROOT)).args(CONFINED);
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

    /// Logs in by `ssh` from outside and runs `command` there.
    ///
    /// The password is plain text, because the tool that judges the workspace depends on no crate of it.
    ///
    /// # Errors
    /// When the tools are missing, or the command itself fails.
    pub fn ssh(&self, user: &str, password: &str, command: &str) -> Result<Login> {
        ssh::log_in(&Door::of(self, self.address, ssh::PORT)?, user, password, command)
    }

    /// Logs in from outside to stay, on a terminal, with this command in the place of a shell.
    ///
    /// # Errors
    /// When the tools are missing.
    pub fn stay(&self, user: &str, password: &str, command: &str) -> Result<Stay> {
        Stay::begin(self, user, password, command)
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

    /// Shuts the host down as its operator would, and gives the folder of all that it has written, which another host may
    /// start from as a layer above this one's disk. It goes with the lab unless it is moved.
    ///
    /// # Errors
    /// When it does not end.
    pub(super) fn into_layer(mut self) -> Result<PathBuf> {
        self.run(&["sync"])?;
        self.power_off()?;
        self.unmount()?;
        Ok(self.folder.join(UPPER))
    }

    fn mount(&self) -> Result<()> {
        let root = self.folder.join(ROOT);
        mount("overlay", root, "overlay", MountFlags::empty(), self.layers.as_c_str())
            .context("cannot mount the host's disk")
    }

    fn unmount(&self) -> Result<()> {
        unmount(self.folder.join(ROOT), UnmountFlags::empty()).context("cannot unmount the host's disk")
    }

    /// Takes a snapshot of the host's disk, in place of an earlier one; for that the host is off for a moment.
    ///
    /// # Errors
    /// Those of [`Host::power_off`] and [`Host::power_on`], or when this machine's disk is full.
    pub fn take_snapshot(&mut self) -> Result<()> {
        self.power_off()?;
        self.copy(UPPER, SNAPSHOT)?;
        self.power_on()
    }

    /// Puts the host's disk back to the snapshot, as one who restores a virtual machine does.
    ///
    /// # Errors
    /// As [`Host::take_snapshot`], and when none was taken.
    pub fn roll_back(&mut self) -> Result<()> {
        ensure!(self.folder.join(SNAPSHOT).exists(), "no snapshot of {} was taken", self.name());
        self.power_off()?;
        self.unmount()?;
        self.copy(SNAPSHOT, UPPER)?;
        // The kernel's own notes about what was in the layers.
        image::remove_folder(&self.folder.join(WORK))?;
        image::folder(&self.folder.join(WORK))?;
        self.mount()?;
        self.power_on()
    }

    fn copy(&self, from: &str, to: &str) -> Result<()> {
        copy_folder(&self.folder.join(from), &self.folder.join(to))
    }

    /// A power failure: off and on again.
    ///
    /// # Errors
    /// Those of [`Host::power_off`] and [`Host::power_on`].
    pub fn power_cycle(&mut self) -> Result<()> {
        self.power_off()?;
        self.power_on()
    }

    /// What the lab keeps about this host on this machine.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The lab that it is in.
    pub(super) fn lab_run(&self) -> Arc<Run> {
        Arc::clone(&self.run)
    }

    /// A program outside, which logs in to this host.
    pub(super) fn outside(&self, program: &str) -> Result<Command> {
        self.run.outside(program)
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
        command.arg(self.folder.join(ROOT)).arg(notices).arg(self.name()).args(arguments);
        command.stdin(self.run.life_line()?).stdout(console.try_clone()?).stderr(console);
        // Not ended by the key that interrupts the command that began it.
        command.process_group(0);
        command.spawn().context("cannot start unshare\nnext: cargo xtask setup")
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

/// With all that the file system knows of each file.
fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    image::remove_folder(to)?;
    sys::run(sys::command("cp").args(["--archive", "--no-target-directory", "--"]).arg(from).arg(to))
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
