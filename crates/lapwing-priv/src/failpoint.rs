//! Named points at which a test may kill this program, as a power cut would.

/// Ends the process by SIGKILL if the test asked for it at this point, or halts it there if it asked for `stop:` and the
/// point; nothing in a shipped build.
#[cfg(feature = "failpoints")]
pub(crate) fn hit(name: &str) {
    use rustix::process::{Signal, getpid, kill_process};
    let signal = match CHOSEN.get() {
        Some(chosen) if chosen == name => Signal::KILL,
        Some(chosen) if chosen.strip_prefix("stop:") == Some(name) => Signal::STOP,
        _ => return,
    };
    kill_process(getpid(), signal).expect("a process may send itself a signal");
}

#[cfg(feature = "failpoints")]
static CHOSEN: std::sync::OnceLock<String> = std::sync::OnceLock::new();

/// Lets a process that serves for this one be killed at the same point.
#[cfg(feature = "failpoints")]
pub(crate) fn pass_on(command: &mut std::process::Command) {
    if let Some(name) = CHOSEN.get() {
        command.env(VARIABLE, name);
    }
}

#[cfg(feature = "failpoints")]
const VARIABLE: &str = "LAPWING_FAILPOINT";

/// Reads which point was chosen; called once, before the environment is emptied.
#[cfg(feature = "failpoints")]
pub(crate) fn choose() {
    if let Ok(name) = std::env::var(VARIABLE) {
        CHOSEN.get_or_init(|| name);
    }
}

/// Ends the process by SIGKILL if the test asked for it at this point; nothing in a shipped build.
#[cfg(not(feature = "failpoints"))]
pub(crate) const fn hit(_name: &str) {}

/// Nothing in a shipped build.
#[cfg(not(feature = "failpoints"))]
pub(crate) const fn pass_on(_command: &mut std::process::Command) {}

/// Nothing in a shipped build.
#[cfg(not(feature = "failpoints"))]
pub(crate) const fn choose() {}
