//! The server's keys. All private ones are stored encrypted by the key-encryption key, which is kept apart.

pub(crate) mod authority;
pub(crate) mod envelope;
pub(crate) mod operator_password;
pub(crate) mod passkey;
pub(crate) mod receipt;
pub(crate) mod seal;
pub(crate) mod signing;
pub(crate) mod totp;

use lapwing_core::types::{Guid, TenantId};

use self::{
    authority::Authority,
    envelope::{Binding, Kek},
    receipt::ReceiptKey,
    seal::SealKey,
    signing::SigningKey,
};

/// Why a key cannot be made or used. Says nothing of the key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    #[error("the {0} was not made by this key, or was changed")]
    Tampered(&'static str),
    #[error("the {0} is malformed")]
    Malformed(&'static str),
    #[error("the cryptographic library refused the {0}")]
    Refused(&'static str),
    #[error("a certificate cannot be made")]
    Certificate(#[from] rcgen::Error),
}

/// One key as the database holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredKey {
    pub(crate) name: String,
    pub(crate) id: Guid,
    /// The public key, or the authority's certificate.
    pub(crate) public: Vec<u8>,
    /// The private key under the key-encryption key.
    pub(crate) wrapped: Vec<u8>,
}

/// All of them, opened.
#[derive(Debug)]
pub(crate) struct Keyring {
    pub(crate) kek: Kek,
    pub(crate) authority: Authority,
    pub(crate) seal: SealKey,
    pub(crate) receipt: ReceiptKey,
    pub(crate) signing: SigningKey,
}

/// The names of the stored keys.
pub(crate) const KEY_NAMES: [&str; 4] = ["authority", "seal", "receipt", "signing"];

impl Keyring {
    /// Opens the stored keys.
    pub(crate) fn open(tenant: TenantId, kek: Kek, stored: &[StoredKey]) -> Result<Self, KeyError> {
        let [authority, seal, receipt, signing] = KEY_NAMES.map(|name| {
            let key = stored
                .iter()
                .find(|key| key.name == name)
                .ok_or(KeyError::Malformed("set of stored keys"))?;
            let private = kek.unwrap(&key.wrapped, Binding::Key { tenant, name })?;
            Ok::<_, KeyError>((key, private))
        });
        let (authority, authority_private) = authority?;
        let (seal, seal_private) = seal?;
        let (receipt, receipt_private) = receipt?;
        let (signing, signing_private) = signing?;
        Ok(Self {
            kek,
            authority: Authority::open(&authority.public, &authority_private)?,
            seal: SealKey::open(seal.id, &seal_private)?,
            receipt: ReceiptKey::open(receipt.id, &receipt_private)?,
            signing: SigningKey::open(signing.id, &signing_private)?,
        })
    }
}
