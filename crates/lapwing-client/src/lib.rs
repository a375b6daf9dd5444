//! Connects: drives the protocols of the directories over sockets.
//!
//! * [`ad`]: Active Directory: LDAP, sealed by Kerberos or inside TLS.
//! * [`transport`]: HTTPS, one connection per call sequence, nothing repeated, every wait bounded.
//! * [`cloud`]: Entra ID and `lapwing-server` as a device sees them: join, token, store, state, leave.
//! * [`identity`]: who this host is there, on disk.
//! * [`graph`]: both as an administrator sees them: Graph's reading calls, and the administration of `lapwing-server`.
//! * [`mdm`]: device management: OMA DM as a device speaks it.
//!
//! INVARIANT: nothing here decides. A call is made once, and its outcome is reported as it was.
// All that is allowed stands in `ad/sys.rs`, `ad/dce/sys.rs` and `ad/pac/sys.rs`.
#![deny(unsafe_code)]

pub mod ad;
pub mod cloud;
pub mod graph;
pub mod identity;
pub mod mdm;
pub mod transport;

mod caller;
mod percent;
mod refusal;

pub use refusal::{CallError, MalformedAnswer, Refusal};
