//! Distinguished encoding of ASN.1, as far as one message needs it. X.690 section 10.
//!
//! INVARIANT: what is read and written again is the same bytes, for no other encoding of it is read.

/// Tags. X.690 section 8.1.2.
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const UTF8_STRING: u8 = 0x0c;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;
/// `[0]` around other elements.
pub(crate) const CONTEXT_0: u8 = 0xa0;
/// `[2]` around other elements.
pub(crate) const CONTEXT_2: u8 = 0xa2;
/// `[0]` in place of the tag of a string.
pub(crate) const CONTEXT_0_PRIMITIVE: u8 = 0x80;

/// The name of the element that is missing, of another tag, cut off, or encoded in another than the one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) &'static str);

/// What is left of the elements at one level.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) const fn rest(self) -> &'a [u8] {
        self.rest
    }

    /// The content of the next element, which must be of this tag.
    pub(crate) fn element(&mut self, tag: u8, name: &'static str) -> Result<&'a [u8], Malformed> {
        let (content, rest) = split(self.rest, tag).ok_or(Malformed(name))?;
        self.rest = rest;
        Ok(content)
    }

    /// The elements within the next one.
    pub(crate) fn within(&mut self, tag: u8, name: &'static str) -> Result<Self, Malformed> {
        self.element(tag, name).map(Self::new)
    }

    /// The next element if it is of this tag.
    pub(crate) fn optional(&mut self, tag: u8, name: &'static str) -> Result<Option<&'a [u8]>, Malformed> {
        let is_there = self.rest.first() == Some(&tag);
        is_there.then(|| self.element(tag, name)).transpose()
    }

    /// The next element, whose content is of known length.
    pub(crate) fn array<const N: usize>(
        &mut self,
        tag: u8,
        name: &'static str,
    ) -> Result<[u8; N], Malformed> {
        self.element(tag, name)?.try_into().map_err(|_| Malformed(name))
    }

    /// The next element, which is known.
    pub(crate) fn constant(&mut self, tag: u8, content: &[u8], name: &'static str) -> Result<(), Malformed> {
        if self.element(tag, name)? == content { Ok(()) } else { Err(Malformed(name)) }
    }

    /// Nothing may follow.
    pub(crate) const fn end(self, name: &'static str) -> Result<(), Malformed> {
        if self.rest.is_empty() { Ok(()) } else { Err(Malformed(name)) }
    }
}

/// The content of the first element and what follows it.
fn split(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[found, first], rest) = bytes.split_first_chunk()?;
    let (len, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 => rest.split_first_chunk().map(|(&[a], rest)| (usize::from(a), rest))?,
        0x82 => {
            rest.split_first_chunk().map(|(&[a, b], rest)| (usize::from(u16::from_be_bytes([a, b])), rest))?
        }
        // Nothing that is read here has 64 KiB.
        _ => return None,
    };
    let is_shortest = match first {
        0x81 => len > 0x7f,
        0x82 => len > 0xff,
        _ => true,
    };
    (found == tag && is_shortest).then(|| rest.split_at_checked(len))?
}

/// An element whose content are these parts, of at most 65,535 bytes together.
pub(crate) fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let len = parts.iter().map(|part| part.len()).sum();
    let [high, low] = u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes();
    let header: &[u8] = match len {
        0..=0x7f => &[tag, low],
        0x80..=0xff => &[tag, 0x81, low],
        _ => &[tag, 0x82, high, low],
    };
    let mut out = Vec::with_capacity(header.len().saturating_add(len));
    out.extend_from_slice(header);
    parts.iter().for_each(|part| out.extend_from_slice(part));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_written_and_read_in_the_shortest_form_alone() {
        for len in [0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff] {
            let content = vec![7; len];
            let bytes = element(OCTET_STRING, &[&content]);
            let mut reader = Reader::new(&bytes);
            assert_eq!(reader.element(OCTET_STRING, "x"), Ok(content.as_slice()));
            assert_eq!(reader.end("x"), Ok(()));
        }
        let others: [&[u8]; 8] = [
            &[],
            &[4],
            &[4, 1],
            &[4, 0x80, 7, 0, 0],
            &[4, 0x81, 1, 7],
            &[4, 0x82, 0, 1, 7],
            &[4, 0x83, 0, 0, 1, 7],
            &[5, 0],
        ];
        for bytes in others {
            assert_eq!(Reader::new(bytes).element(OCTET_STRING, "x"), Err(Malformed("x")), "{bytes:?}");
        }
    }
}
