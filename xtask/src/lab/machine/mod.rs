//! A host's disk in a machine that QEMU plays: with a kernel and a clock of its own, so that it can sleep.
//!
//! Everything in it is translated by software, for not every machine that tests run on can lend its own processor. It sees the lab's
//! outside through QEMU's user networking, and nothing else.

mod terminal;

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

pub use self::terminal::Terminal;
use super::host::Host;
use super::network::OUTSIDE;
use super::runs::Run;
use super::ssh::{self, Door, Login, Proof, Stay};
use crate::{os, sys};

/// It takes a dozen seconds on an idle machine.
const BOOT_MAX: Duration = Duration::from_secs(240);
/// Until a program there has ended that was told to.
const A_LITTLE: Duration = Duration::from_secs(15);
/// Between two looks at a condition.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// Where it is, on a network that only QEMU knows.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 124, 0, 15);
const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 124, 0, 2);
const NETWORK: &str = "10.124.0.0/24";
/// Where its sshd is, on the lab's outside.
const SSH_PORT: u16 = 2222;

/// Its disk, and the other end of its second serial line, in the host's folder.
const DISK: &str = "disk.img";
const LINE: &str = "line";

const ENTER: &str = include_str!("enter.sh");

/// What the shell says before it reads, and, with the exit status, after each line.
const READY: &str = "lab-shell-is-ready";
const DONE: &str = "lab-shell-is-done";

/// No messages among what the shell prints, no waiting for random numbers. The kernel has the drivers of such a disk and of its file
/// system built in, so that nothing has to be loaded before it.
const KERNEL_LINE: &str = "root=/dev/nvme0n1 rw console=ttyS0 quiet loglevel=0 no_console_suspend mitigations=off random.trust_cpu=on \
    net.ifnames=0 systemd.show_status=0 systemd.log_target=journal";

/// A running machine. Dropping it cuts its power.
#[derive(Debug)]
pub struct Machine {
    lab: Arc<Run>,
    /// What the lab keeps about it.
    folder: PathBuf,
    kernel: PathBuf,
    door: Door,
    power: Power,
}

/// A process of QEMU, and root's shell in it.
#[derive(Debug)]
struct Power {
    qemu: Child,
    keyboard: ChildStdin,
    console: Receiver<String>,
}

impl Machine {
    /// Takes the disk of a host of [`Kind::Machine`](super::Kind::Machine), which is switched off for it, and boots from a copy on
    /// which the file system has the UUID that it had, by firmware with the UUID `firmware`.
    ///
    /// # Errors
    /// When the disk has no kernel, QEMU is missing (`cargo xtask setup` installs it), or it does not come up.
    pub fn boot(host: &mut Host, firmware: &str) -> Result<Self> {
        let (address, gateway) = (ADDRESS.to_string(), GATEWAY.to_string());
        host.run(&["sh", "-euc", ENTER, "enter", &address, &gateway, READY, DONE])?;
        let door = Door::of(host, OUTSIDE, SSH_PORT)?;
        host.power_off()?;
        let (root, lab, folder) = (host.root(), host.lab_run(), host.folder().to_owned());
        let mut format = sys::command("mke2fs");
        format.args(["-q", "-F", "-t", "ext4", "-d"]).arg(&root);
        if let Some(uuid) = host.disk_uuid() {
            format.args(["-U", &uuid]);
        }
        sys::output(format.arg(folder.join(DISK)).arg("3G"))?;
        let kernel = boot_file(&root, "vmlinuz-")?;
        let power = Power::on(&lab, &folder, &kernel, firmware)?;
        Ok(Self { lab, folder, kernel, door, power })
    }

    /// Returns when the machine has reset itself, as it does at the end of a reboot. It is off then.
    ///
    /// # Errors
    /// When it does not within `limit`.
    pub fn wait_until_reset(&mut self, limit: Duration) -> Result<()> {
        let begun = os::now();
        loop {
            match self.power.console.recv_timeout(limit.saturating_sub(begun.elapsed())) {
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => bail!("the machine does not reboot within {limit:?}"),
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    }

    /// Boots from the disk as it is, by firmware with the UUID `firmware`, after the power was cut if it was still on.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn boot_again(&mut self, firmware: &str) -> Result<()> {
        self.power.off();
        self.power = Power::on(&self.lab, &self.folder, &self.kernel, firmware)?;
        Ok(())
    }

    /// Has root's shell there run a line of at most 4,000 bytes, and returns what it printed.
    ///
    /// # Errors
    /// When that does not end within `limit`, or fails.
    pub fn run(&mut self, line: &str, limit: Duration) -> Result<String> {
        writeln!(self.power.keyboard, "{line}")?;
        let mut said =
            self.power.read_until(limit, |line| line.starts_with(DONE)).with_context(|| line.to_owned())?;
        let status = said.pop().unwrap_or_default();
        let said = said.join("\n");
        ensure!(status == format!("{DONE} 0"), "`{line}` failed in the machine: {status}\n{said}");
        Ok(said)
    }

    /// Looks again and again until a line of the shell succeeds.
    ///
    /// # Errors
    /// When it does not within `limit`.
    pub fn wait_until(&mut self, line: &str, limit: Duration) -> Result<()> {
        let begun = os::now();
        while let Err(error) = self.run(line, limit) {
            ensure!(begun.elapsed() < limit, error.context(format!("not within {limit:?}")));
            os::pause(LOOK_AGAIN);
        }
        Ok(())
    }

    /// Logs in from outside by `ssh` and runs `command` there.
    ///
    /// # Errors
    /// When the tools are missing, or the command itself fails.
    pub fn ssh(&self, user: &str, password: &str, command: &str) -> Result<Login> {
        ssh::log_in(&self.door, user, Proof::Password(password), command)
    }

    /// Returns when the agent has told of an event since the machine booted.
    ///
    /// # Errors
    /// When it does not within `limit`, with the end of the journal.
    pub fn wait_until_told(&mut self, event: u32, limit: Duration) -> Result<()> {
        // Who follows the journal costs the machine far less than who asks again and again.
        let follow = format!(
            "{{ timeout {} journalctl --quiet --follow --lines=all --boot --output=cat SYSLOG_IDENTIFIER=lapwingd EVENT_ID={event} & \
            echo $!; wait; }} | {{ read -r pid; read -r line; told=$?; kill $pid; exit $told; }}",
            limit.as_secs()
        );
        let told = self.run(&follow, limit + A_LITTLE);
        let Err(error) = told else { return Ok(()) };
        let journal = self.run("journalctl --quiet --lines=60 --no-hostname; lapwing status", BOOT_MAX);
        Err(error.context(format!("event {event} within {limit:?}\n{journal:?}")))
    }

    /// As [`Machine::ssh`], to stay, on a terminal.
    ///
    /// # Errors
    /// When the tools are missing.
    pub fn stay(&self, user: &str, password: &str, command: &str) -> Result<Stay> {
        Stay::begin(&self.door, user, password, command)
    }

    /// A seat at the text console on the second serial line.
    ///
    /// # Errors
    /// When the machine is off.
    pub fn terminal(&self) -> Result<Terminal> {
        Terminal::connect(&self.folder.join(LINE))
    }
}

impl Power {
    fn on(lab: &Run, folder: &Path, kernel: &Path, firmware: &str) -> Result<Self> {
        let mut command = lab.outside("nice")?;
        command
            // Its clock goes on whoever has the processor, so that it is served before those who only take longer.
            .args(["-n", "-10", "qemu-system-x86_64"])
            .args(["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-uuid", firmware])
            // Tables of four levels are walked faster than those of five, and more processors only wait for each other.
            .args(["-machine", "pc,accel=tcg", "-cpu", "max,la57=off", "-smp", "1", "-m", "768"])
            .args(["-global", "PIIX4_PM.disable_s3=0"])
            .arg("-kernel")
            .arg(kernel)
            .args(["-append", KERNEL_LINE, "-serial", "stdio", "-serial"])
            .arg(format!("unix:{},server=on,wait=off", folder.join(LINE).display()))
            .arg("-drive")
            .arg(format!("file={},if=none,id=disk,format=raw,cache=unsafe", folder.join(DISK).display()))
            .args(["-device", "nvme,drive=disk,serial=lab"])
            .arg("-netdev")
            .arg(format!(
                "user,id=lan,net={NETWORK},host={GATEWAY},hostfwd=tcp:{OUTSIDE}:{SSH_PORT}-{ADDRESS}:22"
            ))
            .args(["-device", "virtio-net-pci,netdev=lan"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut qemu = command.spawn().context("cannot start QEMU\nnext: cargo xtask setup")?;
        let (Some(keyboard), Some(out)) = (qemu.stdin.take(), qemu.stdout.take()) else {
            bail!("QEMU has no console");
        };
        let (sender, console) = channel();
        // It ends with QEMU.
        thread::spawn(move || {
            let lines = BufReader::new(out).split(b'\n').map_while(Result::ok);
            lines
                .map(|line| String::from_utf8_lossy(&line).trim_end().to_owned())
                .try_for_each(|line| sender.send(line))
        });
        let power = Self { qemu, keyboard, console };
        power.read_until(BOOT_MAX, |line| line.ends_with(READY)).context("the machine does not boot")?;
        Ok(power)
    }

    fn off(&mut self) {
        // It may have ended by itself.
        drop(self.qemu.kill());
        drop(self.qemu.wait());
    }

    /// The lines of the console up to one, and that.
    fn read_until(&self, limit: Duration, is_last: impl Fn(&str) -> bool) -> Result<Vec<String>> {
        let begun = os::now();
        let mut lines = Vec::new();
        loop {
            match self.console.recv_timeout(limit.saturating_sub(begun.elapsed())) {
                Ok(line) => {
                    let is_last = is_last(&line);
                    lines.push(line);
                    if is_last {
                        return Ok(lines);
                    }
                }
                Err(RecvTimeoutError::Timeout) => bail!("not within {limit:?}\n{}", lines.join("\n")),
                Err(RecvTimeoutError::Disconnected) => bail!("QEMU has ended\n{}", lines.join("\n")),
            }
        }
    }
}

impl Drop for Power {
    fn drop(&mut self) {
        self.off();
    }
}

/// The one file of that beginning in a disk's `/boot`.
fn boot_file(root: &Path, beginning: &str) -> Result<PathBuf> {
    let boot = root.join("boot");
    let mut names = fs::read_dir(&boot)?.map_while(Result::ok).map(|entry| entry.file_name());
    let name = names.find(|name| name.to_string_lossy().starts_with(beginning));
    Ok(boot.join(name.with_context(|| format!("the disk has no {beginning}*"))?))
}
