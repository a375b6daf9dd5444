//! OMA Device Management 1.2 messages in XML, as Windows uses them: read, written, packed and cut into chunks.
//!
//! Sources: OMA-TS-SyncML_RepPro-V1_2 and OMA-TS-DM_RepPro-V1_2 (elements), OMA-TS-DM_Protocol-V1_2 (sessions, large
//! objects), [MS-MDM] (what of them Windows takes). What no side of ours needs is passed over: credentials and
//! challenges (TLS authenticates both sides), display names, and the elements of data synchronisation.
//!
//! A command that cannot be carried out does not spoil its message: it becomes [`Command::Refused`], with all that its
//! Status needs.
//!
//! INVARIANT: what is read is bounded by [`crate::xml`] and the limits here, and no error repeats the input.

pub mod chunk;
mod codes;
mod ids;
mod message;
mod outbox;
mod read;
mod write;

pub use codes::{AlertCode, StatusCode};
pub use ids::{CMD_ID_LEN_MAX, CmdId, LocUri, MsgId, SESSION_ID_LEN_MAX, SessionId, TextError, URI_LEN_MAX};
pub use message::{
    Alert, Command, Format, Group, GroupKind, Header, Item, Message, Meta, Operation, Refused, Results,
    Status, Verb,
};
pub use outbox::Outbox;

use crate::xml::{self, XmlError};

/// The media type of these messages. [MS-MDM] 2.1.
pub const MEDIA_TYPE: &str = "application/vnd.syncml.dm+xml";
/// The commands of one message, those inside of groups included.
pub const COMMANDS_MAX: usize = 1024;
/// The items of one message.
pub const ITEMS_MAX: usize = 1024;
/// The text of one item, in bytes; longer objects come in chunks.
pub const DATA_LEN_MAX: usize = 128 << 10;
/// How deep groups of commands may lie in one another.
pub const GROUP_DEPTH_MAX: usize = 4;
/// The longest short text, such as a correlator or a media type, in bytes.
pub const TEXT_LEN_MAX: usize = 256;

/// Why bytes are not a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SyncmlError {
    /// Not even a document.
    #[error(transparent)]
    Xml(#[from] XmlError),
    /// An element that every message has is missing, or holds what it may not.
    #[error("the message has no `{0}`, or not one that can be read")]
    Missing(&'static str),
    /// Another version of the protocol.
    #[error("the message is not of OMA DM 1.2")]
    Version,
    /// More commands or items than any honest message has.
    #[error("the message has more than {COMMANDS_MAX} commands or {ITEMS_MAX} items")]
    TooMany,
}

/// Reads one message.
///
/// # Errors
/// [`SyncmlError`] if it is no message, or one without the header that an answer needs.
pub fn decode(bytes: &[u8]) -> Result<Message, SyncmlError> {
    read::message(&xml::parse(bytes)?)
}

/// Writes one message: the same bytes for the same message.
#[must_use]
pub fn encode(message: &Message) -> Vec<u8> {
    write::message(message)
}

#[cfg(test)]
mod tests;
