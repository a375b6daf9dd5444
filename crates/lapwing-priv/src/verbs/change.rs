//! Commit, reinstate, recover: the verbs that change the account.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use lapwing_core::{
    binding::ReceiptClaims,
    event::EventId,
    local::root_half::{Committed, Fault, Field},
    types::PasswordVersion,
};

use super::{VerbError, Work};
use crate::{
    account::{self, Target},
    failpoint,
    journal::{Entry, ProtocolError},
    log,
    managed::{Managed, Protection},
    seal,
};

impl Work<'_> {
    /// Records that the directory holds this version, then puts its hash into the account. May be repeated.
    pub(super) fn commit(
        &mut self,
        version: PasswordVersion,
        receipt: Option<&str>,
    ) -> Result<Committed, VerbError> {
        let journal = &self.file.journal;
        if let Some(current) = journal.current().filter(|current| current.version == version) {
            return Ok(tell(current));
        }
        let entry = journal.candidate(version)?;
        match journal.recorded() {
            Some(recorded) if recorded.version == version => {}
            _ => {
                journal.check_nothing_recorded()?;
                self.check_acknowledged(entry, receipt)?;
                failpoint::hit("commit.before_record");
                self.file.journal.record(version)?;
                self.file.save()?;
                failpoint::hit("commit.after_record");
            }
        }
        self.finish()
    }

    /// Root's file must still allow the change, and where it pins a receipt key the directory must have signed for
    /// exactly this ciphertext. Not asked again once recorded: from then on no policy stops the commit.
    fn check_acknowledged(&self, entry: &Entry, receipt: Option<&str>) -> Result<(), VerbError> {
        let managed = Managed::read(self.root)?;
        managed.check_account(self.root, &entry.account, entry.uid)?;
        let directory = managed.directory(self.root, &entry.directory, &entry.record)?;
        let pins = match (&directory.protection, &entry.sealed) {
            (Protection::ClearText, None) => return Ok(()),
            (Protection::Pinned(pins), _) => pins,
            // Sealed while keys were pinned: root unpinned them, and nothing can vouch for this one any more.
            (Protection::ClearText, Some(_)) => return Err(VerbError::ReceiptInvalid),
        };
        let sealed = entry.sealed.as_deref().ok_or(VerbError::ReceiptInvalid)?;
        let claims = ReceiptClaims {
            tenant: pins.tenant,
            device: pins.device,
            version: entry.version,
            expiry: entry.expiry,
            sealed_sha256: seal::sha256(sealed),
        };
        let receipt = receipt.and_then(|receipt| BASE64_STANDARD.decode(receipt).ok());
        if receipt.is_some_and(|receipt| seal::is_receipt(&receipt, &claims, &pins.receipt_key)) {
            Ok(())
        } else {
            Err(VerbError::ReceiptInvalid)
        }
    }

    /// Puts the recorded candidate's hash into the account and makes it `current`.
    fn finish(&mut self) -> Result<Committed, VerbError> {
        let journal = &mut self.file.journal;
        let entry = journal.recorded().ok_or(ProtocolError::UnknownVersion)?.clone();
        if let Err(error) = self.put(&entry) {
            if error.fault() == Fault::AccountMissing {
                self.file.journal.void();
                self.file.save()?;
            }
            return Err(error);
        }
        failpoint::hit("commit.before_journal");
        self.file.journal.finish(self.now);
        self.file.save()?;
        failpoint::hit("commit.after_journal");
        Ok(tell(&entry))
    }

    fn put(&self, entry: &Entry) -> Result<(), VerbError> {
        let target = Target {
            name: &entry.account,
            uid: entry.uid,
            managed_before: self.file.journal.managed_before(&entry.account, entry.uid),
            today: self.today(),
        };
        Ok(account::put(self.root, &target, &entry.hash)?)
    }

    /// Puts the hash of `current` back after drift.
    pub(super) fn reinstate(&mut self, version: PasswordVersion) -> Result<Committed, VerbError> {
        let journal = &self.file.journal;
        journal.check_nothing_recorded()?;
        let current = journal
            .current()
            .filter(|current| current.version == version)
            .ok_or(ProtocolError::UnknownVersion)?;
        match self.field()? {
            Field::Drifted | Field::Emptied | Field::Candidate | Field::Missing => {}
            Field::Current | Field::Unmanaged => return Err(VerbError::NoDrift),
        }
        // A missing account fails here, with the reason.
        self.put(current)?;
        Ok(tell(current))
    }

    /// At boot, before log-ons are open: commits what is recorded and refills an emptied field.
    pub(super) fn recover(&mut self) -> Result<(), VerbError> {
        account::clean_up(self.root)?;
        if self.file.journal.recorded().is_some() {
            let done = self.finish()?;
            log_recovered("Committed what was recorded before the crash", EventId::CommitRecovered, &done);
        }
        if let Some(current) = self.file.journal.current()
            && self.field()? == Field::Emptied
        {
            self.put(current)?;
            log_recovered("Refilled the emptied password field", EventId::DriftHealed, &tell(current));
        }
        Ok(())
    }
}

fn log_recovered(message: &str, event: EventId, done: &Committed) {
    let event = event.code().to_string();
    let fields = [
        ("VERB", "recover"),
        ("ACCOUNT", done.account.as_str()),
        ("PASSWORD_VERSION", &done.version),
        ("EVENT_ID", &event),
    ];
    log::info(message, &fields);
}

fn tell(entry: &Entry) -> Committed {
    Committed { version: entry.version.to_string(), account: entry.account.to_string(), uid: entry.uid.0 }
}
