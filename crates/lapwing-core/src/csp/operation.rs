//! What a management server asks of one node, and the answer.

use core::fmt;

use super::status::Status;
use crate::types::Guid;

/// What is to be done with a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// Make a leaf that is not there.
    Add,
    /// Set a leaf, whether it is there or not.
    Replace,
    /// Remove a leaf.
    Delete,
    /// Read a leaf, or the names below an interior node.
    Get,
    /// Execute.
    Exec,
}

impl Verb {
    /// Every verb.
    pub const ALL: &[Self] = &[Self::Add, Self::Replace, Self::Delete, Self::Get, Self::Exec];

    /// The name of its element.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Add => "Add",
            Self::Replace => "Replace",
            Self::Delete => "Delete",
            Self::Get => "Get",
            Self::Exec => "Exec",
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How a value is written. OMA-TS-SyncML_MetaInfo-V1_2 section 5, `Format`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// An interior node: the names below it.
    Node,
    /// A signed whole number of 32 bits, in decimal digits.
    Int,
    /// `true` or `false`.
    Bool,
    /// A text.
    Chr,
    /// No value.
    Null,
    /// Any other, which no node here has.
    Other(String),
}

impl Format {
    /// The format of this name, case aside.
    #[must_use]
    pub fn of_name(name: &str) -> Self {
        let known = [Self::Node, Self::Int, Self::Bool, Self::Chr, Self::Null];
        let found = known.into_iter().find(|format| format.name().eq_ignore_ascii_case(name));
        found.unwrap_or_else(|| Self::Other(name.to_owned()))
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Node => "node",
            Self::Int => "int",
            Self::Bool => "bool",
            Self::Chr => "chr",
            Self::Null => "null",
            Self::Other(name) => name,
        }
    }
}

/// One operation on one node: an `Item` of a command, with the command's verb.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// What is to be done.
    pub verb: Verb,
    /// The node, as `LocURI` writes it.
    pub uri: String,
    /// The format that the value is said to have; without one, the node's is meant.
    pub format: Option<Format>,
    /// The value.
    pub data: Option<String>,
    /// What an `Exec` is to be called when its end is told later. OMA-TS-SyncML-RepPro-V1_2_2, `Correlator`.
    pub correlator: Option<Guid>,
}

/// What an operation came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Performed {
    /// It is over.
    Done(Reply),
    /// The password is to be reset. The caller answers: [`Status::ACCEPTED`] once it has taken that on durably,
    /// [`Status::FULL`] or [`Status::FAILED`] if it cannot.
    Reset {
        /// What the server calls it.
        correlator: Option<Guid>,
    },
}

/// The answer to an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// How it went.
    pub status: Status,
    /// What a Get has read.
    pub value: Option<Value>,
}

impl Reply {
    /// An answer without a value.
    #[must_use]
    pub const fn status(status: Status) -> Self {
        Self { status, value: None }
    }
}

/// What a Get has read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// How it is written.
    pub format: Format,
    /// The value itself.
    pub data: String,
}

/// What stands in an Atomic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Member {
    /// An operation.
    Operation(Operation),
    /// A nested Atomic, which may not stand there. "OMA DM protocol support", Atomic.
    Atomic,
}

/// The answer to an Atomic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AtomicReply {
    /// Of the Atomic itself: [`Status::OK`] or [`Status::ATOMIC_FAILED`].
    pub status: Status,
    /// Of its members, in their order.
    pub members: Vec<Status>,
}
