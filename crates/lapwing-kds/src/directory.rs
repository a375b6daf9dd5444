//! The root keys, as the directory on this host has them.

use core::time::Duration;
use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use lapwing_client::ad::{AdError, Connection, Limits};
use lapwing_core::types::FileTime;
use lapwing_dpapi::gkdi::{DomainNames, Name, StoredRootKey};
use tokio::{sync::Mutex, time::Instant};

/// How often the directory is asked for new root keys.
pub(crate) const READ_EVERY: Duration = Duration::from_secs(5 * 60);
/// How long after it was asked it is not asked again for a key that nobody knows: strangers could make us ask for ever.
const READ_AGAIN_MIN: Duration = Duration::from_secs(10);
/// How far this host's clock and the directory's may be apart.
pub(crate) const SKEW_MAX: Duration = Duration::from_secs(5 * 60);

/// The longest waits for a directory on this very host.
const LIMITS: Limits =
    Limits { connect: Duration::from_secs(5), kerberos: Duration::ZERO, answer: Duration::from_secs(10) };

/// What the directory says.
#[derive(Debug)]
pub(crate) struct Keys {
    pub(crate) keys: Vec<StoredRootKey>,
    pub(crate) names: DomainNames,
    /// The directory's clock.
    pub(crate) clock: FileTime,
}

/// Why the directory does not tell its root keys.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DirectoryError {
    #[error("the directory at {} does not tell its root keys", socket.display())]
    Ldap { socket: PathBuf, source: AdError },
    #[error("the directory at {} says nothing of its domain that makes sense", socket.display())]
    Malformed { socket: PathBuf },
}

impl DirectoryError {
    pub(crate) const fn next_step(&self) -> &'static str {
        match self {
            Self::Ldap { source: AdError::Unreachable { .. }, .. } => {
                "run this as root on a domain controller, with samba-ad-dc.service running; `ldapi` in kds.toml names the socket"
            }
            Self::Ldap { .. } | Self::Malformed { .. } => "see Samba's log: `journalctl -u samba-ad-dc`",
        }
    }
}

impl Keys {
    pub(crate) async fn read(socket: &Path) -> Result<Self, DirectoryError> {
        let failed = |source| DirectoryError::Ldap { socket: socket.to_owned(), source };
        let malformed = || DirectoryError::Malformed { socket: socket.to_owned() };
        let mut connection = Connection::open_local(socket, &LIMITS).await.map_err(failed)?;
        let root = connection.root().await.map_err(failed)?;
        let clock = root.clock().ok_or_else(malformed)?;
        let (domain, forest) = root.dns_names().ok_or_else(malformed)?;
        let name = |text: &str| Name::new(text).map_err(|_| malformed());
        let names = DomainNames { domain: name(&domain)?, forest: name(&forest)? };
        let found = connection.root_keys(&root.contexts).await.map_err(failed)?;
        for (name, why) in &found.faulty {
            tracing::warn!(name, error = %why, "An object among the root keys is none");
        }
        Ok(Self { keys: found.keys, names, clock })
    }
}

/// The root keys as they were read last.
#[derive(Debug)]
pub(crate) struct Keyring {
    socket: PathBuf,
    current: RwLock<Arc<Keys>>,
    read_at: Mutex<Instant>,
}

impl Keyring {
    pub(crate) fn new(socket: PathBuf, keys: Keys) -> Self {
        Self { socket, current: RwLock::new(Arc::new(keys)), read_at: Mutex::new(Instant::now()) }
    }

    pub(crate) fn current(&self) -> Arc<Keys> {
        // Whoever holds the lock does nothing but this.
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads them again; those there are stay if that fails.
    pub(crate) async fn read(&self) {
        let mut read_at = self.read_at.lock().await;
        self.read_now(&mut read_at).await;
    }

    /// Reads them again for the sake of one that is not known, unless that was just done: whether there may be others now.
    pub(crate) async fn read_for_unknown(&self) -> bool {
        let mut read_at = self.read_at.lock().await;
        if read_at.elapsed() < READ_AGAIN_MIN {
            return false;
        }
        self.read_now(&mut read_at).await;
        true
    }

    async fn read_now(&self, read_at: &mut Instant) {
        *read_at = Instant::now();
        match Keys::read(&self.socket).await {
            Ok(keys) => {
                let before = self.current();
                if keys.keys.len() != before.keys.len() {
                    tracing::info!(root_keys = keys.keys.len(), "Read the root keys");
                }
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
            }
            Err(error) => {
                tracing::warn!(
                    error = %error,
                    why = %chain(&error),
                    next = error.next_step(),
                    "Could not read the root keys again; those that were read before serve on"
                );
            }
        }
    }
}

/// The causes of an error, in one line.
pub(crate) fn chain(error: &dyn core::error::Error) -> String {
    let causes = core::iter::successors(error.source(), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
