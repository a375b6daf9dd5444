//! What end-to-end tests share with `cargo xtask`: the [`lab`] of booted hosts, the [`soak`], child processes and step
//! lines.
//!
//! Developer tooling: nothing here is ever shipped.

pub mod estate;
pub mod key_service;
pub mod lab;
pub mod os;
pub mod package;
pub mod programs;
pub mod python;
pub mod scene;
pub mod soak;
pub mod steps;
pub mod sys;
pub mod transactions;
