//! The lab itself, on real namespaces: needs root and what `cargo xtask setup` installs.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod lab;
