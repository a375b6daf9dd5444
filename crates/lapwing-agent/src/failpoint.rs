//! Named points at which a test may kill this program, as a power cut would.

/// Ends the process by SIGKILL if the test asked for it at this point; nothing in a shipped build.
#[cfg(feature = "failpoints")]
pub(crate) fn hit(name: &str) {
    if CHOSEN.get().is_some_and(|chosen| chosen == name) {
        let me = rustix::process::getpid();
        rustix::process::kill_process(me, rustix::process::Signal::KILL).expect("a process may kill itself");
    }
}

#[cfg(feature = "failpoints")]
static CHOSEN: std::sync::OnceLock<String> = std::sync::OnceLock::new();

/// Reads which point was chosen.
#[cfg(feature = "failpoints")]
pub(crate) fn choose() {
    if let Ok(name) = std::env::var("LAPWING_FAILPOINT") {
        CHOSEN.get_or_init(|| name);
    }
}

/// Ends the process by SIGKILL if the test asked for it at this point; nothing in a shipped build.
#[cfg(not(feature = "failpoints"))]
pub(crate) const fn hit(_name: &str) {}

/// Reads which point was chosen; nothing in a shipped build.
#[cfg(not(feature = "failpoints"))]
pub(crate) const fn choose() {}
