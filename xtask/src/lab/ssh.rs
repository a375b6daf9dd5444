//! A real log-on over the lab's network, with the password typed at the prompt.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};

use super::host::Host;

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

/// The exit status by which `ssh` tells its own failures from those of the remote command.
const SSH_FAILED: i32 = 255;

/// Logs in from outside; the host's key is checked against the one on its disk.
///
/// The password goes through a pipe, for arguments and environments are visible to others.
pub(super) fn log_in(host: &Host, user: &str, password: &str, command: &str) -> Result<Login> {
    let known = host.folder().join("known_hosts");
    fs::write(
        &known,
        format!("{} {}", host.address(), host.run(&["cat", "/etc/ssh/ssh_host_ed25519_key.pub"])?),
    )?;
    let mut child = host
        .outside("sshpass")?
        .args(["-d", "0", "ssh", "-F", "none", "-T"])
        .args(OPTIONS.iter().flat_map(|option| ["-o", option]))
        .arg(format!("-oUserKnownHostsFile={}", known.display()))
        .args(["-l", user, &host.address().to_string(), command])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start sshpass\nnext: cargo xtask setup")?;
    if let Some(mut pipe) = child.stdin.take() {
        pipe.write_all(password.as_bytes())?;
        pipe.write_all(b"\n")?;
    }
    let output = child.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(0) => Ok(Login::Accepted(String::from_utf8(output.stdout)?)),
        Some(SSH_FAILED) if said.contains("Permission denied") => Ok(Login::Refused),
        Some(SSH_FAILED) => Ok(Login::Unreachable(said.trim_end().to_owned())),
        _ => bail!("`{command}` of {user} on {} failed: {}\n{}", host.name(), output.status, said.trim_end()),
    }
}

const OPTIONS: [&str; 6] = [
    "ConnectTimeout=5",
    "LogLevel=ERROR",
    "NumberOfPasswordPrompts=1",
    "PreferredAuthentications=password,keyboard-interactive",
    "PubkeyAuthentication=no",
    "StrictHostKeyChecking=yes",
];
