//! Device management as a device speaks it: sessions of OMA DM 1.2, over HTTPS with the device's certificate.
//!
//! A [`Session`] is the protocol without I/O: the shell carries its bytes, performs what it gives out, and tells how that
//! went. A [`Channel`] is the carrier. Sources: OMA-TS-DM_Protocol-V1_2, [MS-MDM]; docs/protocol.md, "Device
//! management", for what is ours.
//!
//! ```text
//! let (mut session, mut message) = Session::start(start);
//! loop {
//!     let received = session.receive(&channel.post(message).await?)?;
//!     let done = perform(received.work);
//!     message = match session.reply(&done) { Some(next) => next, None => break };
//! }
//! ```
//!
//! INVARIANT: nothing is given out to be performed twice, and nothing once a message is found to be of another session.

mod channel;
mod plan;
mod session;

pub use self::{
    channel::Channel,
    plan::{Done, Work},
    session::{Cause, MESSAGES_MAX, Received, Session, SessionError, Start},
};

#[cfg(test)]
mod tests;
