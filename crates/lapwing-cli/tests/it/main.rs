//! `lapwing` as a process: its output, its exit codes, and what it leaves on disk.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod ad;
mod enrolment;
mod generalize;
mod local;
mod offline;
mod pam;
mod policy;
mod proxy;
mod remote;
mod rotation;
mod run;
#[path = "../../../lapwing-client/tests/it/server.rs"]
mod server;
mod unprotect;
