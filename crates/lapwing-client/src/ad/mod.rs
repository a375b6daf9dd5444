//! Active Directory: LDAP, sealed by Kerberos or inside TLS, and never in the clear.
//!
//! * [`Credentials`]: who asks: a machine by its keytab, a person by tickets or password.
//! * [`controllers`]: where the controllers of a domain are.
//! * [`Connection`]: one connection to one controller: search, read, modify, add.
//! * [`PlannedChange`]: a change of permissions, shown before it is made. [`Principals`]: whom they are about.
//! * [`Survey`]: how it stands with the passwords of many computers, without reading one.
//!
//! INVARIANT: nothing here sends a modification twice, and every wait has a deadline.

mod channel;
mod connection;
mod controller;
mod domain;
mod error;
mod kerberos;
mod locate;
mod permissions;
mod principals;
mod realm;
mod survey;
mod sys;

pub use self::{
    channel::{Limits, Protection},
    connection::{Change, Connection, Entry, Page, Scope, Search, SecurityParts},
    controller::Controller,
    domain::{LapsSchema, RootDse},
    error::{AdError, Stage},
    kerberos::{Credentials, GssFault, KerberosError},
    locate::{LocateError, controllers},
    permissions::{Container, Part, PermissionsError, PlannedChange},
    principals::{PrincipalError, Principals},
    realm::{default_realm, realm_of_tickets},
    survey::{Mode, Survey, Surveyed},
};
