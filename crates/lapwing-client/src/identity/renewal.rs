//! The next certificate of this host, and how it takes the place of the one before.
//!
//! | step | `device.crt` | `device.key` | `renewal.key` |
//! |---|---|---|---|
//! | a key is drawn and saved | old | old | new |
//! | the server is asked, as often as it takes | old | old | new |
//! | the certificate is saved | **new** | old | new |
//! | the key takes its place | new | new | – |
//!
//! INVARIANT: whatever stops this host between two steps, the certificate on its disk is one that the server has issued
//! and the key of it is on the disk too. So the certificate alone says which key is in use.

use super::{
    Identity, IdentityError, certificate_to_pem, damaged,
    files::{self, Root},
    key::{DeviceKey, KeyError},
};
use crate::transport::CertificateDer;

/// The key to ask a certificate for: that of an earlier attempt, or a new one. It is on the disk before this returns, so
/// that a certificate whose answer is lost can be asked for again.
///
/// # Errors
/// [`IdentityError`] if it cannot be read, drawn or saved.
pub fn key_for_renewal(root: &Root) -> Result<DeviceKey, IdentityError> {
    let path = root.renewal_key();
    if path.try_exists().map_err(|source| IdentityError::Unreadable { path: path.clone(), source })? {
        // What cannot be read is of no use to anybody: no certificate is in use for it.
        if let Ok(key) = read_key(root) {
            return Ok(key);
        }
    }
    let key = DeviceKey::generate().map_err(damaged(&path))?;
    files::replace_private(&path, key.to_pem().expose_secret())?;
    Ok(key)
}

/// Forgets the key of a renewal that the server will not have.
///
/// # Errors
/// [`IdentityError::Unwritable`].
pub fn forget_key(root: &Root) -> Result<(), IdentityError> {
    files::remove(&root.renewal_key())
}

/// Puts `certificate`, for the key of [`key_for_renewal`], in the place of `old`.
///
/// # Errors
/// [`IdentityError`] if a file cannot be written; then either the old certificate or the new one is in use, whole. And if
/// this host was enrolled anew while the server was asked: then nothing is written.
pub fn take(
    root: &Root,
    old: &CertificateDer<'_>,
    certificate: &CertificateDer<'_>,
) -> Result<(), IdentityError> {
    let path = root.device_certificate();
    if Identity::read_certificate(root)? != *old {
        return Err(damaged(&path)(KeyError::Certificate("is another one by now")));
    }
    read_key(root)?.fits(certificate).map_err(damaged(&root.renewal_key()))?;
    files::replace_private(&path, certificate_to_pem(certificate).as_bytes())?;
    finish(root)
}

/// Does what a crash may have left undone of [`take`].
///
/// # Errors
/// [`IdentityError::Unwritable`]; the identity can be read all the same.
pub fn finish(root: &Root) -> Result<(), IdentityError> {
    let is_in_use = read_key(root).is_ok_and(|key| {
        let certificate = Identity::read_certificate(root);
        certificate.is_ok_and(|certificate| fits(&key, &certificate))
    });
    if is_in_use { files::rename(&root.renewal_key(), &root.device_key()) } else { Ok(()) }
}

/// The key of `certificate`: the device's, or that of a renewal which a crash has left half done.
pub(super) fn key_of(root: &Root, certificate: &CertificateDer<'_>) -> Result<DeviceKey, IdentityError> {
    let path = root.device_key();
    let own = files::read_secret(&path).and_then(|pem| DeviceKey::from_pem(&pem).map_err(damaged(&path)));
    match own {
        Ok(key) if fits(&key, certificate) => Ok(key),
        own => match read_key(root) {
            Ok(key) if fits(&key, certificate) => Ok(key),
            Ok(_) | Err(_) => {
                own?;
                Err(damaged(&path)(KeyError::Certificate("is for another key")))
            }
        },
    }
}

fn read_key(root: &Root) -> Result<DeviceKey, IdentityError> {
    let path = root.renewal_key();
    DeviceKey::from_pem(&files::read_secret(&path)?).map_err(damaged(&path))
}

fn fits(key: &DeviceKey, certificate: &CertificateDer<'_>) -> bool {
    key.fits(certificate).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::tests::{certificate_for, identity, root};

    /// A host that is enrolled and has saved the key of a renewal.
    fn renewing() -> (tempfile::TempDir, Root, Identity, CertificateDer<'static>) {
        let (folder, root) = root();
        let old = identity(true);
        old.save(&root).unwrap();
        let key = key_for_renewal(&root).unwrap();
        (folder, root, old, certificate_for(&key))
    }

    fn in_use(root: &Root) -> CertificateDer<'static> {
        let identity = Identity::load(root).unwrap();
        assert!(fits(&identity.key, &identity.certificate));
        identity.certificate
    }

    #[test]
    fn a_crash_between_any_two_steps_leaves_one_certificate_with_its_key() {
        let (_folder, root, old, new) = renewing();
        assert_eq!(in_use(&root), old.certificate);
        // Asked again, it is asked for the same key.
        assert!(fits(&key_for_renewal(&root).unwrap(), &new));
        finish(&root).unwrap();
        assert_eq!(in_use(&root), old.certificate, "nothing was there to be finished");
        files::replace_private(&root.device_certificate(), certificate_to_pem(&new).as_bytes()).unwrap();
        assert_eq!(in_use(&root), new, "the new one, though its key is not in its place yet");
        finish(&root).unwrap();
        assert!(!root.renewal_key().exists());
        assert_eq!(in_use(&root), new);
    }

    #[test]
    fn a_certificate_that_was_taken_leaves_nothing_of_the_one_before() {
        let (_folder, root, old, new) = renewing();
        take(&root, &old.certificate, &new).unwrap();
        assert_eq!(in_use(&root), new);
        assert!(!root.renewal_key().exists());
        assert!(!fits(&key_for_renewal(&root).unwrap(), &new), "the next renewal has a key of its own");
    }

    #[test]
    fn a_key_that_is_damaged_is_drawn_anew_and_one_that_is_forgotten_too() {
        let (_folder, root, old, new) = renewing();
        std::fs::write(root.renewal_key(), "half of it").unwrap();
        assert_eq!(in_use(&root), old.certificate);
        assert!(!fits(&key_for_renewal(&root).unwrap(), &new));
        forget_key(&root).unwrap();
        assert!(!root.renewal_key().exists());
    }

    #[test]
    fn enrolling_anew_and_leaving_forget_a_renewal() {
        let (_folder, root, old, _) = renewing();
        old.save(&root).unwrap();
        assert!(!root.renewal_key().exists());
        key_for_renewal(&root).unwrap();
        Identity::remove(&root).unwrap();
        assert!(!root.renewal_key().exists());
    }

    #[test]
    fn an_answer_that_comes_after_the_host_was_enrolled_anew_changes_nothing() {
        let (_folder, root, old, new) = renewing();
        let next = identity(true);
        next.save(&root).unwrap();
        assert!(take(&root, &old.certificate, &new).is_err());
        key_for_renewal(&root).unwrap();
        assert!(take(&root, &next.certificate, &new).is_err(), "it is for a key that was forgotten");
        assert_eq!(in_use(&root), next.certificate);
    }

    #[test]
    fn a_certificate_without_its_key_is_damage() {
        let (_folder, root, _, new) = renewing();
        forget_key(&root).unwrap();
        files::replace_private(&root.device_certificate(), certificate_to_pem(&new).as_bytes()).unwrap();
        let error = Identity::load(&root).unwrap_err();
        assert!(matches!(error, IdentityError::Damaged { .. }), "{error}");
    }
}
