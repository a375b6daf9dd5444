//! What device management has asked for, in `/var/lib/lapwing/actions.json`: synced before it is answered or acted on.
//!
//! A file that is damaged starts anew: the server repeats each action that it has not been told the end of.

use std::{fs, io, path::Path};

use lapwing_client::identity::{Root, files};
use lapwing_core::{
    agent::{ActionFailure, ActionStatus, Ledger, ManagedAction},
    event::{EventId, Hresult},
};
use serde::{Deserialize, Serialize};

use super::memory::AgeOnDisk;

const PATH: &str = "var/lib/lapwing/actions.json";

/// The file's form.
#[derive(Debug, Default, Serialize, Deserialize)]
struct OnDisk {
    actions: Vec<ActionOnDisk>,
}

#[derive(Debug, Serialize, Deserialize)]
struct ActionOnDisk {
    id: String,
    accepted: AgeOnDisk,
    versions: Vec<String>,
    satisfied_by: Option<String>,
    failure: Option<FailureOnDisk>,
    confirmed: Option<StatusOnDisk>,
}

#[derive(Debug, Serialize, Deserialize)]
struct FailureOnDisk {
    hresult: u32,
    event: u16,
    is_definite: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StatusOnDisk {
    Pending,
    Failed { hresult: u32, event: u16 },
    Satisfied { version: String },
}

impl From<&ManagedAction> for ActionOnDisk {
    fn from(action: &ManagedAction) -> Self {
        Self {
            id: action.id.to_string(),
            accepted: (&action.accepted).into(),
            versions: action.versions.iter().map(ToString::to_string).collect(),
            satisfied_by: action.satisfied_by.map(|version| version.to_string()),
            failure: action.failure.map(|ActionFailure { hresult, event, is_definite }| FailureOnDisk {
                hresult: hresult.0,
                event: event.code(),
                is_definite,
            }),
            confirmed: action.confirmed.map(|status| match status {
                ActionStatus::Pending => StatusOnDisk::Pending,
                ActionStatus::Failed { hresult, event } => {
                    StatusOnDisk::Failed { hresult: hresult.0, event: event.code() }
                }
                ActionStatus::Satisfied(version) => StatusOnDisk::Satisfied { version: version.to_string() },
            }),
        }
    }
}

impl ActionOnDisk {
    /// None if a member is none of ours.
    fn parse(self) -> Option<ManagedAction> {
        let satisfied_by = match self.satisfied_by {
            Some(version) => Some(version.parse().ok()?),
            None => None,
        };
        let failure = self.failure.and_then(|failure| {
            Some(ActionFailure {
                hresult: Hresult(failure.hresult),
                event: EventId::from_code(failure.event)?,
                is_definite: failure.is_definite,
            })
        });
        let confirmed = self.confirmed.and_then(|status| match status {
            StatusOnDisk::Pending => Some(ActionStatus::Pending),
            StatusOnDisk::Failed { hresult, event } => {
                Some(ActionStatus::Failed { hresult: Hresult(hresult), event: EventId::from_code(event)? })
            }
            StatusOnDisk::Satisfied { version } => Some(ActionStatus::Satisfied(version.parse().ok()?)),
        });
        Some(ManagedAction {
            id: self.id.parse().ok()?,
            accepted: self.accepted.parse()?,
            versions: self.versions.iter().map(|version| version.parse().ok()).collect::<Option<_>>()?,
            satisfied_by,
            failure,
            confirmed,
        })
    }
}

/// Reads it; an empty one if there is none or it is damaged.
pub(crate) fn load(root: &Root) -> Ledger {
    let path = root.path(PATH);
    let Ok(bytes) = fs::read(&path) else { return Ledger::default() };
    if let Err(error) = sync_folder(&path) {
        tracing::error!(%error, "The list of accepted actions cannot be synced; a loss of power may undo its last change");
    }
    let on_disk = serde_json::from_slice(&bytes).unwrap_or_else(|error| {
        tracing::error!(%error, "The list of accepted actions is damaged; the server will repeat what is open");
        OnDisk::default()
    });
    let actions = on_disk.actions.into_iter().filter_map(|action| {
        let id = action.id.clone();
        let parsed = action.parse();
        if parsed.is_none() {
            tracing::error!(id, "An accepted action is damaged; the server will repeat it if it is open");
        }
        parsed
    });
    Ledger { actions: actions.collect() }
}

/// Makes sure that a loss of power cannot bring back an older list than the one that is there: whoever wrote that may have
/// died before the last sync.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    fs::File::open(folder)?.sync_all()
}

/// Writes it durably.
///
/// # Errors
/// A sentence that says why not; then the file is as it was.
pub(crate) fn save(root: &Root, ledger: &Ledger) -> Result<(), String> {
    let on_disk = OnDisk { actions: ledger.actions.iter().map(ActionOnDisk::from).collect() };
    let bytes = serde_json::to_vec(&on_disk).expect("strings and numbers are always JSON");
    files::replace_private(&root.path(PATH), &bytes).map_err(|error| super::chain(&error))
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use lapwing_core::types::{ActionId, Age, BootId, BootTime, Guid, Now, PasswordVersion, WallTime};

    use super::*;

    fn root() -> (tempfile::TempDir, Root) {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::at(dir.path().to_path_buf());
        (dir, root)
    }

    fn ledger() -> Ledger {
        let now = Now {
            wall: WallTime("2026-01-02T03:04:05Z".parse().unwrap()),
            boot: BootTime(Duration::new(77, 5)),
        };
        let version = PasswordVersion(Guid::from_bytes([5; 16]));
        let (hresult, event) = (Hresult(0x8007_2EFD), EventId::ProcessingFailed);
        let failed = ActionStatus::Failed { hresult, event };
        let action = |number, satisfied_by, failure, confirmed| ManagedAction {
            id: ActionId(Guid::from_bytes([number; 16])),
            accepted: Age::new(now, BootId(Guid::from_bytes([9; 16]))),
            versions: [version].into(),
            satisfied_by,
            failure,
            confirmed,
        };
        let failure = Some(ActionFailure { hresult, event, is_definite: true });
        Ledger {
            actions: [
                action(1, Some(version), None, Some(ActionStatus::Satisfied(version))),
                action(2, None, failure, Some(failed)),
                action(3, None, None, None),
            ]
            .into(),
        }
    }

    #[test]
    fn what_was_accepted_is_known_again() {
        let (_dir, root) = root();
        assert_eq!(load(&root), Ledger::default());
        save(&root, &ledger()).unwrap();
        assert_eq!(load(&root), ledger());
    }

    #[test]
    fn a_damaged_action_takes_no_other_along() {
        let (_dir, root) = root();
        save(&root, &ledger()).unwrap();
        let text = fs::read_to_string(root.path(PATH)).unwrap();
        let damaged = text.replacen("01010101-0101-0101-0101-010101010101", "nonsense", 1);
        assert_ne!(damaged, text);
        fs::write(root.path(PATH), damaged).unwrap();
        assert_eq!(load(&root).actions, ledger().actions.split_off(1));
        fs::write(root.path(PATH), "{").unwrap();
        assert_eq!(load(&root), Ledger::default());
    }

    #[test]
    fn what_cannot_be_saved_says_why() {
        let (dir, root) = root();
        fs::create_dir_all(dir.path().join("var/lib/lapwing/actions.json/in-the-way")).unwrap();
        assert!(save(&root, &ledger()).unwrap_err().contains("actions.json cannot be written"));
    }
}
