//! The only file that reads the clock, the random source and the environment.

use std::{path::PathBuf, time::SystemTime};

use lapwing_core::types::{FileTime, Guid};
use rand_core::{Rng as _, UnwrapErr};

/// The system's random source. It ends the program if the system has none, as no password could be drawn then.
pub(crate) const fn rng() -> UnwrapErr<getrandom::SysRng> {
    UnwrapErr(getrandom::SysRng)
}

/// The time of day.
#[expect(clippy::disallowed_methods, reason = "this file is where the clock is read")]
pub(crate) fn now() -> FileTime {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    FileTime::from_unix(since_1970).unwrap_or(FileTime::UNIX_EPOCH)
}

/// A fresh GUID, to find a request in the server's log.
pub(crate) fn request_id() -> Guid {
    Guid::random(&mut rng())
}

/// By chance: which of several equal servers is asked first.
pub(crate) fn chance() -> u64 {
    rng().next_u64()
}

/// What this host is called.
pub(crate) fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The proxy that the environment names, and the hosts that are reached without it, as other programs read them.
pub(crate) fn proxy() -> Option<(String, String)> {
    let value = |names: [&str; 2]| {
        names.into_iter().find_map(|name| std::env::var(name).ok()).filter(|value| !value.is_empty())
    };
    let proxy = value(["https_proxy", "HTTPS_PROXY"])?;
    Some((proxy, value(["no_proxy", "NO_PROXY"]).unwrap_or_default()))
}

/// Where the caller's own configuration is: `$XDG_CONFIG_HOME`, else `~/.config`.
pub(crate) fn config_home() -> Option<PathBuf> {
    let folder = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    folder("XDG_CONFIG_HOME").or_else(|| folder("HOME").map(|home| home.join(".config")))
}
