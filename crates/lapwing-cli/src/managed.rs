//! Changes to `/etc/lapwing/managed.toml`, root's own file: which directory is pinned, which accounts may be touched.
//!
//! Everything else in it stays as the administrator wrote it, comments included.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lapwing_core::types::{AccountName, DirectoryId, RecordId};
use lapwing_proto::register::Announcement;
use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table, value};

/// Why the file cannot be changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ManagedError {
    #[error("it is not UTF-8")]
    Text(#[from] core::str::Utf8Error),
    #[error("it is not TOML")]
    Toml(#[from] toml_edit::TomlError),
    #[error("its member `{0}` is not of the type expected")]
    Type(&'static str),
}

/// The file's text, parsed.
#[derive(Debug)]
pub(crate) struct Managed(DocumentMut);

impl Managed {
    /// Reads the text; an empty one is a file that is not there yet.
    ///
    /// # Errors
    /// [`ManagedError`] if it is not TOML, or a member to be changed is something else.
    pub(crate) fn parse(text: &str) -> Result<Self, ManagedError> {
        let document: DocumentMut = text.parse()?;
        if !document.get("directory").is_none_or(Item::is_array_of_tables) {
            return Err(ManagedError::Type("directory"));
        }
        if !document.get("accounts").is_none_or(Item::is_array) {
            return Err(ManagedError::Type("accounts"));
        }
        Ok(Self(document))
    }

    pub(crate) fn text(&self) -> String {
        self.0.to_string()
    }

    /// Pins a server's keys; an earlier pin of this directory is replaced.
    pub(crate) fn pin(
        &mut self,
        directory: &DirectoryId,
        record: &RecordId,
        keys: &Announcement,
    ) -> Result<(), ManagedError> {
        let id = directory.to_string();
        let tables = self.directories()?;
        if !tables.iter().any(|table| is_for(table, &id)) {
            tables.push(Table::new());
            if let Some(table) = tables.iter_mut().last() {
                table["id"] = value(&id);
            }
        }
        for table in tables.iter_mut().filter(|table| is_for(table, &id)) {
            table["record"] = value(&record.0);
            table["seal_key"] = value(STANDARD.encode(keys.seal_key.public_key));
            table["receipt_key"] = value(STANDARD.encode(keys.receipt_key.public_key));
            // Excludes the keys, and whoever enrols asks for them.
            table.remove("clear_text");
        }
        Ok(())
    }

    /// Removes the pin of a directory.
    pub(crate) fn unpin(&mut self, directory: &DirectoryId) -> Result<(), ManagedError> {
        let id = directory.to_string();
        self.directories()?.retain(|table| !is_for(table, &id));
        Ok(())
    }

    /// Lists an account that may be touched.
    pub(crate) fn list_account(&mut self, account: &AccountName) -> Result<(), ManagedError> {
        let accounts = self.accounts()?;
        if !accounts.iter().any(|listed| listed.as_str() == Some(account.as_str())) {
            accounts.push(account.as_str());
        }
        Ok(())
    }

    fn directories(&mut self) -> Result<&mut ArrayOfTables, ManagedError> {
        self.0
            .entry("directory")
            .or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()))
            .as_array_of_tables_mut()
            .ok_or(ManagedError::Type("directory"))
    }

    fn accounts(&mut self) -> Result<&mut Array, ManagedError> {
        self.0
            .entry("accounts")
            .or_insert_with(|| value(Array::new()))
            .as_array_mut()
            .ok_or(ManagedError::Type("accounts"))
    }
}

fn is_for(table: &Table, id: &str) -> bool {
    table.get("id").and_then(Item::as_str).is_some_and(|listed| listed.eq_ignore_ascii_case(id))
}

#[cfg(test)]
mod tests {
    use lapwing_core::types::{Guid, TenantId};
    use lapwing_proto::register::PinnedKey;

    use super::*;

    fn keys(byte: u8) -> Announcement {
        let key = PinnedKey { id: Guid::from_bytes([1; 16]), public_key: [byte; 32] };
        Announcement { password_age_days_min: 1, seal_key: key, receipt_key: key, management: None }
    }

    fn directory(byte: u8) -> DirectoryId {
        DirectoryId::LapwingServer(TenantId(Guid::from_bytes([byte; 16])))
    }

    fn record() -> RecordId {
        RecordId("00000000-0000-0000-0000-000000000001".to_owned())
    }

    #[test]
    fn a_new_file_gets_the_pin_and_the_account() {
        let mut managed = Managed::parse("").unwrap();
        managed.pin(&directory(2), &record(), &keys(3)).unwrap();
        managed.list_account(&"lapadmin".parse().unwrap()).unwrap();
        insta::assert_snapshot!(managed.text());
    }

    #[test]
    fn enrolling_anew_replaces_the_pin_and_keeps_everything_else() {
        let before = "# ours\naccounts = [\"lapadmin\"] # one\nchanges_per_day = 5\n\n[[directory]]\nid = \"ad:corp.example\"\nrecord = \"CN=h\"\nclear_text = true\n";
        let mut managed = Managed::parse(before).unwrap();
        managed.pin(&directory(2), &record(), &keys(3)).unwrap();
        managed.pin(&directory(2), &record(), &keys(4)).unwrap();
        managed.list_account(&"lapadmin".parse().unwrap()).unwrap();
        insta::assert_snapshot!(managed.text());
        managed.unpin(&directory(2)).unwrap();
        assert_eq!(managed.text(), before);
    }

    #[test]
    fn a_file_of_another_shape_is_refused_before_anything_is_done() {
        for text in ["[directory]\n", "accounts = 1\n", "accounts = [", "directory = []\n"] {
            assert!(Managed::parse(text).is_err(), "{text}");
        }
    }
}
