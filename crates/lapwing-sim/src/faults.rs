//! What can go wrong.

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// `lapwingd` is killed; it starts again after two seconds.
    AgentKilled,
    /// The root half dies inside its next verb.
    RootHalfKilled,
    /// The host loses its power inside a verb of the root half.
    PowerCutInVerb,
    /// The host loses its power.
    PowerCut,
    /// The host sleeps, for minutes to months.
    Suspend,
    /// The host's network is gone for a while.
    CableOut,
    /// A replica of the directory does not answer for a while.
    ReplicaDown,
    /// The directory answers with refusals for a while.
    Refusals,
    /// Requests and answers take longer, are lost, come late or twice.
    Messages,
    /// The disk is full for a while.
    DiskFull,
    /// Somebody keeps the lock of the account file for a while.
    FileLocked,
    /// The wall clock is set, forwards or back, and right again later.
    ClockJump,
    /// The policy is switched off and on, names another account, or shortens the age.
    PolicyFlip,
    /// An administrator asks for a rotation.
    Reset,
    /// Somebody logs on with the account.
    LogOn,
    /// Root changes, empties or renames the account.
    Tampering,
    /// The host goes back to an earlier state of its disk.
    HostRestored,
    /// The directory goes back to an earlier state of the record, or loses it.
    RecordRestored,
    /// The host runs a second time with the same identity.
    Clone,
    /// An administrator presses the button of device management, once or often, or takes it back.
    Action,
    /// The host is set up anew under the same identity, and knows of nothing.
    SetUpAnew,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 21] = [
        Self::AgentKilled,
        Self::RootHalfKilled,
        Self::PowerCutInVerb,
        Self::PowerCut,
        Self::Suspend,
        Self::CableOut,
        Self::ReplicaDown,
        Self::Refusals,
        Self::Messages,
        Self::DiskFull,
        Self::FileLocked,
        Self::ClockJump,
        Self::PolicyFlip,
        Self::Reset,
        Self::LogOn,
        Self::Tampering,
        Self::HostRestored,
        Self::RecordRestored,
        Self::Clone,
        Self::Action,
        Self::SetUpAnew,
    ];

    /// Those that only device management brings.
    pub(crate) const MANAGEMENT: [Self; 2] = [Self::Action, Self::SetUpAnew];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AgentKilled => "agent-killed",
            Self::RootHalfKilled => "root-half-killed",
            Self::PowerCutInVerb => "power-cut-in-verb",
            Self::PowerCut => "power-cut",
            Self::Suspend => "suspend",
            Self::CableOut => "cable-out",
            Self::ReplicaDown => "replica-down",
            Self::Refusals => "refusals",
            Self::Messages => "messages",
            Self::DiskFull => "disk-full",
            Self::FileLocked => "file-locked",
            Self::ClockJump => "clock-jump",
            Self::PolicyFlip => "policy-flip",
            Self::Reset => "reset",
            Self::LogOn => "log-on",
            Self::Tampering => "tampering",
            Self::HostRestored => "host-restored",
            Self::RecordRestored => "record-restored",
            Self::Clone => "clone",
            Self::Action => "action",
            Self::SetUpAnew => "set-up-anew",
        }
    }
}
