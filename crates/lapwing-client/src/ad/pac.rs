//! Whether a ticket's privilege attribute certificate was signed with one of a service's keys. [MS-PAC] 2.8.1.
//!
//! GSSAPI says whether it was when it is asked for what stands in one, and the library does not always tell the truth:
//! versions 1.21 of MIT Kerberos note that the signature is wrong, and go on to call the certificate verified. So it is asked
//! once more, by the call whose own result is right in all of them.

mod sys;

use std::path::Path;

use self::sys::{Context, Keys};
use super::kerberos::file_name;

/// Why nobody knows whether it was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Kerberos cannot check who signed what the ticket says of its owner (error {0})")]
pub struct PacError(i32);

/// Whether one of the keys in the keytab has signed a certificate. Blocks on the disk.
///
/// # Errors
/// [`PacError`] if the keytab cannot be read, or these bytes are no certificate.
pub fn is_signed(keytab: &Path, pac: &[u8]) -> Result<bool, PacError> {
    let context = Context::new().map_err(PacError)?;
    let pac = context.parse(pac).map_err(PacError)?;
    let mut keys = Keys::open(&context, &file_name(keytab)).map_err(PacError)?;
    while let Some(key) = keys.next().map_err(PacError)? {
        if pac.is_signed_with(&key) {
            return Ok(true);
        }
    }
    Ok(false)
}
