//! The directories of root's file, and in which form each is given a password.

use std::collections::BTreeSet;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use ed25519_dalek::VerifyingKey;
use hpke::Deserializable as _;
use lapwing_core::types::{DeviceId, DirectoryId, RecordId, Sid, SidError, TenantId};

use super::ManagedError;
use crate::{root::Root, seal::SealKey};

/// A directory that passwords may be stored in.
pub(crate) struct Directory {
    pub(crate) id: DirectoryId,
    /// None for whatever record the machine account has: a domain gives each host its own, so that one file does for all.
    pub(crate) record: Option<RecordId>,
    pub(crate) protection: Protection,
}

/// In which form a directory is given a password.
pub(crate) enum Protection {
    /// As it is; root said so in so many words.
    ClearText,
    /// Sealed to a pinned key, against a signed receipt.
    Pinned(Box<Pins>),
    /// As policy says, encrypted or not, within this.
    ActiveDirectory(Decryptors),
}

/// Who may be able to decrypt what is stored in an Active Directory domain.
pub(crate) struct Decryptors {
    /// Whether a password may be stored as it is.
    clear_text: bool,
    /// Whom it may be encrypted to; none for whomever policy names.
    listed: Option<BTreeSet<Sid>>,
}

/// The keys of a `lapwing-server`, and who this host is there.
pub(crate) struct Pins {
    pub(crate) tenant: TenantId,
    pub(crate) device: DeviceId,
    pub(crate) seal_key: SealKey,
    pub(crate) receipt_key: VerifyingKey,
}

/// A directory as written, before it means anything.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenDirectory {
    id: String,
    record: Option<String>,
    seal_key: Option<String>,
    receipt_key: Option<String>,
    #[serde(default)]
    clear_text: bool,
    decryptors: Option<Vec<String>>,
}

/// The lines by which root would list it.
pub(super) fn lines_to_add(id: &DirectoryId, record: &RecordId) -> String {
    let (id_text, record) = (id.to_string(), &record.0);
    match id {
        DirectoryId::LapwingServer(_) => format!(
            "[[directory]] id = {id_text:?}, record = {record:?}, and seal_key and receipt_key as the server prints them"
        ),
        DirectoryId::EntraId(_) => {
            format!("[[directory]] id = {id_text:?}, record = {record:?}, and clear_text = true")
        }
        DirectoryId::ActiveDirectory(_) => {
            format!("[[directory]] id = {id_text:?}; and clear_text = true if policy does not encrypt")
        }
    }
}

impl Directory {
    /// Checks that root lets a password be encrypted to this principal, or to nobody, in this directory. One with pinned
    /// keys takes no choice.
    ///
    /// # Errors
    /// [`ManagedError::ClearTextNotAllowed`] or [`ManagedError::DecryptorNotListed`], with the line to add.
    pub(crate) fn check_encryption(&self, root: &Root, principal: Option<&Sid>) -> Result<(), ManagedError> {
        let Protection::ActiveDirectory(Decryptors { clear_text, listed }) = &self.protection else {
            return Ok(());
        };
        let (path, directory) = (root.managed_file(), self.id.clone());
        match (principal, listed) {
            (None, _) if *clear_text => Ok(()),
            (None, _) => Err(ManagedError::ClearTextNotAllowed { path, directory }),
            (Some(principal), Some(listed)) if !listed.contains(principal) => {
                let all: Vec<_> = listed.iter().chain([principal]).map(ToString::to_string).collect();
                let (principal, line) = (principal.clone(), format!("decryptors = {all:?}"));
                Err(ManagedError::DecryptorNotListed { path, directory, principal, line })
            }
            (Some(_), _) => Ok(()),
        }
    }

    pub(super) fn parse(written: WrittenDirectory) -> Result<Self, String> {
        let id: DirectoryId = written.id.parse().map_err(|error| format!("directory: {error}"))?;
        let about = |why: &str| format!("directory {id}: {why}");
        let record = written.record.as_deref().unwrap_or_default();
        let may_have_any = matches!(id, DirectoryId::ActiveDirectory(_)) && written.record.is_none();
        if record.is_empty() && !may_have_any {
            return Err(about("needs a record, this host's there"));
        }
        let decryptors =
            written.decryptors.map(|decryptors| decryptors.iter().map(|sid| sid.parse()).collect());
        let decryptors =
            decryptors.transpose().map_err(|_: SidError| about("decryptors are not all SIDs"))?;
        if decryptors.is_some() && !matches!(id, DirectoryId::ActiveDirectory(_)) {
            return Err(about("has decryptors, which only Active Directory has"));
        }
        let protection = match (&id, written.seal_key, written.receipt_key, written.clear_text) {
            (DirectoryId::ActiveDirectory(_), None, None, clear_text) => {
                Protection::ActiveDirectory(Decryptors { clear_text, listed: decryptors })
            }
            (_, None, None, true) => Protection::ClearText,
            (DirectoryId::LapwingServer(tenant), Some(seal_key), Some(receipt_key), false) => {
                Protection::Pinned(Box::new(Pins {
                    tenant: *tenant,
                    device: record.parse().map_err(|_| about("record is not a device id"))?,
                    seal_key: SealKey::from_bytes(&key_bytes(&seal_key).ok_or_else(|| about("seal_key"))?)
                        .map_err(|_| about("seal_key is not an X25519 key"))?,
                    receipt_key: key_bytes(&receipt_key)
                        .and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok())
                        .filter(|key| !key.is_weak())
                        .ok_or_else(|| about("receipt_key is not an Ed25519 key"))?,
                }))
            }
            (_, _, _, true) => return Err(about("clear_text and pinned keys exclude each other")),
            (DirectoryId::LapwingServer(_), _, _, false) => {
                return Err(about("needs both seal_key and receipt_key, or clear_text = true"));
            }
            (DirectoryId::ActiveDirectory(_), ..) => return Err(about("takes no pinned keys")),
            (DirectoryId::EntraId(_), _, _, false) => {
                return Err(about("takes no sealed passwords: needs clear_text = true and no keys"));
            }
        };
        Ok(Self { id, record: written.record.map(RecordId), protection })
    }
}

fn key_bytes(text: &str) -> Option<[u8; 32]> {
    BASE64_STANDARD.decode(text).ok()?.try_into().ok()
}
