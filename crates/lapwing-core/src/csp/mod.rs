//! The LAPS CSP: what a management server may read, write and execute below `./Device/Vendor/MSFT/LAPS`. "LAPS CSP";
//! "OMA DM protocol support"; OMA-TS-DM_TND-V1_2 (the tree), OMA-TS-SyncML-RepPro-V1_2_2 section 10 (statuses).
//!
//! [`Tree`] holds the policy's leaves as they were sent. An out-of-range number is accepted and kept: which value holds
//! is for [`crate::policy::resolve()`] to say, and `lapwing get-policy` shows it. So does it with a leaf that means
//! nothing beside the others: no dependency between nodes has a status of its own. Which operation on which node gets
//! which status stands in `docs/csp.md`.
//!
//! INVARIANT: an operation that is refused changes nothing, and neither does any other of its Atomic.

mod node;
mod operation;
mod status;
mod table;
mod tree;
mod value;

#[cfg(test)]
mod tests;

pub use self::{
    node::{Access, LOCAL_ROOT, Node, ROOT},
    operation::{AtomicReply, Format, Member, Operation, Performed, Reply, Value, Verb},
    status::Status,
    table::{depends_on, supported, supported_value},
    tree::{Tree, VALUE_LEN_MAX},
    value::mean_the_same,
};
