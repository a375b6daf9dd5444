//! Where everything is, under one root directory: `/`, or a private one in tests.

use std::path::{Path, PathBuf};

use lapwing_core::{log_on::ACCOUNTS_PATH, policy::WordListName};

/// The root directory that every path of this program is under.
#[derive(Debug, Clone)]
pub(crate) struct Root(PathBuf);

impl Root {
    /// An absolute directory.
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Whether this is the host's own root.
    pub(crate) fn is_host(&self) -> bool {
        self.0 == Path::new("/")
    }

    pub(crate) fn as_path(&self) -> &Path {
        &self.0
    }

    /// A path of the host's, which is absolute.
    pub(crate) fn within(&self, path: &Path) -> PathBuf {
        self.0.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// The account files.
    pub(crate) fn etc(&self) -> PathBuf {
        self.0.join("etc")
    }

    /// Root's own file.
    pub(crate) fn managed_file(&self) -> PathBuf {
        self.0.join("etc/lapwing/managed.toml")
    }

    /// A word list of the host's own.
    pub(crate) fn word_list(&self, name: &WordListName) -> PathBuf {
        self.0.join("etc/lapwing/wordlists").join(name.as_str()).with_added_extension("txt")
    }

    /// Where the PAM module reads which accounts are managed.
    pub(crate) fn accounts_file(&self) -> PathBuf {
        self.within(Path::new(ACCOUNTS_PATH))
    }

    /// The journal and nothing else.
    pub(crate) fn state(&self) -> PathBuf {
        self.0.join("var/lib/lapwing-priv")
    }
}
