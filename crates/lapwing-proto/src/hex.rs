//! Digests as people and configuration files write them: lower-case hexadecimal.

/// Two digits for each byte.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 0x0f])
        .filter_map(|nibble| char::from_digit(u32::from(nibble), 16))
        .collect()
}

/// Reads a digest of 32 bytes, in either case; none if it is anything else.
#[must_use]
pub fn decode_digest(text: &str) -> Option<[u8; 32]> {
    let mut digits = text.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()));
    let mut bytes = [0; 32];
    for byte in &mut bytes {
        *byte = digits.next()?? << 4 | digits.next()??;
    }
    digits.next().is_none().then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_reads_as_it_prints() {
        let digest = core::array::from_fn(|at| u8::try_from(at * 8).unwrap());
        assert_eq!(decode_digest(&encode(&digest)), Some(digest));
        assert_eq!(decode_digest(&encode(&digest).to_uppercase()), Some(digest));
        for text in ["", "0", &"0".repeat(63), &"0".repeat(65), &"g".repeat(64), &"ö".repeat(32)] {
            assert_eq!(decode_digest(text), None);
        }
    }
}
