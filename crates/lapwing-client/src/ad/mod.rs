//! Active Directory: LDAP, sealed by Kerberos or inside TLS, and never in the clear.
//!
//! * [`Credentials`]: who asks: a machine by its keytab, a person by tickets or password.
//! * [`Connector`]: finds a controller that can be written to, and another where that one fails; [`Candidates`] is the search.
//! * [`Connection`]: one connection to one controller: search, read, modify, add.
//! * [`policy`]: what Group Policy sets for LAPS on this host.
//!
//! INVARIANT: nothing here sends a modification twice, and every wait has a deadline.

mod channel;
mod connection;
mod connector;
mod controller;
mod domain;
mod error;
mod kdc;
mod kerberos;
mod locate;
mod machine;
pub mod policy;
mod realm;
mod settings;
mod sys;

pub use self::{
    channel::{Limits, Protection},
    connection::{Change, Connection, Entry, Scope, Search, SecurityParts},
    connector::{ConnectError, Connected, Connector},
    controller::Controller,
    domain::{LapsSchema, RootDse},
    error::{AdError, Stage},
    kdc::KdcPin,
    kerberos::{Credentials, GssFault, KerberosError},
    locate::{Candidates, Found, LocateError, NotTaken, Place, Source, Tried, Wish},
    machine::MachineError,
    realm::{default_realm, realm_of_tickets},
    settings::{AdSettings, AdSettingsError},
};
