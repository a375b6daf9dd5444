//! Root's own record of the account that nobody can log on with until it has another password. docs/post-authentication.md.
//!
//! Written before the account is closed and removed after it is open again: whoever finds the account closed with this record finds
//! here what it was like before.

use lapwing_core::types::{AccountName, PasswordVersion, Uid};
use serde::{Deserialize, Serialize};

use crate::{
    journal::JournalError,
    record::{Record, check_schema, record},
    root::Root,
};

/// An account that was closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Closed {
    /// Its name; for people, where Lapwing owns it and has renamed it since.
    pub(crate) account: AccountName,
    /// Its uid.
    pub(crate) uid: Uid,
    /// The password that it is closed for: any other one opens it.
    pub(crate) version: PasswordVersion,
    /// When it expired before, as it stood in the file: digits or nothing. shadow(5), field 8.
    pub(crate) expiry: String,
}

/// The form this program writes and the only one it reads.
const SCHEMA: u32 = 1;
const RECORD: Record = record!("closed");

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Disk {
    schema: u32,
    account: String,
    uid: u32,
    version: String,
    expiry: String,
}

/// Reads the record; none if no account is closed.
///
/// # Errors
/// [`JournalError`]; a damaged file stays as it is.
pub(crate) fn load(root: &Root) -> Result<Option<Closed>, JournalError> {
    RECORD.load(root, parse)
}

/// Replaces the record, durably.
///
/// # Errors
/// [`JournalError::Io`]; the file then holds what it held before.
pub(crate) fn save(root: &Root, closed: &Closed) -> Result<(), JournalError> {
    let Closed { account, uid, version, expiry } = closed;
    let (account, version) = (account.to_string(), version.to_string());
    RECORD.save(root, &Disk { schema: SCHEMA, account, uid: uid.0, version, expiry: expiry.clone() })
}

/// Removes the record, durably. May be repeated.
///
/// # Errors
/// [`JournalError::Io`].
pub(crate) fn forget(root: &Root) -> Result<(), JournalError> {
    RECORD.forget(root)
}

fn parse(disk: Disk) -> Result<Closed, &'static str> {
    check_schema(disk.schema, SCHEMA)?;
    if !disk.expiry.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("the expiry in it is no day");
    }
    Ok(Closed {
        account: disk.account.parse().map_err(|_| "the name in it is not valid")?,
        uid: Uid(disk.uid),
        version: disk.version.parse().map_err(|_| "the version in it is not valid")?,
        expiry: disk.expiry,
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
        fs::create_dir_all(root.state()).unwrap();
        let closed = Closed {
            account: "ann".parse().unwrap(),
            uid: Uid(1000),
            version: "00000000-0000-4000-8000-000000000001".parse().unwrap(),
            expiry: "20454".to_owned(),
        };
        save(&root, &closed).unwrap();
        record::tests::check(&RECORD, &root, &closed, || load(&root));
        save(&root, &Closed { expiry: "1:x".to_owned(), ..closed }).unwrap();
        assert!(load(&root).is_err());
    }
}
