//! What Active Directory keeps for LAPS, and how it is written there.
//!
//! Attributes and their values, the schema that has them, who may do what with them, and how a controller is found. Nothing
//! here speaks LDAP: a client carries these over. Sources: [MS-ADTS], [MS-ADA2], "Schema extensions reference for Windows LAPS".

pub mod attribute;
pub mod dns;
pub mod keytab;
pub mod metadata;
pub mod name;
pub mod netlogon;
pub mod pac;
pub mod principal;
pub mod refusal;
pub mod rights;
pub mod schema;
pub mod value;
