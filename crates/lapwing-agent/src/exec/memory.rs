//! What the machine wants to know again after a restart, in `/var/lib/lapwing/memory.json`.
//!
//! It is no second truth: losing it costs at most the rotation that is owed after drift was healed or the account was used,
//! and waits that begin anew. So a file that cannot be read starts anew, and one that cannot be written is reported.

use core::time::Duration;
use std::fs;

use lapwing_client::identity::{IdentityError, Root, files};
use lapwing_core::{
    agent::{Ending, FieldNote, Memory, Used},
    event::{Event, Hresult},
    sessions::EndStep,
    types::{Age, BootId, BootTime, FileTime, Now, Uid, WallTime},
};
use serde::{Deserialize, Serialize};

use crate::log;

const PATH: &str = "var/lib/lapwing/memory.json";

/// The file's form.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct OnDisk {
    last_foreign: Option<String>,
    last_rotation: Option<String>,
    policy_source: Option<String>,
    age_days_min: Option<u16>,
    drift_healed: bool,
    last_send: Option<AgeOnDisk>,
    activated: Option<AgeOnDisk>,
    behind: Vec<(String, AgeOnDisk)>,
    used: Option<UsedOnDisk>,
    failures: Vec<AgeOnDisk>,
    behind_of: Option<String>,
    ending: Option<EndingOnDisk>,
    heals: Vec<AgeOnDisk>,
    field_note: Option<FieldNoteOnDisk>,
}

/// What has been told of the account's field.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum FieldNoteOnDisk {
    Drifted,
    Missing,
    Locked,
    Contested,
}

impl From<FieldNote> for FieldNoteOnDisk {
    fn from(note: FieldNote) -> Self {
        match note {
            FieldNote::Drifted => Self::Drifted,
            FieldNote::Missing => Self::Missing,
            FieldNote::Locked => Self::Locked,
            FieldNote::Contested => Self::Contested,
        }
    }
}

impl From<FieldNoteOnDisk> for FieldNote {
    fn from(note: FieldNoteOnDisk) -> Self {
        match note {
            FieldNoteOnDisk::Drifted => Self::Drifted,
            FieldNoteOnDisk::Missing => Self::Missing,
            FieldNoteOnDisk::Locked => Self::Locked,
            FieldNoteOnDisk::Contested => Self::Contested,
        }
    }
}

/// A use that is being ended.
#[derive(Debug, Serialize, Deserialize)]
struct EndingOnDisk {
    account: String,
    uid: u32,
    step: EndStep,
    terminates: bool,
    #[serde(default)]
    reboots: bool,
    wait: Duration,
    since: AgeOnDisk,
    failed: bool,
}

impl From<&Ending> for EndingOnDisk {
    fn from(ending: &Ending) -> Self {
        let Ending { account, uid, step, terminates, reboots, wait, since, failed } = ending;
        Self {
            account: account.to_string(),
            uid: uid.0,
            step: *step,
            terminates: *terminates,
            reboots: *reboots,
            wait: *wait,
            since: since.into(),
            failed: *failed,
        }
    }
}

impl EndingOnDisk {
    fn parse(self) -> Option<Ending> {
        let Self { account, uid, step, terminates, reboots, wait, since, failed } = self;
        let (account, since) = (account.parse().ok()?, since.parse()?);
        Some(Ending { account, uid: Uid(uid), step, terminates, reboots, wait, since, failed })
    }
}

/// A use of the account.
#[derive(Debug, Serialize, Deserialize)]
struct UsedOnDisk {
    account: String,
    uid: u32,
    since: AgeOnDisk,
    #[serde(default)]
    only_failed: bool,
    #[serde(default)]
    ended: bool,
}

/// An age, in both clocks.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct AgeOnDisk {
    carried: Duration,
    boot_id: String,
    boot: Duration,
    wall: String,
}

impl From<&Age> for AgeOnDisk {
    fn from(age: &Age) -> Self {
        Self {
            carried: age.carried,
            boot_id: age.boot_id.0.to_string(),
            boot: age.since.boot.0,
            wall: age.since.wall.0.to_string(),
        }
    }
}

impl AgeOnDisk {
    pub(super) fn parse(self) -> Option<Age> {
        let since = Now { wall: WallTime(self.wall.parse().ok()?), boot: BootTime(self.boot) };
        Some(Age { carried: self.carried, boot_id: BootId(self.boot_id.parse().ok()?), since })
    }
}

/// Reads it; a new one if there is none or it is damaged.
pub(crate) fn load(root: &Root) -> Memory {
    let on_disk: OnDisk = match fs::read(root.path(PATH)) {
        Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
            tracing::warn!(%error, "What the last run remembered is damaged; starting without it");
            OnDisk::default()
        }),
        Err(_) => OnDisk::default(),
    };
    let time = |text: Option<String>| text.and_then(|text| text.parse::<FileTime>().ok()).map(WallTime);
    Memory {
        last_foreign: time(on_disk.last_foreign),
        last_rotation: time(on_disk.last_rotation),
        policy_source: on_disk.policy_source,
        age_days_min: on_disk.age_days_min,
        drift_healed: on_disk.drift_healed,
        last_send: on_disk.last_send.and_then(AgeOnDisk::parse),
        used: on_disk.used.and_then(|used| {
            let UsedOnDisk { account, uid, since, only_failed, ended } = used;
            let (account, since) = (account.parse().ok()?, since.parse()?);
            Some(Used { account, uid: Uid(uid), since, only_failed, ended })
        }),
        failures: on_disk.failures.into_iter().filter_map(AgeOnDisk::parse).collect(),
        activated: on_disk.activated.and_then(AgeOnDisk::parse),
        ending: on_disk.ending.and_then(EndingOnDisk::parse),
        behind: on_disk
            .behind
            .into_iter()
            .filter_map(|(replica, age)| Some((replica.parse().ok()?, age.parse()?)))
            .collect(),
        behind_of: on_disk.behind_of.and_then(|version| version.parse().ok()),
        heals: on_disk.heals.into_iter().filter_map(AgeOnDisk::parse).collect(),
        field_note: on_disk.field_note.map(FieldNote::from),
    }
}

/// Writes it; a failure is event 10105.
pub(crate) fn save(root: &Root, memory: &Memory) {
    let on_disk = OnDisk {
        last_foreign: memory.last_foreign.map(|time| time.0.to_string()),
        last_rotation: memory.last_rotation.map(|time| time.0.to_string()),
        policy_source: memory.policy_source.clone(),
        age_days_min: memory.age_days_min,
        drift_healed: memory.drift_healed,
        last_send: memory.last_send.as_ref().map(AgeOnDisk::from),
        used: memory.used.as_ref().map(|used| UsedOnDisk {
            account: used.account.to_string(),
            uid: used.uid.0,
            since: (&used.since).into(),
            only_failed: used.only_failed,
            ended: used.ended,
        }),
        failures: memory.failures.iter().map(AgeOnDisk::from).collect(),
        activated: memory.activated.as_ref().map(AgeOnDisk::from),
        ending: memory.ending.as_ref().map(EndingOnDisk::from),
        behind: memory.behind.iter().map(|(replica, age)| (replica.to_string(), age.into())).collect(),
        behind_of: memory.behind_of.map(|version| version.to_string()),
        heals: memory.heals.iter().map(AgeOnDisk::from).collect(),
        field_note: memory.field_note.map(FieldNoteOnDisk::from),
    };
    let bytes = serde_json::to_vec_pretty(&on_disk).expect("strings and numbers are always JSON");
    if let Err(error) = files::replace_private(&root.path(PATH), &bytes) {
        log::raise(&not_written(&error));
    }
}

/// Says in the log why a file in `/var/lib/lapwing` cannot be written, and makes the event of it.
pub(crate) fn not_written(error: &IdentityError) -> Event {
    let errno = match error {
        IdentityError::Unwritable { source, .. } => source.raw_os_error(),
        _ => None,
    };
    tracing::warn!(error = super::chain(error), "What should outlive this run cannot be written");
    Event::LocalStateNotWritten { hr: Hresult::from_errno(errno.unwrap_or_default()) }
}

#[cfg(test)]
mod tests {
    use lapwing_core::types::{Guid, PasswordVersion};

    use super::*;

    fn root() -> (tempfile::TempDir, Root) {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("var/lib/lapwing")).unwrap();
        let root = Root::at(dir.path().to_path_buf());
        (dir, root)
    }

    fn age() -> Age {
        let now = Now {
            wall: WallTime("2026-01-02T03:04:05Z".parse().unwrap()),
            boot: BootTime(Duration::new(77, 5)),
        };
        Age { carried: Duration::from_secs(3), ..Age::new(now, BootId(Guid::from_bytes([9; 16]))) }
    }

    #[test]
    fn what_was_remembered_is_known_again() {
        let (_dir, root) = root();
        let memory = Memory {
            last_foreign: Some(WallTime("2026-01-02T03:04:05Z".parse().unwrap())),
            last_rotation: None,
            policy_source: Some("Local".to_owned()),
            age_days_min: Some(1),
            drift_healed: true,
            last_send: Some(age()),
            used: Some(Used {
                account: "lapadmin".parse().unwrap(),
                uid: Uid(1001),
                since: age(),
                only_failed: true,
                ended: true,
            }),
            failures: vec![age()],
            activated: None,
            ending: Some(Ending {
                account: "lapadmin".parse().unwrap(),
                uid: Uid(1001),
                step: EndStep::LogOff,
                terminates: true,
                reboots: false,
                wait: Duration::from_secs(120),
                since: age(),
                failed: true,
            }),
            behind: vec![("dc1.corp.example".parse().unwrap(), age())],
            behind_of: Some(PasswordVersion(Guid::from_bytes([5; 16]))),
            heals: vec![age(), age()],
            field_note: Some(FieldNote::Contested),
        };
        save(&root, &memory);
        assert_eq!(load(&root), memory);
    }

    #[test]
    fn a_damaged_file_starts_anew() {
        let (_dir, root) = root();
        assert_eq!(load(&root), Memory::default());
        fs::write(root.path(PATH), b"{\"last_foreign\": 7").unwrap();
        assert_eq!(load(&root), Memory::default());
    }
}
