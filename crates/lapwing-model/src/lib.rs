//! Prepare, store, commit: explored to the last state. docs/verification.md, "Model", has the results.
//!
//! One agent and one directory. What decides is the real code: the machine of [`lapwing_core::agent`] and the verbs of
//! [`lapwing_core::root_half`], on a disk in memory that has a visible and a durable side. Around them everything
//! happens that may happen, at any time and as often as it likes:
//!
//! - a cycle begins, because a person asks for a new password or for whatever other reason;
//! - `lapwingd` dies; `lapwingd-priv` dies before or after the rename, or after the fsync, of each file it replaces, or
//!   its answer is lost; the host loses power, with what was not synced or without, and with `memory.json` or without;
//! - a store arrives with its answer, or without, or later, or never; and again, at any later time. Entra ID alone gets
//!   only so many copies as [`Model::duplicates_max`] says, for it takes each for another send;
//! - servers that hold the same directory tell one another late.
//!
//! The one bound is the number of passwords drawn: 3 are a first one and two rotations. Two states count as one when
//! nothing that can still happen tells them apart; `state.rs` says what is left out and why, and a test walks about at
//! random to see that it does not matter.
//!
//! What depends on time is an assumption about order: ten minutes after a store to Entra ID it has arrived or is lost, and
//! so it is three hours after one to a domain controller, when all of them have heard of it. A state in which faults stop
//! is followed by the machine's own timers, so that what it waits for really comes.
//!
//! Not modelled: a directory, host or record restored or deleted, other writers, clocks that are wrong, accounts that are
//! gone, the budget, and requests to the root half that outlive the run they belong to (it refuses them by the run's
//! name).
//!
//! The checker is `stateright`. It stores 64 bits of each state: among 500 000 the chance that two different ones
//! look alike, and one goes unexplored, is 1 in 10⁸.
//!
//! `cargo run -p lapwing-model --example explore -- AdReplicasClearText 3` explores further than the tests do.

mod agent;
mod check;
mod directory;
mod heal;
mod host;
mod kind;
mod model;
mod mutant;
mod names;
mod properties;
mod state;
mod verb;

pub use check::Explored;
pub use kind::Kind;
pub use model::{Fate, Model, Step};
pub use mutant::Mutant;
pub use state::State;
