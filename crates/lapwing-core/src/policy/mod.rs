//! The policy: every setting with its type, default and range, the four roots and their order, and what becomes of
//! bad values. Sources: "Configure policy settings for Windows LAPS"; docs/deviations.md.
//!
//! [`resolve()`] takes what stands under the roots, picks the first that holds any LAPS value, reads the policy from it
//! alone, and gives back the policy with the reasons: for each value seen under any root, what became of it.
//!
//! INVARIANT: an effective value is one that the table of [`Setting`] supports. A bad value never fails the whole
//! policy and never vanishes: it is replaced by its default, and the [`Verdict`] says so. Two values are never
//! replaced, because another account or another reader would take their place: `AdministratorAccountName` and
//! `ADPasswordEncryptionPrincipal`.

mod account;
mod compose;
mod effective;
mod explain;
mod nearest;
mod principal;
mod reader;
mod resolve;
mod root;
mod setting;
mod values;

#[cfg(test)]
mod tests;

pub use account::{
    AUTOMATIC_NAME_CHARS_MAX, AUTOMATIC_NAME_DEFAULT, AUTOMATIC_PREFIX_CHARS_MAX, AccountChoice,
    AutomaticAccount, AutomaticName, Naming, UnusableAccount,
};
pub use effective::{
    BackupTarget, DsrmBackup, EffectivePolicy, Encryption, ManagedPolicy, PostAuthentication,
};
pub use explain::{
    Because, Explanation, Resolution, RootReport, Seen, Standing, UnknownName, ValueSource, Verdict,
};
pub use principal::{EncryptionPrincipal, PrincipalError};
pub use resolve::{CLOUD_AGE_DAYS_MIN, HostRole, PolicyContext, resolve};
pub use root::{PolicyRoot, RawEntry, RawPolicy, RawValue};
pub use setting::{Allowed, AppliesTo, Kind, Setting, Since};
pub use values::{
    ActivationGraceMinutes, AutomaticAccountManagementTarget, BackupDirectory, HistorySize, PassphraseLength,
    PasswordAgeDays, PasswordComplexity, PasswordLength, PostAuthenticationActions, ResetDelayHours,
    Unsupported, WORD_LIST_NAME_LEN_MAX, WordListName, choices,
};
