//! What the effective policy asks of this host, and what a cycle is run for.

use core::{fmt, time::Duration};

use crate::{
    event::Event,
    policy::{
        AutomaticName, DsrmBackup, EncryptionPrincipal, HistorySize, PassphraseLength, PasswordAgeDays,
        PasswordComplexity, PasswordLength, PolicyRoot, PostAuthentication, WordListName,
    },
    types::{AccountName, Uid},
};

/// The policy as one cycle found it.
#[derive(Debug)]
pub struct PolicyRead {
    /// The root that won, if any holds a value.
    pub source: Option<PolicyRoot>,
    /// What it asks for.
    pub verdict: Verdict,
    /// The events that reading it calls for: 10021 to 10023 with the values, 10058, our own about damaged files.
    pub events: Vec<Event>,
}

/// What the policy asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// No root holds a value: there is nothing to manage.
    Unconfigured,
    /// Switched off.
    Disabled,
    /// Asked for in a way that this host cannot follow; the text says what and what to do.
    Unsupported {
        /// What it asks for, and why that cannot be.
        message: String,
        /// What to do about it.
        next_step: String,
    },
    /// Keep the password of this account in the directory that the plan names.
    Managed(Plan),
}

/// The kind of directory that the policy wants passwords in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Entra ID or a `lapwing-server`, told apart by discovery.
    Cloud,
    /// Active Directory, in the attributes of Windows LAPS.
    ActiveDirectory,
    /// Active Directory in clear text, in the attributes of legacy Microsoft LAPS.
    LegacyActiveDirectory,
}

impl Target {
    /// Whether it is Active Directory, in whichever attributes.
    #[must_use]
    pub const fn is_active_directory(self) -> bool {
        match self {
            Self::Cloud => false,
            Self::ActiveDirectory | Self::LegacyActiveDirectory => true,
        }
    }
}

/// The values that a rotation needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Where the password is stored.
    pub target: Target,
    /// How it is encrypted there; none if it is not, or is sealed to a key that root's file pins.
    pub encryption: Option<Encryption>,
    /// What policy wants of a domain controller's emergency account.
    pub dsrm: DsrmBackup,
    /// The managed account; none for the built-in administrator, uid 0.
    pub account: Option<AccountName>,
    /// The account of Lapwing's own making, where it is one.
    pub own: Option<OwnPlan>,
    /// The age at which the password is replaced.
    pub age: PasswordAgeDays,
    /// How to generate it.
    pub rules: PlanRules,
    /// Whether an expiry later than the age allows counts as overdue.
    pub expiry_protected: bool,
    /// How long the first rotation is put off after the policy was first seen.
    pub activation_grace: Duration,
    /// What follows a use of the account, and after which delay; none if nothing does.
    pub post_authentication: Option<PostAuthentication>,
}

impl Plan {
    /// The age as a span of time.
    #[must_use]
    pub fn age(&self) -> Duration {
        Duration::from_secs(u64::from(self.age.days()) * 86_400)
    }

    /// Takes note of the account of Lapwing's own, which the root half has made.
    pub(super) fn adopt(&mut self, account: AccountName, uid: Uid) {
        if let Some(own) = &mut self.own {
            own.uid = Some(uid);
            self.account = Some(account);
        }
    }

    /// Whether a password for this account is one for the account that policy wants.
    pub(super) fn is_for(&self, account: &AccountName, uid: Uid) -> bool {
        match (&self.own, &self.account) {
            // Its name may be another one with each password.
            (Some(own), _) => own.uid == Some(uid) && own.name.fits(account),
            (None, Some(name)) => name == account,
            (None, None) => uid == Uid(0),
        }
    }
}

/// An account that Lapwing makes and owns whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnPlan {
    /// How it is named.
    pub name: AutomaticName,
    /// Whether one can log on with it.
    pub enabled: bool,
    /// Its uid, once it is known to be there.
    pub uid: Option<Uid>,
}

/// How a password is encrypted in Active Directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encryption {
    /// Who may decrypt it.
    pub principal: EncryptionPrincipal,
    /// How many earlier passwords are kept.
    pub history: HistorySize,
}

/// The generation settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanRules {
    /// Which characters or words.
    pub complexity: PasswordComplexity,
    /// How many characters.
    pub password_length: PasswordLength,
    /// How many words.
    pub passphrase_length: PassphraseLength,
    /// The host's own word list, if it is made of words and one is named.
    pub word_list: Option<WordListName>,
}

macro_rules! causes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
        /// What set a cycle off.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Cause {
            $($(#[$doc])* $name,)+
        }

        impl Cause {
            /// Each.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// Its name in files and messages.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }
        }
    };
}

causes! {
    /// The hourly schedule, the expiry, or the start of the agent.
    Schedule = "schedule",
    /// An administrator asked for a cycle.
    Administrator = "administrator",
    /// The policy changed.
    PolicyChange = "policy change",
    /// An earlier attempt did not finish.
    Retry = "retry",
    /// The account's file was changed.
    AccountChange = "account change",
    /// The grace period after a use of the account is over.
    PostAuthentication = "post-authentication",
    /// Device management asked for a rotation.
    Management = "management",
}

/// Why the password has to be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The expiry has passed.
    Expired,
    /// The expiry lies later than the policy lets a password live.
    ExpiryBeyondPolicy,
    /// The directory holds the password, and no expiry that an administrator could have moved.
    ExpiryMissing,
    /// Another policy root decides than at the last rotation.
    PolicySourceChanged,
    /// The policy manages another account than the one in the journal.
    AccountChanged,
    /// Lapwing has not set a password yet, or its journal names another directory.
    NotInJournal,
    /// The directory holds a version that was replaced: it was restored.
    DirectoryRestored,
    /// The directory holds a version that was never ours: this host was restored, or somebody else writes.
    VersionUnknown,
    /// The directory holds no password any more.
    DirectoryEmpty,
    /// The account's field had been changed by somebody else.
    AccountDrifted,
    /// An administrator asked for it.
    AdministratorRequest,
    /// The account was used, and its grace period is over.
    Used,
    /// A change was begun and nobody knows where it stopped: a send of it may still land.
    Unfinished,
    /// Device management asked for it.
    ManagementRequest,
    /// The policy wants the password encrypted, and it is not.
    NotEncrypted,
    /// The policy wants it encrypted to somebody else.
    PrincipalChanged,
}

impl Reason {
    /// Each, in the order of the catalogue.
    pub const ALL: &[Self] = &[
        Self::Expired,
        Self::ExpiryBeyondPolicy,
        Self::ExpiryMissing,
        Self::PolicySourceChanged,
        Self::AccountChanged,
        Self::NotInJournal,
        Self::DirectoryRestored,
        Self::VersionUnknown,
        Self::DirectoryEmpty,
        Self::AccountDrifted,
        Self::AdministratorRequest,
        Self::ManagementRequest,
        Self::Used,
        Self::Unfinished,
        Self::NotEncrypted,
        Self::PrincipalChanged,
    ];

    /// Those of a mask, as event 10015 has it.
    pub fn of_mask(mask: u32) -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(move |reason| mask & reason.bit() != 0)
    }

    /// The bit in event 10015. The low bits are those seen of Windows for Entra ID; ours begin at bit 16.
    #[must_use]
    pub const fn bit(self) -> u32 {
        match self {
            Self::Expired => 0x01,
            Self::PolicySourceChanged => 0x02,
            Self::AccountChanged => 0x04,
            Self::NotInJournal => 0x10,
            Self::ExpiryBeyondPolicy => 0x1_0000,
            Self::DirectoryRestored => 0x2_0000,
            Self::VersionUnknown => 0x4_0000,
            Self::DirectoryEmpty => 0x8_0000,
            Self::AccountDrifted => 0x10_0000,
            Self::AdministratorRequest => 0x20_0000,
            Self::Unfinished => 0x40_0000,
            Self::Used => 0x80_0000,
            Self::ManagementRequest => 0x100_0000,
            Self::ExpiryMissing => 0x200_0000,
            Self::NotEncrypted => 0x400_0000,
            Self::PrincipalChanged => 0x800_0000,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Expired => "the password has expired",
            Self::ExpiryBeyondPolicy => "the expiry lies later than the policy allows",
            Self::ExpiryMissing => "the directory holds no expiry of the password",
            Self::PolicySourceChanged => "another policy source decides now",
            Self::AccountChanged => "the policy manages another account now",
            Self::NotInJournal => "no password for this account and directory is in the journal",
            Self::DirectoryRestored => "the directory was restored to an older password",
            Self::VersionUnknown => "the directory holds a password version that this host never made",
            Self::DirectoryEmpty => "the directory holds no password",
            Self::AccountDrifted => "the account's password had been changed by somebody else",
            Self::AdministratorRequest => "an administrator asked for it",
            Self::Used => "the grace period after a use of the account, or an attempt at one, is over",
            Self::ManagementRequest => "device management asked for it",
            Self::Unfinished => "a change that was begun has not been finished",
            Self::NotEncrypted => "the policy wants the password encrypted, and it is not",
            Self::PrincipalChanged => "the policy wants the password encrypted to somebody else",
        })
    }
}
