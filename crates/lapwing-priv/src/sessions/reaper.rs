//! Ends the processes of an account, wherever they were started. proc(5), pidfd_open(2), credentials(7).

use std::{fs, io, os::fd::OwnedFd, path::Path, time::Duration};

use lapwing_core::{local::root_half::EndedProcess, types::Uid};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
};

use crate::os::Deadline;

/// How often what has come meanwhile is looked for once more.
const ROUNDS_MAX: usize = 5;
/// How long a process that was asked to end may take, and how long one that was killed.
const TERM_WAIT: Duration = Duration::from_secs(3);
const KILL_WAIT: Duration = Duration::from_secs(1);

struct Target {
    handle: OwnedFd,
    told: EndedProcess,
}

/// Asks every process of the account to end, and kills those that do not.
///
/// # Errors
/// If `/proc` cannot be read.
pub(super) fn end_all(uid: Uid) -> io::Result<Vec<EndedProcess>> {
    let mut ended: Vec<EndedProcess> = Vec::new();
    for round in 0..ROUNDS_MAX {
        let (signal, wait) = if round == 0 { (Signal::TERM, TERM_WAIT) } else { (Signal::KILL, KILL_WAIT) };
        let mut targets = find(uid)?;
        if targets.is_empty() {
            break;
        }
        for target in &mut targets {
            // A stopped process would not hear the first.
            let sent = pidfd_send_signal(&target.handle, signal)
                .and_then(|()| pidfd_send_signal(&target.handle, Signal::CONT));
            target.told.errno = sent
                .err()
                .filter(|error| *error != rustix::io::Errno::SRCH)
                .map(|error| error.raw_os_error());
        }
        wait_for(&targets, &Deadline::after(wait))?;
        for Target { told, .. } in targets {
            match ended.iter_mut().find(|known| known.pid == told.pid) {
                Some(known) => known.errno = told.errno,
                None => ended.push(told),
            }
        }
    }
    for left in find(uid)? {
        let known = ended.iter_mut().find(|known| known.pid == left.told.pid);
        known.into_iter().for_each(|known| known.errno = known.errno.or(Some(libc::ETIMEDOUT)));
    }
    Ok(ended)
}

/// Waits until all have ended or the time is over.
fn wait_for(targets: &[Target], deadline: &Deadline) -> io::Result<()> {
    let mut waiting: Vec<&Target> = targets.iter().collect();
    while let (false, Some(left)) = (waiting.is_empty(), deadline.left()) {
        let mut polled: Vec<_> =
            waiting.iter().map(|target| PollFd::new(&target.handle, PollFlags::IN)).collect();
        let left = Timespec::try_from(left).map_err(io::Error::other)?;
        poll(&mut polled, Some(&left))?;
        let has_ended: Vec<bool> = polled.iter().map(|polled| !polled.revents().is_empty()).collect();
        let mut has_ended = has_ended.into_iter();
        waiting.retain(|_| !has_ended.next().unwrap_or_default());
    }
    Ok(())
}

/// The account's processes, each held so that its number cannot come to mean another.
fn find(uid: Uid) -> io::Result<Vec<Target>> {
    let mut targets = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<i32>().ok()).and_then(Pid::from_raw)
        else {
            continue;
        };
        // It may have ended since.
        let Ok(handle) = pidfd_open(pid, PidfdFlags::empty()) else { continue };
        let folder = Path::new("/proc").join(&name);
        let read = |file| fs::read_to_string(folder.join(file)).unwrap_or_default();
        if pid.is_init()
            || pid == rustix::process::getpid()
            || !belongs(&read("status"), &read("loginuid"), uid)
        {
            continue;
        }
        let path = fs::read_link(folder.join("exe"))
            .map_or_else(|_| read("comm"), |path| path.display().to_string());
        let pid = pid.as_raw_nonzero().get().unsigned_abs();
        targets.push(Target { handle, told: EndedProcess { pid, path, errno: None } });
    }
    Ok(targets)
}

/// Whether a process that has not ended runs as the account, or was started from a log-on of it. `loginuid` of a process that
/// comes of no log-on is 4294967295, which is nobody's uid.
fn belongs(status: &str, loginuid: &str, uid: Uid) -> bool {
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    let is_uid = |text: &str| text.trim().parse() == Ok(uid.0);
    let has_ended = field("State:").trim_start().starts_with(['Z', 'X']);
    // A thread of the kernel has no such field.
    let is_program = !field("VmSize:").is_empty();
    !has_ended && is_program && (is_uid(loginuid) || field("Uid:").split_whitespace().any(is_uid))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "Name:\tsh\nState:\tS (sleeping)\nUid:\t1001\t0\t0\t0\nVmSize:\t 2 kB\n";

    #[test]
    fn a_process_belongs_to_whose_uid_it_has_anywhere_or_who_logged_on() {
        assert!(belongs(STATUS, "4294967295", Uid(1001)), "set-uid programs keep the real uid");
        assert!(!belongs(STATUS, "4294967295", Uid(100)));
        assert!(belongs(STATUS, "1002", Uid(1002)), "what sudo started");
        assert!(!belongs(&STATUS.replace("S (", "Z ("), "1001", Uid(1001)));
        assert!(!belongs(&STATUS.replace("VmSize", "x"), "1001", Uid(1001)));
        assert!(!belongs("", "", Uid(0)));
    }
}
