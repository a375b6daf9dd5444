//! Active Directory: LDAP, sealed by Kerberos or inside TLS, and never in the clear.
//!
//! * [`Credentials`]: who asks: a machine by its keytab, a person by tickets or password.
//! * [`Connector`]: finds a controller that can be written to, and another where that one fails; [`Candidates`] is the search.
//! * [`Connection`]: one connection to one controller: search, read, modify, add.
//! * [`Connector::group_key`]: the key of a group, from a controller or whoever else gives them. [`Acceptor`] is the other side.
//! * [`policy`]: what Group Policy sets for LAPS on this host.
//! * [`PlannedChange`]: a change of permissions, shown before it is made. [`Principals`]: whom they are about.
//! * [`Survey`]: how it stands with the passwords of many computers, without reading one.
//!
//! INVARIANT: nothing here sends a modification twice, and every wait has a deadline.

mod channel;
mod connection;
mod connector;
mod controller;
mod dce;
mod domain;
mod error;
mod group_key;
mod kdc;
mod kerberos;
mod locate;
mod machine;
mod pac;
mod permissions;
pub mod policy;
mod principals;
mod realm;
mod root_keys;
mod settings;
mod survey;
mod sys;
mod written;

pub use self::{
    channel::{Limits, Protection},
    connection::{Change, Connection, Entry, Page, Scope, Search, SecurityParts},
    connector::{ConnectError, Connected, Connector},
    controller::Controller,
    dce::{Acceptor, Caller, ContextError, SecurityContext},
    domain::{Computer, Home, LapsSchema, RootDse},
    error::{AdError, Stage},
    group_key::{GroupKeyError, KeyFailure},
    kdc::{KdcPin, PinError},
    kerberos::{Credentials, GssFault, KerberosError},
    locate::{
        Candidates, Found, KeyService, KeyServiceError, LocateError, NotTaken, Place, Source, Tried, Wish,
    },
    machine::MachineError,
    pac::{PacError, is_signed},
    permissions::{Container, Part, PermissionsError, PlannedChange},
    principals::{PrincipalError, Principals},
    realm::{default_realm, realm_of_tickets},
    root_keys::{ROOT_KEYS_MAX, RootKeys, Surrounding, root_key_container},
    settings::{AdSettings, AdSettingsError},
    survey::{Decryptor, Mode, Survey, Surveyed},
    written::last_written,
};
