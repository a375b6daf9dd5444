//! The client against peers of flesh: a small TLS server that misbehaves on purpose, and the real `lapwing-server`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod graph;
mod life;
mod mdm;
mod memory;
mod peer;
mod proxy;
mod server;
mod store;
mod transport;
mod wake;
