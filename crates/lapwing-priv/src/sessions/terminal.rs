//! A message on a terminal, as write(1) puts it there.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _},
    path::Path,
};

/// Writes a message to a terminal below `/dev`, without waiting for one that is stopped.
///
/// # Errors
/// What the system says; `ENOTTY` if the name is none of a terminal.
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

/// The terminal that a line of `stat` tells: its device number, five fields behind the program's name.
fn of_process(stat: &str) -> Option<String> {
    const PSEUDO_TERMINALS: u32 = 136;
    const CONSOLES: u32 = 4;
    let (_, fields) = stat.rsplit_once(')')?;
    let number: u32 = fields.split_whitespace().nth(4)?.parse().ok()?;
    let (major, minor) = ((number >> 8) & 0xfff, (number & 0xff) | ((number >> 12) & 0xf_ff00));
    match major {
        PSEUDO_TERMINALS => Some(format!("pts/{minor}")),
        CONSOLES if minor < 64 => Some(format!("tty{minor}")),
        _ => None,
    }
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
        let of = |number: u32| of_process(&format!("7 (a) b) S 1 7 7 {number} 7 4194304"));
        assert_eq!(of((136 << 8) | 3).as_deref(), Some("pts/3"));
        assert_eq!(of((136 << 8) | (1 << 20) | 1).as_deref(), Some("pts/257"));
        assert_eq!(of((4 << 8) | 1).as_deref(), Some("tty1"));
        assert_eq!((of(0), of_process("")), (None, None));
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
