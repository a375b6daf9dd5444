//! The rules of device management beside the machine: the server's queue of actions, when a device calls home, and how
//! long its certificate is good for what.
//!
//! INVARIANT: an action that a device has accepted ends in what became of it, never in silence: it is satisfied, or shows
//! as failing while the device goes on trying.

mod certificate;
mod contact;
mod queue;
#[cfg(test)]
mod tests;

pub use certificate::{CERTIFICATE_LIFE, CertificateLife, LifeState, RENEWAL_GRACE};
pub use contact::{Because, CONTACT_SECONDS, Contact};
pub use queue::{ACTION_LIFE, ActionState, NotCancelled, QueuedAction};
