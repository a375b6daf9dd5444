//! Named points at which a crash test ends this program. Without the feature `failpoints` they are nothing.

/// Ends this program by SIGKILL if `LAPWING_FAILPOINT` names this point, or panics if it says `panic:` before the name.
#[cfg(feature = "failpoints")]
pub(crate) fn reach(name: &str) {
    let Ok(wanted) = std::env::var("LAPWING_FAILPOINT") else { return };
    assert!(wanted.strip_prefix("panic:") != Some(name), "fail point {name}");
    if wanted == name {
        let killed = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        if killed.is_err() {
            std::process::abort();
        }
        loop {
            std::thread::park();
        }
    }
}

/// Nothing.
#[cfg(not(feature = "failpoints"))]
pub(crate) const fn reach(_name: &str) {}
