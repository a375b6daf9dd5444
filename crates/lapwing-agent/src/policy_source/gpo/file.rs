//! `/var/lib/lapwing/group-policy.json`: what was last read of Group Policy, and why it could not be read since.
//!
//! Losing it costs a reading. It is replaced whole and synced, and one that is damaged is replaced by the next reading.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lapwing_client::{
    ad::policy::{GroupPolicy, Object, SkippedLink},
    identity::{IdentityError, Root, files},
};
use lapwing_core::types::FileTime;
use lapwing_proto::gpo::registry_pol::Record;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

use super::{Known, Unread};

/// The version of the file's form that is written, and the only one read.
const VERSION: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OnDisk {
    version: u32,
    policy: Option<PolicyOnDisk>,
    failure: Option<UnreadOnDisk>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyOnDisk {
    read: String,
    domain: String,
    #[serde(default)]
    is_controller: bool,
    objects: Vec<ObjectOnDisk>,
    skipped: Vec<SkippedOnDisk>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ObjectOnDisk {
    guid: String,
    name: String,
    version: u16,
    container: String,
    enforced: bool,
    wmi_filter: bool,
    records: Vec<RecordOnDisk>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordOnDisk {
    key: String,
    value: String,
    kind: u32,
    data: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SkippedOnDisk {
    object: String,
    container: String,
    why: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct UnreadOnDisk {
    domain: Option<String>,
    reason: String,
    next_step: String,
}

/// Why the file is not read.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeptError {
    #[error("it cannot be read")]
    Io(#[from] IdentityError),
    #[error("it is damaged")]
    Json(#[from] serde_json::Error),
    #[error("it is of version {0}, and this lapwingd knows version {VERSION}")]
    Version(u32),
    #[error("it is damaged: a time, a GUID or a value's data is not one")]
    Value,
}

/// The file on this host's disk.
#[derive(Debug)]
pub(super) struct KeptFile(PathBuf);

impl KeptFile {
    pub(super) fn new(root: &Root) -> Self {
        Self(root.path("/var/lib/lapwing/group-policy.json"))
    }

    pub(super) fn path(&self) -> String {
        self.0.display().to_string()
    }

    /// What it holds; none if there is no file.
    pub(super) fn load(&self) -> Result<Option<Known>, KeptError> {
        let Some(bytes) = files::read_if_there(&self.0)? else { return Ok(None) };
        let OnDisk { version, policy, failure } = serde_json::from_slice(&bytes)?;
        if version != VERSION {
            return Err(KeptError::Version(version));
        }
        let policy = policy.map(|policy| policy.parse().ok_or(KeptError::Value)).transpose()?;
        let failure =
            failure.map(|UnreadOnDisk { domain, reason, next_step }| Unread { domain, reason, next_step });
        Ok(Some(Known { policy, failure }))
    }

    pub(super) fn save(&self, known: &Known) -> Result<(), IdentityError> {
        let policy = known.policy.as_ref().map(|(policy, read)| PolicyOnDisk::of(policy, *read));
        let failure = known.failure.as_ref().map(|failure| UnreadOnDisk {
            domain: failure.domain.clone(),
            reason: failure.reason.clone(),
            next_step: failure.next_step.clone(),
        });
        let on_disk = OnDisk { version: VERSION, policy, failure };
        let bytes = serde_json::to_vec_pretty(&on_disk).expect("strings and numbers are always JSON");
        files::replace_private(&self.0, &bytes)
    }

    pub(super) fn remove(&self) -> Result<(), IdentityError> {
        files::remove(&self.0)
    }
}

impl PolicyOnDisk {
    fn of(policy: &GroupPolicy, read: FileTime) -> Self {
        let record = |record: &Record| RecordOnDisk {
            key: record.key.clone(),
            value: record.value.clone(),
            kind: record.kind,
            data: STANDARD.encode(&record.data),
        };
        let object = |object: &Object| ObjectOnDisk {
            guid: object.guid.to_string(),
            name: object.name.clone(),
            version: object.version,
            container: object.container.clone(),
            enforced: object.is_enforced,
            wmi_filter: object.has_wmi_filter,
            records: object.records.iter().map(record).collect(),
        };
        let skipped = |link: &SkippedLink| SkippedOnDisk {
            object: link.object.clone(),
            container: link.container.clone(),
            why: link.why.clone(),
        };
        Self {
            read: read.to_string(),
            domain: policy.domain.clone(),
            is_controller: policy.is_controller,
            objects: policy.objects.iter().map(object).collect(),
            skipped: policy.skipped.iter().map(skipped).collect(),
        }
    }

    fn parse(self) -> Option<(GroupPolicy, FileTime)> {
        let record = |record: RecordOnDisk| {
            let data = STANDARD.decode(record.data).ok()?;
            Some(Record { key: record.key, value: record.value, kind: record.kind, data })
        };
        let object = |object: ObjectOnDisk| {
            Some(Object {
                guid: object.guid.parse().ok()?,
                name: object.name,
                version: object.version,
                container: object.container,
                is_enforced: object.enforced,
                has_wmi_filter: object.wmi_filter,
                records: object.records.into_iter().map(record).collect::<Option<_>>()?,
            })
        };
        let skipped = |SkippedOnDisk { object, container, why }| SkippedLink { object, container, why };
        let policy = GroupPolicy {
            domain: self.domain,
            is_controller: self.is_controller,
            objects: self.objects.into_iter().map(object).collect::<Option<_>>()?,
            skipped: self.skipped.into_iter().map(skipped).collect(),
        };
        Some((policy, self.read.parse().ok()?))
    }
}
