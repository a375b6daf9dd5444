//! Whom a blob is for: as a protection descriptor, which stands in it, and as a security descriptor, which controllers check
//! and which goes into the keys.

use lapwing_core::types::Sid;

use crate::der::{self, Malformed, OBJECT_IDENTIFIER, Reader, SEQUENCE, UTF8_STRING};

/// The rights that the two entries grant: seed keys and public key; public key alone. [MS-GKDI] 3.1.4.1.1.
const SEED_AND_PUBLIC: u32 = 3;
const PUBLIC: u32 = 2;

/// The kinds of protection descriptors lie below 1.3.6.1.4.1.311.74.1.
const KINDS: &[u8] = b"\x2b\x06\x01\x04\x01\x82\x37\x4a\x01";
const SID: u8 = 1;

/// Why a protection descriptor is not one that names a SID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DescriptorError {
    /// Not of the form of any descriptor.
    #[error("the protection descriptor is malformed: {0}")]
    Malformed(&'static str),
    /// Data that other means protect than membership.
    #[error("the data is protected by {0}, and only data protected to a SID can be read")]
    OtherKind(&'static str),
    /// It names several, of which any or all can open the blob.
    #[error("the protection descriptor names more than one SID")]
    SeveralSids,
    /// The text is no SID as Windows writes it.
    #[error("the protection descriptor names no SID")]
    NoSid,
}

/// The security descriptor of whoever `sid` means: `O:SYG:SYD:(A;;CCDC;;;<SID>)(A;;DC;;;WD)`.
///
/// It is hashed into the keys, so every byte counts: the list stands before the owner and the group. [MS-DTYP] 2.4.6.
#[must_use]
pub fn security_descriptor(sid: &Sid) -> Vec<u8> {
    const HEADER_LEN: usize = 20;
    let system = Sid::local_system().to_bytes();
    let aces = [allow(SEED_AND_PUBLIC, sid), allow(PUBLIC, &Sid::everyone())].concat();
    let acl_len = 8 + aces.len();
    let owner = HEADER_LEN + acl_len;
    let mut bytes = vec![1, 0, 4, 0x80];
    bytes.extend([owner, owner + system.len(), 0, HEADER_LEN].into_iter().flat_map(u32_le));
    bytes.extend([2, 0]);
    bytes.extend(u16_le(acl_len));
    bytes.extend([2, 0, 0, 0]);
    [aces, system.clone(), system].iter().for_each(|part| bytes.extend_from_slice(part));
    bytes
}

/// An entry that allows. [MS-DTYP] 2.4.4.2.
fn allow(mask: u32, sid: &Sid) -> Vec<u8> {
    let sid = sid.to_bytes();
    [&[0, 0], u16_le(8 + sid.len()).as_slice(), &mask.to_le_bytes(), &sid].concat()
}

/// A SID has at most 68 bytes, so no length here comes near the end.
fn u16_le(len: usize) -> [u8; 2] {
    u16::try_from(len).unwrap_or(u16::MAX).to_le_bytes()
}

fn u32_le(len: usize) -> [u8; 4] {
    u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes()
}

/// The protection descriptor `SID=…` as it stands in a blob: one way to open it, which takes one thing, that SID.
#[must_use]
pub fn encode(sid: &Sid) -> Vec<u8> {
    let term = der::element(
        SEQUENCE,
        &[&der::element(UTF8_STRING, &[b"SID"]), &der::element(UTF8_STRING, &[sid.to_string().as_bytes()])],
    );
    let ways = der::element(SEQUENCE, &[&der::element(SEQUENCE, &[&term])]);
    der::element(SEQUENCE, &[&der::element(OBJECT_IDENTIFIER, &[KINDS, &[SID]]), &ways])
}

/// Reads what [`encode`] writes.
///
/// # Errors
/// [`DescriptorError`] if it is anything else.
pub fn decode(bytes: &[u8]) -> Result<Sid, DescriptorError> {
    let mut all = Reader::new(bytes);
    let mut descriptor = all.within(SEQUENCE, "descriptor")?;
    all.end("bytes after the descriptor")?;
    let kind = descriptor.element(OBJECT_IDENTIFIER, "kind")?;
    match kind.strip_prefix(KINDS) {
        Some(&[SID]) => {}
        Some(&[kind]) => return Err(DescriptorError::OtherKind(name_of(kind))),
        Some(_) | None => return Err(DescriptorError::OtherKind("means that are not known")),
    }
    let mut ways = descriptor.within(SEQUENCE, "ways to open it")?;
    descriptor.end("bytes after the ways to open it")?;
    let mut terms = ways.within(SEQUENCE, "terms")?;
    let mut term = terms.within(SEQUENCE, "term")?;
    if !ways.rest().is_empty() || !terms.rest().is_empty() {
        return Err(DescriptorError::SeveralSids);
    }
    term.constant(UTF8_STRING, b"SID", "name of the term")?;
    let text = term.element(UTF8_STRING, "value of the term")?;
    term.end("bytes after the value of the term")?;
    let text = str::from_utf8(text).map_err(|_| DescriptorError::NoSid)?;
    // The bytes of the SID go into the keys, the text does not. One way to write it keeps the two together.
    text.parse::<Sid>().ok().filter(|sid| sid.to_string() == text).ok_or(DescriptorError::NoSid)
}

const fn name_of(kind: u8) -> &'static str {
    match kind {
        3 => "a key",
        4 => "several descriptors at once",
        5 => "a security descriptor of its own",
        6 => "rights management",
        7 => "web credentials",
        8 => "the machine or the user",
        9 => "a recovery agent's certificate",
        10 => "vault credentials",
        11 => "a certificate",
        12 => "a key file",
        _ => "means that are not known",
    }
}

impl From<Malformed> for DescriptorError {
    fn from(Malformed(what): Malformed) -> Self {
        Self::Malformed(what)
    }
}

#[cfg(test)]
mod tests;
