//! The data folder: `server.toml`, `kek.toml`, `lapwing.db`, `admin.toml`, `wns.toml`, and the lock that one program at a
//! time holds.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use lapwing_core::types::Guid;
use rustix::fs::{FlockOperation, flock};
use zeroize::Zeroizing;

use crate::{
    config::{Config, ConfigError},
    keys::{KeyError, Keyring, envelope::Kek},
    os,
    store::{MetaRow, Store, StoreError, Writer},
    wake::wns::{Credentials, CredentialsError},
};

/// Why the data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DataError {
    #[error("{path} cannot be used")]
    Io { path: PathBuf, source: io::Error },
    #[error("another lapwing-server uses {0}")]
    Locked(PathBuf),
    #[error("{0} holds no tenant")]
    NotSetUp(PathBuf),
    #[error("the key-encryption key {wanted} is not in {path}")]
    KekMissing { wanted: Guid, path: PathBuf },
    #[error("the keys cannot be opened")]
    Keys(#[from] KeyError),
    #[error("the database cannot be used")]
    Store(#[from] StoreError),
    #[error("the configuration cannot be used")]
    Config(#[from] ConfigError),
    #[error("the push service cannot be used")]
    Wns(#[from] CredentialsError),
}

impl DataError {
    pub(crate) const fn next_step(&self) -> &'static str {
        match self {
            Self::Io { .. } => "see that the folder exists and belongs to the user that runs the server",
            Self::Locked(_) => "stop the other one first",
            Self::NotSetUp(_) => "run `lapwing-server setup`",
            Self::KekMissing { .. } => "put the backup of kek.toml back: without it no password can be read",
            Self::Keys(_) => "restore database and kek.toml from the same backup",
            Self::Store(error) => error.next_step(),
            Self::Config(_) => "correct server.toml",
            Self::Wns(error) => error.next_step(),
        }
    }
}

/// The data folder.
#[derive(Debug, Clone)]
pub(crate) struct Data(PathBuf);

/// Everything in it, opened.
pub(crate) struct Opened {
    pub(crate) config: Config,
    pub(crate) meta: MetaRow,
    pub(crate) keys: Keyring,
    pub(crate) store: Store,
    pub(crate) writer: Writer,
}

impl Data {
    pub(crate) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.0.join("server.toml")
    }

    pub(crate) fn kek(&self) -> PathBuf {
        self.0.join("kek.toml")
    }

    /// The key-encryption key that replaces the other once the database says so.
    pub(crate) fn next_kek(&self) -> PathBuf {
        self.0.join("kek-next.toml")
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.0.join("lapwing.db")
    }

    /// As what Windows' push service knows this server, if the operator has written that down.
    pub(crate) fn wns(&self) -> Result<Option<Credentials>, DataError> {
        Ok(Credentials::read(&self.0.join("wns.toml"))?)
    }

    pub(crate) fn admin(&self) -> PathBuf {
        self.0.join("admin.toml")
    }

    pub(crate) fn create(&self) -> Result<(), DataError> {
        os::create_private_folder(&self.0).map_err(io_error(&self.0))
    }

    /// Held until dropped.
    pub(crate) fn lock(&self) -> Result<File, DataError> {
        let path = self.0.join("lock");
        let file = private_file(&path).map_err(io_error(&path))?;
        flock(&file, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| DataError::Locked(self.0.clone()))?;
        Ok(file)
    }

    /// Opens the database alone; its file is made with mode 0600, which SQLite's other files inherit.
    pub(crate) async fn open_store(&self) -> Result<(Store, Writer), DataError> {
        let path = self.database();
        private_file(&path).map_err(io_error(&path))?;
        Ok(Store::open(&path).await?)
    }

    /// Opens everything.
    pub(crate) async fn open(&self) -> Result<Opened, DataError> {
        if !self.database().exists() {
            return Err(DataError::NotSetUp(self.0.clone()));
        }
        let config = Config::read(&self.config())?;
        let (store, writer) = self.open_store().await?;
        let meta = store.meta().await?.ok_or_else(|| DataError::NotSetUp(self.0.clone()))?;
        let kek = self.read_kek(meta.kek)?;
        let keys = Keyring::open(meta.tenant, kek, &store.keys().await?)?;
        Ok(Opened { config, meta, keys, store, writer })
    }

    /// The key-encryption key that the database names. If a replacement was interrupted, finishes it.
    fn read_kek(&self, wanted: Guid) -> Result<Kek, DataError> {
        let path = self.kek();
        if let Some(kek) = read_kek_file(&path)?
            && kek.id() == wanted
        {
            return Ok(kek);
        }
        let next = self.next_kek();
        match read_kek_file(&next)? {
            Some(kek) if kek.id() == wanted => {
                self.adopt_next_kek()?;
                Ok(kek)
            }
            Some(_) | None => Err(DataError::KekMissing { wanted, path }),
        }
    }

    /// Puts the next key-encryption key into the place of the old one.
    pub(crate) fn adopt_next_kek(&self) -> Result<(), DataError> {
        let path = self.kek();
        std::fs::rename(self.next_kek(), &path).map_err(io_error(&path))?;
        os::sync_folder_of(&path).map_err(io_error(&path))
    }

    /// The key-encryption key of an earlier set-up that got no further.
    pub(crate) fn existing_kek(&self) -> Result<Option<Kek>, DataError> {
        read_kek_file(&self.kek())
    }

    pub(crate) fn write(&self, path: &Path, text: &str) -> Result<(), DataError> {
        os::replace_file(path, text.as_bytes()).map_err(io_error(path))
    }
}

fn read_kek_file(path: &Path) -> Result<Option<Kek>, DataError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(Kek::parse(&Zeroizing::new(text))?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(io_error(path)(source)),
    }
}

fn private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> DataError + use<> {
    let path = path.to_owned();
    move |source| DataError::Io { path, source }
}
