//! What protecting gives: a CMS EnvelopedData of one recipient, which is whoever has a group key. RFC 5652 section 6.
//!
//! INVARIANT: a blob that was read is written as the very same bytes.

use lapwing_core::types::Sid;

use crate::{
    der::{
        self, CONTEXT_0, CONTEXT_0_PRIMITIVE, CONTEXT_2, INTEGER, Malformed, OBJECT_IDENTIFIER, OCTET_STRING,
        Reader, SEQUENCE, SET,
    },
    descriptor::{self, DescriptorError},
    gkdi::{KeyIdentifier, KeyIdentifierError},
    primitives::wrap::{NONCE_LEN, TAG_LEN, WRAPPED_KEY_LEN},
};

/// The longest blob read, in bytes: lengths of two bytes are the longest read too.
pub const BLOB_LEN_MAX: usize = 64 << 10;

/// The contents of object identifiers. RFC 5652 sections 4 and 6.1, [MS-ADA2] 2.66, RFC 3565 section 2.3.2, RFC 5084 section 3.2.
const ENVELOPED_DATA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03";
const DATA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01";
const PROTECTION_DESCRIPTOR: &[u8] = b"\x2b\x06\x01\x04\x01\x82\x37\x4a\x01";
const AES256_WRAP: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x01\x2d";
const AES256_GCM: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x01\x2e";
/// The versions of EnvelopedData and of KEKRecipientInfo. RFC 5652 sections 6.1 and 6.2.3.
const VERSION: &[u8] = &[2];
const RECIPIENT_VERSION: &[u8] = &[4];
/// The length of the tag, as GCMParameters name it. RFC 5084 section 3.2.
const TAG: &[u8] = &[16];

/// Protected data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Which group key it takes to open it.
    pub key_identifier: KeyIdentifier,
    /// Whom it is for.
    pub sid: Sid,
    /// The key of the data, wrapped with one that comes of the group key.
    pub wrapped_key: [u8; WRAPPED_KEY_LEN],
    /// The nonce of the data.
    pub nonce: [u8; NONCE_LEN],
    /// The data, encrypted, and its tag.
    pub encrypted: Vec<u8>,
    /// Where those are.
    pub placement: Placement,
}

/// Where the encrypted data is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// In its place in the message, as `NCryptProtectSecret` has it.
    Inside,
    /// Behind the message, as Windows LAPS has it.
    Appended,
}

/// Why bytes are no blob that can be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BlobError {
    /// Longer than any honest blob.
    #[error("the protected data has {len} bytes, more than {BLOB_LEN_MAX}")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// Not of the form of any blob.
    #[error("the protected data is malformed: {0}")]
    Malformed(&'static str),
    /// Enciphered in a way that Windows does not use.
    #[error("the protected data is encrypted by another algorithm than {0}")]
    Algorithm(&'static str),
    /// Not a key that controllers give.
    #[error("the protected data names a key in a form that cannot be read")]
    KeyIdentifier(#[from] KeyIdentifierError),
    /// Not for whoever a SID names.
    #[error("the protected data is for somebody who cannot be told")]
    Descriptor(#[from] DescriptorError),
}

impl From<Malformed> for BlobError {
    fn from(Malformed(what): Malformed) -> Self {
        Self::Malformed(what)
    }
}

impl Blob {
    /// Reads a blob.
    ///
    /// # Errors
    /// [`BlobError`] if it is too long, malformed, or of a kind that Windows LAPS does not write.
    pub fn parse(bytes: &[u8]) -> Result<Self, BlobError> {
        if bytes.len() > BLOB_LEN_MAX {
            return Err(BlobError::TooLong { len: bytes.len() });
        }
        let mut all = Reader::new(bytes);
        let mut message = all.within(SEQUENCE, "message")?;
        message.constant(OBJECT_IDENTIFIER, ENVELOPED_DATA, "type of the message")?;
        let mut explicit = message.within(CONTEXT_0, "content of the message")?;
        message.end("bytes after the content of the message")?;
        let mut enveloped = explicit.within(SEQUENCE, "enveloped data")?;
        explicit.end("bytes after the enveloped data")?;
        enveloped.constant(INTEGER, VERSION, "version")?;
        let mut recipients = enveloped.within(SET, "recipients")?;
        let recipient = recipients.within(CONTEXT_2, "recipient")?;
        recipients.end("more than one recipient")?;
        let content = enveloped.within(SEQUENCE, "encrypted content")?;
        enveloped.end("bytes after the encrypted content")?;
        let (key_identifier, sid, wrapped_key) = read_recipient(recipient)?;
        let (nonce, inside) = read_content(content)?;
        let (encrypted, placement) = match inside {
            Some(inside) => {
                all.end("bytes after the message, which has its content within")?;
                (inside, Placement::Inside)
            }
            None => (all.rest(), Placement::Appended),
        };
        if encrypted.len() < TAG_LEN {
            return Err(BlobError::Malformed("encrypted content shorter than its tag"));
        }
        Ok(Self { key_identifier, sid, wrapped_key, nonce, encrypted: encrypted.to_vec(), placement })
    }

    /// The bytes. Those of a blob of more than [`BLOB_LEN_MAX`] bytes cannot be read again.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let algorithm = |oid, parameters: &[u8]| {
            der::element(SEQUENCE, &[&der::element(OBJECT_IDENTIFIER, &[oid]), parameters])
        };
        let number = |number| der::element(INTEGER, &[number]);
        let descriptor = [
            der::element(OBJECT_IDENTIFIER, &[PROTECTION_DESCRIPTOR]).as_slice(),
            &descriptor::encode(&self.sid),
        ]
        .concat();
        let key = der::element(
            SEQUENCE,
            &[
                &der::element(OCTET_STRING, &[&self.key_identifier.to_bytes()]),
                &der::element(SEQUENCE, &[&descriptor]),
            ],
        );
        let recipient = der::element(
            CONTEXT_2,
            &[
                &number(RECIPIENT_VERSION),
                &key,
                &algorithm(AES256_WRAP, &[]),
                &der::element(OCTET_STRING, &[&self.wrapped_key]),
            ],
        );
        let gcm = der::element(SEQUENCE, &[&der::element(OCTET_STRING, &[&self.nonce]), &number(TAG)]);
        let (inside, appended) = match self.placement {
            Placement::Inside => (der::element(CONTEXT_0_PRIMITIVE, &[&self.encrypted]), [].as_slice()),
            Placement::Appended => (Vec::new(), self.encrypted.as_slice()),
        };
        let content = der::element(
            SEQUENCE,
            &[&der::element(OBJECT_IDENTIFIER, &[DATA]), &algorithm(AES256_GCM, &gcm), &inside],
        );
        let enveloped =
            der::element(SEQUENCE, &[&number(VERSION), &der::element(SET, &[&recipient]), &content]);
        let message = algorithm(ENVELOPED_DATA, &der::element(CONTEXT_0, &[&enveloped]));
        [&message, appended].concat()
    }
}

/// KEKRecipientInfo. RFC 5652 section 6.2.3.
fn read_recipient(
    mut recipient: Reader<'_>,
) -> Result<(KeyIdentifier, Sid, [u8; WRAPPED_KEY_LEN]), BlobError> {
    recipient.constant(INTEGER, RECIPIENT_VERSION, "version of the recipient")?;
    let mut key = recipient.within(SEQUENCE, "key of the recipient")?;
    let key_identifier = KeyIdentifier::parse(key.element(OCTET_STRING, "key identifier")?)?;
    let mut other = key.within(SEQUENCE, "attribute of the key")?;
    key.end("bytes after the attribute of the key")?;
    other.constant(OBJECT_IDENTIFIER, PROTECTION_DESCRIPTOR, "type of the attribute")?;
    // The attribute's value is the rest, and not a set of values as elsewhere in CMS.
    let sid = descriptor::decode(other.rest())?;
    let mut wrap = recipient.within(SEQUENCE, "algorithm of the wrapped key")?;
    let is_known = wrap.element(OBJECT_IDENTIFIER, "algorithm of the wrapped key")? == AES256_WRAP;
    if !is_known {
        return Err(BlobError::Algorithm("AES-256 key wrap"));
    }
    wrap.end("parameters of the wrapped key, which has none")?;
    let wrapped_key = recipient.array(OCTET_STRING, "wrapped key")?;
    recipient.end("bytes after the wrapped key")?;
    Ok((key_identifier, sid, wrapped_key))
}

/// EncryptedContentInfo: the nonce, and the encrypted content if that is within. RFC 5652 section 6.1.
fn read_content(mut content: Reader<'_>) -> Result<([u8; NONCE_LEN], Option<&[u8]>), BlobError> {
    content.constant(OBJECT_IDENTIFIER, DATA, "type of the encrypted content")?;
    let mut algorithm = content.within(SEQUENCE, "algorithm of the content")?;
    let is_known = algorithm.element(OBJECT_IDENTIFIER, "algorithm of the content")? == AES256_GCM;
    if !is_known {
        return Err(BlobError::Algorithm("AES-256 in Galois/counter mode"));
    }
    let mut parameters = algorithm.within(SEQUENCE, "parameters of the content")?;
    algorithm.end("bytes after the parameters of the content")?;
    let nonce = parameters.array(OCTET_STRING, "nonce")?;
    parameters.constant(INTEGER, TAG, "length of the tag")?;
    parameters.end("bytes after the length of the tag")?;
    let inside = content.optional(CONTEXT_0_PRIMITIVE, "encrypted content within")?;
    content.end("bytes after the encrypted content within")?;
    Ok((nonce, inside))
}

#[cfg(test)]
mod tests;
