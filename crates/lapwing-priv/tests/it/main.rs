//! Drives the real `lapwingd-priv`, one process per request, over its socket on private root directories.
//!
//! Runs as root, for it mounts and changes owners, all of it in folders and namespaces of its own.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a helper of a test fails by panic, and a test starts programs as a user would"
)]

mod account;
mod automatic;
mod closed;
mod copies;
#[cfg(feature = "failpoints")]
mod crash;
mod encrypt;
mod host_rules;
mod keytab;
mod listen;
mod managed;
mod protocol;
mod seal;
mod secrets;
mod world;
