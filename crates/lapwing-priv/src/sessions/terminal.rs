//! A message on a terminal, as write(1) puts it there.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _},
    path::Path,
};

use crate::sys;

/// Writes a message to a terminal below `/dev`, without waiting for one that is stopped.
///
/// # Errors
/// What the system says; `ENOTTY` if the name is none of a terminal, or of a virtual console whose text nobody sees.
pub(super) fn write(terminal: &str, message: &str) -> io::Result<()> {
    let not_a_terminal = || io::Error::from_raw_os_error(libc::ENOTTY);
    if !is_name(terminal) {
        return Err(not_a_terminal());
    }
    let flags = libc::O_NOCTTY | libc::O_NONBLOCK | libc::O_CLOEXEC | libc::O_NOFOLLOW;
    let mut file = File::options().write(true).custom_flags(flags).open(Path::new("/dev").join(terminal))?;
    if !file.metadata()?.file_type().is_char_device() || !rustix::termios::isatty(&file) {
        return Err(not_a_terminal());
    }
    if sys::shows_graphics(&file) {
        return Err(not_a_terminal());
    }
    let lines = message.replace('\n', "\r\n");
    file.write_all(format!("\r\n\x07Lapwing: {lines}\r\n").as_bytes())
}

/// The terminal of a session whose service did not tell logind of it, as sshd does not: one that a process of the session has.
/// cgroups(7), proc_pid_stat(5).
pub(super) fn of_session(id: &str) -> Option<String> {
    let scope = format!("/session-{id}.scope");
    let mut entries = fs::read_dir("/proc").ok()?.flatten();
    entries.find_map(|entry| {
        let read = |file| fs::read_to_string(entry.path().join(file)).unwrap_or_default();
        let is_of_session =
            read("cgroup").lines().any(|line| line.ends_with(&scope) || line.contains(&format!("{scope}/")));
        is_of_session.then(|| of_process(&read("stat"))).flatten()
    })
}

/// The terminal that a line of `stat` tells.
fn of_process(stat: &str) -> Option<String> {
    const PSEUDO_TERMINALS: u32 = 136;
    match device(stat)? {
        (0, _) => None,
        (PSEUDO_TERMINALS, minor) => Some(format!("pts/{minor}")),
        // Consoles and serial lines, of which every driver has a name of its own.
        (major, minor) => {
            of_device(&fs::read_to_string(format!("/sys/dev/char/{major}:{minor}/uevent")).ok()?)
        }
    }
}

/// Major and minor number of a process's terminal, five fields behind the program's name; zeros without one.
fn device(stat: &str) -> Option<(u32, u32)> {
    let (_, fields) = stat.rsplit_once(')')?;
    let number: u32 = fields.split_whitespace().nth(4)?.parse().ok()?;
    Some(((number >> 8) & 0xfff, (number & 0xff) | ((number >> 12) & 0xf_ff00)))
}

/// The name below `/dev` that the kernel gives a device.
fn of_device(uevent: &str) -> Option<String> {
    uevent.lines().find_map(|line| line.strip_prefix("DEVNAME=")).map(str::to_owned)
}

/// Whether a name leads to nothing but a terminal below `/dev`.
fn is_name(terminal: &str) -> bool {
    let is_part = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    terminal.split('/').count() <= 2 && terminal.split('/').all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_tells_its_terminal() {
        let stat = |number: u32| format!("7 (a) b) S 1 7 7 {number} 7 4194304");
        assert_eq!(of_process(&stat((136 << 8) | 3)).as_deref(), Some("pts/3"));
        assert_eq!(of_process(&stat((136 << 8) | (1 << 20) | 1)).as_deref(), Some("pts/257"));
        assert_eq!(device(&stat((4 << 8) | 64)), Some((4, 64)));
        // Every kernel has this one, and it is no terminal of a process.
        assert_eq!(of_process(&stat((1 << 8) | 3)).as_deref(), Some("null"));
        assert_eq!((of_process(&stat(0)), of_process("")), (None, None));
        assert_eq!(of_device("MAJOR=4\nMINOR=65\nDEVNAME=ttyS1\n").as_deref(), Some("ttyS1"));
        assert_eq!(of_device("MAJOR=4\n"), None);
    }

    #[test]
    fn only_names_of_terminals_are_opened() {
        assert!(["pts/0", "tty1", "ttyS0"].into_iter().all(is_name));
        assert!(
            ["", "/etc/shadow", "../etc/shadow", "pts/../sda", "pts//0", "a/b/c", ":0"]
                .into_iter()
                .all(|name| !is_name(name))
        );
        assert_eq!(write("null", "x").unwrap_err().raw_os_error(), Some(libc::ENOTTY));
    }
}
