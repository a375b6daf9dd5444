//! The text files of the checkout, as git sees them.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;

use anyhow::{Context as _, Result};
use xtask::sys;

/// Path from the top of the workspace, and content; none for files that are not text.
#[derive(Debug, Default)]
pub(super) struct Tree(BTreeMap<String, Option<String>>);

impl Tree {
    /// Reads what is tracked and what would be: new files count before they are committed.
    pub(super) fn read() -> Result<Self> {
        let mut git = sys::command("git");
        // The checkout may belong to another user than the root that runs this.
        git.args(["-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
        let list = sys::text(git.current_dir(sys::workspace()))?;
        let mut files = BTreeMap::new();
        for path in list.split_terminator('\0') {
            match fs::read(sys::workspace().join(path)) {
                Ok(content) => {
                    files.insert(path.to_owned(), String::from_utf8(content).ok());
                }
                // Listed and not there: deleted, and not yet committed as such.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error).with_context(|| format!("cannot read {path}")),
            }
        }
        Ok(Self(files))
    }

    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        Self(files.iter().map(|(path, text)| ((*path).to_owned(), Some((*text).to_owned()))).collect())
    }

    /// Every path, of binary files too.
    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Every text file with its path.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter_map(|(path, text)| Some((path.as_str(), text.as_deref()?)))
    }

    /// The content of one text file.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.0.get(path)?.as_deref()
    }
}
