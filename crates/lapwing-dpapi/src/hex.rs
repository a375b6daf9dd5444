//! Bytes as people and configuration files write them.

/// Two digits for each byte, in lower case.
pub(crate) fn digits(bytes: &[u8]) -> impl Iterator<Item = char> {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 0x0f])
        .filter_map(|nibble| char::from_digit(u32::from(nibble), 16))
}

/// Fills `out` from digits of either case; tells whether there were just enough of them.
pub(crate) fn read(text: &str, out: &mut [u8]) -> bool {
    let mut nibbles = text.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()));
    let mut next = || nibbles.next().flatten();
    let is_full = out.iter_mut().all(|byte| match (next(), next()) {
        (Some(high), Some(low)) => {
            *byte = high << 4 | low;
            true
        }
        (None, _) | (_, None) => false,
    });
    is_full && nibbles.next().is_none()
}
