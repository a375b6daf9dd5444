//! A small record of root's own, beside the journal and as durable: one line of JSON, then the SHA-256 of it and its line break in
//! hexadecimal.
//!
//! INVARIANT: a damaged record is reported and left as it is, so that nothing is ever taken for ours by mistake.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::PathBuf,
};

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    hex::hex,
    journal::JournalError,
    replace::{Points, Replacement},
    root::Root,
    seal::sha256,
};

/// The longest record that is read, in bytes.
const FILE_LEN_MAX: u64 = 16 * 1024;

/// Where a record is, and where tests crash in writing it.
pub(crate) struct Record {
    /// Its file's name.
    pub(crate) name: &'static str,
    /// What it is written under first.
    pub(crate) temp: &'static str,
    /// The crash points.
    pub(crate) points: Points,
}

impl Record {
    fn path(&self, root: &Root) -> PathBuf {
        root.state().join(self.name)
    }

    fn failed(&self, root: &Root) -> impl Fn(io::Error) -> JournalError {
        let path = self.path(root);
        move |source| JournalError::Io { path: path.clone(), source }
    }

    /// Reads it, as `parse` understands its form; none if there is none.
    ///
    /// # Errors
    /// [`JournalError`]; a damaged file stays as it is.
    pub(crate) fn load<D: DeserializeOwned, T>(
        &self,
        root: &Root,
        parse: impl FnOnce(D) -> Result<T, &'static str>,
    ) -> Result<Option<T>, JournalError> {
        let path = self.path(root);
        let file = match File::options().read(true).custom_flags(libc::O_NOFOLLOW).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(self.failed(root))?,
        };
        // Whoever wrote it may have died before its last sync, and what is believed must not go away again.
        file.sync_all().map_err(self.failed(root))?;
        let mut text = String::new();
        file.take(FILE_LEN_MAX).read_to_string(&mut text).map_err(self.failed(root))?;
        let record = decode(&text).and_then(parse);
        record.map(Some).map_err(|why| JournalError::Damaged { path, why })
    }

    /// Replaces it, durably.
    ///
    /// # Errors
    /// [`JournalError::Io`]; the file then holds what it held before.
    pub(crate) fn save(&self, root: &Root, record: &impl Serialize) -> Result<(), JournalError> {
        let Self { name, temp, points } = *self;
        Replacement { folder: &root.state(), name, temp, like: None, points }
            .write(encode(record).as_bytes())
            .map_err(self.failed(root))
    }

    /// Removes it, durably. May be repeated.
    ///
    /// # Errors
    /// [`JournalError::Io`].
    pub(crate) fn forget(&self, root: &Root) -> Result<(), JournalError> {
        match fs::remove_file(self.path(root)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed.and_then(|()| File::open(root.state())?.sync_all()).map_err(self.failed(root)),
        }
    }
}

fn encode(record: &impl Serialize) -> String {
    let json = serde_json::to_string(record).expect("strings and numbers are always JSON") + "\n";
    let digest = hex(&sha256(json.as_bytes()));
    format!("{json}{digest}\n")
}

fn decode<D: DeserializeOwned>(text: &str) -> Result<D, &'static str> {
    let (json, digest) = text.split_at(text.find('\n').ok_or("it has no digest")? + 1);
    if digest.strip_suffix('\n') != Some(hex(&sha256(json.as_bytes())).as_str()) {
        return Err("its digest is wrong");
    }
    serde_json::from_str(json).map_err(|_| "it has another form")
}

#[cfg(test)]
pub(crate) mod tests {
    use core::fmt::Debug;

    use super::*;

    /// Checks that what was saved is read back, and that no damage of the file goes unseen.
    pub(crate) fn check<T: PartialEq + Debug>(
        record: &Record,
        root: &Root,
        saved: &T,
        load: impl Fn() -> Result<Option<T>, JournalError>,
    ) {
        assert_eq!(load().unwrap().as_ref(), Some(saved));
        let path = record.path(root);
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            fs::write(&path, &flipped).unwrap();
            assert!(load().is_err(), "byte {at}");
            fs::write(&path, &whole[..at]).unwrap();
            assert!(load().is_err(), "cut at {at}");
        }
        record.forget(root).unwrap();
        record.forget(root).unwrap();
        assert_eq!(load().unwrap(), None);
    }
}
