//! The journal as it stands in its file: one JSON object, a newline, the SHA-256 of both in hexadecimal, a newline.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use lapwing_core::{
    host_binding::{HostBinding, Parts},
    types::{EncryptedTo, FileTime, RecordId},
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{
    hex::{hex, unhex},
    host::{Entry, Journal},
    record::{check_digest, check_schema, end_by_digest},
};

/// The form this program writes and the only one it reads.
const SCHEMA: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Disk {
    schema: u32,
    run: Option<String>,
    current: Option<DiskEntry>,
    candidates: Vec<DiskEntry>,
    recorded: Option<String>,
    replaced: Vec<String>,
    unanswered: u32,
    send_open: bool,
    commits: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    reboots: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    binding: Option<DiskBinding>,
}

/// Hexadecimal.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DiskBinding {
    salt: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    machine_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    product_uuid: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    filesystem: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DiskEntry {
    version: String,
    account: String,
    uid: u32,
    hash: String,
    directory: String,
    record: String,
    expiry: String,
    prepared: String,
    sealed: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    encrypted_to: Option<DiskEncryptedTo>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sends: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    acknowledged_by: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DiskEncryptedTo {
    principal: String,
    updated: String,
}

/// The journal's bytes.
pub(super) fn encode(journal: &Journal) -> Zeroizing<Vec<u8>> {
    let disk = Disk {
        schema: SCHEMA,
        run: journal.run.map(|run| run.to_string()),
        current: journal.current.as_ref().map(DiskEntry::from),
        candidates: journal.candidates.iter().map(DiskEntry::from).collect(),
        recorded: journal.recorded.map(|version| version.to_string()),
        replaced: journal.replaced.iter().map(ToString::to_string).collect(),
        unanswered: journal.unanswered,
        send_open: journal.send_open,
        commits: journal.commits.iter().map(ToString::to_string).collect(),
        reboots: journal.reboots.iter().map(ToString::to_string).collect(),
        binding: journal.binding.map(DiskBinding::from),
    };
    let mut bytes = Zeroizing::new(serde_json::to_vec(&disk).expect("strings and numbers are always JSON"));
    end_by_digest(&mut bytes);
    bytes
}

/// Reads the journal's bytes.
///
/// # Errors
/// What is wrong with them, without a word of their content.
pub(super) fn decode(bytes: &[u8]) -> Result<Journal, &'static str> {
    let json = check_digest(bytes)?;
    let disk: Disk = serde_json::from_slice(json).map_err(|_| "it has another form")?;
    check_schema(disk.schema, SCHEMA)?;
    parse(disk).ok_or("a value in it is not valid")
}

fn parse(disk: Disk) -> Option<Journal> {
    let journal = Journal {
        run: option(disk.run.map(|run| run.parse().ok()))?,
        current: option(disk.current.map(DiskEntry::parse))?,
        candidates: disk.candidates.into_iter().map(DiskEntry::parse).collect::<Option<_>>()?,
        recorded: option(disk.recorded.map(|version| version.parse().ok()))?,
        replaced: disk.replaced.iter().map(|version| version.parse().ok()).collect::<Option<_>>()?,
        unanswered: disk.unanswered,
        send_open: disk.send_open,
        commits: disk.commits.iter().map(|time| time.parse().ok()).collect::<Option<_>>()?,
        reboots: disk.reboots.iter().map(|time| time.parse().ok()).collect::<Option<_>>()?,
        binding: option(disk.binding.as_ref().map(DiskBinding::parse))?,
    };
    journal.is_sound().then_some(journal)
}

/// A value that is absent, or present and valid.
fn option<T>(value: Option<Option<T>>) -> Option<Option<T>> {
    value.map_or(Some(None), |parsed| parsed.map(Some))
}

impl From<HostBinding> for DiskBinding {
    fn from(HostBinding { salt, digests }: HostBinding) -> Self {
        let digest = |digest: Option<[u8; 32]>| digest.map(|digest| hex(&digest));
        Self {
            salt: hex(&salt),
            machine_id: digest(digests.machine_id),
            product_uuid: digest(digests.product_uuid),
            filesystem: digest(digests.filesystem),
        }
    }
}

impl DiskBinding {
    fn parse(&self) -> Option<HostBinding> {
        let digest = |text: &Option<String>| option(text.as_deref().map(unhex));
        Some(HostBinding {
            salt: unhex(&self.salt)?,
            digests: Parts {
                machine_id: digest(&self.machine_id)?,
                product_uuid: digest(&self.product_uuid)?,
                filesystem: digest(&self.filesystem)?,
            },
        })
    }
}

impl From<&Entry> for DiskEntry {
    fn from(entry: &Entry) -> Self {
        Self {
            version: entry.version.to_string(),
            account: entry.account.to_string(),
            uid: entry.uid.0,
            hash: entry.hash.as_str().to_owned(),
            directory: entry.directory.to_string(),
            record: entry.record.to_string(),
            expiry: entry.expiry.to_string(),
            prepared: entry.prepared.to_string(),
            sealed: entry.sealed.as_ref().map(|sealed| BASE64_STANDARD.encode(sealed)),
            encrypted_to: entry.encrypted_to.as_ref().map(|encrypted_to| DiskEncryptedTo {
                principal: encrypted_to.principal.to_string(),
                updated: encrypted_to.updated.to_string(),
            }),
            sends: entry.sends.iter().map(|(to, at)| (to.to_string(), at.to_string())).collect(),
            acknowledged_by: entry.acknowledged_by.as_ref().map(ToString::to_string),
        }
    }
}

impl DiskEntry {
    fn parse(self) -> Option<Entry> {
        let time = |text: &str| text.parse::<FileTime>().ok();
        Some(Entry {
            version: self.version.parse().ok()?,
            account: self.account.parse().ok()?,
            uid: lapwing_core::types::Uid(self.uid),
            hash: self.hash.parse().ok()?,
            directory: self.directory.parse().ok()?,
            record: RecordId(self.record),
            expiry: time(&self.expiry)?,
            prepared: time(&self.prepared)?,
            sealed: option(self.sealed.map(|sealed| BASE64_STANDARD.decode(sealed).ok()))?,
            encrypted_to: option(self.encrypted_to.map(|encrypted_to| {
                let principal = encrypted_to.principal.parse().ok()?;
                Some(EncryptedTo { principal, updated: time(&encrypted_to.updated)? })
            }))?,
            sends: self
                .sends
                .iter()
                .map(|(to, at)| Some((to.parse().ok()?, time(at)?)))
                .collect::<Option<_>>()?,
            acknowledged_by: option(self.acknowledged_by.map(|replica| replica.parse().ok()))?,
        })
    }
}
