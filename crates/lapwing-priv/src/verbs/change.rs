//! Commit, reinstate, recover: the verbs that change the account, in the order of [`lapwing_core::root_half`].

use base64::{Engine as _, prelude::BASE64_STANDARD};
use lapwing_core::{
    binding::ReceiptClaims,
    event::EventId,
    local::root_half::{Commit, Committed},
    types::PasswordVersion,
};

use super::{VerbError, Work, parse};
use crate::{
    account, boot,
    host::{Entry, LinuxHost},
    log,
    managed::{Managed, Protection},
    seal,
};

impl Work {
    /// Records that the directory holds this version, then puts its hash into the account. May be repeated.
    pub(super) fn commit(&mut self, request: &Commit) -> Result<Committed, VerbError> {
        self.check_may_finish()?;
        let version = parse(&request.version)?;
        let by = request.by.as_deref().map(parse).transpose()?;
        let receipt = request.receipt.as_deref();
        let check = |host: &LinuxHost, entry: &Entry| {
            boot::check_normal(&host.root).map_err(VerbError::NotNormalBoot)?;
            check_acknowledged(host, entry, receipt)
        };
        self.half.commit(version, by, self.now(), check).map(|entry| tell(&entry))
    }

    /// Puts the hash of `current` back after drift.
    pub(super) fn reinstate(&mut self, version: PasswordVersion) -> Result<Committed, VerbError> {
        self.check_boot()?;
        self.half.reinstate(version).map(|entry| tell(&entry))
    }

    /// At boot, before log-ons are open: commits what is recorded and refills an emptied field.
    pub(super) fn recover(&mut self) -> Result<(), VerbError> {
        self.check_may_finish()?;
        account::clean_up(self.root())?;
        if let Some(done) = self.half.recover_commit(self.now())? {
            log_recovered("Committed what was recorded before the crash", EventId::CommitRecovered, &done);
        }
        // Whoever repairs this system may have emptied it on purpose, and is not shut out.
        if self.check_boot().is_ok()
            && let Some(done) = self.half.recover_field()?
        {
            log_recovered("Refilled the emptied password field", EventId::DriftHealed, &done);
        }
        Ok(())
    }
}

/// Root's file must still allow the change, and where it pins a receipt key the directory must have signed for exactly
/// this ciphertext.
fn check_acknowledged(host: &LinuxHost, entry: &Entry, receipt: Option<&str>) -> Result<(), VerbError> {
    let managed = Managed::read(&host.root)?;
    host.check_account(&managed, &entry.account, entry.uid)?;
    let directory = managed.directory(&host.root, &entry.directory, &entry.record)?;
    let pins = match (&directory.protection, &entry.sealed) {
        // Active Directory signs nothing, and what it acknowledged is its own word in a connection that it proved itself in.
        (Protection::ClearText, None) | (Protection::ActiveDirectory(_), _) => return Ok(()),
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

fn log_recovered(message: &str, event: EventId, done: &Entry) {
    let (event, message_id, version) =
        (event.code().to_string(), event.message_id(), done.version.to_string());
    let fields = [
        ("VERB", "recover"),
        ("ACCOUNT", done.account.as_str()),
        ("PASSWORD_VERSION", &version),
        ("EVENT_ID", &event),
        ("MESSAGE_ID", &message_id),
    ];
    log::info(message, &fields);
}

fn tell(entry: &Entry) -> Committed {
    Committed { version: entry.version.to_string(), account: entry.account.to_string(), uid: entry.uid.0 }
}
