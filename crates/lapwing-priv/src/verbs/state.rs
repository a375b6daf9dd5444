//! What stands in the journal and in the account's field.

use lapwing_core::local::root_half::{Entry as ToldEntry, Fault, Field, Journal as Told};

use super::{VerbError, Work};
use crate::{account, journal::Entry};

impl Work<'_> {
    pub(super) fn state(&self) -> Result<Told, VerbError> {
        let journal = &self.file.journal;
        let recorded = journal.recorded().map(|entry| entry.version);
        let tell = |entry: &Entry| tell(entry, Some(entry.version) == recorded);
        Ok(Told {
            current: journal.current().map(tell),
            candidates: journal.candidates().iter().map(tell).collect(),
            replaced: journal.replaced().iter().map(ToString::to_string).collect(),
            unanswered: journal.unanswered(),
            field: self.field()?,
        })
    }

    /// Compares the account of `current`, or else of the newest candidate, with the journal.
    pub(super) fn field(&self) -> Result<Field, VerbError> {
        let journal = &self.file.journal;
        let current = journal.current();
        let Some(entry) = current.or_else(|| journal.recorded()).or_else(|| journal.candidates().last())
        else {
            return Ok(Field::Unmanaged);
        };
        let account = match account::find_same(self.root, &entry.account, entry.uid) {
            Ok(account) => account,
            Err(error) if error.fault() == Fault::AccountMissing => return Ok(Field::Missing),
            Err(error) => return Err(error.into()),
        };
        let stands = |entry: &Entry| {
            entry.account == account.name && entry.uid == account.uid && entry.hash.stands_in(account.field())
        };
        Ok(match current {
            Some(current) if stands(current) => Field::Current,
            _ if journal.candidates().iter().any(stands) => Field::Candidate,
            None => Field::Unmanaged,
            Some(_) if account.field().is_empty() => Field::Emptied,
            Some(_) => Field::Drifted,
        })
    }
}

fn tell(entry: &Entry, recorded: bool) -> ToldEntry {
    ToldEntry {
        version: entry.version.to_string(),
        account: entry.account.to_string(),
        uid: entry.uid.0,
        directory: entry.directory.to_string(),
        record: entry.record.to_string(),
        expiry: entry.expiry.to_string(),
        prepared: entry.prepared.to_string(),
        recorded,
        sealed: entry.sealed.is_some(),
    }
}
