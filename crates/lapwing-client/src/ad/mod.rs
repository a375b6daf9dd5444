//! Active Directory: LDAP, sealed by Kerberos or inside TLS, and never in the clear.
//!
//! * [`Credentials`]: who asks: a machine by its keytab, a person by tickets or password.
//! * [`controllers`]: where the controllers of a domain are.
//! * [`Connection`]: one connection to one controller: search, read, modify, add.
//! * [`policy`]: what Group Policy sets for LAPS on this host.
//!
//! INVARIANT: nothing here sends a modification twice, and every wait has a deadline.

mod channel;
mod connection;
mod controller;
mod domain;
mod error;
mod kerberos;
mod locate;
pub mod policy;
mod sys;

pub use self::{
    channel::{Limits, Protection},
    connection::{Change, Connection, Entry, Scope, Search, SecurityParts},
    controller::Controller,
    domain::{LapsSchema, RootDse},
    error::{AdError, Stage},
    kerberos::{Credentials, GssFault, KerberosError},
    locate::{LocateError, controllers},
};
