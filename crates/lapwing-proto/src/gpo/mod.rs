//! Group Policy as far as LAPS needs it: which objects hold for a computer, and what they set for LAPS.
//!
//! A client reads containers and objects over LDAP and the files over SMB; [`select()`] picks the objects in their order,
//! [`RegistryPolicy`] puts their files together, and `lapwing_core::policy` takes the result as two of its roots.

pub mod registry_pol;

mod laps;
mod link;
mod select;
mod sysvol;
mod version;

pub use laps::{LAPS_KEY, LEGACY_KEY, RegistryPolicy, concerns_laps};
pub use link::{LINKS_LEN_MAX, Link, LinkError, parse_links};
pub use select::{
    APPLY_GROUP_POLICY, Applied, Container, PolicyObject, Selection, Skipped, WhySkipped, select,
};
pub use sysvol::{PolicyFile, PolicyFolder, PolicyFolderError};
pub use version::{GPT_INI_LEN_MAX, GpoVersion, REGISTRY_EXTENSION, names_extension};
