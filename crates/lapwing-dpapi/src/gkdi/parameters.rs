//! By what a root key's other keys are derived and agreed on.

use core::fmt;

use super::wire::{self, Reader};
use crate::primitives::{
    Hash,
    modular::{EXPONENT_LEN_MAX, Group, LEN},
};

/// The parameters of the key derivation function. [MS-GKDI] 2.2.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KdfParameters(Option<Hash>);

/// The parameters of Diffie-Hellman over a finite field: a modulus of 2048 bits and a generator. [MS-GKDI] 2.2.2.
#[derive(Clone, PartialEq, Eq)]
pub struct DhParameters(Box<Group>);

/// How the encryptor of a blob and the group agree on a secret, and how long the keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretAgreement {
    /// `DH`: Diffie-Hellman over a finite field.
    Dh {
        /// The field.
        parameters: DhParameters,
        /// The length of private keys, in bits: 512 for keys that Windows made, 256 for those of Samba.
        private_key_bits: u32,
    },
    /// `ECDH_P256`.
    P256,
    /// `ECDH_P384`.
    P384,
}

/// Why parameters are not ones that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParametersError {
    /// Of another form, or they name no known hash function.
    #[error("the parameters of the key derivation function are malformed, or name no known hash function")]
    Kdf,
    /// Of another form or size, or no such parameters at all.
    #[error("the parameters of Diffie-Hellman are malformed: {0}")]
    Dh(&'static str),
    /// No known algorithm.
    #[error("the secret agreement algorithm {0:?} is not known")]
    Algorithm(String),
    /// An algorithm whose keys Windows derives in a way that nobody has seen.
    #[error(
        "the secret agreement algorithm ECDH_P521 is not supported: no key of Windows that uses it is known"
    )]
    P521,
    /// Parameters of an algorithm that has none.
    #[error("the secret agreement algorithm {0} takes no parameters")]
    Unexpected(&'static str),
    /// Lengths that do not belong to the algorithm.
    #[error("keys of {private} (private) and {public} (public) bits do not belong to {algorithm}")]
    KeyLengths {
        /// Its name.
        algorithm: &'static str,
        /// In bits.
        private: u32,
        /// In bits.
        public: u32,
    },
}

/// What the parameters of the key derivation function begin with, but for the length. [MS-GKDI] 2.2.1.
const KDF_START: [u8; 8] = [0, 0, 0, 0, 1, 0, 0, 0];
const DH: &str = "DH";
const DH_MAGIC: [u8; 4] = *b"DHPM";
/// Private keys that are shorter protect nothing for long. SP 800-57 part 1 revision 5, table 2.
const DH_PRIVATE_BITS_MIN: u32 = 224;

impl KdfParameters {
    /// Those that name a hash function.
    #[must_use]
    pub const fn new(hash: Hash) -> Self {
        Self(Some(hash))
    }

    /// None, which stands for SHA-256.
    pub const ABSENT: Self = Self(None);

    /// The hash function.
    #[must_use]
    pub fn hash(self) -> Hash {
        self.0.unwrap_or(Hash::Sha256)
    }

    /// Reads parameters; no bytes are none.
    ///
    /// # Errors
    /// [`ParametersError::Kdf`] if they are malformed.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParametersError> {
        let known = Hash::ALL.map(Self::new).into_iter().chain([Self::ABSENT]);
        known.into_iter().find(|known| known.to_bytes() == bytes).ok_or(ParametersError::Kdf)
    }

    /// The bytes.
    #[must_use]
    pub fn to_bytes(self) -> Vec<u8> {
        self.0.map_or_else(Vec::new, |hash| {
            let name = wire::wide(hash.name());
            [&KDF_START, wire::len(&name).as_slice(), &[0; 4], &name].concat()
        })
    }
}

impl DhParameters {
    /// The group of RFC 5114 section 2.3, which Windows takes by itself.
    #[must_use]
    pub fn rfc5114() -> Self {
        Self(Box::new(Group::rfc5114()))
    }

    /// Reads parameters. That the modulus is prime is left to whoever wrote them into the directory.
    ///
    /// # Errors
    /// [`ParametersError::Dh`] if they are malformed, not of 2048 bits, or of no use.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParametersError> {
        use ParametersError::Dh;
        let mut reader = Reader { rest: bytes };
        let len = reader.number().ok_or(Dh("they end early"))?;
        if usize::try_from(len) != Ok(bytes.len()) || reader.array() != Some(DH_MAGIC) {
            return Err(Dh("their beginning"));
        }
        if reader.number().map(usize::try_from) != Some(Ok(LEN)) {
            return Err(Dh("only moduli of 2048 bits are supported"));
        }
        let (Some(modulus), Some(generator), []) = (reader.array(), reader.array(), reader.rest) else {
            return Err(Dh("their length"));
        };
        let group =
            Group::new(&modulus, &generator).ok_or(Dh("the modulus or the generator is of no use"))?;
        Ok(Self(Box::new(group)))
    }

    /// The bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let [modulus, generator] = self.numbers();
        let numbers = [wire::len(&modulus).as_slice(), &modulus, &generator].concat();
        let len = wire::len(&[[0; 8].as_slice(), &numbers].concat());
        [&len, &DH_MAGIC, numbers.as_slice()].concat()
    }

    /// The modulus and the generator, as both stand in public keys too.
    pub(super) fn numbers(&self) -> [[u8; LEN]; 2] {
        [self.0.modulus(), self.0.generator()]
    }

    pub(super) const fn group(&self) -> &Group {
        &self.0
    }
}

impl fmt::Debug for DhParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::rfc5114() {
            "DhParameters(RFC 5114)"
        } else {
            "DhParameters(of its own)"
        })
    }
}

impl SecretAgreement {
    /// What Windows takes by itself: Diffie-Hellman in the group of RFC 5114, with private keys of 512 bits.
    #[must_use]
    pub fn windows_default() -> Self {
        Self::Dh { parameters: DhParameters::rfc5114(), private_key_bits: 512 }
    }

    /// The agreement that a directory or an envelope describes.
    ///
    /// # Errors
    /// [`ParametersError`] for each way in which that is not one we know.
    pub fn parse(
        algorithm: &str,
        parameters: &[u8],
        private_key_bits: u32,
        public_key_bits: u32,
    ) -> Result<Self, ParametersError> {
        let agreement = match algorithm {
            DH => Self::Dh { parameters: DhParameters::parse(parameters)?, private_key_bits },
            "ECDH_P256" => Self::P256,
            "ECDH_P384" => Self::P384,
            "ECDH_P521" => return Err(ParametersError::P521),
            other => return Err(ParametersError::Algorithm(other.chars().take(32).collect())),
        };
        let algorithm = agreement.algorithm();
        if agreement.parameters() != parameters {
            return Err(ParametersError::Unexpected(algorithm));
        }
        let (private, public) = (private_key_bits, public_key_bits);
        let lengths = (agreement.private_key_bits(), agreement.public_key_bits());
        if lengths != (private, public) || !agreement.is_private_key_usable() {
            return Err(ParametersError::KeyLengths { algorithm, private, public });
        }
        Ok(agreement)
    }

    fn is_private_key_usable(&self) -> bool {
        let bits = self.private_key_bits();
        (DH_PRIVATE_BITS_MIN..).contains(&bits)
            && bits.is_multiple_of(8)
            && self.private_key_len() <= EXPONENT_LEN_MAX
    }

    /// The algorithm's name in directories and envelopes.
    #[must_use]
    pub const fn algorithm(&self) -> &'static str {
        match self {
            Self::Dh { .. } => DH,
            Self::P256 => "ECDH_P256",
            Self::P384 => "ECDH_P384",
        }
    }

    /// Its parameters as they stand there; nothing for curves.
    #[must_use]
    pub fn parameters(&self) -> Vec<u8> {
        match self {
            Self::Dh { parameters, .. } => parameters.to_bytes(),
            Self::P256 | Self::P384 => Vec::new(),
        }
    }

    /// The length of private keys in bits.
    #[must_use]
    pub const fn private_key_bits(&self) -> u32 {
        match self {
            Self::Dh { private_key_bits, .. } => *private_key_bits,
            Self::P256 => 256,
            Self::P384 => 384,
        }
    }

    /// The length of public keys in bits.
    #[must_use]
    pub const fn public_key_bits(&self) -> u32 {
        match self {
            Self::Dh { .. } => 2048,
            Self::P256 => 256,
            Self::P384 => 384,
        }
    }

    /// The length of private keys in bytes.
    pub(super) fn private_key_len(&self) -> usize {
        usize::try_from(self.private_key_bits() / 8).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests;
