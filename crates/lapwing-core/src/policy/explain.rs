//! Why the policy is what it is, value by value.

use core::fmt;
use std::collections::BTreeMap;

use super::account::UnusableAccount;
use super::effective::EffectivePolicy;
use super::principal::PrincipalError;
use super::root::{PolicyRoot, RawValue};
use super::setting::Setting;

/// The policy that holds, with everything that was seen and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    /// The policy that holds.
    pub policy: EffectivePolicy,
    /// The root it comes from, if any holds a LAPS value.
    pub winner: Option<PolicyRoot>,
    /// All four roots, in the order in which they are asked.
    pub roots: Vec<RootReport>,
    /// All settings, in the order of [`Setting::ALL`].
    pub explanations: Vec<Explanation>,
    /// Names that are no setting of their root, in the order in which they were seen.
    pub unknown: Vec<UnknownName>,
}

/// How one root fared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RootReport {
    /// The root.
    pub root: PolicyRoot,
    /// How many values of known settings it holds, usable or not.
    pub values: usize,
    /// How it fared.
    pub standing: Standing,
}

/// How a root fared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is the first that holds a LAPS value and wins whole.
    Wins,
    /// It holds LAPS values, but an earlier root does too.
    Loses,
    /// It holds no LAPS value.
    Empty,
    /// It is not asked: legacy emulation is not for domain controllers.
    NotAsked,
}

/// One setting: what was seen, and what holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The setting.
    pub setting: Setting,
    /// What holds, in words; none if the setting means nothing under this policy, or its value cannot be used.
    pub effective: Option<String>,
    /// Where that comes from.
    pub source: ValueSource,
    /// Every value seen, by root and then in the order in which it was written.
    pub seen: Vec<Seen>,
}

impl Explanation {
    /// The values that are not simply in force: ignored, replaced, raised, cut.
    pub fn findings(&self) -> impl Iterator<Item = &Seen> {
        self.seen.iter().filter(|seen| seen.verdict != Verdict::InForce)
    }
}

/// Where an effective value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueSource {
    /// From the winning root, as it stands there.
    Configured,
    /// From the winning root, raised or cut to what is allowed.
    Adjusted,
    /// The default: nothing is configured, or nothing that is supported.
    Default,
    /// The setting means nothing under this policy.
    Unused,
    /// The winning root's value cannot be used and nothing may take its place: the cycle fails.
    Unusable,
}

impl ValueSource {
    /// One word for a table or a message.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Configured => "configured",
            Self::Adjusted => "adjusted",
            Self::Default => "default",
            Self::Unused => "unused",
            Self::Unusable => "unusable",
        }
    }
}

/// One value seen under one root, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The root.
    pub root: PolicyRoot,
    /// The value as it stands there.
    pub value: RawValue,
    /// Where exactly.
    pub origin: String,
    /// What became of it.
    pub verdict: Verdict,
}

/// All values seen, by setting, then by root.
pub(super) type SeenBySetting = BTreeMap<Setting, Vec<Seen>>;

/// What became of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It holds.
    InForce,
    /// It is of another type; the default holds.
    Malformed {
        /// The type it should be of.
        expected: &'static str,
    },
    /// It is of the right type and not supported; the default holds.
    Unsupported {
        /// What is supported.
        supported: String,
    },
    /// The directory demands a greater age, which holds. Event 10058.
    Raised {
        /// The age that holds, in days.
        minimum: u16,
    },
    /// The name is too long; its beginning holds. Event 10092.
    Truncated {
        /// How much of it, in characters.
        chars_max: usize,
    },
    /// It names no account, and no other takes its place. Event 10013.
    UnusableAccount(UnusableAccount),
    /// It names no principal, and no other takes its place. Events 10034 to 10036.
    UnusablePrincipal(PrincipalError),
    /// It asks for a DSRM password to be stored while encryption is off. Event 10064.
    DsrmUnprotected,
    /// It means nothing beside the other values.
    Unused(Because),
    /// A later entry of the same root has the same name.
    Superseded,
    /// Another root wins whole.
    RootLost(PolicyRoot),
    /// No root holds a LAPS value, and this one is ours.
    NoPolicy,
    /// Only the host's own file may set it.
    LocalOnly,
    /// Legacy emulation is not for domain controllers.
    LegacyOnDomainController,
}

impl Verdict {
    /// The Windows event that reports it, if there is one. Event manifest of Microsoft-Windows-LAPS.
    #[must_use]
    pub const fn event(&self) -> Option<u16> {
        match self {
            Self::Raised { .. } => Some(10058),
            Self::Truncated { .. } => Some(10092),
            Self::UnusableAccount(_) => Some(UnusableAccount::EVENT),
            Self::UnusablePrincipal(error) => Some(error.event()),
            Self::DsrmUnprotected => Some(10064),
            Self::InForce
            | Self::Malformed { .. }
            | Self::Unsupported { .. }
            | Self::Unused(_)
            | Self::Superseded
            | Self::RootLost(_)
            | Self::NoPolicy
            | Self::LocalOnly
            | Self::LegacyOnDomainController => None,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InForce => f.write_str("in force"),
            Self::Malformed { expected } => write!(f, "malformed: expected {expected}; the default holds"),
            Self::Unsupported { supported } => {
                write!(f, "unsupported: expected {supported}; the default holds")
            }
            Self::Raised { minimum } => write!(f, "raised to {minimum}, the least the directory accepts"),
            Self::Truncated { chars_max } => write!(f, "too long: cut to {chars_max} characters"),
            Self::UnusableAccount(error) => write!(f, "unusable: {error}; nothing is managed"),
            Self::UnusablePrincipal(error) => write!(f, "unusable: {error}; nothing is stored"),
            Self::DsrmUnprotected => {
                f.write_str("the DSRM password is never stored in clear text, and encryption is off")
            }
            Self::Unused(because) => write!(f, "ignored: {because}"),
            Self::Superseded => f.write_str("ignored: a later entry of this root replaces it"),
            Self::RootLost(winner) => write!(f, "ignored: {winner} holds LAPS values and wins whole"),
            Self::NoPolicy => f.write_str("ignored: no LAPS value stands beside it"),
            Self::LocalOnly => f.write_str("ignored: only the host's own policy file may set it"),
            Self::LegacyOnDomainController => {
                f.write_str("ignored: legacy emulation is not for domain controllers")
            }
        }
    }
}

/// Why a value means nothing beside the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Because {
    /// `BackupDirectory` is 0, or missing under the winning root.
    BackupIsOff,
    /// The directory is not Active Directory.
    NotActiveDirectory,
    /// Passwords go to Active Directory unencrypted.
    NotEncrypted,
    /// This host is no domain controller.
    NotDomainController,
    /// The complexity asks for words.
    MadeOfWords,
    /// The complexity asks for characters.
    MadeOfCharacters,
    /// Automatic account management is on.
    AccountIsAutomatic,
    /// Automatic account management is off.
    AccountIsNotAutomatic,
    /// The post-authentication delay is 0.
    PostAuthenticationIsOff,
    /// The delay in minutes takes its place.
    DelayInMinutes,
    /// Nothing but the password is changed.
    ResetAlone,
}

impl fmt::Display for Because {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BackupIsOff => "BackupDirectory is 0 or not set here, so nothing is managed",
            Self::NotActiveDirectory => "it is for Active Directory alone",
            Self::NotEncrypted => "ADPasswordEncryptionEnabled is off",
            Self::NotDomainController => "this host is not a domain controller",
            Self::MadeOfWords => "PasswordComplexity asks for words",
            Self::MadeOfCharacters => "PasswordComplexity asks for characters",
            Self::AccountIsAutomatic => "AutomaticAccountManagementEnabled is on",
            Self::AccountIsNotAutomatic => "AutomaticAccountManagementEnabled is off",
            Self::PostAuthenticationIsOff => "the post-authentication delay is 0",
            Self::DelayInMinutes => "PostAuthenticationResetDelayMinutes takes its place",
            Self::ResetAlone => "PostAuthenticationActions asks for no end of sessions",
        })
    }
}

/// A name that is no setting of its root. It has no effect and does not make the root win.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownName {
    /// The root.
    pub root: PolicyRoot,
    /// The name as it stands there.
    pub name: String,
    /// Where exactly.
    pub origin: String,
    /// The name that was probably meant.
    pub did_you_mean: Option<&'static str>,
}
