//! A real log-on over the lab's network, with the password typed at the prompt.

use std::fs::{self, File};
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};

use super::host::Host;
use super::runs::Run;

/// What came of a log-on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// The host took the password; this is what the command printed.
    Accepted(String),
    /// The host asked for the password and did not take it.
    Refused,
    /// No conversation came about, for the reason given by `ssh`.
    Unreachable(String),
}

/// Where sshd listens if it is told nothing else.
pub(super) const PORT: u16 = 22;

/// The exit status by which `ssh` tells its own failures from those of the remote command.
const SSH_FAILED: i32 = 255;

/// Where a host's sshd is, seen from outside, and how to know it.
#[derive(Debug)]
pub(super) struct Door {
    run: Arc<Run>,
    name: String,
    /// The host's key, in the form of known_hosts.
    known: PathBuf,
    address: Ipv4Addr,
    port: u16,
}

impl Door {
    /// That of a host that is on, by the key on its disk.
    pub(super) fn of(host: &Host, address: Ipv4Addr, port: u16) -> Result<Self> {
        let known = host.folder().join(format!("known_hosts.{port}"));
        let key = host.run(&["cat", "/etc/ssh/ssh_host_ed25519_key.pub"])?;
        let address_and_port = if port == PORT { address.to_string() } else { format!("[{address}]:{port}") };
        fs::write(&known, format!("{address_and_port} {key}"))?;
        Ok(Self { run: host.lab_run(), name: host.name().to_owned(), known, address, port })
    }
}

/// Logs in from outside; the host's key is checked against the one on its disk.
pub(super) fn log_in(door: &Door, user: &str, password: &str, command: &str) -> Result<Login> {
    let mut ssh = ssh(door, user)?;
    ssh.arg("-T").arg(command).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = typed(ssh, password)?.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(0) => Ok(Login::Accepted(String::from_utf8(output.stdout)?)),
        Some(SSH_FAILED) if said.contains("Permission denied") => Ok(Login::Refused),
        Some(SSH_FAILED) => Ok(Login::Unreachable(said.trim_end().to_owned())),
        _ => bail!("`{command}` of {user} on {} failed: {}\n{}", door.name, output.status, said.trim_end()),
    }
}

/// A log-on from outside that stays, on a terminal of its own.
#[derive(Debug)]
pub struct Stay {
    child: Child,
    seen: PathBuf,
}

impl Stay {
    pub(super) fn begin(host: &Host, user: &str, password: &str, command: &str) -> Result<Self> {
        let seen = host.folder().join("seen");
        let out = File::create(&seen)?;
        let mut ssh = ssh(&Door::of(host, host.address(), PORT)?, user)?;
        ssh.arg("-tt").arg(command).stdout(out.try_clone()?).stderr(out);
        Ok(Self { child: typed(ssh, password)?, seen })
    }

    /// What has come to the terminal so far.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn seen(&self) -> Result<String> {
        Ok(String::from_utf8_lossy(&fs::read(&self.seen)?).into_owned())
    }

    /// Whether it has ended.
    ///
    /// # Errors
    /// When the kernel does not say.
    pub fn has_ended(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// `ssh` behind a program that types the password, without a command yet.
fn ssh(door: &Door, user: &str) -> Result<Command> {
    let mut command = door.run.outside("sshpass")?;
    command
        .args(["-d", "0", "ssh", "-F", "none"])
        .args(OPTIONS.iter().flat_map(|option| ["-o", option]))
        .arg(format!("-oUserKnownHostsFile={}", door.known.display()))
        .args(["-p", &door.port.to_string(), "-l", user, &door.address.to_string()]);
    Ok(command)
}

/// Starts it. The password goes through a pipe, for arguments and environments are visible to others.
fn typed(mut ssh: Command, password: &str) -> Result<Child> {
    let mut child =
        ssh.stdin(Stdio::piped()).spawn().context("cannot start sshpass\nnext: cargo xtask setup")?;
    if let Some(mut pipe) = child.stdin.take() {
        pipe.write_all(password.as_bytes())?;
        pipe.write_all(b"\n")?;
    }
    Ok(child)
}

const OPTIONS: [&str; 6] = [
    "ConnectTimeout=5",
    "LogLevel=ERROR",
    "NumberOfPasswordPrompts=1",
    "PreferredAuthentications=password,keyboard-interactive",
    "PubkeyAuthentication=no",
    "StrictHostKeyChecking=yes",
];
