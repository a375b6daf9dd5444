//! The part of Lapwing that encodes: what Entra ID, Microsoft Graph, management servers and `lapwing-server` say on
//! the wire, and what Active Directory and its Group Policy keep.
//!
//! Wire structs hold what a peer sent, as text; methods named `parse` turn it into the domain types of `lapwing-core`.
//! Both the clients and the server use these types, so that they cannot disagree. Sources: the protocol notes cited
//! at each type, and docs/protocol.md for what is ours.
//!
//! INVARIANT: every message read from a peer goes through [`json`] or [`xml`], which bound length and depth first, and whose
//! errors never repeat the input: it may hold a password. The formats of [`ad`] and [`gpo`] have bounds of their own.
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

pub mod ad;
pub mod admin;
pub mod gpo;
pub mod graph;
pub mod hex;
pub mod json;
pub mod jwt;
pub mod ldap;
pub mod management;
pub mod mde2;
pub mod policy_report;
pub mod register;
pub mod secret_text;
pub mod syncml;
pub mod trace;
pub mod wake;
pub mod wns;
pub mod xml;

#[cfg(test)]
mod spoil;
