//! The policy: every setting with its type, default and range, the four roots and their order, and what becomes of
//! bad values. Sources: `windows-laps.md` §1, `design.md` §4.

mod setting;
mod values;

pub use setting::{Allowed, AppliesTo, Kind, Setting, Since};
pub use values::{PassphraseLength, PasswordAgeDays, PasswordComplexity, PasswordLength, Unsupported};
