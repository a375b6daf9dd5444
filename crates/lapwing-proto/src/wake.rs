//! The wake-up connection: a device keeps it open, and the server asks over it for a call home. docs/protocol.md,
//! "Wake-up".
//!
//! After an HTTP upgrade to [`PROTOCOL`] each message is one byte, and nothing but these three is ever said.

use core::time::Duration;

/// The protocol that the request upgrades to.
pub const PROTOCOL: &str = "lapwing-wake-1";

/// From the server: call home now. It carries nothing else.
pub const CALL_HOME: u8 = b'W';

/// From the device: I am here; the server answers with the same.
pub const HEARTBEAT: u8 = b'h';

/// How often a device says that it is here: more often than the 60 seconds after which common proxies cut a connection
/// that is idle.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(50);

/// How long the server waits for a device's next heartbeat.
pub const SILENCE_MAX: Duration = Duration::from_secs(120);

/// How long a device waits for the answer to its heartbeat.
pub const ECHO_TIME_MAX: Duration = Duration::from_secs(20);
