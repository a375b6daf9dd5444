//! What a message holds.

use super::{AlertCode, CmdId, LocUri, MsgId, SessionId, StatusCode};

/// One message: `SyncML`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Who speaks to whom, and where in the session.
    pub header: Header,
    /// In order.
    pub commands: Vec<Command>,
    /// Whether this is the last message of its package; if not, the other side asks for the next.
    pub is_final: bool,
}

/// `SyncHdr`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The session.
    pub session_id: SessionId,
    /// The message, counted by the side that sends it.
    pub msg_id: MsgId,
    /// Whom it is for.
    pub target: LocUri,
    /// Who sends it.
    pub source: LocUri,
    /// The longest message that the sender takes, in bytes.
    pub max_msg_size: Option<u32>,
}

/// A part of a message's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// How a command of the other side ended.
    Status(Status),
    /// What a Get found.
    Results(Results),
    /// Something to know.
    Alert(Alert),
    /// Something to do.
    Operation(Operation),
    /// Several things to do.
    Group(Group),
    /// What was sent in place of a command that can be carried out; it is never written.
    Refused(Refused),
}

/// The commands that are answers.
pub(super) const ANSWERS: [&str; 2] = ["Results", "Status"];

impl Command {
    /// The element's name, as a Status repeats it.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Status(_) => "Status",
            Self::Results(_) => "Results",
            Self::Alert(_) => "Alert",
            Self::Operation(operation) => operation.verb.name(),
            Self::Group(group) => group.kind.name(),
            Self::Refused(refused) => &refused.name,
        }
    }

    /// Whether it is an answer, which has none itself.
    #[must_use]
    pub fn is_answer(&self) -> bool {
        ANSWERS.iter().any(|name| name.eq_ignore_ascii_case(self.name()))
    }

    /// Its id, if it has one.
    #[must_use]
    pub const fn id(&self) -> Option<&CmdId> {
        match self {
            Self::Status(Status { id, .. })
            | Self::Results(Results { id, .. })
            | Self::Alert(Alert { id, .. })
            | Self::Operation(Operation { id, .. })
            | Self::Group(Group { id, .. }) => Some(id),
            Self::Refused(refused) => refused.id.as_ref(),
        }
    }
}

/// How a command of the other side ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Names this Status.
    pub id: CmdId,
    /// The message that the command was in.
    pub msg_ref: MsgId,
    /// The command; none if it had no id.
    pub cmd_ref: Option<CmdId>,
    /// The command's name.
    pub cmd: String,
    /// The items that this is about; all of them if there are none.
    pub targets: Vec<LocUri>,
    /// The items that this is about, by their source.
    pub sources: Vec<LocUri>,
    /// How it ended.
    pub code: StatusCode,
    /// The HRESULT behind a failure, where Windows tells it.
    pub original_error: Option<u32>,
}

/// What a Get found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Results {
    /// Names these Results.
    pub id: CmdId,
    /// The message that the Get was in.
    pub msg_ref: MsgId,
    /// The Get.
    pub cmd_ref: CmdId,
    /// Each with its node as the source.
    pub items: Vec<Item>,
}

/// Something to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// Names this Alert.
    pub id: CmdId,
    /// What it is about.
    pub code: AlertCode,
    /// Joins it to the Exec that it is the outcome of.
    pub correlator: Option<String>,
    /// What there is to say.
    pub items: Vec<Item>,
}

/// What to do with a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// Create it.
    Add,
    /// Remove it.
    Delete,
    /// Start it.
    Exec,
    /// Read it.
    Get,
    /// Set it.
    Replace,
}

impl Verb {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Add, Self::Delete, Self::Exec, Self::Get, Self::Replace];

    /// The element's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Add => "Add",
            Self::Delete => "Delete",
            Self::Exec => "Exec",
            Self::Get => "Get",
            Self::Replace => "Replace",
        }
    }
}

/// Something to do with one or more nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Names it.
    pub id: CmdId,
    /// What to do.
    pub verb: Verb,
    /// Of an Exec: what a later Alert about its outcome repeats.
    pub correlator: Option<String>,
    /// At least one; each has a target, or a source where a device tells of itself.
    pub items: Vec<Item>,
}

/// How the commands of a group belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum GroupKind {
    /// All or none.
    Atomic,
    /// One after another, as they would be anyway.
    Sequence,
}

impl GroupKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Atomic, Self::Sequence];

    /// The element's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Atomic => "Atomic",
            Self::Sequence => "Sequence",
        }
    }
}

/// Several commands that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Names it.
    pub id: CmdId,
    /// How they belong together.
    pub kind: GroupKind,
    /// In order.
    pub commands: Vec<Command>,
}

/// An element that stands where a command should, and why it is none: what its Status needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Its id, if it has one.
    pub id: Option<CmdId>,
    /// The element's name.
    pub name: String,
    /// The answer.
    pub code: StatusCode,
}

/// A node or a source, with what there is to say about it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Item {
    /// The node to act on.
    pub target: Option<LocUri>,
    /// The node that it came from.
    pub source: Option<LocUri>,
    /// What `data` is.
    pub meta: Meta,
    /// The value.
    pub data: Option<String>,
    /// Whether the value goes on in the next message.
    pub more_data: bool,
}

/// What an item's data is. OMA-TS-SyncML_MetaInfo-V1_2.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Meta {
    /// Its format.
    pub format: Option<Format>,
    /// Its media type, or the type of an alert.
    pub kind: Option<String>,
    /// In the first chunk of a large object: the length of the whole, in bytes.
    pub size: Option<u32>,
}

/// The format of a value. OMA-TS-DM_StdObj-V1_2 section 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// Bytes in Base64.
    B64,
    /// Bytes.
    Bin,
    /// `true` or `false`.
    Bool,
    /// Text.
    Chr,
    /// A date.
    Date,
    /// A number with a fraction.
    Float,
    /// A whole number.
    Int,
    /// An interior node; as a value, the names of its children.
    Node,
    /// No value.
    Null,
    /// A time.
    Time,
    /// XML.
    Xml,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::B64,
        Self::Bin,
        Self::Bool,
        Self::Chr,
        Self::Date,
        Self::Float,
        Self::Int,
        Self::Node,
        Self::Null,
        Self::Time,
        Self::Xml,
    ];

    /// Its name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::B64 => "b64",
            Self::Bin => "bin",
            Self::Bool => "bool",
            Self::Chr => "chr",
            Self::Date => "date",
            Self::Float => "float",
            Self::Int => "int",
            Self::Node => "node",
            Self::Null => "null",
            Self::Time => "time",
            Self::Xml => "xml",
        }
    }

    /// The format of that name, case aside.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name().eq_ignore_ascii_case(name))
    }
}
