//! Root keys that somebody has at hand: from key files, or out of a backup of the directory. `docs/key-file.md`.
//!
//! INVARIANT: a root key is read from what nobody else may read, and lies in memory that is wiped.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use lapwing_core::{secret::SecretBytes, types::Guid};
use lapwing_dpapi::{
    Blob, RootKey, UnprotectError,
    gkdi::StoredRootKey,
    key_file::{self, FILE_LEN_MAX},
    unprotect_offline,
};
use zeroize::Zeroizing;

use crate::{
    failure::{Code, Failure},
    output,
};

/// Anybody but the owner.
const OTHERS: u32 = 0o077;

/// Root keys by their ids.
#[derive(Debug, Default)]
pub(crate) struct RootKeys(BTreeMap<Guid, RootKey>);

/// Why what was protected does not open.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// Another root key is needed.
    #[error(
        "the value was protected with the root key {wanted}, which is not among those given ({})",
        list(given)
    )]
    NoRootKey {
        /// Its id.
        wanted: Guid,
        /// Those that are at hand.
        given: Vec<Guid>,
    },
    /// The right root key is of no use.
    #[error(transparent)]
    Unprotect(#[from] UnprotectError),
}

fn list(ids: &[Guid]) -> String {
    let ids: Vec<_> = ids.iter().map(Guid::to_string).collect();
    if ids.is_empty() { "there is none".to_owned() } else { ids.join(", ") }
}

impl OpenError {
    pub(crate) const fn next_step(&self) -> &'static str {
        match self {
            Self::NoRootKey { .. } => {
                "name the file of that root key with --root-key, or a backup that has it: every root key of the forest is to be kept"
            }
            Self::Unprotect(error) => error.next_step(),
        }
    }
}

impl RootKeys {
    /// Reads key files, which nobody but their owner may read.
    pub(crate) fn read(files: &[PathBuf]) -> Result<Self, Failure> {
        let mut keys = Self::default();
        for path in files {
            keys.insert(read(path)?);
        }
        Ok(keys)
    }

    /// One key, for tests.
    #[cfg(test)]
    pub(crate) fn of(key: RootKey) -> Self {
        Self(BTreeMap::from([(key.id(), key)]))
    }

    /// Takes those of the directory that can be used, and tells of the others.
    pub(crate) fn take(&mut self, all: Vec<StoredRootKey>) {
        for StoredRootKey { id, key, .. } in all {
            match key {
                Ok(key) => self.insert(key),
                Err(error) => output::complain(&format!("The root key {id} cannot be used: {error}")),
            }
        }
    }

    fn insert(&mut self, key: RootKey) {
        self.0.insert(key.id(), key);
    }

    /// Opens a blob with the root key that it names.
    pub(crate) fn open(&self, blob: &Blob) -> Result<SecretBytes, OpenError> {
        let wanted = blob.key_identifier.root_key_id;
        let given = || self.0.keys().copied().collect();
        let key = self.0.get(&wanted).ok_or_else(|| OpenError::NoRootKey { wanted, given: given() })?;
        Ok(unprotect_offline(blob, key)?)
    }
}

fn read(path: &Path) -> Result<RootKey, Failure> {
    let shown = output::shown(&path.display().to_string());
    let unreadable = |error: io::Error| {
        let code = if error.kind() == io::ErrorKind::NotFound { Code::NotFound } else { Code::Failed };
        let what = Unreadable { what: format!("the key file {shown} cannot be read"), source: error };
        Failure::new(code, what, "check its name and who may read it")
    };
    let file = File::open(path).map_err(unreadable)?;
    if file.metadata().map_err(unreadable)?.mode() & OTHERS != 0 {
        return Err(Failure::new(
            Code::Refused,
            format!("others than its owner may read or change the key file {shown}"),
            "take that right away (chmod 600), and consider who may have read it: it opens every password of the forest",
        ));
    }
    let mut json = Zeroizing::new(Vec::with_capacity(FILE_LEN_MAX + 1));
    let limit = u64::try_from(FILE_LEN_MAX + 1).unwrap_or(u64::MAX);
    file.take(limit).read_to_end(&mut json).map_err(unreadable)?;
    key_file::read(&json).map_err(|error| {
        let next_step = error.next_step();
        Failure::new(
            Code::Failed,
            Unusable { what: format!("{shown} holds no root key"), source: error },
            next_step,
        )
    })
}

#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub(crate) struct Unreadable {
    pub(crate) what: String,
    pub(crate) source: io::Error,
}

#[derive(Debug, thiserror::Error)]
#[error("{what}")]
struct Unusable {
    what: String,
    source: key_file::KeyFileError,
}
