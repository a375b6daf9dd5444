//! What it takes to serve, and why it is not there.

use core::time::Duration;
use std::{
    io,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener},
    path::{Path, PathBuf},
};

use lapwing_client::ad::{Acceptor, GssFault};
use lapwing_core::types::FileTime;
use lapwing_dpapi::rpc::epm;
use lapwing_proto::ad::keytab::{FILE_LEN_MAX, KeytabError, Machine};

use crate::{
    config::{Config, ConfigError},
    directory::{DirectoryError, Keys, SKEW_MAX, chain},
    os,
};

/// Why it does not serve.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("cannot read the keytab {}", path.display())]
    Keytab { path: PathBuf, source: io::Error },
    #[error("the keytab {} is not a controller's", path.display())]
    KeytabContent { path: PathBuf, source: KeytabError },
    #[error("Kerberos cannot use the keytab {}", path.display())]
    Kerberos { path: PathBuf, source: GssFault },
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    #[error("this host's clock is {} seconds away from the directory's", .0.as_secs())]
    Clock(Duration),
    #[error("cannot listen on {address}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("the system does not let this program {what}")]
    System { what: &'static str, source: io::Error },
}

impl StartError {
    /// What to do about it.
    pub(crate) const fn next_step(&self) -> &'static str {
        match self {
            Self::Config(_) => "correct the file; docs/kds.md lists what may stand in it",
            Self::Keytab { .. } | Self::KeytabContent { .. } | Self::Kerberos { .. } => {
                "run this as root on a domain controller; `keytab` in kds.toml names the file, Samba's is \
                 private/secrets.keytab in its folder of state"
            }
            Self::Directory(error) => error.next_step(),
            Self::Clock(_) => "set the clock by NTP: passwords would be encrypted for a time that is not now",
            Self::Listen { .. } => {
                "see what else listens there with `ss -tlnp`, or name another address in kds.toml"
            }
            Self::System { .. } => "start it by its unit, lapwing-kds.service",
        }
    }

    /// What, why, and what next.
    pub(crate) fn report(&self) -> String {
        let why = chain(self);
        let why = if why.is_empty() { String::new() } else { format!("\n  why: {why}") };
        format!("{self}{why}\n  next: {}", self.next_step())
    }
}

/// The keys by which callers prove who they are, and whose they are.
pub(crate) fn acceptor(keytab: &Path) -> Result<(Acceptor, Machine), StartError> {
    let path = || keytab.to_owned();
    let unread = |source| StartError::Keytab { path: path(), source };
    let limit = u64::try_from(FILE_LEN_MAX).unwrap_or(u64::MAX);
    let len = std::fs::metadata(keytab).map_err(unread)?.len();
    if len > limit {
        let source = KeytabError::TooLong { len: usize::try_from(len).unwrap_or(usize::MAX) };
        return Err(StartError::KeytabContent { path: path(), source });
    }
    let bytes = std::fs::read(keytab).map_err(unread)?;
    let machine =
        Machine::read(&bytes).map_err(|source| StartError::KeytabContent { path: path(), source })?;
    let acceptor =
        Acceptor::from_keytab(keytab).map_err(|source| StartError::Kerberos { path: path(), source })?;
    Ok((acceptor, machine))
}

/// The root keys, if the directory's clock and this host's agree.
pub(crate) async fn keys(socket: &Path) -> Result<Keys, StartError> {
    let keys = Keys::read(socket).await?;
    agreed(keys.clock, os::now())?;
    Ok(keys)
}

fn agreed(directory: FileTime, here: FileTime) -> Result<(), StartError> {
    let skew = directory.saturating_since(here).max(here.saturating_since(directory));
    if skew > SKEW_MAX { Err(StartError::Clock(skew)) } else { Ok(()) }
}

/// Where clients connect: for keys, and to be told where that is.
#[derive(Debug)]
pub(crate) struct Listeners {
    pub(crate) keys: TcpListener,
    pub(crate) mapper: Option<TcpListener>,
}

impl Listeners {
    /// Listens as it was configured.
    pub(crate) fn bind(config: &Config) -> Result<Self, StartError> {
        let mapper = |address: Ipv4Addr| listen(SocketAddrV4::new(address, epm::PORT).into());
        Ok(Self { keys: listen(config.listen)?, mapper: config.endpoint_mapper.map(mapper).transpose()? })
    }
}

fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    let listen = || {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    listen().map_err(|source| StartError::Listen { address, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_may_be_five_minutes_apart_either_way_and_no_more() {
        let noon: FileTime = "2026-11-22T12:00:00Z".parse().unwrap();
        let later = noon.saturating_add(SKEW_MAX);
        let too_late = later.saturating_add(Duration::from_secs(1));
        for (one, other) in [(noon, noon), (noon, later), (later, noon)] {
            agreed(one, other).unwrap();
        }
        for (one, other) in [(noon, too_late), (too_late, noon)] {
            let told = agreed(one, other).unwrap_err().report();
            assert!(told.contains("301 seconds away") && told.contains("set the clock by NTP"), "{told}");
        }
    }
}
