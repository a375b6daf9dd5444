//! Named points at which a crash test ends this program. Without the feature `failpoints` they are nothing.

/// Ends this program by SIGKILL if `LAPWING_FAILPOINT` names this point.
#[cfg(feature = "failpoints")]
pub(crate) fn reach(name: &str) {
    if std::env::var_os("LAPWING_FAILPOINT").is_some_and(|wanted| wanted == name) {
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
