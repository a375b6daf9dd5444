//! What names sessions, messages, commands and nodes.

use core::{fmt, str::FromStr};

use lapwing_core::types::DeviceId;

/// The longest session id, in bytes. [MS-MDM] 2.2.3.
pub const SESSION_ID_LEN_MAX: usize = 4;
/// The longest command id, in bytes: servers use GUIDs, devices numbers.
pub const CMD_ID_LEN_MAX: usize = 64;
/// The longest address of a node or a party, in bytes.
pub const URI_LEN_MAX: usize = 2048;

/// Why a text names nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {min} to {max} bytes without blanks or control characters")]
pub struct TextError {
    min: usize,
    max: usize,
}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $max:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = TextError;

            fn from_str(text: &str) -> Result<Self, TextError> {
                let is_plain = !text.chars().any(|c| c.is_whitespace() || c.is_control() || c == '\u{fffe}' || c == '\u{ffff}');
                if is_plain && (1..=$max).contains(&text.len()) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(TextError { min: 1, max: $max })
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text!(
    /// Names a session; the device chooses it, and it means nothing.
    SessionId,
    SESSION_ID_LEN_MAX
);
text!(
    /// Names a command in its message.
    CmdId,
    CMD_ID_LEN_MAX
);
text!(
    /// The address of a node, such as `./Device/Vendor/MSFT/LAPS/Policies/BackupDirectory`, or of a party.
    LocUri,
    URI_LEN_MAX
);

impl SessionId {
    /// A number as a device's session id.
    #[must_use]
    pub fn number(number: u16) -> Self {
        Self(format!("{number:X}"))
    }
}

impl LocUri {
    /// A constant of the wire.
    pub(crate) fn known(uri: &'static str) -> Self {
        Self(uri.to_owned())
    }

    /// A device as a party: what its `./DevInfo/DevId` says.
    #[must_use]
    pub fn device(id: DeviceId) -> Self {
        Self(format!("urn:uuid:{id}"))
    }
}

/// What the Status of a message's header refers to.
const HEADER: &str = "0";

impl CmdId {
    /// What the Status of a message's header refers to; no command has it.
    #[must_use]
    pub fn header() -> Self {
        Self(HEADER.to_owned())
    }

    /// A number as an id.
    #[must_use]
    pub fn number(number: u32) -> Self {
        Self(number.to_string())
    }

    /// Whether it refers to a message's header.
    #[must_use]
    pub fn is_header(&self) -> bool {
        self.0 == HEADER
    }
}

/// The number of a message, counted from 1 by each side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MsgId(pub u32);

impl MsgId {
    /// That of a side's first message.
    pub const FIRST: Self = Self(1);

    /// That of the message after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for MsgId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
