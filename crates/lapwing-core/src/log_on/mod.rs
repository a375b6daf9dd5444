//! What the PAM module tells of the managed account's log-ons: one datagram for each call of a hook.
//!
//! A datagram is `lapwing-log-on/1` and members `name=value`, each ended by a NUL, in the order of [`Report`]'s. The module runs
//! within any program that asks PAM, so it tells what it saw and judges nothing; [`Observer`] does.

mod observe;
mod report;

pub use observe::{FAILURE_AFTER, Observer, PENDING_MAX, Seen, Use};
pub use report::{Phase, REPORT_LEN_MAX, Report, ReportError, TEXT_LEN_MAX, printable};

/// Where the module sends what it saw.
pub const SOCKET_PATH: &str = "/run/lapwing/log-on.sock";
/// The accounts that Lapwing manages, one name to a line: written by the root half, and root's alone.
pub const ACCOUNTS_PATH: &str = "/run/lapwing-priv/accounts";
/// Is there while `lapwingd` wants the passwords of these accounts protected.
pub const PROTECT_PATH: &str = "/run/lapwingd/protect";
/// The service name under which the root half itself asks the host's password rules.
pub const OWN_SERVICE: &str = "lapwing";
