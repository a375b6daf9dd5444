//! For whom a password in Active Directory is.

use super::{FileTime, Sid};

/// Whom a password is encrypted to, and how its ciphertext is known without being decrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncryptedTo {
    /// The one user or group that may decrypt it.
    pub principal: Sid,
    /// The time that stands before the ciphertext, which is that of the password within. [MS-ADA2],
    /// msLAPS-EncryptedPassword.
    pub updated: FileTime,
}
