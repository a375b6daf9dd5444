//! A real log-on over the lab's network, with passwords typed at the prompt.

use std::fs::{self, File};
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
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

/// How somebody proves himself to sshd.
#[derive(Debug, Clone, Copy)]
pub enum Proof<'a> {
    /// By a password, which is plain text because the tool that judges the workspace depends on no crate of it.
    Password(&'a str),
    /// By the same as the answer to what PAM asks: keyboard-interactive.
    Answer(&'a str),
    /// By the private key in a file.
    Key {
        /// Where it is.
        file: &'a Path,
        /// A line that the command finds on its standard input.
        input: &'a str,
    },
}

/// Logs in from outside; the host's key is checked against the one on its disk.
pub(super) fn log_in(door: &Door, user: &str, proof: Proof<'_>, command: &str) -> Result<Login> {
    let mut ssh = ssh(door, user, proof)?;
    ssh.arg("-T").arg(command).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = begun(ssh, proof)?.wait_with_output()?;
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
    pub(super) fn begin(door: &Door, user: &str, password: &str, command: &str) -> Result<Self> {
        let seen = door.known.with_file_name("seen");
        let out = File::create(&seen)?;
        let proof = Proof::Password(password);
        let mut ssh = ssh(door, user, proof)?;
        ssh.arg("-tt").arg(command).stdout(out.try_clone()?).stderr(out);
        Ok(Self { child: begun(ssh, proof)?, seen })
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

/// `ssh`, behind a program that types the password where one is asked for, without a command yet.
fn ssh(door: &Door, user: &str, proof: Proof<'_>) -> Result<Command> {
    const TYPED: [&str; 3] = ["-d", "0", "ssh"];
    let (mut command, options) = match proof {
        Proof::Password(_) => (door.run.outside("sshpass")?, BY_PASSWORD),
        Proof::Answer(_) => (door.run.outside("sshpass")?, BY_ANSWER),
        Proof::Key { .. } => (door.run.outside("ssh")?, BY_KEY),
    };
    match proof {
        Proof::Password(_) | Proof::Answer(_) => command.args(TYPED),
        Proof::Key { file, .. } => command.arg("-i").arg(file),
    };
    command
        .args(["-F", "none"])
        .args(OPTIONS.iter().chain(&options).flat_map(|option| ["-o", option]))
        .arg(format!("-oUserKnownHostsFile={}", door.known.display()))
        .args(["-p", &door.port.to_string(), "-l", user, &door.address.to_string()]);
    Ok(command)
}

/// Starts it. What is typed goes through a pipe, for arguments and environments are visible to others.
fn begun(mut ssh: Command, proof: Proof<'_>) -> Result<Child> {
    let line = match proof {
        Proof::Password(line) | Proof::Answer(line) | Proof::Key { input: line, .. } => line,
    };
    let mut child = ssh.stdin(Stdio::piped()).spawn().context("cannot start ssh\nnext: cargo xtask setup")?;
    if let Some(mut pipe) = child.stdin.take() {
        pipe.write_all(format!("{line}\n").as_bytes())?;
    }
    Ok(child)
}

const OPTIONS: [&str; 4] =
    ["ConnectTimeout=5", "LogLevel=ERROR", "NumberOfPasswordPrompts=1", "StrictHostKeyChecking=yes"];
const BY_PASSWORD: [&str; 2] = ["PreferredAuthentications=password", "PubkeyAuthentication=no"];
const BY_ANSWER: [&str; 2] = ["PreferredAuthentications=keyboard-interactive", "PubkeyAuthentication=no"];
const BY_KEY: [&str; 2] = ["PreferredAuthentications=publickey", "IdentitiesOnly=yes"];
