//! The GetKey call over DCE/RPC, without sockets. MS-GKDI section 3; MS-RPCE; C706.
//!
//! * [`client`]: asks where the service is, binds, proves who asks, makes one call.
//! * [`server`]: the other side of it, and an endpoint mapper that knows this one service.
//! * [`pdu`], [`ndr`], [`epm`], [`isdkey`], [`trailer`]: what is on the wire. [`seal`]: what protects it.
//!
//! Both sides take bytes and give bytes. Kerberos is whoever implements [`Seal`].
//!
//! INVARIANT: no key leaves the server and none is taken by the client but inside a fragment that was sealed at the level of
//! privacy, by a context that both sides have completed. What follows a fragment that does not open is never read.

pub mod client;
pub mod epm;
pub mod isdkey;
pub mod ndr;
pub mod pdu;
pub mod seal;
pub mod server;
pub mod trailer;

mod association;

pub use self::{
    client::{ClientError, GetKey, Lookup, Next},
    isdkey::Answer,
    ndr::{DecodeError, Transfer},
    seal::{Message, Seal},
    server::{Ended, Event, Mapper, Server, ServerError},
};

#[cfg(test)]
mod tests;
