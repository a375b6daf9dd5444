//! The part of Lapwing that serves: device registration, the password store, Graph-compatible reading, audit.
//!
//! `rules` decides and is pure; `store` owns all SQL; `keys` owns all cryptography; `register`, `token`, `graph`, `admin`
//! and `console` only translate between HTTP and those. docs/protocol.md says what is ours on the wire.
//!
//! INVARIANT: no clear-text password reaches the database, a log or an error; it exists between an upload and its
//! encryption, and between a recorded reading and its answer.

mod admin;
mod app;
#[cfg(feature = "bench")]
pub mod bench;
mod bulk;
mod call;
mod cli;
mod client_secret;
mod config;
mod console;
mod data;
mod due;
mod failpoint;
mod graph;
mod http;
mod keys;
mod mdm;
mod openapi;
mod os;
mod policies;
mod register;
mod rules;
mod run;
mod setup;
mod store;
mod sys;
mod token;
mod wake;

pub use cli::main;
