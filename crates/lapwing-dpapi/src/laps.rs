//! Encrypted passwords as Windows LAPS stores them: `msLAPS-EncryptedPassword`, its history, and those of DSRM. [MS-ADA2].

use lapwing_core::{secret::SecretBytes, types::FileTime};
use zeroize::Zeroizing;

use crate::{Blob, blob::BlobError};

/// The length of what stands before the blob, in bytes.
pub const PREFIX_LEN: usize = 16;

/// A value of such an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncryptedPassword {
    /// When the password was set: readable by whoever may read the attribute.
    pub updated: FileTime,
    /// The password.
    pub blob: Blob,
}

/// Why a value is no encrypted password that can be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncryptedPasswordError {
    /// It ends before its blob does.
    #[error("the encrypted password ends early")]
    Short,
    /// Its time is none.
    #[error("the encrypted password was set after the year 9999")]
    Time,
    /// Its blob is none.
    #[error("the encrypted password is not in a form that can be opened")]
    Blob(#[from] BlobError),
}

/// Why what was opened is no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("what was encrypted is no text in UTF-16 that ends with its only NUL")]
pub struct TextError;

impl EncryptedPassword {
    /// Reads when the password was set, of which nothing else need be in order.
    ///
    /// # Errors
    /// [`EncryptedPasswordError`] if the value ends before its blob should begin, or the time is none.
    pub fn updated(value: &[u8]) -> Result<FileTime, EncryptedPasswordError> {
        prefix(value).map(|(updated, _, _)| updated)
    }

    /// Reads a value. Its reserved field and what stands behind the blob are passed over.
    ///
    /// # Errors
    /// [`EncryptedPasswordError`] if it is cut off or its blob malformed.
    pub fn parse(value: &[u8]) -> Result<Self, EncryptedPasswordError> {
        let (updated, len, rest) = prefix(value)?;
        let blob = usize::try_from(len).ok().and_then(|len| rest.get(..len));
        Ok(Self { updated, blob: Blob::parse(blob.ok_or(EncryptedPasswordError::Short)?)? })
    }

    /// The value.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let blob = self.blob.to_bytes();
        let [h0, h1, h2, h3, l0, l1, l2, l3] = self.updated.ticks().to_be_bytes();
        let len = u32::try_from(blob.len()).unwrap_or(u32::MAX).to_le_bytes();
        [[h3, h2, h1, h0, l3, l2, l1, l0].as_slice(), &len, &[0; 4], &blob].concat()
    }
}

/// The time, the length of the blob, and what follows.
fn prefix(value: &[u8]) -> Result<(FileTime, u32, &[u8]), EncryptedPasswordError> {
    let (prefix, rest) = value.split_first_chunk::<PREFIX_LEN>().ok_or(EncryptedPasswordError::Short)?;
    let (&[high, low, len, _reserved], []) = prefix.as_chunks::<4>() else {
        return Err(EncryptedPasswordError::Short);
    };
    let [high, low, len] = [high, low, len].map(u32::from_le_bytes);
    // The high half stands first, unlike in a FILETIME.
    let updated = FileTime::from_ticks(u64::from(high) << 32 | u64::from(low))
        .map_err(|_| EncryptedPasswordError::Time)?;
    Ok((updated, len, rest))
}

/// A text as it is encrypted: UTF-16 with its NUL.
#[must_use]
pub fn encode_text(text: &str) -> SecretBytes {
    let units = || text.encode_utf16().chain([0]);
    let mut bytes = Vec::with_capacity(units().count().saturating_mul(2));
    bytes.extend(units().flat_map(u16::to_le_bytes));
    SecretBytes::new(bytes)
}

/// The text of what was opened, in UTF-8.
///
/// # Errors
/// [`TextError`] if it is none.
pub fn decode_text(plain: &SecretBytes) -> Result<SecretBytes, TextError> {
    let (units, []) = plain.expose_secret().as_chunks::<2>() else { return Err(TextError) };
    let Some(([0, 0], units)) = units.split_last() else { return Err(TextError) };
    // A unit of UTF-16 becomes three bytes at most, so the buffer never grows.
    let mut text = Zeroizing::new(String::with_capacity(units.len().saturating_mul(3)));
    for sign in char::decode_utf16(units.iter().map(|unit| u16::from_le_bytes(*unit))) {
        text.push(sign.ok().filter(|sign| *sign != '\0').ok_or(TextError)?);
    }
    Ok(SecretBytes::new(core::mem::take(&mut *text).into_bytes()))
}

#[cfg(test)]
mod tests;
