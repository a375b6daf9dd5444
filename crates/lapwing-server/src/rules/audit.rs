//! The audit log's chain: each entry's hash covers the one before, so that no entry can change or go unnoticed.

use aws_lc_rs::digest::{Context, SHA256};
use lapwing_core::types::{DeviceId, FileTime, Guid};

use super::operator::OperatorName;

const LABEL: &[u8] = b"lapwing audit 1\0";

/// The hash before the first entry.
pub(crate) const GENESIS: [u8; 32] = [0; 32];

/// Who acted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Actor {
    /// A program or administrator with a client secret.
    Client(Guid),
    /// A person at the console.
    Operator(OperatorName),
    Device(DeviceId),
    /// The server by itself, as it was told to earlier.
    Server,
    /// Someone at this machine's command line.
    Local,
    /// No one whose credentials were accepted.
    Anonymous,
}

impl core::fmt::Display for Actor {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Client(id) => write!(f, "client:{id}"),
            Self::Operator(name) => write!(f, "operator:{name}"),
            Self::Device(id) => write!(f, "device:{id}"),
            Self::Server => f.write_str("server"),
            Self::Local => f.write_str("local"),
            Self::Anonymous => f.write_str("anonymous"),
        }
    }
}

/// What was done. The texts for upload and reading are Entra ID's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activity {
    StorePassword,
    ReadPassword,
    ReadMetadata,
    ReadState,
    JoinDevice,
    LeaveDevice,
    ChangeDevice,
    RenewCertificate,
    ReplaceCertificate,
    RegisterChannel,
    CreateEnrolmentToken,
    DeleteEnrolmentToken,
    CreateClient,
    ChangeClient,
    DeleteClient,
    CreateOperator,
    ChangeOperator,
    DeleteOperator,
    CreateSignInLink,
    SetUpOperator,
    AddPasskey,
    DeletePasskey,
    SignIn,
    ConfirmSecondFactor,
    SignOut,
    ReadDevices,
    ReadAudit,
    ReadPolicy,
    ChangePolicy,
    ReplaceKey,
    RefuseRequest,
    RequestRotation,
    CreateBulkRotation,
    ChangeBulkRotation,
    ReadBulkRotations,
    CancelAction,
    AcceptAction,
    FinishAction,
    ManageDevice,
    ReadLapsPolicy,
    CreateLapsPolicy,
    ChangeLapsPolicy,
    DeleteLapsPolicy,
    AssignLapsPolicy,
    CreateGroup,
    ChangeGroup,
    DeleteGroup,
    TagDevice,
    DeliverLapsPolicy,
    FindSharedIdentity,
}

impl Activity {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::StorePassword => "Update device local administrator password",
            Self::ReadPassword => "Recover device local administrator password",
            Self::ReadMetadata => "Read device local administrator password metadata",
            Self::ReadState => "Read own password version",
            Self::JoinDevice => "Add device",
            Self::LeaveDevice => "Delete device",
            Self::ChangeDevice => "Update device",
            Self::RenewCertificate => "Renew device certificate",
            Self::ReplaceCertificate => "Replace device certificate",
            Self::RegisterChannel => "Register push channel",
            Self::CreateEnrolmentToken => "Add enrolment token",
            Self::DeleteEnrolmentToken => "Delete enrolment token",
            Self::CreateClient => "Add client",
            Self::ChangeClient => "Update client",
            Self::DeleteClient => "Delete client",
            Self::CreateOperator => "Add operator",
            Self::ChangeOperator => "Update operator",
            Self::DeleteOperator => "Delete operator",
            Self::CreateSignInLink => "Add one-time sign-in link",
            Self::SetUpOperator => "Set up sign-in of operator",
            Self::AddPasskey => "Add passkey",
            Self::DeletePasskey => "Delete passkey",
            Self::SignIn => "Sign in",
            Self::ConfirmSecondFactor => "Confirm second factor",
            Self::SignOut => "Sign out",
            Self::ReadDevices => "Read devices",
            Self::ReadAudit => "Read audit log",
            Self::ReadPolicy => "Read device registration policy",
            Self::ChangePolicy => "Set device registration policy",
            Self::ReplaceKey => "Replace key-encryption key",
            Self::RefuseRequest => "Refuse request",
            Self::RequestRotation => "Rotate local administrator password",
            Self::CreateBulkRotation => "Add bulk rotation",
            Self::ChangeBulkRotation => "Update bulk rotation",
            Self::ReadBulkRotations => "Read bulk rotations",
            Self::CancelAction => "Cancel device action",
            Self::AcceptAction => "Accept device action",
            Self::FinishAction => "Finish device action",
            Self::ManageDevice => "Manage device",
            Self::ReadLapsPolicy => "Read LAPS policy",
            Self::CreateLapsPolicy => "Add LAPS policy",
            Self::ChangeLapsPolicy => "Update LAPS policy",
            Self::DeleteLapsPolicy => "Delete LAPS policy",
            Self::AssignLapsPolicy => "Assign LAPS policy",
            Self::CreateGroup => "Add group",
            Self::ChangeGroup => "Update group",
            Self::DeleteGroup => "Delete group",
            Self::TagDevice => "Tag device",
            Self::DeliverLapsPolicy => "Deliver LAPS policy",
            Self::FindSharedIdentity => "Find device identity shared by two hosts",
        }
    }
}

/// An entry before it has its place in the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) time: FileTime,
    pub(crate) actor: Actor,
    pub(crate) activity: Activity,
    /// A device, client, operator or token; empty if none.
    pub(crate) target: String,
    /// Why it was refused; `None` if it was done.
    pub(crate) refusal: Option<String>,
    /// More, in words; never a secret.
    pub(crate) detail: String,
}

/// An entry as it is stored: texts, so that what was hashed is what is read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) sequence: u64,
    pub(crate) time: FileTime,
    pub(crate) actor: String,
    pub(crate) activity: String,
    pub(crate) target: String,
    pub(crate) success: bool,
    pub(crate) detail: String,
    pub(crate) hash: [u8; 32],
}

impl Record {
    /// Gives the record its place after `previous`.
    pub(crate) fn chain(&self, sequence: u64, previous: &[u8; 32]) -> Entry {
        let mut entry = Entry {
            sequence,
            time: self.time,
            actor: self.actor.to_string(),
            activity: self.activity.as_str().to_owned(),
            target: self.target.clone(),
            success: self.refusal.is_none(),
            detail: self.refusal.as_ref().unwrap_or(&self.detail).clone(),
            hash: GENESIS,
        };
        entry.hash = entry.expected_hash(previous);
        entry
    }
}

impl Entry {
    /// SHA-256 over label, the hash before, and every member with its length.
    pub(crate) fn expected_hash(&self, previous: &[u8; 32]) -> [u8; 32] {
        let mut context = Context::new(&SHA256);
        context.update(LABEL);
        context.update(previous);
        context.update(&self.sequence.to_be_bytes());
        context.update(&self.time.ticks().to_be_bytes());
        context.update(&[u8::from(self.success)]);
        for text in [&self.actor, &self.activity, &self.target, &self.detail] {
            context.update(&u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(text.as_bytes());
        }
        let mut hash = GENESIS;
        hash.copy_from_slice(context.finish().as_ref());
        hash
    }
}

/// Walks the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verifier {
    pub(crate) entries: u64,
    pub(crate) head: [u8; 32],
    pub(crate) first_broken: Option<u64>,
}

impl Verifier {
    pub(crate) const fn new() -> Self {
        Self { entries: 0, head: GENESIS, first_broken: None }
    }

    /// Takes the next entry in order of its number.
    pub(crate) fn check(&mut self, entry: &Entry) {
        let expected = self.entries.saturating_add(1);
        let sound = entry.sequence == expected && entry.hash == entry.expected_hash(&self.head);
        if !sound && self.first_broken.is_none() {
            // A gap is reported as the entry that is missing.
            self.first_broken = Some(entry.sequence.min(expected));
        }
        self.entries = expected;
        self.head = entry.hash;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(len: u64) -> Vec<Entry> {
        let mut previous = GENESIS;
        (1..=len)
            .map(|sequence| {
                let record = Record {
                    time: FileTime::from_ticks(sequence).unwrap(),
                    actor: Actor::Local,
                    activity: Activity::JoinDevice,
                    target: "t".to_owned(),
                    refusal: None,
                    detail: String::new(),
                };
                let entry = record.chain(sequence, &previous);
                previous = entry.hash;
                entry
            })
            .collect()
    }

    fn first_broken(entries: &[Entry]) -> Option<u64> {
        let mut verifier = Verifier::new();
        entries.iter().for_each(|entry| verifier.check(entry));
        verifier.first_broken
    }

    #[test]
    fn a_chain_as_written_is_intact() {
        assert_eq!(first_broken(&chain(5)), None);
        assert_eq!(first_broken(&[]), None);
    }

    #[test]
    fn every_change_of_an_entry_breaks_the_chain_there() {
        let changes: [fn(&mut Entry); 7] = [
            |e| e.sequence = 9,
            |e| e.time = FileTime::from_ticks(99).unwrap(),
            |e| e.actor = "device:x".to_owned(),
            |e| e.activity.push('x'),
            |e| (e.target, e.detail) = (String::new(), "t".to_owned()),
            |e| e.success = false,
            |e| e.hash[0] ^= 1,
        ];
        for change in changes {
            let mut entries = chain(5);
            change(&mut entries[2]);
            assert_eq!(first_broken(&entries), Some(3));
        }
    }

    #[test]
    fn a_missing_entry_breaks_the_chain() {
        let mut entries = chain(5);
        entries.remove(1);
        assert_eq!(first_broken(&entries), Some(2));
    }
}
