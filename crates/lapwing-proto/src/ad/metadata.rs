//! When and how often an attribute was written: `replPropertyMetaData`, which says so of attributes whose values the asker
//! may not read. [MS-DRSR] 5.163, `PROPERTY_META_DATA_EXT_VECTOR` in its stored form; [MS-ADTS] 3.1.1.1.9.

use lapwing_core::types::FileTime;

/// The last write of one attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Write {
    /// How often it was written, the last time included.
    pub version: u32,
    /// When, to the second, by the clock of the controller that took it.
    pub time: FileTime,
}

/// Version, reserved, count, reserved.
const HEADER_LEN: usize = 16;
/// Attribute, version, time, invocation, two update sequence numbers.
const ENTRY_LEN: usize = 48;
const TICKS_PER_SECOND: u64 = 10_000_000;

/// The last write of an attribute, known by its number within the forest: `msDS-IntId` of its schema object. None if it
/// was never written, or the value is not of this form.
#[must_use]
pub fn last_write(value: &[u8], attribute: u32) -> Option<Write> {
    let (header, entries) = value.split_at_checked(HEADER_LEN)?;
    let &[v0, v1, v2, v3, _, _, _, _, n0, n1, n2, n3, ..] = header else { return None };
    if u32::from_le_bytes([v0, v1, v2, v3]) != 1 {
        return None;
    }
    let count = usize::try_from(u32::from_le_bytes([n0, n1, n2, n3])).ok()?;
    let (entries, _) = entries.as_chunks::<ENTRY_LEN>();
    let entries = entries.get(..count)?;
    entries.iter().find_map(|entry| {
        let (words, _) = entry.as_chunks::<4>();
        let &[id, version, low, high, ..] = words else { return None };
        if u32::from_le_bytes(id) != attribute {
            return None;
        }
        let seconds = u64::from(u32::from_le_bytes(low)) | u64::from(u32::from_le_bytes(high)) << 32;
        let time = FileTime::from_ticks(seconds.checked_mul(TICKS_PER_SECOND)?).ok()?;
        Some(Write { version: u32::from_le_bytes(version), time })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(entries: &[(u32, u32, u64)]) -> Vec<u8> {
        let count = u32::try_from(entries.len()).unwrap();
        let mut bytes = [1, 0, count, 0].into_iter().flat_map(u32::to_le_bytes).collect::<Vec<_>>();
        for (attribute, version, seconds) in entries {
            bytes.extend(attribute.to_le_bytes());
            bytes.extend(version.to_le_bytes());
            bytes.extend(seconds.to_le_bytes());
            bytes.extend([7; 32]);
        }
        bytes
    }

    #[test]
    fn the_last_write_of_an_attribute_is_found_among_those_of_others() {
        let second_of_2025 = 13_380_163_200;
        let value = value(&[(0x9_0001, 1, 5), (0x8000_1234, 3, second_of_2025)]);
        let write = last_write(&value, 0x8000_1234).unwrap();
        assert_eq!((write.version, write.time.to_string().as_str()), (3, "2025-01-01T00:00:00.0000000Z"));
        assert_eq!(last_write(&value, 0x8000_1235), None);
        assert_eq!(last_write(&value[..value.len() - 1], 0x8000_1234), None);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(tail in proptest::collection::vec(any::<u8>(), 0..200), count in 0_u32..5) {
            let mut bytes = [1, 0, count, 0].into_iter().flat_map(u32::to_le_bytes).collect::<Vec<_>>();
            bytes.extend(&tail);
            let attribute = tail.first_chunk().map_or(0, |id| u32::from_le_bytes(*id));
            if last_write(&bytes, attribute).is_some() {
                prop_assert!(count > 0 && tail.len() >= ENTRY_LEN * usize::try_from(count).unwrap());
            }
        }
    }
}
