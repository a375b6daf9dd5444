//! GUIDs in their two byte orders.

use core::{fmt, str::FromStr};

use rand_core::CryptoRng;

/// A 128-bit globally unique identifier. [MS-DTYP] 2.3.4.
///
/// Printed as 36 characters, lower case, without braces.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Guid([u8; 16]);

/// Why a text is not a GUID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a GUID: expected 8-4-4-4-12 hexadecimal digits")]
pub struct GuidError(String);

impl Guid {
    /// From the bytes in the order in which they are printed. RFC 9562 section 4.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes in the order in which they are printed. RFC 9562 section 4.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0
    }

    /// From the packet form, whose first three fields are little-endian. [MS-DTYP] 2.3.4.2.
    #[must_use]
    pub const fn from_bytes_le(bytes: [u8; 16]) -> Self {
        Self(swap_fields(bytes))
    }

    /// The packet form, whose first three fields are little-endian. [MS-DTYP] 2.3.4.2.
    #[must_use]
    pub const fn to_bytes_le(self) -> [u8; 16] {
        swap_fields(self.0)
    }

    /// Draws a version 4 GUID: 122 random bits. RFC 9562 section 5.4.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = [0; 16];
        rng.fill_bytes(&mut bytes);
        Self::from_random_bytes(bytes)
    }

    /// Makes a version 4 GUID of 128 random bits, six of which give way to its form. RFC 9562 section 5.4.
    #[must_use]
    pub const fn from_random_bytes(mut bytes: [u8; 16]) -> Self {
        let [.., version, _, variant, _, _, _, _, _, _, _] = &mut bytes;
        *version = (*version & 0x0f) | 0x40;
        *variant = (*variant & 0x3f) | 0x80;
        Self(bytes)
    }
}

const fn swap_fields(b: [u8; 16]) -> [u8; 16] {
    let [a0, a1, a2, a3, b0, b1, c0, c1, d0, d1, d2, d3, d4, d5, d6, d7] = b;
    [a3, a2, a1, a0, b1, b0, c1, c0, d0, d1, d2, d3, d4, d5, d6, d7]
}

impl FromStr for Guid {
    type Err = GuidError;

    /// Accepts either case, with or without braces, as Windows tools print both.
    fn from_str(text: &str) -> Result<Self, GuidError> {
        let error = || GuidError(text.chars().take(48).collect());
        let bare = match text.strip_prefix('{') {
            Some(rest) => rest.strip_suffix('}').ok_or_else(error)?,
            None => text,
        };
        let groups: Vec<&str> = bare.split('-').collect();
        if groups.iter().map(|group| group.len()).ne([8, 4, 4, 4, 12]) {
            return Err(error());
        }
        let mut bytes = [0; 16];
        let mut digits = groups.iter().flat_map(|group| group.chars());
        for byte in &mut bytes {
            let mut nibble = || {
                digits
                    .next()
                    .and_then(|c| c.to_digit(16))
                    .and_then(|d| u8::try_from(d).ok())
                    .ok_or_else(error)
            };
            *byte = nibble()? << 4 | nibble()?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Guid({self})")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The property set of the encrypted LAPS attributes, as Microsoft documents it.
    const TEXT: &str = "f3531ec6-6330-4f8e-8d39-7a671fbac605";

    #[test]
    fn the_packet_form_swaps_the_first_three_fields() {
        let guid: Guid = TEXT.parse().unwrap();
        assert_eq!(guid.to_bytes_le()[..8], [0xc6, 0x1e, 0x53, 0xf3, 0x30, 0x63, 0x8e, 0x4f]);
        assert_eq!(guid.to_bytes_le()[8..], [0x8d, 0x39, 0x7a, 0x67, 0x1f, 0xba, 0xc6, 0x05]);
        assert_eq!(Guid::from_bytes_le(guid.to_bytes_le()), guid);
    }

    #[test]
    fn braces_and_upper_case_are_read_and_printed_bare() {
        let guid: Guid = format!("{{{}}}", TEXT.to_uppercase()).parse().unwrap();
        assert_eq!(guid.to_string(), TEXT);
    }

    #[test]
    fn malformed_texts_are_refused() {
        for text in [
            "",
            "{",
            "{}",
            &TEXT[1..],
            "f3531ec6-6330-4f8e-8d39-7a671fbac60g",
            "{f3531ec6-6330-4f8e-8d39-7a671fbac605",
        ] {
            assert!(text.parse::<Guid>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_drawn_guid_is_of_version_4() {
        let mut rng = <rand_chacha::ChaCha20Rng as rand_core::SeedableRng>::seed_from_u64(7);
        let text = Guid::random(&mut rng).to_string();
        assert_eq!(text.as_bytes()[14], b'4');
        assert!(matches!(text.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
    }

    proptest! {
        #[test]
        fn parsing_what_was_printed_is_the_identity(bytes: [u8; 16]) {
            let guid = Guid::from_bytes(bytes);
            prop_assert_eq!(guid.to_string().parse::<Guid>().unwrap(), guid);
        }

        #[test]
        fn arbitrary_text_never_panics(text: String) {
            drop(text.parse::<Guid>());
        }
    }
}
