//! Drives the real program over real TLS with real keys.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod browser;
mod bulk;
mod certificate;
mod console;
#[cfg(feature = "failpoints")]
mod crash;
mod device;
mod enrolment;
mod garbage;
mod graph;
mod harness;
mod life;
mod manage;
mod openapi;
mod policies;
mod python;
mod reveal;
mod sdk;
mod secrets;
mod shared;
mod wake;
mod windows;
