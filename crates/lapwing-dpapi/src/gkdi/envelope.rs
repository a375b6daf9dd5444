//! A controller's answer to the question for a group key. [MS-GKDI] 2.2.4.

use lapwing_core::{secret::SecretBytes, types::Guid};
use zeroize::Zeroizing;

use super::{
    DomainNames, Flags, Interval, KdfParameters, L1Key, L2Key, Name, ParametersError, PublicKey,
    PublicKeyError, SecretAgreement,
    interval::LAST,
    key_id::{HEADER, read_interval, start},
    tree::Tree,
    wire::{self, Reader},
};

/// The one key derivation function. [MS-GKDI] 2.2.4.
pub(super) const KDF_ALGORITHM: &str = "SP800_108_CTR_HMAC";

/// A group key with all that is needed to use it. [MS-GKDI] 2.2.4.
#[derive(Debug)]
pub struct GroupKeyEnvelope {
    pub(super) flags: Flags,
    pub(super) interval: Interval,
    pub(super) root_key_id: Guid,
    pub(super) kdf: KdfParameters,
    pub(super) agreement: SecretAgreement,
    pub(super) names: DomainNames,
    pub(super) key: GroupKey,
}

/// A group key.
#[derive(Debug)]
pub enum GroupKey {
    /// For those who may protect and not unprotect.
    Public(PublicKey),
    /// In the newest ten hours of an L1 interval: the key of that, from which all below and before it come.
    Newest(L1Key),
    /// In others.
    Below {
        /// The key of the ten hours, from which those before it in the same L1 interval come.
        l2: L2Key,
        /// The key of the L1 interval before, unless this is the first.
        older: Option<L1Key>,
    },
}

/// Why bytes are no envelope that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// Not of the form that the specification gives.
    #[error("the group key envelope is malformed: {0}")]
    Malformed(&'static str),
    /// Keys that are derived in another way than the one known.
    #[error("the group key envelope names another key derivation function than {KDF_ALGORITHM}")]
    OtherKdf,
    /// Parameters that cannot be used.
    #[error("the group key envelope has parameters that cannot be used")]
    Parameters(#[from] ParametersError),
    /// A public key that cannot be used.
    #[error("the group key envelope has a public key that cannot be used")]
    PublicKey(#[from] PublicKeyError),
}

impl GroupKeyEnvelope {
    /// Reads an envelope.
    ///
    /// # Errors
    /// [`EnvelopeError`] if it is malformed, of no known kind, or bytes follow it.
    pub fn parse(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        use EnvelopeError::Malformed;
        const SHORT: EnvelopeError = Malformed("it ends early");
        let mut reader = Reader { rest: bytes };
        if reader.array().ok_or(SHORT)? != HEADER {
            return Err(Malformed("it is not of version 1"));
        }
        let flags = Flags::from_bits(reader.number().ok_or(SHORT)?);
        let interval = read_interval(&mut reader).ok_or(Malformed("its interval"))?;
        let root_key_id = Guid::from_bytes_le(reader.array().ok_or(SHORT)?);
        let [kdf, kdf_parameters, agreement, agreement_parameters] = reader.numbers().ok_or(SHORT)?;
        let [private_key_bits, public_key_bits] = reader.numbers().ok_or(SHORT)?;
        let [l1, l2, domain, forest] = reader.numbers().ok_or(SHORT)?;
        let mut part = |len| reader.part(len).ok_or(SHORT);
        if wire::narrow(part(kdf)?).as_deref() != Some(KDF_ALGORITHM) {
            return Err(EnvelopeError::OtherKdf);
        }
        let kdf = KdfParameters::parse(part(kdf_parameters)?)?;
        let algorithm = wire::narrow(part(agreement)?).ok_or(Malformed("its secret agreement algorithm"))?;
        let agreement = SecretAgreement::parse(
            &algorithm,
            part(agreement_parameters)?,
            private_key_bits,
            public_key_bits,
        )?;
        let domain = Name::read(part(domain)?).ok_or(Malformed("its domain's name"))?;
        let forest = Name::read(part(forest)?).ok_or(Malformed("its forest's name"))?;
        let (l1, l2) = (part(l1)?, part(l2)?);
        if !reader.rest.is_empty() {
            return Err(Malformed("bytes follow it"));
        }
        let key = if flags.is_public_key() {
            if !l1.is_empty() {
                return Err(Malformed("it has an L1 key beside a public key"));
            }
            GroupKey::Public(PublicKey::parse(l2, &agreement)?)
        } else {
            let tree = Tree { root_key_id, hash: kdf.hash() };
            read_seeds(tree, interval, l1, l2)
                .ok_or(Malformed("its seed keys are not those of its interval"))?
        };
        let names = DomainNames { domain, forest };
        Ok(Self { flags, interval, root_key_id, kdf, agreement, names, key })
    }

    /// The bytes.
    #[must_use]
    pub fn to_bytes(&self) -> SecretBytes {
        let public = match &self.key {
            GroupKey::Public(key) => key.to_bytes(),
            GroupKey::Newest(_) | GroupKey::Below { .. } => Vec::new(),
        };
        let (l1, l2): (&[u8], &[u8]) = match &self.key {
            GroupKey::Public(_) => (&[], &public),
            GroupKey::Newest(l1) => (l1.expose_secret(), &[]),
            GroupKey::Below { l2, older } => {
                (older.as_ref().map_or(&[], |l1| l1.expose_secret()), l2.expose_secret())
            }
        };
        let [kdf, algorithm] = [KDF_ALGORITHM, self.agreement.algorithm()].map(wire::wide);
        let (kdf_parameters, parameters) = (self.kdf.to_bytes(), self.agreement.parameters());
        let [domain, forest] = [&self.names.domain, &self.names.forest].map(Name::to_bytes);
        let named = [&kdf, &kdf_parameters, &algorithm, &parameters];
        let lengths = [self.agreement.private_key_bits(), self.agreement.public_key_bits()];
        let parts = named.into_iter().chain([&domain, &forest]).map(Vec::as_slice).chain([l1, l2]);
        let len: usize = parts.clone().map(<[u8]>::len).sum();
        // Of its final capacity, so that no copy of a secret is left behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(len.saturating_add(FIXED_LEN)));
        bytes.extend(start(self.flags, self.interval, self.root_key_id));
        bytes.extend(named.iter().flat_map(|part| wire::len(part)));
        bytes.extend(lengths.into_iter().flat_map(u32::to_le_bytes));
        bytes.extend([l1, l2, &domain, &forest].into_iter().flat_map(wire::len));
        parts.for_each(|part| bytes.extend_from_slice(part));
        SecretBytes::new(core::mem::take(&mut *bytes))
    }

    /// What it holds and is for.
    #[must_use]
    pub const fn flags(&self) -> Flags {
        self.flags
    }

    /// The ten hours of the key.
    #[must_use]
    pub const fn interval(&self) -> Interval {
        self.interval
    }

    /// The root key that it comes of.
    #[must_use]
    pub const fn root_key_id(&self) -> Guid {
        self.root_key_id
    }

    /// How secrets are agreed on.
    #[must_use]
    pub const fn agreement(&self) -> &SecretAgreement {
        &self.agreement
    }

    /// The names of the domain that it is of.
    #[must_use]
    pub const fn names(&self) -> &DomainNames {
        &self.names
    }

    /// The key.
    #[must_use]
    pub const fn key(&self) -> &GroupKey {
        &self.key
    }

    /// The parameters of the key derivation function.
    #[must_use]
    pub const fn kdf(&self) -> KdfParameters {
        self.kdf
    }

    /// The seed key of an interval; none if only the public key is there, or the interval is newer or of another L0 interval.
    #[must_use]
    pub fn seed(&self, wanted: Interval) -> Option<L2Key> {
        let ([l0, l1, _], [wanted_l0, wanted_l1, wanted_l2]) = (self.interval.indexes(), wanted.indexes());
        if l0 != wanted_l0 {
            return None;
        }
        match &self.key {
            GroupKey::Public(_) => None,
            GroupKey::Below { l2, .. } if l1 == wanted_l1 => l2.older(wanted_l2),
            GroupKey::Newest(from) | GroupKey::Below { older: Some(from), .. } => {
                from.older(wanted_l1)?.newest()?.older(wanted_l2)
            }
            GroupKey::Below { older: None, .. } => None,
        }
    }
}

/// The bytes before the parts.
const FIXED_LEN: usize = 80;

/// The seed keys of an answer, which has one where the other could be derived from it, and none where none is.
fn read_seeds(tree: Tree, interval: Interval, l1: &[u8], l2: &[u8]) -> Option<GroupKey> {
    let [l0, at_l1, at_l2] = interval.indexes();
    if at_l2 == LAST {
        return l2.is_empty().then(|| L1Key::read(tree, l0, at_l1, l1).map(GroupKey::Newest))?;
    }
    let older = match at_l1 {
        0 if l1.is_empty() => None,
        0 => return None,
        _ => Some(L1Key::read(tree, l0, at_l1 - 1, l1)?),
    };
    Some(GroupKey::Below { l2: L2Key::read(tree, interval, l2)?, older })
}

#[cfg(test)]
mod tests;
