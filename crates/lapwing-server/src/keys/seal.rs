//! Opening what devices seal to this server. docs/protocol.md, "Seal"; RFC 9180.

use hpke::{
    Deserializable as _, Kem, OpModeR, Serializable as _, aead::AesGcm256, kdf::HkdfSha256,
    kem::X25519HkdfSha256, single_shot_open,
};
use lapwing_core::{
    binding::SealBinding,
    secret::{PASSWORD_LEN_MAX, Password},
    types::Guid,
};
use lapwing_proto::register::PinnedKey;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::KeyError;

const ENCAPSULATED_LEN: usize = 32;

/// The X25519 key pair that passwords are sealed to.
pub(crate) struct SealKey {
    private: <X25519HkdfSha256 as Kem>::PrivateKey,
    public: PinnedKey,
}

impl core::fmt::Debug for SealKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "SealKey({}, redacted)", self.public.id)
    }
}

impl SealKey {
    /// Draws a private key.
    pub(crate) fn generate(rng: &mut impl CryptoRng) -> Zeroizing<Vec<u8>> {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *seed);
        let (private, _) = X25519HkdfSha256::derive_keypair(&*seed);
        Zeroizing::new(private.to_bytes().to_vec())
    }

    pub(crate) fn open(id: Guid, private: &[u8]) -> Result<Self, KeyError> {
        let malformed = |_| KeyError::Malformed("seal key");
        let private = <X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(private).map_err(malformed)?;
        let mut public_key = [0; 32];
        public_key.copy_from_slice(&X25519HkdfSha256::sk_to_pk(&private).to_bytes());
        Ok(Self { private, public: PinnedKey { id, public_key } })
    }

    pub(crate) const fn public(&self) -> &PinnedKey {
        &self.public
    }

    /// Opens a sealed password: the encapsulated key, then the ciphertext.
    pub(crate) fn open_password(
        &self,
        sealed: &[u8],
        binding: &SealBinding<'_>,
    ) -> Result<Password, KeyError> {
        let malformed = || KeyError::Malformed("sealed password");
        let (key, ciphertext) = sealed.split_at_checked(ENCAPSULATED_LEN).ok_or_else(malformed)?;
        let key = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(key).map_err(|_| malformed())?;
        let clear = single_shot_open::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &self.private,
            &key,
            &binding.to_bytes(),
            ciphertext,
            b"",
        )
        .map(Zeroizing::new)
        .map_err(|_| KeyError::Tampered("sealed password"))?;
        let text = core::str::from_utf8(&clear).map_err(|_| malformed())?;
        if (1..=PASSWORD_LEN_MAX).contains(&text.len()) {
            Ok(Password::new(text.to_owned()))
        } else {
            Err(malformed())
        }
    }
}
