//! Private and public keys of a group, and of whoever protects something for it.

use core::fmt;

use lapwing_core::secret::SecretBytes;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::{
    DhParameters, SecretAgreement,
    wire::{self, Reader},
};
use crate::primitives::{
    Hash, Secret, counter_mode,
    curve::{self, Curve, P256, P384},
    modular::{BLIND_LEN, Group, LEN},
};

/// A public key. [MS-GKDI] 2.2.3.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey(Public);

#[derive(Clone, PartialEq, Eq)]
enum Public {
    Dh { parameters: DhParameters, element: Box<[u8; LEN]> },
    P256(curve::Public<P256>),
    P384(curve::Public<P384>),
}

/// A public key that may lie outside of its group: checked as far as it costs next to nothing.
pub(crate) struct UncheckedKey(Public);

/// Why bytes are not a public key of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublicKeyError {
    /// Of another form, length or algorithm.
    #[error("the public key is malformed, or of another algorithm than its root key")]
    Malformed,
    /// A key of other numbers than those agreed on.
    #[error("the public key is of another modulus or generator than its root key")]
    OtherGroup,
    /// A number or a point that no private key has.
    #[error("the public key lies outside of its group")]
    Outside,
}

/// A private key that is 0 or too large for its curve: one in 2^32 of P-256, and what Windows does then is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the private key of this interval is 0 or too large for its curve")]
pub struct DegenerateKey;

/// What both sides of an agreement can compute.
pub(crate) struct Agreed {
    /// Of full width.
    pub(crate) secret: SecretBytes,
    /// What makes a key of it.
    pub(crate) hash: Hash,
}

/// A private key.
pub(crate) struct PrivateKey(Private);

enum Private {
    Dh { parameters: DhParameters, exponent: SecretBytes },
    P256(curve::Private<P256>),
    P384(curve::Private<P384>),
}

const DH_MAGIC: [u8; 4] = *b"DHPB";
const P256_MAGIC: [u8; 4] = *b"ECK1";
const P384_MAGIC: [u8; 4] = *b"ECK3";

impl PublicKey {
    /// Reads a key that must belong to `agreement`.
    ///
    /// # Errors
    /// [`PublicKeyError`] if it does not, or is no key.
    pub fn parse(bytes: &[u8], agreement: &SecretAgreement) -> Result<Self, PublicKeyError> {
        UncheckedKey::parse(bytes, agreement)?.check()
    }

    /// The bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        match &self.0 {
            Public::Dh { parameters, element } => {
                let [modulus, generator] = parameters.numbers();
                let len = wire::len(&modulus);
                [DH_MAGIC.as_slice(), &len, &modulus, &generator, element.as_slice()].concat()
            }
            Public::P256(point) => write_point(point, P256_MAGIC),
            Public::P384(point) => write_point(point, P384_MAGIC),
        }
    }
}

impl UncheckedKey {
    /// Reads a key. A point of a curve is checked in full.
    pub(crate) fn parse(bytes: &[u8], agreement: &SecretAgreement) -> Result<Self, PublicKeyError> {
        match agreement {
            SecretAgreement::Dh { parameters, .. } => read_dh(bytes, parameters),
            SecretAgreement::P256 => read_point(bytes, P256_MAGIC, 32).map(Public::P256),
            SecretAgreement::P384 => read_point(bytes, P384_MAGIC, 48).map(Public::P384),
        }
        .map(Self)
    }

    /// Checks the rest: for Diffie-Hellman that takes as long as the agreement.
    pub(crate) fn check(self) -> Result<PublicKey, PublicKeyError> {
        let is_in_group = match &self.0 {
            Public::Dh { parameters, element } => parameters.group().contains(element),
            Public::P256(_) | Public::P384(_) => true,
        };
        if is_in_group { Ok(PublicKey(self.0)) } else { Err(PublicKeyError::Outside) }
    }
}

/// [MS-GKDI] 2.2.3.1.
fn read_dh(bytes: &[u8], parameters: &DhParameters) -> Result<Public, PublicKeyError> {
    let mut reader = Reader { rest: bytes };
    let start = (reader.array(), reader.number().map(usize::try_from));
    let numbers: (Option<[u8; LEN]>, Option<[u8; LEN]>) = (reader.array(), reader.array());
    let ((Some(DH_MAGIC), Some(Ok(LEN))), (Some(modulus), Some(generator))) = (start, numbers) else {
        return Err(PublicKeyError::Malformed);
    };
    let element = Box::new(reader.rest.try_into().map_err(|_| PublicKeyError::Malformed)?);
    if [modulus, generator] != parameters.numbers() {
        return Err(PublicKeyError::OtherGroup);
    }
    if !parameters.group().is_element(&element) {
        return Err(PublicKeyError::Outside);
    }
    Ok(Public::Dh { parameters: parameters.clone(), element })
}

/// [MS-GKDI] 2.2.3.2.
fn read_point<C: Curve>(
    bytes: &[u8],
    magic: [u8; 4],
    width: u32,
) -> Result<curve::Public<C>, PublicKeyError> {
    let mut reader = Reader { rest: bytes };
    let is_one = reader.array() == Some(magic) && reader.number() == Some(width);
    let is_whole = is_one && u32::try_from(reader.rest.len()) == Ok(width * 2);
    let coordinates = is_whole.then_some(reader.rest).ok_or(PublicKeyError::Malformed)?;
    curve::read_public(coordinates).ok_or(PublicKeyError::Outside)
}

fn write_point<C: Curve>(point: &curve::Public<C>, magic: [u8; 4]) -> Vec<u8> {
    let coordinates = curve::write_public(point);
    let (x, y) = coordinates.split_at(coordinates.len() / 2);
    [&magic, &wire::len(x), x, y].concat()
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Public::Dh { .. } => "PublicKey(DH)",
            Public::P256(_) => "PublicKey(ECDH_P256)",
            Public::P384(_) => "PublicKey(ECDH_P384)",
        })
    }
}

impl PrivateKey {
    /// The key that is this number, big-endian and of the agreement's length.
    pub(crate) fn new(agreement: &SecretAgreement, number: SecretBytes) -> Result<Self, DegenerateKey> {
        let bytes = number.expose_secret();
        let private = match agreement {
            SecretAgreement::Dh { parameters, .. } => {
                let is_zero = bytes.iter().fold(0, |sum, byte| sum | byte) == 0;
                let key = Private::Dh { parameters: parameters.clone(), exponent: number };
                (!is_zero).then_some(key)
            }
            SecretAgreement::P256 => curve::read_private(bytes).map(Private::P256),
            SecretAgreement::P384 => curve::read_private(bytes).map(Private::P384),
        };
        private.map(Self).ok_or(DegenerateKey)
    }

    /// A key for one blob.
    pub(crate) fn draw(agreement: &SecretAgreement, rng: &mut impl CryptoRng) -> Self {
        Self(match agreement {
            SecretAgreement::Dh { parameters, .. } => {
                let mut exponent = vec![0; agreement.private_key_len()];
                rng.fill_bytes(&mut exponent);
                Private::Dh { parameters: parameters.clone(), exponent: SecretBytes::new(exponent) }
            }
            SecretAgreement::P256 => Private::P256(curve::draw(rng)),
            SecretAgreement::P384 => Private::P384(curve::draw(rng)),
        })
    }

    pub(crate) fn public_key(&self) -> PublicKey {
        PublicKey(match &self.0 {
            Private::Dh { parameters, exponent } => {
                let element = Box::new(parameters.group().raise_generator(exponent.expose_secret()));
                Public::Dh { parameters: parameters.clone(), element }
            }
            Private::P256(key) => Public::P256(key.public_key()),
            Private::P384(key) => Public::P384(key.public_key()),
        })
    }

    /// What both sides can compute; none if the two keys are not of one kind.
    pub(crate) fn agree(&self, with: &PublicKey) -> Option<Agreed> {
        self.agree_by(&with.0, |group, element, exponent| group.raise(element, exponent))
    }

    /// The same with a key that a stranger chose, perhaps outside of its group to learn this one's remainders (Lim and Lee,
    /// CRYPTO '97): what he can learn from it is of a number that he cannot foresee, and another for each key of his.
    pub(crate) fn agree_blinded(&self, with: &UncheckedKey) -> Option<Agreed> {
        self.agree_by(&with.0, |group, element, exponent| {
            let mut blind = Zeroizing::new([0; BLIND_LEN]);
            counter_mode(Hash::Sha256, exponent, &[b"blind", element], &mut *blind);
            group.raise_blinded(element, exponent, &blind)
        })
    }

    fn agree_by(
        &self,
        with: &Public,
        raise: impl FnOnce(&Group, &[u8; LEN], &[u8]) -> Secret<LEN>,
    ) -> Option<Agreed> {
        let (secret, hash) = match (&self.0, with) {
            (Private::Dh { exponent, .. }, Public::Dh { parameters, element }) => {
                let shared = raise(parameters.group(), element, exponent.expose_secret());
                (SecretBytes::new(shared.to_vec()), Hash::Sha256)
            }
            (Private::P256(key), Public::P256(point)) => (curve::agree(key, point), Hash::Sha256),
            (Private::P384(key), Public::P384(point)) => (curve::agree(key, point), Hash::Sha384),
            (Private::Dh { .. } | Private::P256(_) | Private::P384(_), _) => return None,
        };
        Some(Agreed { secret, hash })
    }
}

#[cfg(test)]
mod tests;
