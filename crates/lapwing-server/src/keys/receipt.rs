//! Signing receipts. docs/protocol.md, "Receipt"; RFC 8032.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use lapwing_core::{binding::ReceiptClaims, types::Guid};
use lapwing_proto::register::PinnedKey;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::KeyError;

/// The Ed25519 key pair that vouches for stored versions.
pub(crate) struct ReceiptKey {
    pair: Ed25519KeyPair,
    public: PinnedKey,
}

impl core::fmt::Debug for ReceiptKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "ReceiptKey({}, redacted)", self.public.id)
    }
}

impl ReceiptKey {
    /// Draws a seed.
    pub(crate) fn generate(rng: &mut impl CryptoRng) -> Zeroizing<Vec<u8>> {
        let mut seed = Zeroizing::new(vec![0; 32]);
        rng.fill_bytes(&mut seed);
        seed
    }

    pub(crate) fn open(id: Guid, seed: &[u8]) -> Result<Self, KeyError> {
        let pair =
            Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| KeyError::Malformed("receipt key"))?;
        let public_key =
            pair.public_key().as_ref().try_into().map_err(|_| KeyError::Malformed("receipt key"))?;
        Ok(Self { pair, public: PinnedKey { id, public_key } })
    }

    pub(crate) const fn public(&self) -> &PinnedKey {
        &self.public
    }

    /// Vouches for a version held durably.
    pub(crate) fn sign(&self, claims: &ReceiptClaims) -> [u8; 64] {
        let mut receipt = [0; 64];
        receipt.copy_from_slice(self.pair.sign(&claims.to_bytes()).as_ref());
        receipt
    }
}
