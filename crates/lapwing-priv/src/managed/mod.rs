//! Root's own file, `/etc/lapwing/managed.toml`: what the network side may choose from.
//!
//! INVARIANT: it is read only if root alone can have written it.

mod directory;

use std::{
    borrow::Cow,
    collections::BTreeSet,
    fs::{File, Metadata},
    io::{self, Read as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use lapwing_core::{
    local::root_half::Fault,
    root_half::COMMITS_MAX,
    types::{AccountName, DirectoryId, Guid, RecordId, Sid, Uid},
};

pub(crate) use self::directory::{Directory, Protection};
use self::directory::{WrittenDirectory, lines_to_add};
use crate::{account, root::Root};

/// The longest file that is read, in bytes.
pub(crate) const FILE_LEN_MAX: u64 = 64 * 1024;
/// The group whose members may become root, where root names none: Debian's and Ubuntu's, then everybody else's.
const ADMINISTRATORS: [&str; 2] = ["sudo", "wheel"];
/// The largest budget: the journal remembers as many commits.
const CHANGES_PER_DAY_MAX: usize = COMMITS_MAX;

/// What root allows.
pub(crate) struct Managed {
    accounts: BTreeSet<AccountName>,
    prefixes: BTreeSet<String>,
    /// The group that an account of Lapwing's own making is in, if root names it.
    administrators: Option<String>,
    uids: BTreeSet<Uid>,
    /// How often in 24 hours an account may be given a new password.
    pub(crate) changes_per_day: u32,
    /// How often in 24 hours the host may be restarted.
    pub(crate) reboots_per_day: u32,
    directories: Vec<Directory>,
    /// The machine's keytab, for a host in an Active Directory domain.
    pub(crate) keytab: PathBuf,
    /// Whether this host may be a container.
    pub(crate) allow_container: bool,
    /// Whether an account may be closed until it has another password.
    may_close: bool,
}

/// Why root's file is of no use, or does not allow what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ManagedError {
    #[error("cannot read {path}", path = path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{path} could have been written by others than root", path = path.display())]
    WritableByOthers { path: PathBuf },
    #[error("{path} is longer than {len_max} bytes or no plain file", path = path.display())]
    NotAFile { path: PathBuf, len_max: u64 },
    #[error("{path} is damaged: {why}", path = path.display())]
    Damaged { path: PathBuf, why: String },
    #[error("{path} does not list the account {account} (uid {uid})", path = path.display())]
    AccountNotListed { path: PathBuf, account: AccountName, uid: Uid, line: String },
    #[error("{path} does not allow Lapwing to make the account {name}", path = path.display())]
    PrefixNotListed { path: PathBuf, name: AccountName, line: String },
    #[error("{path} does not allow accounts to be closed", path = path.display())]
    ClosingNotAllowed { path: PathBuf },
    #[error("this host has no group {asked} for administrators")]
    NoAdministrators { path: PathBuf, asked: String },
    #[error("{path} does not allow passwords in clear text in {directory}", path = path.display())]
    ClearTextNotAllowed { path: PathBuf, directory: DirectoryId },
    #[error("{path} does not allow passwords in {directory} to be encrypted to {principal}", path = path.display())]
    DecryptorNotListed { path: PathBuf, directory: DirectoryId, principal: Sid, line: String },
    #[error("{path} does not list the directory {directory} with the record {record}", path = path.display())]
    DirectoryNotListed { path: PathBuf, directory: DirectoryId, record: RecordId, line: String },
}

impl ManagedError {
    pub(crate) const fn fault(&self) -> Fault {
        match self {
            Self::Unreadable { .. }
            | Self::WritableByOthers { .. }
            | Self::NotAFile { .. }
            | Self::NoAdministrators { .. }
            | Self::Damaged { .. } => Fault::ManagedFile,
            Self::AccountNotListed { .. } | Self::PrefixNotListed { .. } | Self::ClosingNotAllowed { .. } => {
                Fault::AccountNotListed
            }
            Self::DirectoryNotListed { .. }
            | Self::ClearTextNotAllowed { .. }
            | Self::DecryptorNotListed { .. } => Fault::DirectoryNotListed,
        }
    }

    pub(crate) fn next_step(&self) -> Cow<'static, str> {
        match self {
            Self::Unreadable { path, .. } | Self::NotAFile { path, .. } => {
                format!("write {}; the package has an example", path.display()).into()
            }
            Self::WritableByOthers { path } => {
                let path = path.display();
                format!("see what is in it, then run `chown root:root {path} && chmod go-w {path}`").into()
            }
            Self::Damaged { path, .. } => format!("correct {}", path.display()).into(),
            Self::AccountNotListed { path, line, .. } => {
                format!("if this account is meant to be managed, set in {}: {line}", path.display()).into()
            }
            Self::PrefixNotListed { path, line, .. } => {
                format!("if Lapwing is meant to make this account, set in {}: {line}", path.display()).into()
            }
            Self::ClosingNotAllowed { path } => format!(
                "if nobody is meant to log on while the password cannot be changed, set in {}: may_close = true",
                path.display()
            )
            .into(),
            Self::NoAdministrators { path, .. } => format!(
                "set in {} the group whose members may do anything here: administrators = \"…\"",
                path.display()
            )
            .into(),
            Self::ClearTextNotAllowed { path, .. } => {
                format!(
                    "switch ADPasswordEncryptionEnabled on in the policy, or add to the directory in {}: clear_text = true",
                    path.display()
                )
                .into()
            }
            Self::DecryptorNotListed { path, line, .. } => {
                format!("if they are meant to decrypt, set for the directory in {}: {line}", path.display()).into()
            }
            Self::DirectoryNotListed { path, line, .. } => {
                format!("if this directory is meant, add to {}: {line}", path.display()).into()
            }
        }
    }
}

/// The file as written, before it means anything.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    accounts: Vec<String>,
    #[serde(default)]
    prefixes: Vec<String>,
    #[serde(default)]
    administrators: Option<String>,
    #[serde(default)]
    uids: Vec<u32>,
    #[serde(default = "changes_per_day_default")]
    changes_per_day: u32,
    #[serde(default = "reboots_per_day_default")]
    reboots_per_day: u32,
    #[serde(default = "keytab_default")]
    keytab: PathBuf,
    #[serde(default)]
    allow_container: bool,
    #[serde(default)]
    may_close: bool,
    #[serde(default)]
    directory: Vec<WrittenDirectory>,
}

const fn changes_per_day_default() -> u32 {
    10
}

fn keytab_default() -> PathBuf {
    PathBuf::from("/etc/krb5.keytab")
}

const fn reboots_per_day_default() -> u32 {
    4
}

impl Managed {
    /// Reads the file.
    ///
    /// # Errors
    /// If it is missing, damaged, or others than root could have written it.
    pub(crate) fn read(root: &Root) -> Result<Self, ManagedError> {
        let path = root.managed_file();
        let text = read_as_root(&path, FILE_LEN_MAX)?;
        Self::parse(&text).map_err(|why| ManagedError::Damaged { path, why })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let written: Written = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        let accounts = written.accounts.iter().map(|name| name.parse().map_err(|e| format!("accounts: {e}")));
        let changes = usize::try_from(written.changes_per_day).unwrap_or(usize::MAX);
        if !(1..=CHANGES_PER_DAY_MAX).contains(&changes) {
            return Err(format!("changes_per_day must be 1 to {CHANGES_PER_DAY_MAX}"));
        }
        if !written.keytab.is_absolute() {
            return Err("keytab must be an absolute path".to_owned());
        }
        if written.prefixes.iter().any(|prefix| prefix.parse::<AccountName>().is_err()) {
            return Err("a prefix must be the beginning of an account name".to_owned());
        }
        let directories =
            written.directory.into_iter().map(Directory::parse).collect::<Result<Vec<_>, String>>()?;
        let ids: BTreeSet<_> = directories.iter().map(|directory| &directory.id).collect();
        if ids.len() < directories.len() {
            return Err("a directory is listed twice".to_owned());
        }
        Ok(Self {
            accounts: accounts.collect::<Result<_, String>>()?,
            prefixes: written.prefixes.into_iter().collect(),
            administrators: written.administrators,
            uids: written.uids.into_iter().map(Uid).collect(),
            changes_per_day: written.changes_per_day,
            reboots_per_day: written.reboots_per_day,
            directories,
            keytab: written.keytab,
            allow_container: written.allow_container,
            may_close: written.may_close,
        })
    }

    /// Checks that root lets accounts be closed.
    ///
    /// # Errors
    /// [`ManagedError::ClosingNotAllowed`], with the line to add.
    pub(crate) fn check_may_close(&self, root: &Root) -> Result<(), ManagedError> {
        if self.may_close {
            Ok(())
        } else {
            Err(ManagedError::ClosingNotAllowed { path: root.managed_file() })
        }
    }

    /// Checks that root lists this account.
    ///
    /// Uid 0 must be listed by number. A prefix allows to create accounts, not to take over one that is there: such
    /// an account must be listed by name or number, system accounts too.
    ///
    /// # Errors
    /// [`ManagedError::AccountNotListed`], with the line to add.
    pub(crate) fn check_account(
        &self,
        root: &Root,
        account: &AccountName,
        uid: Uid,
    ) -> Result<(), ManagedError> {
        if self.uids.contains(&uid) || (uid != Uid(0) && self.accounts.contains(account)) {
            return Ok(());
        }
        let mut line = if uid == Uid(0) {
            let uids: Vec<_> = self.uids.iter().map(|uid| uid.0).chain([0]).collect();
            format!("uids = {uids:?}")
        } else {
            let names: Vec<_> =
                self.accounts.iter().map(AccountName::as_str).chain([account.as_str()]).collect();
            format!("accounts = {names:?}")
        };
        if self.prefixes.iter().any(|prefix| account.as_str().starts_with(prefix)) {
            line.push_str(" (its prefix is listed, but Lapwing did not create this account)");
        }
        Err(ManagedError::AccountNotListed { path: root.managed_file(), account: account.clone(), uid, line })
    }

    /// Checks that Lapwing may make an account whose name begins so.
    ///
    /// # Errors
    /// [`ManagedError::PrefixNotListed`], with the line to add.
    pub(crate) fn check_prefix(&self, root: &Root, name: &AccountName) -> Result<(), ManagedError> {
        if self.prefixes.iter().any(|prefix| name.as_str().starts_with(prefix)) {
            return Ok(());
        }
        let prefixes: Vec<_> = self.prefixes.iter().map(String::as_str).chain([name.as_str()]).collect();
        Err(ManagedError::PrefixNotListed {
            path: root.managed_file(),
            name: name.clone(),
            line: format!("prefixes = {prefixes:?}"),
        })
    }

    /// The administrators' group: the one that root names, else that of the distribution.
    ///
    /// # Errors
    /// [`ManagedError::NoAdministrators`] if the host has no such group.
    pub(crate) fn administrators(&self, root: &Root) -> Result<String, ManagedError> {
        let named = self.administrators.as_deref();
        let candidates = named.map_or_else(|| ADMINISTRATORS.to_vec(), |name| vec![name]);
        // A file that cannot be read has no group in it either, and what works with it next says why.
        let exists = |name: &&str| matches!(account::group_of(root, name), Ok(Some(_)));
        candidates.iter().copied().find(exists).map(str::to_owned).ok_or_else(|| {
            ManagedError::NoAdministrators { path: root.managed_file(), asked: candidates.join(" or ") }
        })
    }

    /// Whether root lists an Active Directory domain, so that the network half may act as this machine there.
    pub(crate) fn lists_active_directory(&self) -> bool {
        self.directories.iter().any(|listed| matches!(listed.id, DirectoryId::ActiveDirectory(_)))
    }

    /// The directory that root lists under this id, for this record or for any; letter case in a record means nothing.
    ///
    /// # Errors
    /// [`ManagedError::DirectoryNotListed`], with the lines to add.
    pub(crate) fn directory(
        &self,
        root: &Root,
        id: &DirectoryId,
        record: &RecordId,
    ) -> Result<&Directory, ManagedError> {
        // What is not listed is an objectGUID, and no text of a stranger's choice.
        let is_meant = |listed: &&Directory| {
            let is_record = match &listed.record {
                Some(listed) => listed.0.eq_ignore_ascii_case(&record.0),
                None => record.0.parse::<Guid>().is_ok(),
            };
            listed.id == *id && is_record
        };
        self.directories.iter().find(is_meant).ok_or_else(|| ManagedError::DirectoryNotListed {
            path: root.managed_file(),
            directory: id.clone(),
            record: record.clone(),
            line: lines_to_add(id, record),
        })
    }
}

/// Reads a text of at most `len_max` bytes, after checking, on the open descriptor, that root alone can have written it;
/// its folder likewise, for who may write that may put another of root's files in this one's place.
///
/// # Errors
/// [`ManagedError`], if it is anything else.
pub(crate) fn read_as_root(path: &Path, len_max: u64) -> Result<String, ManagedError> {
    let unreadable = |source| ManagedError::Unreadable { path: path.to_owned(), source };
    let folder = path.parent().unwrap_or(path);
    let of_folder = File::open(folder).and_then(|file| file.metadata()).map_err(unreadable)?;
    let file = File::options()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)
        .map_err(unreadable)?;
    let of_file = file.metadata().map_err(unreadable)?;
    if !of_file.is_file() || of_file.len() > len_max {
        return Err(ManagedError::NotAFile { path: path.to_owned(), len_max });
    }
    for (path, metadata) in [(folder, of_folder), (path, of_file)] {
        if !written_by_root_alone(&metadata) {
            return Err(ManagedError::WritableByOthers { path: path.to_owned() });
        }
    }
    let mut text = String::new();
    file.take(len_max).read_to_string(&mut text).map_err(unreadable)?;
    Ok(text)
}

fn written_by_root_alone(metadata: &Metadata) -> bool {
    const WRITABLE_BY_GROUP_OR_OTHERS: u32 = 0o022;
    metadata.uid() == 0 && metadata.mode() & WRITABLE_BY_GROUP_OR_OTHERS == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: &str = "lapwing:f3531ec6-6330-4f8e-8d39-7a671fbac605";
    const DEVICE: &str = "0b3c2a10-1111-4222-8333-444455556666";
    /// The base point of X25519, and an Ed25519 key of RFC 8032 section 7.1, test 1.
    const SEAL_KEY: &str = "CQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    const RECEIPT_KEY: &str = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

    fn check(text: &str, account: &str, uid: u32) -> Result<(), String> {
        Managed::parse(text)
            .unwrap()
            .check_account(&Root::new("/"), &account.parse().unwrap(), Uid(uid))
            .map_err(|error| error.next_step().into_owned())
    }

    #[test]
    fn an_account_is_allowed_by_name_or_number_and_uid_0_by_number_alone() {
        assert_eq!(check("accounts = ['ann']", "ann", 1000), Ok(()));
        assert_eq!(check("accounts = ['svc']", "svc", 200), Ok(()));
        assert_eq!(check("uids = [0]", "root", 0), Ok(()));
        assert!(check("accounts = ['root']", "root", 0).unwrap_err().contains("uids = [0]"));
        assert!(check("uids = [7]", "root", 0).unwrap_err().contains("uids = [7, 0]"));
        let line = check("accounts = ['ann']", "bob", 1001).unwrap_err();
        assert!(line.ends_with(r#"managed.toml: accounts = ["ann", "bob"]"#), "{line}");
    }

    #[test]
    fn a_prefix_takes_over_no_account_that_is_there() {
        let line = check("prefixes = ['lw-']", "lw-1", 1000).unwrap_err();
        assert!(line.contains(r#"accounts = ["lw-1"]"#) && line.contains("did not create"), "{line}");
    }

    #[test]
    fn a_directory_is_found_by_id_and_record() {
        let text = "[[directory]]\nid = 'ad:corp.example'\nrecord = 'CN=Pc,DC=corp'\nclear_text = true";
        let managed = Managed::parse(text).unwrap();
        let find = |id: &str, record: &str| {
            managed.directory(&Root::new("/"), &id.parse().unwrap(), &RecordId(record.to_owned()))
        };
        assert!(find("ad:CORP.example", "cn=pc,dc=corp").is_ok());
        let refused = find("ad:other.example", "CN=Pc,DC=corp").err().unwrap();
        assert!(refused.next_step().contains(r#"id = "ad:other.example"; and clear_text"#));
        assert!(find("ad:corp.example", "CN=Other").is_err());
    }

    #[test]
    fn a_domain_may_be_listed_for_whatever_record_a_host_has_there() {
        let managed = Managed::parse("[[directory]]\nid = 'ad:corp.example'\nclear_text = true").unwrap();
        let find = |id: &str, record: &str| {
            managed.directory(&Root::new("/"), &id.parse().unwrap(), &RecordId(record.to_owned())).is_ok()
        };
        assert!(find("ad:corp.example", DEVICE));
        assert!(!find("ad:other.example", DEVICE));
        assert!(!find("ad:corp.example", "CN=Pc,DC=corp"));
        for (id, record) in [("ad:corp.example", "record = ''"), (SERVER, ""), (SERVER, "record = ''")] {
            let text = format!("[[directory]]\nid = '{id}'\n{record}\nclear_text = true");
            assert!(Managed::parse(&text).is_err(), "{text}");
        }
    }

    #[test]
    fn root_decides_who_may_be_able_to_decrypt() {
        let (admins, readers) = ("S-1-5-21-1-2-3-512", "S-1-5-21-1-2-3-1104");
        let check = |rest: &str, principal: Option<&str>| {
            let text = format!("[[directory]]\nid = 'ad:corp.example'\n{rest}");
            let managed = Managed::parse(&text).unwrap();
            let root = Root::new("/");
            let (id, record) = ("ad:corp.example".parse().unwrap(), RecordId(DEVICE.to_owned()));
            let principal: Option<Sid> = principal.map(|sid| sid.parse().unwrap());
            let directory = managed.directory(&root, &id, &record).unwrap();
            let checked = directory.check_encryption(&root, principal.as_ref());
            checked.map_err(|error| format!("{error}; {}", error.next_step()))
        };
        assert_eq!(check("", Some(admins)), Ok(()));
        assert!(check("", None).unwrap_err().contains("ADPasswordEncryptionEnabled"));
        assert_eq!(check("clear_text = true", None), Ok(()));
        assert_eq!(check("clear_text = true", Some(admins)), Ok(()));
        let listed = format!("decryptors = ['{admins}']");
        assert_eq!(check(&listed, Some(admins)), Ok(()));
        let refused = check(&listed, Some(readers)).unwrap_err();
        assert!(refused.ends_with(&format!("decryptors = [\"{admins}\", \"{readers}\"]")), "{refused}");
        assert!(check(&listed, None).is_err());
        for wrong in [
            "id = 'ad:a'\ndecryptors = ['admins']",
            &format!("id = 'entra:{DEVICE}'\nrecord = 'r'\nclear_text = true\n{listed}"),
        ] {
            assert!(Managed::parse(&format!("[[directory]]\n{wrong}")).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_directory_states_how_it_is_given_passwords() {
        let parse = |id: &str, record: &str, rest: &str| {
            Managed::parse(&format!("[[directory]]\nid = '{id}'\nrecord = '{record}'\n{rest}")).map(drop)
        };
        let pins = format!("seal_key = '{SEAL_KEY}'\nreceipt_key = '{RECEIPT_KEY}'\n");
        assert_eq!(parse(SERVER, DEVICE, &pins), Ok(()));
        assert_eq!(parse(SERVER, DEVICE, "clear_text = true"), Ok(()));
        for (id, record, rest) in [
            (SERVER, DEVICE, String::new()),
            (SERVER, DEVICE, "clear_text = false".to_owned()),
            (SERVER, DEVICE, format!("{pins}clear_text = true")),
            (SERVER, DEVICE, format!("seal_key = '{SEAL_KEY}'")),
            (SERVER, DEVICE, format!("receipt_key = '{RECEIPT_KEY}'")),
            (SERVER, "pc1", pins.clone()),
            (SERVER, DEVICE, "seal_key = 'AAAA'\nreceipt_key = 'AAAA'".to_owned()),
            ("ad:corp.example", "CN=Pc", pins.clone()),
        ] {
            assert!(parse(id, record, &rest).is_err(), "{id} {record} {rest}");
        }
    }

    #[test]
    fn what_the_file_may_not_say_is_refused() {
        for text in [
            "acounts = ['typo']",
            "accounts = ['a:b']",
            "prefixes = ['']",
            "changes_per_day = 0",
            "changes_per_day = 101",
            "uids = [-1]",
            "keytab = 'krb5.keytab'",
            "[[directory]]\nid='ad:a'\nrecord='r'\nclear_text=true\n[[directory]]\nid='ad:A'\nrecord='s'\nclear_text=true",
        ] {
            assert!(Managed::parse(text).is_err(), "{text}");
        }
    }
}
