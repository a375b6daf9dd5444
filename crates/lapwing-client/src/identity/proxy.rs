//! The proxy of `agent.toml`, with the user and password that stand apart from it.

use std::{fs::File, io, os::unix::fs::MetadataExt as _, path::Path};

use super::{
    IdentityError,
    files::{self, Root},
};
use crate::transport::{Proxy, ProxyCredentials, ProxyError};

/// Its group may read it, for `lapwingd` is not root; nobody but its owner may write it.
const OTHERS: u32 = 0o027;

/// The proxy of these members, without credentials.
pub(super) fn parse(
    proxy: Option<String>,
    no_proxy: Option<Vec<String>>,
) -> Result<Option<Proxy>, ProxyError> {
    let Some(proxy) = proxy else { return Ok(None) };
    let proxy: Proxy = proxy.parse()?;
    Ok(Some(proxy.except(no_proxy.iter().flatten().map(String::as_str))))
}

/// The proxy, with what stands in `/etc/lapwing/proxy-credentials` if that is there.
pub(super) fn with_credentials(root: &Root, proxy: Option<Proxy>) -> Result<Option<Proxy>, IdentityError> {
    let Some(proxy) = proxy else { return Ok(None) };
    let path = root.proxy_credentials();
    Ok(Some(proxy.with_credentials(read(&path)?)))
}

fn read(path: &Path) -> Result<Option<ProxyCredentials>, IdentityError> {
    let unreadable = |source| IdentityError::Unreadable { path: path.to_owned(), source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    if file.metadata().map_err(unreadable)?.mode() & OTHERS != 0 {
        return Err(IdentityError::Exposed { path: path.to_owned() });
    }
    let bytes = files::read_secret_of(file).map_err(unreadable)?;
    let invalid = |source| IdentityError::Settings { path: path.to_owned(), source };
    let text = str::from_utf8(bytes.expose_secret()).map_err(|error| invalid(error.into()))?;
    ProxyCredentials::parse(text).map(Some).map_err(|error| invalid(error.into()))
}
