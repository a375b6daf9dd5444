//! What goes between the machine and its shell: inputs and actions. What the actions came to stands in `outcome`.
//!
//! INVARIANT: no secret passes through the machine. The shell holds a prepared password, or its seal, by version; the
//! machine only says when to send it and when to forget it.

use super::{
    ledger::{ActionStatus, Ledger},
    memory::Memory,
    outcome::Outcome,
    plan::{Encryption, Plan, Target},
    trace::{Trace, Traces},
};
use crate::{
    event::Event,
    log_on::Seen,
    policy::{AutomaticName, DsrmBackup},
    sessions::EndStep,
    types::{
        AccountName, ActionId, DirectoryId, EncryptedTo, PasswordVersion, RecordId, Replica, Sid, Uid,
        WallTime,
    },
};

/// What the machine is told.
#[derive(Debug)]
pub enum Input {
    /// The deadline of [`Machine::poll_timeout`](super::Machine::poll_timeout) has come, or a clock jumped.
    Timer,
    /// Somebody asks for something; answered by exactly one [`Action::Answer`].
    Request(RequestId, Request),
    /// Device management asks for a rotation; answered by one [`Action::Acknowledge`] once that is saved. What comes again
    /// before it is answered shares the answer.
    Ordered(ActionId),
    /// The server has confirmed to have heard that an action stands like this.
    Confirmed(ActionId, ActionStatus),
    /// The server has these traces, as they were when they were sent.
    TracesTold(Vec<Trace>),
    /// The oldest [`Action::Keep`] without an answer has been performed; or why not, for people.
    Kept(Result<(), String>),
    /// The policy's sources may have changed.
    PolicyChanged,
    /// The network changed: the directory may be reachable again.
    NetworkChanged,
    /// Somebody has replaced or changed the account's file.
    AccountChanged,
    /// The host is about to sleep, and its memory may be written to a disk.
    Suspending,
    /// The host woke, or stayed awake after all.
    Woke,
    /// A managed account was used, or somebody tried to.
    Seen(Seen),
    /// An action has ended.
    Outcome(Outcome),
}

/// Names one request, so that its answer finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestId(pub u64);

/// What an administrator asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// Rotate now, due or not (`Reset-LapsPassword`).
    ResetPassword,
    /// Run a cycle now (`Invoke-LapsPolicyProcessing`).
    ProcessPolicy,
}

/// What the shell is to do. At most one action that has an [`Outcome`] is under way at a time.
#[derive(Debug, Clone)]
pub enum Action {
    /// Ask the root half for its journal, beginning this run if `begin`. Ends in [`Outcome::Journal`].
    ReadJournal {
        /// Whether this is the first verb of this run.
        begin: bool,
    },
    /// Read all policy sources. Ends in [`Outcome::Policy`].
    ReadPolicy {
        /// The lowest age in days that the server has announced, if it has.
        age_days_min: Option<u16>,
    },
    /// Discover the directory and authenticate to it. Ends in [`Outcome::Connected`].
    Connect {
        /// Which kind of directory the policy wants.
        target: Target,
        /// How passwords are encrypted there, if they are.
        encryption: Option<Encryption>,
        /// What is wanted if this host is a domain controller.
        dsrm: DsrmBackup,
        /// The replica to go to if it answers, where the directory has several.
        prefer: Option<Replica>,
        /// Replicas that are behind this host.
        avoid: Vec<Replica>,
    },
    /// Ask the directory what it holds. Ends in [`Outcome::State`].
    ReadState {
        /// What it may hold of this host's, for a directory that does not tell versions by itself: the password in force
        /// and the candidates.
        known: Vec<Known>,
        /// Whether no change is under way, so that earlier passwords that policy keeps no longer may be dropped if the
        /// directory holds the one in force.
        settled: bool,
    },
    /// Get the key that passwords are encrypted with to this principal; the shell keeps it until the next
    /// [`Action::Prepare`]. Ends in [`Outcome::GroupKey`].
    FetchGroupKey(Sid),
    /// Have the root half prepare a change; the shell keeps what it answers to store. Ends in [`Outcome::Prepared`].
    Prepare {
        /// What the policy asks for.
        plan: Plan,
        /// Where it will be stored.
        directory: DirectoryId,
        /// Which record.
        record: RecordId,
        /// When it will expire.
        expiry: WallTime,
        /// Whom to encrypt it to, with the key that was fetched.
        encrypt_to: Option<Sid>,
    },
    /// Fetch a candidate's seal from the root half again. Ends in [`Outcome::Prepared`].
    FetchSeal(PasswordVersion),
    /// Have the root half count a send before it is made. Ends in [`Outcome::Counted`].
    CountSend {
        /// What is sent.
        version: PasswordVersion,
        /// To which replica, where the directory has several.
        to: Option<Replica>,
    },
    /// Take the last counted send back: it has been answered or was never made. Ends in [`Outcome::Counted`].
    UncountSend(PasswordVersion),
    /// Send the password of this version to the directory, once. Ends in [`Outcome::Stored`].
    Store(Store),
    /// Have the root half record and commit a version. Ends in [`Outcome::Committed`].
    Commit {
        /// What the directory acknowledged.
        version: PasswordVersion,
        /// How it proved that, where it does.
        receipt: Option<Receipt>,
        /// Which replica did, where the directory has several.
        by: Option<Replica>,
    },
    /// Have the root half put the hash in force back into the account. Ends in [`Outcome::Committed`].
    Reinstate(PasswordVersion),
    /// Have the root half make the account that Lapwing owns, or put it right. Ends in [`Outcome::Ensured`].
    EnsureAccount {
        /// How it is named.
        name: AutomaticName,
        /// Whether one can log on with it.
        enabled: bool,
    },
    /// Have the root half delete the account that Lapwing made. Ends in [`Outcome::Dropped`].
    DropAccount,
    /// Have the root half end the use of an account whose password has been changed: one step of it. Ends in
    /// [`Outcome::UseEnded`].
    EndUse {
        /// What to do.
        step: EndStep,
        /// Whose sessions.
        account: AccountName,
        /// Its uid.
        uid: Uid,
    },
    /// Wipe whatever password or seal is held, at once: what the directory is being asked is cut off and fails, and the
    /// connection is closed. Has no outcome.
    Forget,
    /// Close the connection to the directory. Has no outcome.
    Disconnect,
    /// Write an event. Has no outcome.
    Raise(Event),
    /// Answer a request. Has no outcome.
    Answer(RequestId, Answer),
    /// Keep this for the next start of the agent. Has no outcome.
    Remember(Memory),
    /// Save this durably before any later action. Answered by [`Input::Kept`], whatever else is under way.
    Keep(Ledger),
    /// Keep this for people; no decision depends on it. Has no outcome.
    KeepTraces(Traces),
    /// Answer device management about an action. Has no outcome.
    Acknowledge(ActionId, Acceptance),
    /// Have the server told how actions stand. Has no outcome.
    CallHome,
}

/// What device management is answered when it asks for a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acceptance {
    /// It is saved and will be satisfied.
    Open,
    /// It has been satisfied before.
    Satisfied,
    /// Too many are open.
    Full,
    /// It could not be saved, so it is as if it had never come.
    NotSaved,
}

/// One send of a password to the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// The password's version.
    pub version: PasswordVersion,
    /// The account that it will open.
    pub account: AccountName,
    /// The account's uid.
    pub uid: Uid,
    /// What the directory must hold, as read in this cycle.
    pub expected: Expected,
    /// The version in force, from which onward the directory keeps every entry.
    pub in_force: Option<PasswordVersion>,
    /// How its ciphertext is known in a history, where it has one.
    pub in_force_encrypted_to: Option<EncryptedTo>,
    /// When it will expire.
    pub expiry: WallTime,
}

/// What a directory must hold for a store to succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// This version.
    Version(PasswordVersion),
    /// No password.
    Nothing,
    /// Whatever it held when it was read in this cycle, as far as that could be read: the version could not.
    AsRead,
}

/// A password that a directory may hold, by what tells it from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Its version.
    pub version: PasswordVersion,
    /// The expiry that it was prepared with; no two of one host's are within three seconds of each other.
    pub expiry: WallTime,
}

/// The directory's signed word that it holds a version. Not a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt(pub Vec<u8>);

/// The end of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// How it ended.
    pub result: AnswerResult,
    /// What happened, for people.
    pub message: String,
    /// What to do about it, where there is something to do.
    pub next_step: Option<String>,
    /// The event that says so.
    pub event: Option<u32>,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerResult {
    /// The password was changed.
    Rotated,
    /// A cycle ran and no change was due.
    NotDue,
    /// Policy manages nothing here.
    Disabled,
    /// Somebody has to act first; the agent goes on trying.
    Refused,
    /// The agent waits, for the directory or for its own file system, and goes on by itself.
    Waiting,
}
