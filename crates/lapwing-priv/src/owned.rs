//! Root's own record of the account that Lapwing created: as durable as the journal, and kept under the journal's lock.
//!
//! Written before the account is, and ended (`is_gone`) only after the account is gone: what it names may be created, changed and
//! deleted, and nothing else may.

use lapwing_core::{
    policy::{AutomaticName, Naming},
    types::{AccountName, Uid},
};
use serde::{Deserialize, Serialize};

use crate::{
    journal::JournalError,
    record::{Record, check_schema, record},
    root::Root,
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
const RECORD: Record = record!("owned");

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
    RECORD.load(root, parse)
}

/// Replaces the record, durably.
///
/// # Errors
/// [`JournalError::Io`]; the file then holds what it held before.
pub(crate) fn save(root: &Root, owned: &Owned) -> Result<(), JournalError> {
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
    RECORD.save(root, &disk)
}

fn parse(disk: Disk) -> Result<Owned, &'static str> {
    check_schema(disk.schema, SCHEMA)?;
    let naming = if disk.random_suffix { Naming::RandomSuffix } else { Naming::Fixed };
    let name = |text: &str| text.parse().map_err(|_| "a name in it is not valid");
    Ok(Owned {
        name: name(&disk.name)?,
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
    use crate::{record, test_dir::TestDir};

    #[test]
    fn what_was_saved_is_read_back_and_any_damage_is_seen() {
        let dir = TestDir::new();
        let root = Root::new(dir.path());
        assert_eq!(load(&root).unwrap(), None);
        fs::create_dir_all(root.state()).unwrap();
        let owned = Owned {
            name: "lw-004711".parse().unwrap(),
            uid: Uid(990),
            naming: AutomaticName::truncating("lw-", Naming::RandomSuffix).unwrap(),
            enabled: true,
            group: "sudo".to_owned(),
            is_gone: false,
        };
        save(&root, &owned).unwrap();
        record::tests::check(&RECORD, &root, &owned, || load(&root));
    }
}
