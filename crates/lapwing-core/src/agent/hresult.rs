//! The codes that Windows would report, so that its tools and its administrators' habits apply.

use crate::{event::Hresult, fault::Fault};

impl Hresult {
    /// A Win32 code or an HTTP status as an HRESULT of the Win32 facility. [MS-ERREF] 2.1.2.
    #[must_use]
    pub const fn from_win32(code: u16) -> Self {
        let [low, high] = code.to_le_bytes();
        Self(u32::from_le_bytes([low, high, 0x07, 0x80]))
    }

    /// The nearest Win32 code of a failed system call, by its Linux error number; `ERROR_GEN_FAILURE` for the rest.
    #[must_use]
    pub const fn from_errno(errno: i32) -> Self {
        Self::from_win32(match errno {
            // EPERM, EACCES, ENOENT, EROFS, ENOSPC and EDQUOT, ENOTDIR, EIO.
            1 | 13 => 5,
            2 => 2,
            30 => 19,
            28 | 122 => 112,
            20 => 3,
            5 => 1117,
            _ => 31,
        })
    }

    /// `S_OK`.
    pub const SUCCESS: Self = Self(0);
    /// `E_INVALIDARG`. Of GetKey: no such interval, or not for this root key.
    pub const INVALID_ARGUMENT: Self = Self::from_win32(87);
    /// `E_ACCESSDENIED`. Of GetKey: the descriptor does not let the caller have the key.
    pub const ACCESS_DENIED: Self = Self::from_win32(5);
    /// `NTE_NO_KEY`: there is no such root key, or none that fits.
    pub const NO_KEY: Self = Self(0x8009_000d);
    /// `NTE_BAD_KEY`: the root key is not as it should be.
    pub const BAD_KEY: Self = Self(0x8009_0003);
    /// `E_PENDING`.
    pub const PENDING: Self = Self(0x8000_000A);
    /// `ERROR_SERVICE_DISABLED`.
    pub const SERVICE_DISABLED: Self = Self::from_win32(1058);
    /// `ERROR_INTERNET_NAME_NOT_RESOLVED`.
    pub const NAME_NOT_RESOLVED: Self = Self::from_win32(12_007);
    /// `ERROR_INTERNET_CANNOT_CONNECT`.
    pub const CANNOT_CONNECT: Self = Self::from_win32(12_029);
    /// `ERROR_INTERNET_TIMEOUT`.
    pub const TIMEOUT: Self = Self::from_win32(12_002);
    /// `ERROR_INTERNET_CONNECTION_ABORTED`.
    pub const CONNECTION_ABORTED: Self = Self::from_win32(12_030);
    /// `ERROR_INTERNET_SECURITY_CHANNEL_ERROR`.
    pub const TLS: Self = Self::from_win32(12_157);
    /// `ERROR_INTERNET_INVALID_CA`.
    pub const CERTIFICATE: Self = Self::from_win32(12_045);
    /// `ERROR_INVALID_DATA`.
    pub const INVALID_DATA: Self = Self::from_win32(13);
    /// `ERROR_SERVICE_NOT_ACTIVE`.
    pub const SERVICE_NOT_ACTIVE: Self = Self::from_win32(1062);
    /// `ERROR_NOT_FOUND`.
    pub const NOT_FOUND: Self = Self::from_win32(1168);
}

impl From<Fault> for Hresult {
    /// The nearest Win32 code of a refusal by the root half. [MS-ERREF] 2.2.
    fn from(fault: Fault) -> Self {
        Self::from_win32(match fault {
            Fault::AccountNotListed
            | Fault::DirectoryNotListed
            | Fault::NotAuthorized
            | Fault::PossibleClone => 5,
            Fault::ManagedFile | Fault::Malformed => 87,
            Fault::AccountMissing => 1317,
            Fault::AccountUnsuitable => 1331,
            // ERROR_USER_EXISTS.
            Fault::AccountNotOurs => 1316,
            Fault::BudgetSpent => 1816,
            Fault::FileLocked => 33,
            Fault::NotWritable => 19,
            Fault::NoSpace => 112,
            Fault::AgeingTooShort => 1793,
            // ERROR_NO_SUCH_DOMAIN.
            Fault::Keytab => 1355,
            Fault::NoAcceptablePassword => 1325,
            Fault::HashRefused => 1338,
            // ERROR_ENCRYPTION_FAILED.
            Fault::GroupKey => 6000,
            // ERROR_CTX_CLOSE_PENDING.
            Fault::Sessions => 7007,
            // ERROR_NOT_SAFEBOOT_SERVICE.
            Fault::NotNormalBoot => 1084,
            Fault::StaleRun | Fault::CommitPending => 5023,
            Fault::UnknownVersion | Fault::NoDrift => 1168,
            Fault::ReceiptInvalid => 13_822,
            Fault::JournalDamaged => 1392,
            Fault::Internal => 1359,
        })
    }
}
