//! Versions of a Group Policy object, and which of its halves and extensions are in use. [MS-GPOL] 2.2.4.

use lapwing_core::types::Guid;

/// The longest `GPT.INI` read, in bytes.
pub const GPT_INI_LEN_MAX: usize = 64 << 10;

/// The client-side extension that writes the registry, by which LAPS gets its policy. [MS-GPREG] 1.9.
pub const REGISTRY_EXTENSION: Guid = Guid::from_bytes([
    0x35, 0x37, 0x8e, 0xac, 0x68, 0x3f, 0x11, 0xd2, 0xa8, 0x9a, 0x00, 0xc0, 0x4f, 0xbb, 0xcf, 0xa2,
]);

/// How often each half of a Group Policy object was changed: `versionNumber`, and `Version` in `GPT.INI`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GpoVersion {
    /// The half for computers, the low 16 bits.
    pub machine: u16,
    /// The half for users, the high 16 bits.
    pub user: u16,
}

impl GpoVersion {
    /// From the number in the directory or the file.
    #[must_use]
    pub const fn from_number(number: u32) -> Self {
        let [m0, m1, u0, u1] = number.to_le_bytes();
        Self { machine: u16::from_le_bytes([m0, m1]), user: u16::from_le_bytes([u0, u1]) }
    }

    /// From the decimal text of `versionNumber`, which LDAP prints as a signed number.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let number = text.parse::<u32>().ok();
        number.or_else(|| text.parse::<i32>().ok().map(i32::cast_unsigned)).map(Self::from_number)
    }

    /// From `GPT.INI`, which is in ASCII or in UTF-16 with a mark. [MS-GPOL], gpt.ini.
    #[must_use]
    pub fn parse_gpt_ini(bytes: &[u8]) -> Option<Self> {
        let bytes = (bytes.len() <= GPT_INI_LEN_MAX).then_some(bytes)?;
        let text = match bytes.strip_prefix(&[0xff, 0xfe]) {
            Some(units) => String::from_utf16_lossy(
                &units.as_chunks().0.iter().map(|unit| u16::from_le_bytes(*unit)).collect::<Vec<_>>(),
            ),
            // The display name may be in any code page; the version is not.
            None => String::from_utf8_lossy(bytes).trim_start_matches('\u{feff}').to_owned(),
        };
        let mut is_general = false;
        for line in text.lines().map(str::trim) {
            if line.starts_with('[') {
                is_general = line.eq_ignore_ascii_case("[General]");
            } else if let Some((name, value)) = line.split_once('=')
                && is_general
                && name.trim().eq_ignore_ascii_case("Version")
            {
                return Self::parse(value.trim());
            }
        }
        None
    }
}

/// Whether `gPCMachineExtensionNames` names an extension: `[{extension}{tool}…][…]`. [MS-GPOL] 2.2.4.
#[must_use]
pub fn names_extension(list: &str, extension: Guid) -> bool {
    let first = |group: &str| group.split_once('}').map(|(guid, _)| format!("{guid}}}"));
    list.split('[').filter_map(first).any(|guid| guid.parse() == Ok(extension))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_version_is_split_into_its_halves() {
        assert_eq!(GpoVersion::parse("65538"), Some(GpoVersion { machine: 2, user: 1 }));
        assert_eq!(GpoVersion::parse("-1"), Some(GpoVersion { machine: 0xffff, user: 0xffff }));
        assert_eq!(GpoVersion::parse("4294967295"), GpoVersion::parse("-1"));
        for text in ["", "x", "4294967296", "1.0"] {
            assert_eq!(GpoVersion::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_version_is_read_from_its_file() {
        let two = Some(GpoVersion { machine: 2, user: 0 });
        let utf16 = |text: &str| -> Vec<u8> {
            "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
        };
        let table: [(Vec<u8>, _); 7] = [
            (b"[General]\r\nVersion=2\r\n".to_vec(), two),
            (b"[General]\nversion = 2\ndisplayName=\xfc".to_vec(), two),
            (b"\xef\xbb\xbf[GENERAL]\nVersion=2".to_vec(), two),
            (utf16("[General]\r\nVersion=2\r\n"), two),
            (b"[Other]\nVersion=2".to_vec(), None),
            (b"[General]\n".to_vec(), None),
            ([b"[General]\nVersion=2\n".to_vec(), vec![b' '; GPT_INI_LEN_MAX]].concat(), None),
        ];
        for (bytes, expected) in table {
            assert_eq!(
                GpoVersion::parse_gpt_ini(&bytes),
                expected,
                "{:?}",
                String::from_utf8_lossy(&bytes).get(..40)
            );
        }
    }

    #[test]
    fn an_extension_is_named_first_in_its_group_and_not_as_a_tool() {
        let laps = "[{35378EAC-683F-11D2-A89A-00C04FBBCFA2}{D02B1F72-3407-48AE-BA88-E8213C6761F1}]";
        assert!(names_extension(laps, REGISTRY_EXTENSION));
        assert!(names_extension(
            &format!("[{{00000000-0000-0000-0000-000000000000}}]{laps}"),
            REGISTRY_EXTENSION
        ));
        let swapped = "[{D02B1F72-3407-48AE-BA88-E8213C6761F1}{35378EAC-683F-11D2-A89A-00C04FBBCFA2}]";
        for list in ["", " ", "[", swapped] {
            assert!(!names_extension(list, REGISTRY_EXTENSION), "{list}");
        }
    }

    proptest! {
        #[test]
        fn every_number_is_read_from_text_and_file(number: u32) {
            let expected = Some(GpoVersion::from_number(number));
            prop_assert_eq!(GpoVersion::parse(&number.to_string()), expected);
            let file = format!("[General]\r\nVersion={number}\r\n");
            prop_assert_eq!(GpoVersion::parse_gpt_ini(file.as_bytes()), expected);
        }

        #[test]
        fn arbitrary_input_never_panics(text: String, bytes: Vec<u8>) {
            prop_assert!(GpoVersion::parse(&text).is_none() || text.parse::<i64>().is_ok());
            prop_assert!(GpoVersion::parse_gpt_ini(&bytes).is_none() || bytes.len() >= "[General]".len());
            prop_assert!(!names_extension(&text, REGISTRY_EXTENSION) || text.len() > 36);
        }
    }
}
