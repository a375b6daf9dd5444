//! Why a verb is refused, and how the caller is told.

use std::{borrow::Cow, error::Error, io, path::PathBuf};

use lapwing_core::{
    boot::NotNormal,
    generate::{GenerateError, WordListError},
    local::root_half::{Fault, Refusal},
    root_half::ProtocolError,
};

use super::keytab::KeytabError;
use crate::{
    account::AccountError, crypt::CryptError, encrypt::EncryptError, journal::JournalError,
    managed::ManagedError, seal::SealError, sessions::SessionsError,
};

/// Why a verb is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VerbError {
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Managed(#[from] ManagedError),
    #[error(transparent)]
    Account(#[from] AccountError),
    #[error(transparent)]
    Crypt(#[from] CryptError),
    #[error(transparent)]
    Generate(#[from] GenerateError),
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error(transparent)]
    Encrypt(#[from] EncryptError),
    #[error("the word list {path} cannot be used", path = path.display())]
    WordList { path: PathBuf, source: WordListError },
    #[error("the request is malformed: {0}")]
    Malformed(String),
    #[error("uid {0} may not ask")]
    NotAuthorized(u32),
    #[error("the host's password rules accept none of {attempts} passwords: {why}")]
    NoAcceptablePassword { attempts: usize, why: String },
    #[error("the directory's receipt for this version is missing or not valid")]
    ReceiptInvalid,
    #[error(transparent)]
    Keytab(#[from] KeytabError),
    #[error("nothing is changed in this boot: {0}")]
    NotNormalBoot(NotNormal),
    #[error(transparent)]
    Sessions(#[from] SessionsError),
    #[error("the password could not be kept out of swap")]
    NotLocked { source: io::Error },
}

impl VerbError {
    pub(crate) fn fault(&self) -> Fault {
        match self {
            Self::Protocol(error) => error.fault(),
            Self::Journal(error) => error.fault(),
            Self::Managed(error) => error.fault(),
            Self::Account(error) => error.fault(),
            Self::Crypt(_) => Fault::HashRefused,
            Self::Keytab(error) => error.fault(),
            Self::NotNormalBoot(_) => Fault::NotNormalBoot,
            Self::Sessions(_) => Fault::Sessions,
            Self::Seal(_) | Self::WordList { .. } => Fault::ManagedFile,
            Self::Malformed(_) => Fault::Malformed,
            Self::Encrypt(_) => Fault::GroupKey,
            Self::NotAuthorized(_) => Fault::NotAuthorized,
            Self::NoAcceptablePassword { .. } => Fault::NoAcceptablePassword,
            Self::ReceiptInvalid => Fault::ReceiptInvalid,
            Self::Generate(_) | Self::NotLocked { .. } => Fault::Internal,
        }
    }

    pub(crate) fn next_step(&self) -> Cow<'static, str> {
        match self {
            Self::Protocol(error) => error.next_step().into(),
            Self::Journal(error) => error.next_step(),
            Self::Managed(error) => error.next_step(),
            Self::Account(error) => error.next_step(),
            Self::Crypt(error) => error.next_step().into(),
            Self::Keytab(error) => error.next_step().into(),
            Self::NotNormalBoot(why) => why.next_step().into(),
            Self::Sessions(error) => error.next_step().into(),
            Self::Generate(error) => error.next_step().into(),
            Self::Seal(_) => "enrol this host anew: the pinned seal_key in managed.toml is of no use".into(),
            Self::Encrypt(_) => {
                "see what gives group keys in the domain: `kds` in agent.toml, or its controllers".into()
            }
            Self::WordList { source, .. } => source.next_step().into(),
            Self::Malformed(_) => "use a lapwingd of the same version".into(),
            Self::NotAuthorized(_) => "ask lapwingd, by the command `lapwing`".into(),
            Self::NoAcceptablePassword { .. } => {
                "raise PasswordComplexity or the length in the policy, or relax the host's PAM password rules"
                    .into()
            }
            Self::ReceiptInvalid => {
                "see whether the server is the one this host enrolled with; if it is, enrol anew".into()
            }
            Self::NotLocked { .. } => "give the service LimitMEMLOCK=infinity or CAP_IPC_LOCK".into(),
        }
    }

    /// What went wrong and why: the message and those of its sources.
    pub(crate) fn message(&self) -> String {
        let mut message = self.to_string();
        let mut source = self.source();
        while let Some(error) = source {
            message.push_str(": ");
            message.push_str(&error.to_string());
            source = error.source();
        }
        message
    }

    /// What the caller is told.
    pub(crate) fn to_refusal(&self) -> Refusal {
        Refusal::Refused {
            fault: self.fault(),
            message: self.message(),
            next_step: self.next_step().into_owned(),
        }
    }
}
