//! Tag, length and value, as LDAP restricts BER: definite lengths and tags of one octet. RFC 4511 section 5.1.

/// `SEQUENCE`.
pub const SEQUENCE: u8 = 0x30;
/// `INTEGER`.
pub const INTEGER: u8 = 0x02;
/// `OCTET STRING`.
pub const OCTET_STRING: u8 = 0x04;
/// `ENUMERATED`.
pub const ENUMERATED: u8 = 0x0a;

/// Why bytes are no BER that LDAP allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BerError {
    /// More bytes are needed.
    #[error("the message ends early")]
    Truncated,
    /// A length that LDAP forbids, or longer than can be.
    #[error("a length is malformed")]
    Length,
    /// Another tag, or a number of another size, than expected.
    #[error("the message holds something else than expected")]
    Unexpected,
}

/// Takes the first value off `bytes`: its tag, its contents, and what follows.
///
/// # Errors
/// [`BerError::Truncated`] if the value does not end in `bytes`; [`BerError::Length`] for an indefinite or absurd length.
pub fn take(bytes: &[u8]) -> Result<(u8, &[u8], &[u8]), BerError> {
    let (&tag, rest) = bytes.split_first().ok_or(BerError::Truncated)?;
    let (&first, rest) = rest.split_first().ok_or(BerError::Truncated)?;
    let (len, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (octets, rest) =
                rest.split_at_checked(usize::from(first & 0x7f)).ok_or(BerError::Truncated)?;
            (octets.iter().fold(0_usize, |len, octet| len << 8 | usize::from(*octet)), rest)
        }
        _ => return Err(BerError::Length),
    };
    let (value, rest) = rest.split_at_checked(len).ok_or(BerError::Truncated)?;
    Ok((tag, value, rest))
}

/// Takes a value off `bytes` that must have this tag: its contents, and what follows.
///
/// # Errors
/// As [`take`]; [`BerError::Unexpected`] for another tag.
pub fn expect(bytes: &[u8], tag: u8) -> Result<(&[u8], &[u8]), BerError> {
    let (found, value, rest) = take(bytes)?;
    if found == tag { Ok((value, rest)) } else { Err(BerError::Unexpected) }
}

/// A number that is not negative, of at most four octets.
///
/// # Errors
/// [`BerError::Unexpected`] for any other.
pub fn number(value: &[u8]) -> Result<u32, BerError> {
    match value {
        [0x80..=0xff, ..] | [] => Err(BerError::Unexpected),
        [0, octets @ ..] | octets if octets.len() <= 4 => {
            Ok(octets.iter().fold(0, |number, octet| number << 8 | u32::from(*octet)))
        }
        _ => Err(BerError::Unexpected),
    }
}

/// Appends a value to `out`.
pub fn put(out: &mut Vec<u8>, tag: u8, value: &[u8]) {
    out.push(tag);
    let len = value.len();
    match u8::try_from(len) {
        Ok(short @ 0..=0x7f) => out.push(short),
        _ => {
            let octets = len.to_be_bytes();
            let leading = octets.iter().take_while(|octet| **octet == 0).count();
            let significant = octets.get(leading..).unwrap_or_default();
            // At most eight octets, so the sum stays below 0x89.
            out.push(0x80 | u8::try_from(significant.len()).unwrap_or_default());
            out.extend_from_slice(significant);
        }
    }
    out.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_put_is_taken(tag: u8, value in proptest::collection::vec(any::<u8>(), 0..70_000), rest: Vec<u8>) {
            let mut bytes = Vec::new();
            put(&mut bytes, tag, &value);
            bytes.extend_from_slice(&rest);
            prop_assert_eq!(take(&bytes), Ok((tag, &value[..], &rest[..])));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            if let Ok((_, value, _)) = take(&bytes) {
                let _any = number(value);
            }
        }
    }

    #[test]
    fn indefinite_and_absurd_lengths_are_refused() {
        assert_eq!(take(&[SEQUENCE, 0x80, 0, 0]), Err(BerError::Length));
        assert_eq!(take(&[SEQUENCE, 0x88, 1, 0, 0, 0, 0, 0, 0, 0]), Err(BerError::Length));
        assert_eq!(take(&[SEQUENCE, 0x84, 0xff, 0xff, 0xff, 0xff]), Err(BerError::Truncated));
        assert_eq!(number(&[0xff]), Err(BerError::Unexpected));
        assert_eq!(number(&[0, 0xff, 0, 0, 0]), Ok(0xff00_0000));
        assert_eq!(number(&[1, 0, 0, 0, 0]), Err(BerError::Unexpected));
    }
}
