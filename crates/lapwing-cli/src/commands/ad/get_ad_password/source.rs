//! Where passwords are stored, in the words of `Get-LapsADPassword`.

use lapwing_proto::ad::attribute::{LEGACY_EXPIRATION_TIME, LEGACY_PASSWORD, LapsAttribute};
use serde::{Serialize, Serializer};

/// Where the password was found, in the cmdlet's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    EncryptedPassword,
    CleartextPassword,
    EncryptedDsrmPassword,
    LegacyLapsCleartextPassword,
    EncryptedPasswordHistory,
    EncryptedDsrmPasswordHistory,
}

impl Source {
    /// In the order of the output.
    pub(super) const ALL: [Self; 6] = [
        Self::EncryptedPassword,
        Self::CleartextPassword,
        Self::EncryptedDsrmPassword,
        Self::LegacyLapsCleartextPassword,
        Self::EncryptedPasswordHistory,
        Self::EncryptedDsrmPasswordHistory,
    ];

    pub(super) const fn attribute(self) -> &'static str {
        match self {
            Self::EncryptedPassword => LapsAttribute::EncryptedPassword.ldap_name(),
            Self::CleartextPassword => LapsAttribute::Password.ldap_name(),
            Self::EncryptedDsrmPassword => LapsAttribute::EncryptedDsrmPassword.ldap_name(),
            Self::LegacyLapsCleartextPassword => LEGACY_PASSWORD,
            Self::EncryptedPasswordHistory => LapsAttribute::EncryptedPasswordHistory.ldap_name(),
            Self::EncryptedDsrmPasswordHistory => LapsAttribute::EncryptedDsrmPasswordHistory.ldap_name(),
        }
    }

    pub(super) const fn is_history(self) -> bool {
        matches!(self, Self::EncryptedPasswordHistory | Self::EncryptedDsrmPasswordHistory)
    }

    /// Where the expiry of this one is; none of an older password.
    pub(super) const fn expiry(self) -> Option<&'static str> {
        match self {
            Self::EncryptedPassword | Self::CleartextPassword | Self::EncryptedDsrmPassword => {
                Some(LapsAttribute::PasswordExpirationTime.ldap_name())
            }
            Self::LegacyLapsCleartextPassword => Some(LEGACY_EXPIRATION_TIME),
            Self::EncryptedPasswordHistory | Self::EncryptedDsrmPasswordHistory => None,
        }
    }

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::EncryptedPassword => "EncryptedPassword",
            Self::CleartextPassword => "CleartextPassword",
            Self::EncryptedDsrmPassword => "EncryptedDSRMPassword",
            Self::LegacyLapsCleartextPassword => "LegacyLapsCleartextPassword",
            Self::EncryptedPasswordHistory => "EncryptedPasswordHistory",
            Self::EncryptedDsrmPasswordHistory => "EncryptedDSRMPasswordHistory",
        }
    }
}

impl Serialize for Source {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
