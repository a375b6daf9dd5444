//! The root key of a forest, by which everything opens that was ever protected under it.

use core::fmt;

use lapwing_core::{secret::SecretBytes, types::Guid};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::{
    DegenerateKey, DomainNames, Flags, GroupKey, GroupKeyEnvelope, Interval, KdfParameters, L0Key, L2Key,
    PrivateKey, SecretAgreement, interval::LAST, tree::Tree, wire,
};
use crate::primitives::{Hash, Secret, secret};

/// The length of a root key in bytes. [MS-GKDI] 2.2.5.
pub const ROOT_KEY_LEN: usize = 64;

/// A root key, with what decides how other keys come of it.
pub struct RootKey {
    pub(super) id: Guid,
    pub(super) kdf: KdfParameters,
    pub(super) agreement: SecretAgreement,
    data: Secret<ROOT_KEY_LEN>,
}

/// What of a group key is handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// Seed keys: to whoever may unprotect.
    Seed,
    /// The public key: to whoever may protect alone.
    Public,
}

impl RootKey {
    /// The key of these 64 bytes; none if there are more or fewer.
    #[must_use]
    pub fn new(id: Guid, kdf: KdfParameters, agreement: SecretAgreement, data: &[u8]) -> Option<Self> {
        let data: &[u8; ROOT_KEY_LEN] = data.try_into().ok()?;
        Some(Self { id, kdf, agreement, data: secret(|out| *out = *data) })
    }

    /// A new key such as Windows makes: SHA-512, and Diffie-Hellman in the group of RFC 5114 with private keys of 512 bits.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self {
            id: Guid::random(rng),
            kdf: KdfParameters::new(Hash::Sha512),
            agreement: SecretAgreement::windows_default(),
            data: secret(|out| rng.fill_bytes(out)),
        }
    }

    /// Its name in blobs.
    #[must_use]
    pub const fn id(&self) -> Guid {
        self.id
    }

    /// The hash function by which other keys come of it.
    #[must_use]
    pub fn hash(&self) -> Hash {
        self.kdf.hash()
    }

    /// How secrets are agreed on.
    #[must_use]
    pub const fn agreement(&self) -> &SecretAgreement {
        &self.agreement
    }

    /// The only way to the clear bytes, so that a search for this name lists every use.
    #[must_use]
    pub fn expose_secret(&self) -> &[u8; ROOT_KEY_LEN] {
        &self.data
    }

    /// The group key of a security descriptor and an interval, as a controller would answer it.
    ///
    /// # Errors
    /// [`DegenerateKey`] if the group has no public key in this interval.
    pub fn envelope(
        &self,
        descriptor: &[u8],
        interval: Interval,
        share: Share,
        may_protect: bool,
        names: DomainNames,
    ) -> Result<GroupKeyEnvelope, DegenerateKey> {
        let [l0, l1, l2] = interval.indexes();
        let tree = Tree { root_key_id: self.id, hash: self.hash() };
        // Every index of an interval is in reach of the newest key.
        let l1_key = L0Key::new(tree, &self.data, l0).newest(descriptor).older(l1).ok_or(DegenerateKey)?;
        let l2_key = || l1_key.newest().and_then(|newest| newest.older(l2)).ok_or(DegenerateKey);
        let key = match share {
            Share::Public => GroupKey::Public(group_private_key(&l2_key()?, &self.agreement)?.public_key()),
            Share::Seed if l2 == LAST => GroupKey::Newest(l1_key),
            Share::Seed => GroupKey::Below { l2: l2_key()?, older: l1_key.older(l1 - 1) },
        };
        Ok(GroupKeyEnvelope {
            flags: Flags::new(share == Share::Public, may_protect),
            interval,
            root_key_id: self.id,
            kdf: self.kdf,
            agreement: self.agreement.clone(),
            names,
            key,
        })
    }
}

/// The private key of a group in an interval. [MS-GKDI] 3.1.4.1.2.
pub(crate) fn group_private_key(
    seed: &L2Key,
    agreement: &SecretAgreement,
) -> Result<PrivateKey, DegenerateKey> {
    let mut number = Zeroizing::new(vec![0; agreement.private_key_len()]);
    seed.derive(&wire::wide(agreement.algorithm()), &mut number);
    PrivateKey::new(agreement, SecretBytes::new(core::mem::take(&mut *number)))
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RootKey({}, {}, {}, redacted)", self.id, self.hash().name(), self.agreement.algorithm())
    }
}

#[cfg(test)]
mod tests;
