//! Why an account cannot be read or changed.

use std::{borrow::Cow, io, path::PathBuf};

use lapwing_core::{
    local::root_half::Fault,
    types::{AccountName, FileTime, Uid},
};
use rustix::io::Errno;

use super::line::LineError;

/// Why an account cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AccountError {
    #[error("the account {name} does not exist in the local files")]
    Missing { name: AccountName },
    #[error("no account of the local files has uid {uid}")]
    NoAdministrator { uid: Uid },
    #[error("the account {name} now has uid {found} instead of {expected}")]
    OtherUid { name: AccountName, found: Uid, expected: Uid },
    #[error("{path} cannot decide about the account {name}", path = path.display())]
    Line { name: AccountName, path: PathBuf, source: LineError },
    #[error("the account {name} is not one that /etc/shadow alone decides about: {why}")]
    Unsuitable { name: AccountName, why: &'static str },
    #[error("{name:?} cannot be the name of an account that Lapwing makes")]
    BadName { name: String },
    #[error(
        "the account {name} (uid {uid}) has the name or the uid of Lapwing's own, and Lapwing did not make it"
    )]
    NotOurs { name: AccountName, uid: Uid },
    #[error("no uid from {min} to {max} is free")]
    NoFreeUid { min: u32, max: u32 },
    #[error("{path} cannot decide about the group {group}", path = path.display())]
    Group { group: String, path: PathBuf, source: LineError },
    #[error(
        "the password of {name} would age out on day {last_day} after 1970, before it expires at {expiry}"
    )]
    AgeingTooShort { name: AccountName, last_day: u64, expiry: FileTime },
    #[error("{path} is locked by somebody else", path = path.display())]
    Locked { path: PathBuf },
    #[error("{path} cannot be replaced: {why}", path = path.display())]
    NotReplaceable { path: PathBuf, why: &'static str },
    #[error("there is no room to replace {path}", path = path.display())]
    NoRoom { path: PathBuf },
    #[error("{path} did not keep what was written", path = path.display())]
    NotKept { path: PathBuf },
    #[error("cannot work with {path}", path = path.display())]
    Io { path: PathBuf, source: io::Error },
}

impl AccountError {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        |source| Self::Io { path, source }
    }

    /// A shell's error becomes a core outcome: this is which.
    pub(crate) fn fault(&self) -> Fault {
        match self {
            Self::Missing { .. } | Self::NoAdministrator { .. } | Self::OtherUid { .. } => {
                Fault::AccountMissing
            }
            Self::Line { .. } | Self::Unsuitable { .. } | Self::BadName { .. } | Self::NoFreeUid { .. } => {
                Fault::AccountUnsuitable
            }
            Self::NotOurs { .. } => Fault::AccountNotOurs,
            Self::Group { .. } => Fault::ManagedFile,
            Self::AgeingTooShort { .. } => Fault::AgeingTooShort,
            Self::Locked { .. } => Fault::FileLocked,
            Self::NotReplaceable { .. } => Fault::NotWritable,
            Self::NoRoom { .. } => Fault::NoSpace,
            Self::NotKept { .. } => Fault::Internal,
            Self::Io { source, .. } => io_fault(source),
        }
    }

    /// What to do about it.
    pub(crate) fn next_step(&self) -> Cow<'static, str> {
        match self {
            Self::Missing { .. } | Self::NoAdministrator { .. } | Self::OtherUid { .. } => {
                "create the account, or name another one in the policy".into()
            }
            Self::Line { path, .. } => {
                format!("repair {}; pwck(8) shows what is wrong", path.display()).into()
            }
            Self::BadName { .. } => {
                "set AutomaticAccountManagementNameOrPrefix to a name that begins with a letter or underscore, of letters, digits, . _ and - alone".into()
            }
            Self::NotOurs { name, .. } => format!(
                "set AutomaticAccountManagementNameOrPrefix to a name that is free, or rename or remove the account {name} yourself"
            )
            .into(),
            Self::NoFreeUid { .. } => "raise SYS_UID_MAX or lower SYS_UID_MIN in /etc/login.defs".into(),
            Self::Group { path, group, .. } => format!(
                "create the group {group} or repair its line in {}, or name another as administrators in managed.toml",
                path.display()
            )
            .into(),
            Self::Unsuitable { .. } => "choose a local account with a line of its own in /etc/shadow".into(),
            Self::AgeingTooShort { name, .. } => {
                format!("run `chage -M -1 -E -1 '{name}'`: the policy decides when this password expires")
                    .into()
            }
            Self::Locked { path } => {
                format!("find who holds {} (fuser(1)); a file left by a crash may be removed", path.display())
                    .into()
            }
            Self::NotReplaceable { path, .. } => {
                format!("make {} and its folder writable (mount(8), lsattr(1))", path.display()).into()
            }
            Self::NoRoom { path } => format!("free some space or inodes where {} is", path.display()).into(),
            Self::NotKept { path } => format!("find what else writes {}", path.display()).into(),
            Self::Io { source, .. } => io_next_step(source).into(),
        }
    }
}

/// The fault of a failed file operation.
pub(crate) fn io_fault(error: &io::Error) -> Fault {
    match Errno::from_io_error(error) {
        Some(Errno::NOSPC | Errno::DQUOT) => Fault::NoSpace,
        Some(Errno::ROFS | Errno::PERM | Errno::ACCESS) => Fault::NotWritable,
        _ => Fault::Internal,
    }
}

/// What to do about a failed file operation.
pub(crate) fn io_next_step(error: &io::Error) -> &'static str {
    match io_fault(error) {
        Fault::NoSpace => "free some space or inodes there",
        Fault::NotWritable => "make the file and its folder writable for root",
        _ => "see why the system refuses it; the next cycle tries again",
    }
}
