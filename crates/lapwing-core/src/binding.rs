//! What a seal and a receipt of `lapwing-server` are bound to, as the exact bytes that both sides compute.
//!
//! The cryptography is in the programs (HPKE, RFC 9180; Ed25519, RFC 8032); this module only fixes its inputs, so that
//! the root half and the server cannot disagree. Format: docs/protocol.md, "Seal" and "Receipt".
//!
//! INVARIANT: a seal or receipt made for one tenant, device, version, account or expiry is valid for no other.

use crate::types::{AccountName, DeviceId, FileTime, PasswordVersion, TenantId};

const SEAL_LABEL: &[u8] = b"lapwing seal 1\0";
const RECEIPT_LABEL: &[u8] = b"lapwing receipt 1\0";

/// Who and what a password is sealed for.
#[derive(Debug, Clone, Copy)]
pub struct SealBinding<'a> {
    /// The tenant whose server may open it.
    pub tenant: TenantId,
    /// The device it belongs to.
    pub device: DeviceId,
    /// The version drawn with the password.
    pub version: PasswordVersion,
    /// The account that the password opens.
    pub account: &'a AccountName,
}

impl SealBinding<'_> {
    /// The `info` of HPKE's key schedule: label ‖ tenant ‖ device ‖ version ‖ account, GUIDs as printed.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        [
            SEAL_LABEL,
            &self.tenant.0.to_bytes(),
            &self.device.0.to_bytes(),
            &self.version.0.to_bytes(),
            self.account.as_str().as_bytes(),
        ]
        .concat()
    }
}

/// What the server vouches for when it answers a store: it holds this version durably.
#[derive(Debug, Clone, Copy)]
pub struct ReceiptClaims {
    /// The tenant that vouches.
    pub tenant: TenantId,
    /// The device whose record it is.
    pub device: DeviceId,
    /// The version it holds.
    pub version: PasswordVersion,
    /// The expiry it holds.
    pub expiry: FileTime,
    /// SHA-256 of the sealed password as received, so that a receipt for another ciphertext of this version is no use.
    pub sealed_sha256: [u8; 32],
}

impl ReceiptClaims {
    /// The signed message: label ‖ tenant ‖ device ‖ version ‖ expiry (ticks, big-endian) ‖ digest, GUIDs as printed.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        [
            RECEIPT_LABEL,
            &self.tenant.0.to_bytes(),
            &self.device.0.to_bytes(),
            &self.version.0.to_bytes(),
            &self.expiry.ticks().to_be_bytes(),
            &self.sealed_sha256,
        ]
        .concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Guid;

    #[test]
    fn the_signed_message_has_its_documented_layout() {
        let claims = ReceiptClaims {
            tenant: TenantId(Guid::from_bytes([1; 16])),
            device: DeviceId(Guid::from_bytes([2; 16])),
            version: PasswordVersion(Guid::from_bytes([3; 16])),
            expiry: FileTime::from_ticks(4).unwrap(),
            sealed_sha256: [5; 32],
        };
        let expected =
            [&b"lapwing receipt 1\0"[..], &[1; 16], &[2; 16], &[3; 16], &[0, 0, 0, 0, 0, 0, 0, 4], &[5; 32]]
                .concat();
        assert_eq!(claims.to_bytes(), expected);
    }

    #[test]
    fn a_seal_is_bound_to_its_account() {
        let bind = |account: &str| {
            let account = account.parse().unwrap();
            let guid = Guid::from_bytes([9; 16]);
            SealBinding {
                tenant: TenantId(guid),
                device: DeviceId(guid),
                version: PasswordVersion(guid),
                account: &account,
            }
            .to_bytes()
        };
        assert_ne!(bind("a"), bind("b"));
        assert!(bind("a").starts_with(b"lapwing seal 1\0"));
    }
}
