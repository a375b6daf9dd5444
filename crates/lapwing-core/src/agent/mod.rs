//! The agent's decisions: one deterministic machine without I/O, clock or random source of its own.
//!
//! Inputs go in, actions and the next deadline come out. `lapwingd` performs the actions and feeds back what they came
//! to; the simulator does the same. Every trigger is only a reason on one path: read the journal, read the policy,
//! reach the directory, compare, and if there is a reason: prepare, store, commit.
//!
//! INVARIANT: a commit is asked for only after the directory has acknowledged that version in this run, or after the
//! journal says so. INVARIANT: every accepted request is answered exactly once. INVARIANT: nothing ends silently: while
//! work is left, [`Machine::poll_timeout`] names the next attempt.

mod actions;
mod backoff;
mod carried;
mod change;
mod cycle;
mod daily;
mod ending;
mod events;
mod exchange;
mod failure;
mod host;
mod hresult;
mod journal;
mod ledger;
mod machine;
mod memory;
mod outcome;
mod own;
mod path;
mod plan;
mod post_auth;
mod read;
mod reasons;
mod report;
mod resolve;
mod sends;
mod sessions;
mod tamper;
#[cfg(test)]
mod tests;
mod timers;
mod trace;
mod weigh;

pub use backoff::{Jitter, Patience};
pub use carried::Carried;
pub use exchange::{
    Acceptance, Action, Answer, AnswerResult, Expected, Input, Known, Receipt, Request, RequestId, Store,
};
pub use journal::{ClosedAccount, Entry, Field, Journal, OwnAccount};
pub use ledger::{ActionFailure, ActionStatus, Ledger, ManagedAction, OPEN_MAX, PENDING_MAX, SATISFIED_MAX};
pub use machine::{Machine, REQUESTS_MAX};
pub use memory::{Ending, FieldNote, Memory, Used};
pub use outcome::{
    Committed, DirectoryFailure, DirectoryFault, DirectoryState, Dropped, Ensured, Guarantees, Outcome,
    Prepared, RootHalfFailure, Session, StoreOutcome, Told, Written,
};
pub use plan::{Cause, Encryption, OwnPlan, Plan, PlanRules, PolicyRead, Reason, Target, Verdict};
pub use report::{Activity, Report};
pub use resolve::Held;
pub use tamper::HEALS_MAX;
pub use timers::{CYCLE_SECONDS, Deadline};
pub use trace::{
    ATTEMPTS_MAX, Attempt, STEPS_MAX, StepName, TRACES_MAX, Trace, TraceEnd, TraceFailure, TraceStep, Traces,
};
