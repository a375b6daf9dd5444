//! Which group key a blob is wrapped with.

use lapwing_core::types::Guid;

use super::{
    DomainNames, Flags, Interval, Name,
    wire::{self, Reader},
};

/// The first 8 bytes of key identifiers and of envelopes: version 1, `KDSK`.
pub(super) const HEADER: [u8; 8] = *b"\x01\0\0\0KDSK";

/// The identifier of a group key in a blob. [MS-GKDI] has no name for it; windows call it the protection key identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyIdentifier {
    /// What `key_info` is.
    pub flags: Flags,
    /// The ten hours of the key.
    pub interval: Interval,
    /// The root key.
    pub root_key_id: Guid,
    /// The public key that was drawn for this blob, or 32 random bytes; nothing in the password identifiers of group-managed
    /// service accounts.
    pub key_info: Vec<u8>,
    /// Where to ask for the key.
    pub names: DomainNames,
}

/// Why bytes are no key identifier: which part of it they break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key identifier is malformed: {0}")]
pub struct KeyIdentifierError(&'static str);

impl KeyIdentifier {
    /// Reads an identifier.
    ///
    /// # Errors
    /// [`KeyIdentifierError`] if it is of another version or malformed, or bytes follow it.
    pub fn parse(bytes: &[u8]) -> Result<Self, KeyIdentifierError> {
        let mut reader = Reader { rest: bytes };
        Self::read(&mut reader).map_err(KeyIdentifierError)
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, &'static str> {
        const SHORT: &str = "it ends early";
        if reader.array().ok_or(SHORT)? != HEADER {
            return Err("it is not of version 1");
        }
        let flags = Flags::from_bits(reader.number().ok_or(SHORT)?);
        let interval = read_interval(reader).ok_or("its interval")?;
        let root_key_id = Guid::from_bytes_le(reader.array().ok_or(SHORT)?);
        let [key_info, domain, forest] = reader.numbers().ok_or(SHORT)?;
        let key_info = reader.part(key_info).ok_or(SHORT)?.to_vec();
        let domain = Name::read(reader.part(domain).ok_or(SHORT)?).ok_or("its domain's name")?;
        let forest = Name::read(reader.part(forest).ok_or(SHORT)?).ok_or("its forest's name")?;
        if !reader.rest.is_empty() {
            return Err("bytes follow it");
        }
        Ok(Self { flags, interval, root_key_id, key_info, names: DomainNames { domain, forest } })
    }

    /// The bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let [domain, forest] = [&self.names.domain, &self.names.forest].map(Name::to_bytes);
        let parts = [&self.key_info, &domain, &forest];
        let mut bytes = start(self.flags, self.interval, self.root_key_id);
        bytes.extend(parts.iter().flat_map(|part| wire::len(part)));
        parts.iter().for_each(|part| bytes.extend_from_slice(part));
        bytes
    }
}

/// The three indexes, if they name an interval.
pub(super) fn read_interval(reader: &mut Reader<'_>) -> Option<Interval> {
    let [l0, l1, l2] = reader.numbers()?.map(u32::cast_signed);
    Interval::new(l0, l1, l2).ok()
}

/// What identifiers and envelopes begin with alike.
pub(super) fn start(flags: Flags, interval: Interval, root_key_id: Guid) -> Vec<u8> {
    let mut bytes = HEADER.to_vec();
    bytes.extend(flags.bits().to_le_bytes());
    bytes.extend(interval.indexes().into_iter().flat_map(i32::to_le_bytes));
    bytes.extend(root_key_id.to_bytes_le());
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PUBLISHED: [&[u8]; 4] = [
        include_bytes!("../fixtures/key_identifier/sha512_dh"),
        include_bytes!("../fixtures/key_identifier/sha1_ecdh_p256"),
        include_bytes!("../fixtures/key_identifier/sha512_ecdh_p384_nonce"),
        include_bytes!("../fixtures/key_identifier/managed_service_account"),
    ];

    #[test]
    fn identifiers_of_windows_are_read_and_written() {
        for bytes in PUBLISHED {
            assert_eq!(KeyIdentifier::parse(bytes).unwrap().to_bytes(), bytes);
            for len in 0..bytes.len() {
                assert!(KeyIdentifier::parse(&bytes[..len]).is_err(), "{len}");
            }
            assert_eq!(
                KeyIdentifier::parse(&[bytes, &[0]].concat()),
                Err(KeyIdentifierError("bytes follow it"))
            );
        }
    }

    /// Not of the layout of an envelope, for which one published reader takes it.
    #[test]
    fn parts_are_where_windows_has_them() {
        let read = KeyIdentifier::parse(PUBLISHED[2]).unwrap();
        assert_eq!(read.root_key_id.to_string(), "1bc9cb9e-a69e-c8eb-0a92-db2514af086f");
        assert_eq!((read.flags.is_public_key(), read.key_info.len()), (false, 32));
        assert_eq!(
            (read.names.domain.as_str(), read.names.forest.as_str()),
            ("dpaping.test", "dpaping.test")
        );
        let read = KeyIdentifier::parse(PUBLISHED[3]).unwrap();
        assert_eq!((read.interval.indexes(), read.key_info.len()), ([361, 26, 24], 0));
        assert_eq!(read.names.domain.as_str(), "contoso.com");
    }

    /// Their lengths count the NUL too.
    #[test]
    fn names_end_with_their_only_nul() {
        let broken = |at: usize, by: u8| {
            let mut bytes = PUBLISHED[3].to_vec();
            bytes[at] = by;
            KeyIdentifier::parse(&bytes)
        };
        assert_eq!(broken(74, b'x'), Err(KeyIdentifierError("its domain's name")));
        assert_eq!(broken(52, 0), Err(KeyIdentifierError("its domain's name")));
        assert_eq!(broken(77, 0xd8), Err(KeyIdentifierError("its forest's name")));
        assert_eq!(broken(98, b'x'), Err(KeyIdentifierError("its forest's name")));
        assert_eq!(broken(16, 32), Err(KeyIdentifierError("its interval")));
        assert_eq!(broken(0, 2), Err(KeyIdentifierError("it is not of version 1")));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic_and_what_is_read_is_written(
            which in 0..4_usize, at: proptest::sample::Index, by in 1..=255_u8, bytes: Vec<u8>,
        ) {
            drop(KeyIdentifier::parse(&bytes));
            let mut bytes = PUBLISHED[which].to_vec();
            let at = at.index(bytes.len());
            bytes[at] ^= by;
            if let Ok(read) = KeyIdentifier::parse(&bytes) {
                prop_assert_eq!(read.to_bytes(), bytes);
            }
        }
    }
}
