//! Events: the contract with those who watch hosts.
//!
//! Numbers up to 20000 mean what they mean in the event manifest of Microsoft-Windows-LAPS; ours begin at 30000. One
//! table defines them all, and `docs/events.md` is printed from it.
//!
//! An [`Event`] is a variant with its fields, so one with a missing, foreign or mistyped field does not compile.
//!
//! INVARIANT: no field has a type that holds a secret.

#[macro_use]
mod define;
mod catalogue;
mod journal;
mod markdown;
mod value;

pub use self::{
    catalogue::{Event, EventId},
    journal::render_journal_catalogue,
    markdown::render_markdown,
    value::{FieldKind, FieldValue, Hresult, Rid},
};
use core::fmt;

/// The name of the provider whose numbers we use.
pub const PROVIDER: &str = "Microsoft-Windows-LAPS";
/// The GUID of that provider.
pub const PROVIDER_ID: &str = "4fcc72a9-d7ca-5dd2-8d34-6f41a0cdb7e0";
/// The channel in which Windows shows these events.
pub const CHANNEL: &str = "Microsoft-Windows-LAPS/Operational";

/// The first number that is ours.
pub const OWN_CODE_MIN: u16 = 30_000;

/// How much an event matters, numbered as Windows does. Windows Event Log, `LevelType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// 2: someone must act.
    Error,
    /// 3: something is not as it should be, and may heal by itself.
    Warning,
    /// 4: a fact.
    Information,
}

impl Level {
    /// The number that Windows gives it.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Error => 2,
            Self::Warning => 3,
            Self::Information => 4,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "Error",
            Self::Warning => "Warning",
            Self::Information => "Information",
        })
    }
}

/// One field of an event's form.
///
/// A name that begins with a capital is Windows' own. Windows names the others `Data1`, `Data2` and so on, by their
/// place; those names are ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: FieldKind,
}

impl EventId {
    /// The event with this number.
    #[must_use]
    pub fn from_code(code: u16) -> Option<Self> {
        Self::ALL.iter().copied().find(|id| id.code() == code)
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.code().fmt(f)
    }
}

/// One line: the meaning and then each field. A value of more than plain characters is quoted and escaped, so that what
/// a peer put into it cannot pass for another field or line.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id().meaning())?;
        self.fields().iter().try_for_each(|(name, value)| {
            let shown = value.to_string();
            let plain = |c: char| c.is_alphanumeric() || "-._:/@".contains(c);
            if !shown.is_empty() && shown.chars().all(plain) {
                write!(f, " {name}={shown}")
            } else {
                write!(f, " {name}={shown:?}")
            }
        })
    }
}

#[cfg(test)]
mod tests;
