//! The attributes that Windows LAPS adds to `computer`, and those of legacy Microsoft LAPS.

use lapwing_core::types::Guid;

/// The property set of the encrypted attributes, `ms-LAPS-Encrypted-Password-Attributes`. "Schema extensions reference
/// for Windows LAPS".
pub const ENCRYPTED_PASSWORD_ATTRIBUTES: Guid = Guid::from_bytes([
    0xf3, 0x53, 0x1e, 0xc6, 0x63, 0x30, 0x4f, 0x8e, 0x8d, 0x39, 0x7a, 0x67, 0x1f, 0xba, 0xc6, 0x05,
]);
/// The `schemaIDGUID` of the class `computer`. [MS-ADSC], computer.
pub const COMPUTER_CLASS: Guid = Guid::from_bytes([
    0xbf, 0x96, 0x7a, 0x86, 0x0d, 0xe6, 0x11, 0xd0, 0xa2, 0x85, 0x00, 0xaa, 0x00, 0x30, 0x49, 0xe2,
]);

/// An attribute of Windows LAPS. [MS-ADA2] 2.64 to 2.69.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LapsAttribute {
    /// `msLAPS-PasswordExpirationTime`.
    PasswordExpirationTime,
    /// `msLAPS-Password`.
    Password,
    /// `msLAPS-EncryptedPassword`.
    EncryptedPassword,
    /// `msLAPS-EncryptedPasswordHistory`.
    EncryptedPasswordHistory,
    /// `msLAPS-EncryptedDSRMPassword`.
    EncryptedDsrmPassword,
    /// `msLAPS-EncryptedDSRMPasswordHistory`.
    EncryptedDsrmPasswordHistory,
    /// `msLAPS-CurrentPasswordVersion`, which schemas extended before Windows Server 2025 lack.
    CurrentPasswordVersion,
}

impl LapsAttribute {
    /// All seven, by the number in their OID.
    pub const ALL: [Self; 7] = [
        Self::PasswordExpirationTime,
        Self::Password,
        Self::EncryptedPassword,
        Self::EncryptedPasswordHistory,
        Self::EncryptedDsrmPassword,
        Self::EncryptedDsrmPasswordHistory,
        Self::CurrentPasswordVersion,
    ];

    /// The name in LDAP.
    #[must_use]
    pub const fn ldap_name(self) -> &'static str {
        match self {
            Self::PasswordExpirationTime => "msLAPS-PasswordExpirationTime",
            Self::Password => "msLAPS-Password",
            Self::EncryptedPassword => "msLAPS-EncryptedPassword",
            Self::EncryptedPasswordHistory => "msLAPS-EncryptedPasswordHistory",
            Self::EncryptedDsrmPassword => "msLAPS-EncryptedDSRMPassword",
            Self::EncryptedDsrmPasswordHistory => "msLAPS-EncryptedDSRMPasswordHistory",
            Self::CurrentPasswordVersion => "msLAPS-CurrentPasswordVersion",
        }
    }

    /// The name of its object in the schema.
    #[must_use]
    pub fn cn(self) -> String {
        self.ldap_name().replacen("msLAPS", "ms-LAPS", 1)
    }

    /// Whether it is read only by who holds `CONTROL_ACCESS` on it: all but the expiry are.
    #[must_use]
    pub const fn is_confidential(self) -> bool {
        !matches!(self, Self::PasswordExpirationTime)
    }

    /// Whether it holds a password that a reader is after.
    #[must_use]
    pub const fn holds_password(self) -> bool {
        !matches!(self, Self::PasswordExpirationTime | Self::CurrentPasswordVersion)
    }

    /// The property set that it belongs to.
    #[must_use]
    pub const fn property_set(self) -> Option<Guid> {
        match self {
            Self::PasswordExpirationTime | Self::Password => None,
            Self::EncryptedPassword
            | Self::EncryptedPasswordHistory
            | Self::EncryptedDsrmPassword
            | Self::EncryptedDsrmPasswordHistory
            | Self::CurrentPasswordVersion => Some(ENCRYPTED_PASSWORD_ATTRIBUTES),
        }
    }
}

/// The password of legacy Microsoft LAPS: bare text. "Schema extensions reference for Windows LAPS".
pub const LEGACY_PASSWORD: &str = "ms-Mcs-AdmPwd";
/// Its expiry, in the form of the newer one.
pub const LEGACY_EXPIRATION_TIME: &str = "ms-Mcs-AdmPwdExpirationTime";
