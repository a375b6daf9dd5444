//! Keys from keys: SP 800-108 in counter mode over HMAC, and the one-step derivation of SP 800-56C.

use hmac::{Hmac, KeyInit, Mac, digest::Digest};
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};
use zeroize::Zeroizing;

/// A hash function by which a root key's other keys are derived. [MS-GKDI] 2.2.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    /// SHA-1, which is sound within HMAC.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512, which Windows takes by itself.
    Sha512,
}

impl Hash {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Sha1, Self::Sha256, Self::Sha384, Self::Sha512];

    /// The name in directories and envelopes.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha384 => "SHA384",
            Self::Sha512 => "SHA512",
        }
    }

    /// The length of a digest in bytes.
    pub(crate) const fn digest_len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// The function of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hash| hash.name() == name)
    }
}

/// `KDS service` in UTF-16 with its NUL. [MS-GKDI] 3.1.4.1.2.
const LABEL: &[u8] = b"K\0D\0S\0 \0s\0e\0r\0v\0i\0c\0e\0\0\0";

/// Fills `out` from a key. SP 800-108r1 section 4.1, with HMAC, counter and length of 32 bits, and the label of MS-GKDI.
pub(crate) fn counter_mode(hash: Hash, key: &[u8], context: &[&[u8]], out: &mut [u8]) {
    match hash {
        Hash::Sha1 => counter_mode_with::<Hmac<Sha1>>(key, context, out),
        Hash::Sha256 => counter_mode_with::<Hmac<Sha256>>(key, context, out),
        Hash::Sha384 => counter_mode_with::<Hmac<Sha384>>(key, context, out),
        Hash::Sha512 => counter_mode_with::<Hmac<Sha512>>(key, context, out),
    }
}

fn counter_mode_with<M: Mac + KeyInit + Clone>(key: &[u8], context: &[&[u8]], out: &mut [u8]) {
    #[expect(clippy::expect_used, reason = "RFC 2104 section 3: HMAC takes a key of any length")]
    let keyed = <M as KeyInit>::new_from_slice(key).expect("a key of any length");
    let bits = u32::try_from(out.len().saturating_mul(8)).unwrap_or(u32::MAX).to_be_bytes();
    for (counter, block) in (1_u32..).zip(out.chunks_mut(M::output_size())) {
        let mut mac = keyed.clone();
        mac.update(&counter.to_be_bytes());
        [LABEL, &[0]].into_iter().chain(context.iter().copied()).for_each(|part| mac.update(part));
        mac.update(&bits);
        copy_start(mac.finalize().as_bytes(), block);
    }
}

/// Fills `out` from a shared secret. SP 800-56C revision 2 section 4.1, option 1.
pub(crate) fn concatenation(hash: Hash, shared: &[u8], info: &[&[u8]], out: &mut [u8]) {
    match hash {
        Hash::Sha1 => concatenation_with::<Sha1>(shared, info, out),
        Hash::Sha256 => concatenation_with::<Sha256>(shared, info, out),
        Hash::Sha384 => concatenation_with::<Sha384>(shared, info, out),
        Hash::Sha512 => concatenation_with::<Sha512>(shared, info, out),
    }
}

fn concatenation_with<D: Digest>(shared: &[u8], info: &[&[u8]], out: &mut [u8]) {
    for (counter, block) in (1_u32..).zip(out.chunks_mut(<D as Digest>::output_size())) {
        let mut digest = D::new();
        digest.update(counter.to_be_bytes());
        digest.update(shared);
        info.iter().for_each(|part| digest.update(part));
        copy_start(&Zeroizing::new(digest.finalize()), block);
    }
}

/// Fills `block` with the start of a longer output.
fn copy_start(output: &[u8], block: &mut [u8]) {
    block.iter_mut().zip(output).for_each(|(to, from)| *to = *from);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published vectors of root keys show the rest: this is what their lengths do not reach.
    #[test]
    fn the_length_goes_into_the_output_and_each_block_is_another() {
        for hash in Hash::ALL {
            let (mut long, mut short) = ([0; 130], [0; 64]);
            counter_mode(hash, b"key", &[b"con", b"text"], &mut long);
            counter_mode(hash, b"key", &[b"context"], &mut short);
            assert_ne!(long[..64], short);
            assert_ne!(long[..20], long[64..84]);
        }
    }

    #[test]
    fn names_are_those_of_the_directory() {
        assert_eq!(Hash::ALL.map(Hash::name), ["SHA1", "SHA256", "SHA384", "SHA512"]);
        assert_eq!(Hash::from_name("SHA384"), Some(Hash::Sha384));
        assert_eq!(Hash::from_name("sha384"), None);
    }
}
