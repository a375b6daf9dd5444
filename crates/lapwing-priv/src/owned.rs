//! Root's own record of the account that Lapwing created: as durable as the journal, and kept under the journal's lock.
//!
//! One line of JSON, then the SHA-256 of it and its line break in hexadecimal. Written before the account is, and ended
//! (`is_gone`) only after the account is gone: what it names may be created, changed and deleted, and nothing else may.
//!
//! INVARIANT: a damaged record is reported and left as it is, so that no account is ever taken for ours by mistake.

use std::{
    fs::File,
    io::{self, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::PathBuf,
};

use lapwing_core::{
    policy::{AutomaticName, Naming},
    types::{AccountName, Uid},
};
use serde::{Deserialize, Serialize};

use crate::{
    hex::hex,
    journal::JournalError,
    replace::{Points, Replacement},
    root::Root,
    seal::sha256,
};

/// The account that Lapwing created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owned {
    /// Its name. While it is being renamed this is the old one, until no file has that any more.
    pub(crate) name: AccountName,
    /// Its uid, which stays.
    pub(crate) uid: Uid,
    /// How policy wants it named.
    pub(crate) naming: AutomaticName,
    /// Whether policy wants it enabled.
    pub(crate) enabled: bool,
    /// The administrators' group that it is in.
    pub(crate) group: String,
    /// Whether it has been deleted on purpose, so that nobody misses it.
    pub(crate) is_gone: bool,
}

/// The form this program writes and the only one it reads.
const SCHEMA: u32 = 1;
const NAME: &str = "owned";
/// The longest record that is read, in bytes.
const FILE_LEN_MAX: u64 = 16 * 1024;
const POINTS: Points = Points {
    inside_write: "owned.inside_write",
    before_rename: "owned.before_rename",
    after_rename: "owned.after_rename",
};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Disk {
    schema: u32,
    name: String,
    uid: u32,
    base: String,
    random_suffix: bool,
    enabled: bool,
    group: String,
    gone: bool,
}

/// Reads the record; none if Lapwing has never created an account.
///
/// # Errors
/// [`JournalError`]; a damaged file stays as it is.
pub(crate) fn load(root: &Root) -> Result<Option<Owned>, JournalError> {
    let path = root.state().join(NAME);
    let failed = |source| JournalError::Io { path: path.clone(), source };
    let file = match File::options().read(true).custom_flags(libc::O_NOFOLLOW).open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(failed)?,
    };
    // Whoever wrote it may have died before its last sync, and what is believed must not go away again.
    file.sync_all().map_err(failed)?;
    let mut text = String::new();
    file.take(FILE_LEN_MAX).read_to_string(&mut text).map_err(failed)?;
    decode(&text).map(Some).map_err(|why| JournalError::Damaged { path: path.clone(), why })
}

/// Replaces the record, durably.
///
/// # Errors
/// [`JournalError::Io`]; the file then holds what it held before.
pub(crate) fn save(root: &Root, owned: &Owned) -> Result<(), JournalError> {
    let folder = root.state();
    Replacement { folder: &folder, name: NAME, temp: ".owned.new", like: None, points: POINTS }
        .write(encode(owned).as_bytes())
        .map_err(|source| JournalError::Io { path: PathBuf::from(&folder).join(NAME), source })
}

fn encode(owned: &Owned) -> String {
    let disk = Disk {
        schema: SCHEMA,
        name: owned.name.to_string(),
        uid: owned.uid.0,
        base: owned.naming.base().to_string(),
        random_suffix: owned.naming.naming() == Naming::RandomSuffix,
        enabled: owned.enabled,
        group: owned.group.clone(),
        gone: owned.is_gone,
    };
    let json = serde_json::to_string(&disk).expect("strings and numbers are always JSON") + "\n";
    let digest = hex(&sha256(json.as_bytes()));
    format!("{json}{digest}\n")
}

fn decode(text: &str) -> Result<Owned, &'static str> {
    let (json, digest) = text.split_at(text.find('\n').ok_or("it has no digest")? + 1);
    if digest.strip_suffix('\n') != Some(hex(&sha256(json.as_bytes())).as_str()) {
        return Err("its digest is wrong");
    }
    let disk: Disk = serde_json::from_str(json).map_err(|_| "it has another form")?;
    if disk.schema != SCHEMA {
        return Err("it was written by another version of this program");
    }
    let naming = if disk.random_suffix { Naming::RandomSuffix } else { Naming::Fixed };
    let parse = |text: &str| text.parse().map_err(|_| "a name in it is not valid");
    Ok(Owned {
        name: parse(&disk.name)?,
        uid: Uid(disk.uid),
        naming: AutomaticName::truncating(&disk.base, naming).map_err(|_| "a name in it is not valid")?,
        enabled: disk.enabled,
        group: disk.group,
        is_gone: disk.gone,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::test_dir::TestDir;

    fn owned() -> Owned {
        Owned {
            name: "lw-004711".parse().unwrap(),
            uid: Uid(990),
            naming: AutomaticName::truncating("lw-", Naming::RandomSuffix).unwrap(),
            enabled: true,
            group: "sudo".to_owned(),
            is_gone: false,
        }
    }

    #[test]
    fn what_was_saved_is_read_back_and_any_damage_is_seen() {
        let dir = TestDir::new();
        let root = Root::new(dir.path());
        assert_eq!(load(&root).unwrap(), None);
        fs::create_dir_all(root.state()).unwrap();
        save(&root, &owned()).unwrap();
        assert_eq!(load(&root).unwrap(), Some(owned()));
        let path = root.state().join(NAME);
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            fs::write(&path, &flipped).unwrap();
            assert!(load(&root).is_err(), "byte {at}");
            fs::write(&path, &whole[..at]).unwrap();
            assert!(load(&root).is_err(), "cut at {at}");
        }
    }
}
