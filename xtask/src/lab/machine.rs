//! A host's disk in a machine that QEMU plays: with a kernel and a clock of its own, so that it can sleep.
//!
//! Everything in it is translated by software, for not every machine that tests run on can lend its own processor. It sees the lab's
//! outside through QEMU's user networking, and nothing else.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use super::host::Host;
use super::network::OUTSIDE;
use super::ssh::{self, Door, Login, Proof};
use crate::{os, sys};

/// It takes half a minute on an idle machine.
const BOOT_MAX: Duration = Duration::from_secs(240);
/// Between two looks at a condition.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// Where it is, on a network that only QEMU knows.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 124, 0, 15);
const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 124, 0, 2);
const NETWORK: &str = "10.124.0.0/24";
/// Where its sshd is, on the lab's outside.
const SSH_PORT: u16 = 2222;

/// What the shell says before it reads, and, with the exit status, after each line.
const READY: &str = "lab-shell-is-ready";
const DONE: &str = "lab-shell-is-done";

/// Enters what the disk of a booted host lacks for a machine: a card that is set up without the lab, and root's shell on the console, once
/// everything else is up.
const ENTER: &str = r#"systemctl --quiet mask serial-getty@ttyS0.service
cat >/etc/systemd/system/lab-network.service <<END
[Unit]
DefaultDependencies=no
Before=network-pre.target
Wants=network-pre.target
[Service]
Type=oneshot
ExecStart=ip link set eth0 up
ExecStart=ip address add $1/24 dev eth0
ExecStart=ip route add default via $2
[Install]
WantedBy=sysinit.target
END
cat >/etc/systemd/system/lab-shell.service <<END
[Unit]
After=multi-user.target
[Service]
StandardInput=tty-force
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
ExecStart=sh -c 'stty -echo; echo; echo $3; while read -r line; do eval "\$\$line"; echo "$4 \$\$?"; done'
[Install]
WantedBy=multi-user.target
END
systemctl --quiet enable lab-network.service lab-shell.service
sync"#;

/// No messages among what the shell prints, no waiting for random numbers.
const KERNEL_LINE: &str = "root=/dev/vda rw console=ttyS0 quiet loglevel=0 no_console_suspend mitigations=off random.trust_cpu=on net.ifnames=0 \
    systemd.show_status=0 systemd.log_target=journal";

/// A running machine. Dropping it cuts its power.
#[derive(Debug)]
pub struct Machine {
    qemu: Child,
    keyboard: ChildStdin,
    console: Receiver<String>,
    door: Door,
}

impl Machine {
    /// Takes the disk of a host of [`Kind::Machine`](super::Kind::Machine), which is switched off for it, and boots from a copy.
    ///
    /// # Errors
    /// When the disk has no kernel, QEMU is missing (`cargo xtask setup` installs it), or it does not come up.
    pub fn boot(host: &mut Host) -> Result<Self> {
        let (address, gateway) = (ADDRESS.to_string(), GATEWAY.to_string());
        host.run(&["sh", "-euc", ENTER, "enter", &address, &gateway, READY, DONE])?;
        let door = Door::of(host, OUTSIDE, SSH_PORT)?;
        host.power_off()?;
        let root = host.root();
        let disk = host.folder().join("disk.img");
        sys::output(
            sys::command("mke2fs").args(["-q", "-F", "-t", "ext4", "-d"]).arg(&root).arg(&disk).arg("3G"),
        )?;
        let mut command = host.outside("qemu-system-x86_64")?;
        command
            .args(["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-serial", "stdio"])
            .args(["-machine", "pc,accel=tcg", "-cpu", "max", "-smp", "1", "-m", "768"])
            .args(["-global", "PIIX4_PM.disable_s3=0"])
            .arg("-kernel")
            .arg(boot_file(&root, "vmlinuz-")?)
            .arg("-initrd")
            .arg(boot_file(&root, "initrd.img-")?)
            .args(["-append", KERNEL_LINE])
            .arg("-drive")
            .arg(format!("file={},if=virtio,format=raw,cache=unsafe", disk.display()))
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
        let machine = Self { qemu, keyboard, console, door };
        machine.read_until(BOOT_MAX, |line| line.ends_with(READY)).context("the machine does not boot")?;
        Ok(machine)
    }

    /// Has root's shell there run a line of at most 4,000 bytes, and returns what it printed.
    ///
    /// # Errors
    /// When that does not end within `limit`, or fails.
    pub fn run(&mut self, line: &str, limit: Duration) -> Result<String> {
        writeln!(self.keyboard, "{line}")?;
        let mut said =
            self.read_until(limit, |line| line.starts_with(DONE)).with_context(|| line.to_owned())?;
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

impl Drop for Machine {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.qemu.kill());
        drop(self.qemu.wait());
    }
}

/// The one file of that beginning in a disk's `/boot`.
fn boot_file(root: &Path, beginning: &str) -> Result<PathBuf> {
    let boot = root.join("boot");
    let mut names = fs::read_dir(&boot)?.map_while(Result::ok).map(|entry| entry.file_name());
    let name = names.find(|name| name.to_string_lossy().starts_with(beginning));
    Ok(boot.join(name.with_context(|| format!("the disk has no {beginning}*"))?))
}
