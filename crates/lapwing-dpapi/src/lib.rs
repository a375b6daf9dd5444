//! DPAPI-NG: data protected to whoever a SID names, with keys that the domain's controllers give by MS-GKDI.
//!
//! Nothing here reads a clock, draws at random or speaks to anybody: time and chance are arguments, and the call that gets
//! a key is a state machine over bytes.
//!
//! Whoever protects asks a controller for the group key of (the descriptor made of the SID, now), wraps a random key with a
//! key from that, encrypts with the random key, and writes a [`Blob`] that names root key, interval and SID. Whoever the
//! SID means is given seed keys, everybody else the public key of the same interval. Who has the [`RootKey`] needs no
//! controller, no time and no name.
//!
//! INVARIANT: every secret, from the root key to the plain text, lies in a buffer that is wiped when it is dropped.
#![forbid(unsafe_code)]
// Tests may index and panic: that is how they fail.
#![cfg_attr(
    not(test),
    warn(
        clippy::as_conversions,
        clippy::disallowed_types,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::print_stdout,
        clippy::string_slice,
        clippy::wildcard_enum_match_arm
    )
)]

pub mod blob;
pub mod cache;
mod der;
pub mod descriptor;
pub mod gkdi;
mod hex;
pub mod key_file;
pub mod laps;
mod primitives;
pub mod protect;
pub mod rpc;
mod unprotect;

#[cfg(test)]
mod samples;

pub use blob::{Blob, Placement};
pub use gkdi::{GroupKeyEnvelope, Interval, RootKey};
pub use primitives::Hash;
pub use protect::protect;
pub use unprotect::{UnprotectError, unprotect, unprotect_offline};
