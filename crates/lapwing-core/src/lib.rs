//! The part of Lapwing that decides: vocabulary, policy, generators, the event catalogue, the agent's state machine.
//!
//! Nothing here does I/O, reads a clock or draws from an operating system's random source: time and chance are
//! arguments. That is what lets one machine run in production and thousands of it in the simulator.
//!
//! INVARIANT: no type in this crate can print, serialise or copy a secret by accident; see [`secret`].
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

pub mod agent;
pub mod automatic;
pub mod binding;
pub mod boot;
pub mod csp;
pub mod event;
pub mod fault;
pub mod generate;
pub mod hindrance;
pub mod host_binding;
pub mod laps;
#[cfg(feature = "wire")]
pub mod local;
pub mod log_on;
pub mod management;
pub mod mutant;
pub mod policy;
pub mod root_half;
pub mod secret;
pub mod sessions;
pub mod types;
