//! Which machine an identity is of. The copy of a disk has the identity of the host that it was copied from; its machine id it
//! draws for itself, at its first boot, and by that the two are told apart. machine-id(5).

use super::{
    IdentityError,
    files::{self, Root},
};

/// Writes down on which machine the identity under `root` is used first.
///
/// # Errors
/// [`IdentityError`] if a file cannot be read or written.
pub fn bind(root: &Root) -> Result<(), IdentityError> {
    let path = root.machine();
    if let (None, Some(id)) = (files::read_if_there(&path)?, machine_id(root)?) {
        files::replace_private(&path, &id)?;
    }
    Ok(())
}

/// Writes down that the identity under `root` is of this machine, whatever it was of: root says that no other uses it.
///
/// # Errors
/// [`IdentityError`] if a file cannot be read or written.
pub fn adopt(root: &Root) -> Result<(), IdentityError> {
    // The agent writes it anew when it uses the identity next.
    files::remove(&root.machine())
}

/// Checks that this is that machine, as far as both are known.
///
/// # Errors
/// [`IdentityError::OtherMachine`], or that a file cannot be read.
pub(super) fn check(root: &Root) -> Result<(), IdentityError> {
    let path = root.machine();
    match (files::read_if_there(&path)?, machine_id(root)?) {
        (Some(bound), Some(id)) if bound != id => Err(IdentityError::OtherMachine { path }),
        _ => Ok(()),
    }
}

/// None while the system has none yet.
fn machine_id(root: &Root) -> Result<Option<Vec<u8>>, IdentityError> {
    let text = files::read_if_there(&root.path("/etc/machine-id"))?.unwrap_or_default();
    let id = text.trim_ascii();
    Ok((id.len() == 32 && id.iter().all(u8::is_ascii_hexdigit)).then(|| id.to_vec()))
}
