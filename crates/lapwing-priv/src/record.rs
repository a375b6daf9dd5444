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

/// The record of that name.
macro_rules! record {
    ($name:literal) => {
        $crate::record::Record {
            name: $name,
            temp: concat!(".", $name, ".new"),
            points: $crate::replace::Points {
                inside_write: concat!($name, ".inside_write"),
                before_rename: concat!($name, ".before_rename"),
                after_rename: concat!($name, ".after_rename"),
            },
        }
    };
}
pub(crate) use record;

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
        let mut bytes = Vec::new();
        file.take(FILE_LEN_MAX).read_to_end(&mut bytes).map_err(self.failed(root))?;
        let read = |json| serde_json::from_slice(json).map_err(|_| "it has another form");
        let record = check_digest(&bytes).and_then(read).and_then(parse);
        record.map(Some).map_err(|why| JournalError::Damaged { path, why })
    }

    /// Replaces it, durably.
    ///
    /// # Errors
    /// [`JournalError::Io`]; the file then holds what it held before.
    pub(crate) fn save(&self, root: &Root, record: &impl Serialize) -> Result<(), JournalError> {
        let Self { name, temp, points } = *self;
        let mut bytes = serde_json::to_vec(record).expect("strings and numbers are always JSON");
        end_by_digest(&mut bytes);
        Replacement { folder: &root.state(), name, temp, like: None, points }
            .write(&bytes)
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

/// Ends one line of JSON by its digest: what a file of root's own looks like.
pub(crate) fn end_by_digest(json: &mut Vec<u8>) {
    json.push(b'\n');
    let digest = hex(&sha256(json));
    json.extend(digest.as_bytes());
    json.push(b'\n');
}

/// The line of JSON, if the digest behind it is its own.
///
/// # Errors
/// What is wrong, without a word of the content.
pub(crate) fn check_digest(bytes: &[u8]) -> Result<&[u8], &'static str> {
    let end = bytes.iter().position(|byte| *byte == b'\n').ok_or("it has no digest")? + 1;
    let (json, digest) = bytes.split_at(end);
    if digest.strip_suffix(b"\n") == Some(hex(&sha256(json)).as_bytes()) {
        Ok(json)
    } else {
        Err("its digest is wrong")
    }
}

/// Checks that a file has the form that this program writes, the only one it reads.
///
/// # Errors
/// That it has another.
pub(crate) fn check_schema(found: u32, written: u32) -> Result<(), &'static str> {
    if found == written { Ok(()) } else { Err("it was written by another version of this program") }
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
