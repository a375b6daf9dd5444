//! A message on a desktop, as any program of its user puts one there. Desktop Notifications Specification, `Notify`.
//!
//! A bus of a user's lets nobody in but that user, not even root. So systemd starts, as that user and for some seconds, what says it:
//! this process keeps neither the power to become somebody else nor a view of what users have in `/run/user`.

use std::io;

use lapwing_core::types::Uid;

use crate::os;

/// How long saying it may take, whatever the user's programs do, in seconds.
const SAY_MAX: u32 = 10;
/// It stays until somebody has seen it, in milliseconds, and above what else is shown.
const FOR_EVER: &str = "0";
const CRITICAL: &str = "2";

/// Shows a message on the desktops of a user.
///
/// # Errors
/// What the system says; `ENOTCONN` if nothing there shows messages.
pub(super) fn notify(uid: Uid, message: &str) -> io::Result<()> {
    const SERVICE: [&str; 4] = [
        "org.freedesktop.Notifications",
        "/org/freedesktop/Notifications",
        "org.freedesktop.Notifications",
        "Notify",
    ];
    let (user, limit) = (uid.0.to_string(), format!("--property=RuntimeMaxSec={SAY_MAX}"));
    let bus = format!("--setenv=DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/{user}/bus");
    let mut command = os::program(os::SYSTEMD_RUN);
    command.args(["--quiet", "--wait", "--collect", "--service-type=exec", "--uid", &user, &limit, &bus]);
    command.args([os::BUSCTL, "--user", "--quiet", "--timeout=5", "call"]).args(SERVICE);
    // Program, what it replaces, icon, summary, body, no buttons, one hint, how long.
    command.args(["susssasa{sv}i", "Lapwing", "0", "", "Lapwing", message, "0"]);
    command.args(["1", "urgency", "y", CRITICAL, FOR_EVER]);
    let output = command.output()?;
    if output.status.success() { Ok(()) } else { Err(io::Error::from_raw_os_error(libc::ENOTCONN)) }
}
