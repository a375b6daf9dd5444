//! The transport key: an RSA public key as Windows' BCRYPT_RSAKEY_BLOB, little-endian header, big-endian numbers.

/// An RSA public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RsaPublicBlob {
    /// Big-endian, without leading zeros.
    pub exponent: Vec<u8>,
    /// Big-endian, without leading zeros.
    pub modulus: Vec<u8>,
}

const MAGIC: &[u8; 4] = b"RSA1";
const HEADER_LEN: usize = 24;
const MODULUS_LEN_MAX: usize = 2048;
const EXPONENT_LEN_MAX: usize = 8;

/// Why bytes are not an RSA public blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the transport key is not an RSA public blob")]
pub struct RsaPublicBlobError;

impl RsaPublicBlob {
    /// Reads a blob.
    ///
    /// # Errors
    /// [`RsaPublicBlobError`] if the magic, a length or the total is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, RsaPublicBlobError> {
        let (header, numbers) = bytes.split_at_checked(HEADER_LEN).ok_or(RsaPublicBlobError)?;
        let (words, _) = header.as_chunks::<4>();
        let &[magic, bits, exponent_len, modulus_len, ..] = words else { return Err(RsaPublicBlobError) };
        let len = |word: [u8; 4]| usize::try_from(u32::from_le_bytes(word)).map_err(|_| RsaPublicBlobError);
        let (bits, exponent_len, modulus_len) = (len(bits)?, len(exponent_len)?, len(modulus_len)?);
        let valid = &magic == MAGIC
            && (1..=EXPONENT_LEN_MAX).contains(&exponent_len)
            && (1..=MODULUS_LEN_MAX).contains(&modulus_len)
            && bits.div_ceil(8) == modulus_len
            && numbers.len() == exponent_len.saturating_add(modulus_len);
        if !valid {
            return Err(RsaPublicBlobError);
        }
        let (exponent, modulus) = numbers.split_at_checked(exponent_len).ok_or(RsaPublicBlobError)?;
        Ok(Self { exponent: exponent.to_vec(), modulus: modulus.to_vec() })
    }

    /// Writes the blob.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let word = |len: usize| u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes();
        let unused = self.modulus.first().map_or(0, |byte| byte.leading_zeros());
        let bits = self.modulus.len().saturating_mul(8).saturating_sub(usize::try_from(unused).unwrap_or(0));
        [
            MAGIC,
            &word(bits)[..],
            &word(self.exponent.len()),
            &word(self.modulus.len()),
            &[0; 8],
            &self.exponent,
            &self.modulus,
        ]
        .concat()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_blob_has_its_documented_layout() {
        let blob = RsaPublicBlob { exponent: vec![1, 0, 1], modulus: vec![0xff; 256] };
        let bytes = blob.to_bytes();
        assert_eq!(bytes[..16], *b"RSA1\x00\x08\x00\x00\x03\x00\x00\x00\x00\x01\x00\x00");
        assert_eq!(RsaPublicBlob::parse(&bytes), Ok(blob));
        assert_eq!(RsaPublicBlob::parse(&bytes[1..]), Err(RsaPublicBlobError));
        assert_eq!(RsaPublicBlob::parse(&bytes[..bytes.len() - 1]), Err(RsaPublicBlobError));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            drop(RsaPublicBlob::parse(&bytes));
            drop(RsaPublicBlob::parse(&[MAGIC, &bytes[..]].concat()));
        }
    }
}
