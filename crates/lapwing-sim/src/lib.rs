//! A deterministic simulator: the agent's machine and the root half's protocol, the very lines that are shipped, in seeded
//! worlds of many hosts, directories of every kind, two clocks each, and faults between any two steps.
//!
//! A world is decided by its [`Scenario`] alone: the same one takes the same course, event by event. What goes wrong in
//! it is a [`Violation`] of an invariant of the design, with the command that shows it again. docs/verification.md.

mod chance;
mod check;
mod device;
mod directory;
mod disk;
mod faults;
mod inject;
mod perform;
mod root_half;
mod scenario;
mod shrink;
mod stats;
mod time;
mod world;

pub use check::{Invariant, Violation};
pub use directory::Kind;
pub use faults::Fault;
pub use scenario::{Bug, Scenario};
pub use shrink::shrink;
pub use stats::Stats;
pub use world::run;
