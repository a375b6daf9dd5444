//! Identifiers that must not be mistaken for one another.

use core::{fmt, str::FromStr};

use rand_core::CryptoRng;

use super::{Guid, GuidError};

macro_rules! guid_newtype {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name(pub Guid);

        impl $name {
            /// Draws a fresh one.
            pub fn random(rng: &mut impl CryptoRng) -> Self {
                Self(Guid::random(rng))
            }
        }

        impl FromStr for $name {
            type Err = GuidError;

            fn from_str(text: &str) -> Result<Self, GuidError> {
                text.parse().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

guid_newtype! {
    /// Names one password for ever: drawn by the root half with each password and never used twice.
    PasswordVersion
}
guid_newtype! {
    /// Names one run of `lapwingd`, so that a verb of an earlier run is recognised and refused.
    RunId
}
guid_newtype! {
    /// Names one run of `lapwingd` towards its directory, which tells two hosts with one identity apart by it: drawn at each
    /// start, never kept, and made of nothing that the host is.
    InstanceId
}
guid_newtype! {
    /// Names one press of a button: a rotation that device management asks for.
    ActionId
}
guid_newtype! {
    /// Names a rotation of many devices at once.
    BulkRotationId
}
guid_newtype! {
    /// Names one rotation from its trigger to its end, whatever attempts that takes.
    TraceId
}
guid_newtype! {
    /// Names a LAPS policy of a `lapwing-server`.
    PolicyId
}
guid_newtype! {
    /// Names a group of devices that policies are for.
    GroupId
}
guid_newtype! {
    /// The tenant: one directory of devices on Entra ID or a `lapwing-server`.
    TenantId
}
guid_newtype! {
    /// The device's identifier in its tenant (Entra: `deviceId`, not the object id).
    DeviceId
}

/// A numeric Unix user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Uid(pub u32);

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One of several servers that hold the same directory and tell one another late: a domain controller, by its DNS name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Replica(String);

/// Why a text names no replica.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} names no replica: expected a DNS name")]
pub struct ReplicaError(String);

impl FromStr for Replica {
    type Err = ReplicaError;

    fn from_str(text: &str) -> Result<Self, ReplicaError> {
        let valid = (1..=DNS_NAME_LEN_MAX).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
        if valid { Ok(Self(text.to_ascii_lowercase())) } else { Err(ReplicaError(text.to_owned())) }
    }
}

impl fmt::Display for Replica {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The longest DNS name in text form. RFC 1035 §2.3.4.
const DNS_NAME_LEN_MAX: usize = 253;

/// Which directory a password is stored in. Printed as `lapwing:TENANT`, `entra:TENANT` or `ad:DOMAIN`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum DirectoryId {
    /// A `lapwing-server`, told apart from Entra ID by its discovery answer.
    LapwingServer(TenantId),
    /// Microsoft Entra ID, or any server that does not announce our extension.
    EntraId(TenantId),
    /// An Active Directory domain, by its DNS name in lower case.
    ActiveDirectory(String),
}

/// Why a text names no directory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} names no directory: expected lapwing:TENANT, entra:TENANT or ad:DOMAIN")]
pub struct DirectoryIdError(String);

impl FromStr for DirectoryId {
    type Err = DirectoryIdError;

    fn from_str(text: &str) -> Result<Self, DirectoryIdError> {
        let error = || DirectoryIdError(text.chars().take(80).collect());
        match text.split_once(':').ok_or_else(error)? {
            ("lapwing", tenant) => tenant.parse().map(Self::LapwingServer).map_err(|_| error()),
            ("entra", tenant) => tenant.parse().map(Self::EntraId).map_err(|_| error()),
            ("ad", domain) if is_domain(domain) => Ok(Self::ActiveDirectory(domain.to_ascii_lowercase())),
            _ => Err(error()),
        }
    }
}

fn is_domain(text: &str) -> bool {
    (1..=253).contains(&text.len())
        && text.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        })
}

impl fmt::Display for DirectoryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LapwingServer(tenant) => write!(f, "lapwing:{tenant}"),
            Self::EntraId(tenant) => write!(f, "entra:{tenant}"),
            Self::ActiveDirectory(domain) => write!(f, "ad:{domain}"),
        }
    }
}

/// This host's record in its directory: the device id on Entra ID and `lapwing-server`; in Active Directory the computer's
/// `objectGUID`, which stays when the computer is moved or renamed. [MS-ADTS] 3.1.1.1.4.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordId(pub String);

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_reads_as_it_prints() {
        for text in [
            "lapwing:f3531ec6-6330-4f8e-8d39-7a671fbac605",
            "entra:f3531ec6-6330-4f8e-8d39-7a671fbac605",
            "ad:corp.example",
        ] {
            assert_eq!(text.parse::<DirectoryId>().unwrap().to_string(), text);
        }
        for text in ["", "lapwing", "lapwing:x", "ad:", "ad:a..b", "ad:a b", "ldap:x"] {
            assert!(text.parse::<DirectoryId>().is_err(), "{text}");
        }
    }
}
