//! What the machine's actions came to, as its shell tells it.

use core::time::Duration;

use super::{exchange::Receipt, journal::Journal, plan::PolicyRead};
use crate::{
    automatic::Attribute,
    event::Hresult,
    fault::Fault,
    sessions::UseEnded,
    types::{AccountName, DirectoryId, PasswordVersion, RecordId, Replica, Sid, Uid, WallTime},
};

/// What an action came to.
#[derive(Debug)]
pub enum Outcome {
    /// Of [`Action::ReadJournal`](super::Action::ReadJournal).
    Journal(Result<Journal, RootHalfFailure>),
    /// Of [`Action::ReadPolicy`](super::Action::ReadPolicy).
    Policy(PolicyRead),
    /// Of [`Action::Connect`](super::Action::Connect).
    Connected(Result<Session, DirectoryFailure>),
    /// Of [`Action::ReadState`](super::Action::ReadState).
    State(Result<DirectoryState, DirectoryFailure>),
    /// Of [`Action::FetchGroupKey`](super::Action::FetchGroupKey).
    GroupKey(Result<(), DirectoryFailure>),
    /// Of [`Action::Prepare`](super::Action::Prepare) and [`Action::FetchSeal`](super::Action::FetchSeal).
    Prepared(Result<Prepared, RootHalfFailure>),
    /// Of [`Action::CountSend`](super::Action::CountSend) and [`Action::UncountSend`](super::Action::UncountSend).
    Counted(Result<u32, RootHalfFailure>),
    /// Of [`Action::Store`](super::Action::Store).
    Stored(StoreOutcome),
    /// Of [`Action::Commit`](super::Action::Commit) and [`Action::Reinstate`](super::Action::Reinstate).
    Committed(Result<Committed, RootHalfFailure>),
    /// Of [`Action::EndUse`](super::Action::EndUse).
    UseEnded(Result<UseEnded, RootHalfFailure>),
    /// Of [`Action::EnsureAccount`](super::Action::EnsureAccount).
    Ensured(Result<Ensured, RootHalfFailure>),
    /// Of [`Action::DropAccount`](super::Action::DropAccount).
    Dropped(Result<Dropped, RootHalfFailure>),
}

/// The account that Lapwing owns, which is as it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ensured {
    /// Its name.
    pub account: AccountName,
    /// Its uid.
    pub uid: Uid,
    /// Whether it was made for the first time, or for the first time since it was deleted.
    pub is_new: bool,
    /// Whether it was enabled before and is disabled now, or the other way round.
    pub switched: bool,
    /// What somebody else had changed, and is as it must be again.
    pub repaired: Vec<Attribute>,
}

/// The account that Lapwing made is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// Its name and uid; none if there was none.
    pub former: Option<(AccountName, Uid)>,
}

/// A directory that answers and has accepted this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Which directory.
    pub directory: DirectoryId,
    /// This host's record there.
    pub record: RecordId,
    /// The address that passwords are sent to, for event 10030.
    pub endpoint: String,
    /// What the directory can do.
    pub guarantees: Guarantees,
    /// Which of the directory's replicas this is, where it has several.
    pub replica: Option<Replica>,
    /// The lowest age in days that it announces, if it does.
    pub age_days_min: Option<u16>,
    /// Whether it has a place for versions. Where it has none, the expiry stands for one, and a restored host is not noticed.
    pub keeps_versions: bool,
    /// Who the policy's principal is, where passwords are encrypted.
    pub principal: Option<Sid>,
    /// Why no password can be stored as the policy wants it, though what is there can be read.
    pub unfit: Option<Box<DirectoryFailure>>,
    /// Whether this host is a domain controller, whose emergency account is managed (DSRM).
    pub is_controller: bool,
}

/// How far a directory helps to keep both sides in step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guarantees {
    /// It compares versions, tells the one it holds, and answers a repeat alike: `lapwing-server`.
    ComparesAndTells,
    /// Each of its replicas does, for itself; what one holds the others learn later: Active Directory.
    EachReplica,
    /// Neither: Entra ID. Sends are counted and spaced out.
    None,
}

impl Guarantees {
    /// Those of a kind of directory.
    #[must_use]
    pub const fn of(directory: &DirectoryId) -> Self {
        match directory {
            DirectoryId::LapwingServer(_) => Self::ComparesAndTells,
            DirectoryId::EntraId(_) => Self::None,
            DirectoryId::ActiveDirectory(_) => Self::EachReplica,
        }
    }
}

/// What the directory holds for this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryState {
    /// The version.
    pub version: Told,
    /// Its expiry there, which an administrator may have moved.
    pub expiry: Option<WallTime>,
    /// The receipt for that version, where the directory gives one.
    pub receipt: Option<Receipt>,
    /// The directory's clock.
    pub time: Option<WallTime>,
    /// When it was stored, where the directory tells that.
    pub written: Option<Written>,
}

/// When a password was stored, by the directory's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// When.
    pub at: WallTime,
    /// The address that it came from, where the directory tells that too.
    pub from: Option<String>,
}

impl Written {
    /// For an event, also where nothing is known of it.
    pub(super) fn tell(written: Option<&Self>) -> String {
        match written {
            None => "at a time that the directory does not tell".to_owned(),
            Some(Self { at, from: None }) => at.0.to_string(),
            Some(Self { at, from: Some(from) }) => format!("{} from {from}", at.0),
        }
    }
}

/// What a directory tells of the version that it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// This one; none if it holds no password.
    Version(Option<PasswordVersion>),
    /// Only that it is none of those it was asked for: this host may write versions and not read them.
    NoneKnown,
    /// Nothing: it keeps no versions, and the expiry that stands for one is none of those asked for. Somebody else has
    /// moved it, or has stored another password.
    Nothing,
}

/// A candidate that the shell holds ready to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// Its version.
    pub version: PasswordVersion,
    /// The account it is for.
    pub account: AccountName,
    /// Its uid.
    pub uid: Uid,
    /// When it will expire.
    pub expiry: WallTime,
    /// Whether what is sent is ciphertext, to be had from the root half again.
    pub sealed: bool,
    /// A warning of the host's password rules that every candidate drew alike.
    pub warning: Option<String>,
}

/// A finished change of the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The version now in force.
    pub version: PasswordVersion,
    /// The account that it opens.
    pub account: AccountName,
    /// Its uid.
    pub uid: Uid,
}

/// The answer to a store, or the lack of one.
#[derive(Debug)]
pub enum StoreOutcome {
    /// The directory holds the version durably.
    Acknowledged(Option<Receipt>),
    /// The directory holds another version than expected; nothing was stored.
    VersionMismatch(DirectoryState),
    /// The directory itself refused.
    Refused(DirectoryFailure),
    /// No byte of the request left this host.
    NotSent(DirectoryFailure),
    /// The request may have arrived, and nobody said so.
    Unanswered(DirectoryFailure),
}

/// Why the root half did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootHalfFailure {
    /// Its own reason; none if it could not be reached, or its answer was lost.
    pub fault: Option<Fault>,
    /// What went wrong and why, for people.
    pub message: String,
    /// What to do about it.
    pub next_step: String,
}

/// Why the directory could not be reached, or refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryFailure {
    /// Which case.
    pub kind: DirectoryFault,
    /// The address of the server concerned.
    pub server: String,
    /// What in Active Directory is concerned, where anything is: the container whose permissions do not suffice, the
    /// principal that nobody knows.
    pub subject: Option<String>,
    /// The code that Windows would report.
    pub hresult: Hresult,
    /// What went wrong and why, for people.
    pub message: String,
    /// What to do about it.
    pub next_step: String,
    /// The wait that the directory asked for.
    pub retry_after: Option<Duration>,
    /// The HTTP status and the answer's text, where there was an answer.
    pub answer: Option<(u16, String)>,
}

impl DirectoryFailure {
    /// One that is about no part of Active Directory and came without a wait or an HTTP answer.
    #[must_use]
    pub fn new(
        kind: DirectoryFault,
        server: impl Into<String>,
        hresult: Hresult,
        message: impl Into<String>,
        next_step: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            server: server.into(),
            subject: None,
            hresult,
            message: message.into(),
            next_step: next_step.into(),
            retry_after: None,
            answer: None,
        }
    }
}

/// The cases of [`DirectoryFailure`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DirectoryFault {
    /// This host is not enrolled anywhere.
    NotEnrolled,
    /// The enrolment is that of another machine.
    PossibleClone,
    /// Name resolution, connection or answer failed or took too long.
    Unreachable,
    /// The certificate is not trusted.
    NotTrusted,
    /// Discovery was answered with a refusal or with something else than a discovery answer.
    DiscoveryFailed,
    /// The device's credentials were refused.
    AuthenticationFailed,
    /// The directory has no record of this device.
    NoRecord,
    /// The directory asks to wait.
    Throttled,
    /// Any other refusal.
    Refused,
    /// The answer makes no sense.
    Malformed,
    /// What was to be sent had been wiped, for the host slept in between.
    NothingToSend,
    /// This host has joined no domain, or its keytab is of no use.
    NotJoined,
    /// No domain controller that can be written to was found, or none answers.
    NoController,
    /// A domain controller did not accept the bind.
    BindFailed,
    /// Active Directory refused to tell what it holds, or told what makes no sense.
    QueryFailed,
    /// The schema of Active Directory lacks the attributes.
    SchemaLacking,
    /// The computer may not write its attribute of Windows LAPS.
    NoRight,
    /// The computer may not write its attribute of legacy Microsoft LAPS.
    NoRightOnLegacy,
    /// Active Directory did not take the password, for another reason.
    UpdateFailed,
    /// The domain's functional level does not allow encrypted passwords.
    LevelTooLow,
    /// The domain knows no user or group of the principal's name.
    PrincipalNameUnknown,
    /// Nor of its SID.
    PrincipalSidUnknown,
    /// Nobody who gives group keys can be reached.
    NoKeyService,
    /// The key to encrypt the password with is refused.
    NotEncrypted,
    /// This host is a domain controller, and policy wants nothing of those.
    ControllerUnmanaged,
    /// This host is a domain controller, whose password policy wants stored without encryption.
    ControllerUnprotected,
}

impl DirectoryFault {
    /// Whether nobody can be told to encrypt to.
    #[must_use]
    pub const fn is_about_principal(self) -> bool {
        matches!(self, Self::PrincipalNameUnknown | Self::PrincipalSidUnknown)
    }
}
