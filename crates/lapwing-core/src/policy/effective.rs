//! The policy that holds: only what has a meaning together can be expressed.

use core::time::Duration;

use super::account::{AccountChoice, UnusableAccount};
use super::principal::{EncryptionPrincipal, PrincipalError};
use super::root::PolicyRoot;
use super::values::{
    HistorySize, PassphraseLength, PasswordAgeDays, PasswordComplexity, PasswordLength,
    PostAuthenticationActions, WordListName,
};

/// The policy that holds on this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EffectivePolicy {
    /// No root holds a LAPS value: no account is configured for management.
    Absent,
    /// A root wins and says that nothing is managed.
    Disabled,
    /// An account is managed.
    Managed(Box<ManagedPolicy>),
}

impl EffectivePolicy {
    /// The event that a cycle logs for it. Event manifest of Microsoft-Windows-LAPS.
    #[must_use]
    pub const fn event(&self) -> u16 {
        match self {
            Self::Absent => 10007,
            Self::Disabled => 10024,
            Self::Managed(policy) => match policy.target {
                BackupTarget::ActiveDirectory { .. } => 10021,
                BackupTarget::Cloud => 10022,
                BackupTarget::LegacyActiveDirectory => 10023,
            },
        }
    }
}

/// How the account is managed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagedPolicy {
    /// The root that won.
    pub root: PolicyRoot,
    /// Where the password is stored, and how it is protected there.
    pub target: BackupTarget,
    /// The account, or why nobody can tell which one; then the cycle fails with [`UnusableAccount::EVENT`].
    pub account: Result<AccountChoice, UnusableAccount>,
    /// The age at which the password is replaced.
    pub age: PasswordAgeDays,
    /// Which characters or words the password is made of.
    pub complexity: PasswordComplexity,
    /// The number of characters, if it is made of characters.
    pub password_length: PasswordLength,
    /// The number of words, if it is made of words.
    pub passphrase_length: PassphraseLength,
    /// The host's own word list, if it is made of words and one is named.
    pub word_list: Option<WordListName>,
    /// Whether an expiry later than the age allows counts as overdue.
    pub expiry_protected: bool,
    /// What follows a log-on with the account; none if nothing does.
    pub post_authentication: Option<PostAuthentication>,
    /// The time from the first application of a policy to the first rotation.
    pub activation_grace: Duration,
}

/// Where the password is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackupTarget {
    /// Entra ID or `lapwing-server`, told apart by discovery.
    Cloud,
    /// Active Directory, in the attributes of Windows LAPS.
    ActiveDirectory {
        /// How the password is protected there.
        encryption: Encryption,
        /// Whether a domain controller's DSRM password is managed.
        dsrm: DsrmBackup,
    },
    /// Active Directory, in clear text, in the attributes of legacy Microsoft LAPS.
    LegacyActiveDirectory,
}

/// How Active Directory holds the password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encryption {
    /// In clear text, without history.
    Off,
    /// Encrypted.
    On {
        /// To whom, or why nobody can tell; then the cycle fails with [`PrincipalError::event`]. The DSRM password is
        /// encrypted to the Domain Admins whatever stands here.
        principal: Result<EncryptionPrincipal, PrincipalError>,
        /// How many earlier passwords are kept.
        history: HistorySize,
    },
}

/// Whether a domain controller's DSRM password is managed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DsrmBackup {
    /// No, or this host is no domain controller.
    Off,
    /// Wanted, but encryption is off and it is never stored in clear text: event 10037.
    Unprotected,
    /// Yes, encrypted.
    On,
}

/// What follows a log-on with the managed account. "Configure policy settings for Windows LAPS",
/// PostAuthenticationActions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PostAuthentication {
    /// What is done.
    pub actions: PostAuthenticationActions,
    /// How long after the log-on; never zero.
    pub delay: Duration,
    /// Whether an attempt to log on that fails has the password changed too.
    pub by_failure: bool,
    /// Whether what is done beside the change of the password is done although that could not be changed yet, once nobody
    /// can log on with the account any more.
    pub on_time: bool,
}
