//! `lapwing get-ad-password`: Get-LapsADPassword of the PowerShell module LAPS.

mod row;
mod source;

use std::{collections::BTreeSet, path::PathBuf};

use lapwing_client::ad::{Entry, KeyService};
use lapwing_core::secret::{Password, SecretBytes};
use lapwing_dpapi::Blob;
use lapwing_proto::ad::attribute::{LEGACY_EXPIRATION_TIME, LEGACY_PASSWORD, LapsAttribute};

use self::{
    row::{Opened, Row, Stored},
    source::Source,
};
use super::{
    DomainArgs, Session,
    backup::Backup,
    computer::for_each,
    get_kds_root_key,
    opener::{GroupKeys, Locked, Names, open_with},
};
use crate::{
    failure::{Code, Failure},
    output,
    root_keys::RootKeys,
};

/// Shows the passwords that Active Directory has stored for computers
///
/// Passwords are shown on a terminal; anywhere else only with --as-plain-text, and otherwise not read at all. Encrypted
/// passwords are decrypted for those whom they are encrypted for, with keys that a domain controller gives; others see for
/// whom, and when they were set. With --recovery they are decrypted with the root keys of the forest, whoever they are for.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  lapwing get-ad-password web-01
  lapwing get-ad-password web-01 db-01.example.com 'CN=a\\,b,OU=Servers,DC=example,DC=com'
  lapwing get-ad-password WEB-01$ --include-history
  lapwing get-ad-password web-01 --as-plain-text --json --user alice@EXAMPLE.COM
  lapwing get-ad-password dc1 --recovery --backup samba-backup-example.com.tar.bz2
  lapwing get-ad-password web-01 --recovery --ldb /mnt/dc1/var/lib/samba/private --root-key root.json")]
pub(crate) struct Args {
    /// Computers: by name, DNS name, account (WEB-01$), GUID or distinguished name
    #[arg(required = true, value_name = "COMPUTER")]
    computers: Vec<String>,

    /// Show older passwords too, which are stored where passwords are encrypted
    #[arg(long)]
    include_history: bool,

    /// Print passwords although standard output is not a terminal
    #[arg(long)]
    as_plain_text: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,

    /// Decrypt with root keys of the forest: of the backup or database, else of the directory, as a Domain Admin
    #[arg(long)]
    recovery: bool,

    /// Read a backup of a Samba domain (samba-tool domain backup) and ask nobody
    #[arg(long, value_name = "FILE", requires = "recovery", conflicts_with_all = ["ldb", "DomainArgs"])]
    backup: Option<PathBuf>,

    /// Read the database of a Samba domain controller that does not run, sam.ldb or its folder, and ask nobody
    #[arg(long, value_name = "PATH", requires = "recovery", conflicts_with = "DomainArgs")]
    ldb: Option<PathBuf>,

    /// Ask on this port of --server, where a copy of the directory is mounted; keys are those of the domain, or with
    /// --recovery those of the copy
    #[arg(long, value_name = "N", requires = "server", conflicts_with_all = ["ldaps", "backup", "ldb"])]
    port: Option<u16>,

    /// The file of a root key (docs/key-file.md), once for each; then the directory is not asked for any
    #[arg(long, value_name = "FILE", requires = "recovery")]
    root_key: Vec<PathBuf>,

    /// Who gives group keys [default: those that DNS names, else the domain's controllers]
    #[arg(long, value_name = "NAME:PORT", conflicts_with = "recovery")]
    kds: Vec<KeyService>,

    #[command(flatten)]
    domain: DomainArgs,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    if !args.as_plain_text && !output::is_terminal() {
        return Err(Failure::new(
            Code::Usage,
            "standard output is not a terminal, so no password was read",
            "add --as-plain-text to write passwords there",
        ));
    }
    let (found, failed) = match args.copy()? {
        Some(backup) => from_backup(&backup, args)?,
        None => args.domain.ask_on(args.port, async |session| from_directory(session, args).await)?,
    };
    let mut rows: Vec<Row> = found.into_iter().flatten().collect();
    if args.json {
        output::print_json(&rows)?;
    } else {
        print_list(&rows)?;
    }
    let troubles = rows.iter_mut().filter_map(|row| Some((row.source, row.trouble.take()?)));
    told(failed, troubles.collect())
}

/// Tells what went wrong, each once. The exit code is that of what is told last; older passwords do not count for it.
fn told(failed: Option<Failure>, troubles: Vec<(Source, Failure)>) -> Result<(), Failure> {
    let (older, current): (Vec<_>, Vec<_>) =
        troubles.into_iter().partition(|(source, _)| source.is_history());
    let mut is_told = BTreeSet::new();
    let mut last: Option<Failure> = None;
    // That a person may not have one of them, its status says.
    for (_, failure) in older.into_iter().filter(|(_, failure)| failure.code != Code::Refused) {
        let report = failure.report();
        if is_told.insert(report.clone()) {
            output::complain(&report);
        }
    }
    let current = current.into_iter().map(|(_, failure)| failure).chain(failed);
    for failure in current.filter(|failure| is_told.insert(failure.report())) {
        if let Some(earlier) = last.replace(failure) {
            output::complain(&earlier.report());
        }
    }
    last.map_or(Ok(()), Err)
}

/// What each computer has, and what became of the last one that failed.
type Found = (Vec<Vec<Row>>, Option<Failure>);

async fn from_directory(session: &mut Session, args: &Args) -> Result<Found, Failure> {
    let mut keys = if args.recovery {
        let mut keys = RootKeys::read(&args.root_key)?;
        if args.root_key.is_empty() {
            let all = get_kds_root_key::read(session).await?;
            if all.is_empty() {
                let next_step = "ask as a Domain Admin, or name an exported key with --root-key";
                return Err(Failure::new(Code::Refused, get_kds_root_key::NONE, next_step));
            }
            keys.take(all);
        }
        Keys::Root(keys)
    } else {
        Keys::Group(GroupKeys::of(args.kds.clone()))
    };
    let mut names = Names::default();
    let attributes = attributes(args.include_history);
    let work = async |session: &mut Session, computer: &str| {
        let entry = session.computer(computer, &attributes).await?;
        let all = Stored::all(&entry);
        if all.is_empty() {
            return Err(nothing(session, &entry).await?);
        }
        let mut rows = Vec::new();
        for stored in all {
            let mut opened = None;
            if let Some(blob) = stored.encrypted() {
                let plain = keys.open(session, blob).await;
                opened = Some(Opened { plain, decryptor: names.name(session, &blob.sid).await });
            }
            rows.push(stored.into_row(&entry, opened));
        }
        Ok(rows)
    };
    Ok(for_each(session, &args.computers, work).await)
}

/// With what encrypted passwords are opened.
enum Keys {
    Group(GroupKeys),
    Root(RootKeys),
}

impl Keys {
    async fn open(&mut self, session: &Session, blob: &Blob) -> Result<SecretBytes, Locked> {
        match self {
            Self::Group(keys) => keys.open(session, blob).await,
            Self::Root(keys) => open_with(keys, blob),
        }
    }
}

fn from_backup(backup: &Backup, args: &Args) -> Result<Found, Failure> {
    let mut keys = RootKeys::read(&args.root_key)?;
    if args.root_key.is_empty() {
        keys.take(backup.root_keys()?);
    }
    let attributes = attributes(args.include_history);
    let mut found = Vec::new();
    let mut failed: Option<Failure> = None;
    for computer in &args.computers {
        match backup.computer(computer, &attributes).and_then(|entry| rows_of(backup, &keys, &entry)) {
            Ok(rows) => found.push(rows),
            Err(failure) => {
                if let Some(earlier) = failed.replace(failure) {
                    output::complain(&earlier.report());
                }
            }
        }
    }
    Ok((found, failed))
}

fn rows_of(backup: &Backup, keys: &RootKeys, entry: &Entry) -> Result<Vec<Row>, Failure> {
    let all = Stored::all(entry);
    if all.is_empty() {
        let what = format!("the backup has no password of {}", output::shown(&entry.name));
        return Err(Failure::new(Code::NotFound, what, "read a backup of another day"));
    }
    let row = |stored: Stored| {
        let opened = stored.encrypted().map(|blob| Opened {
            plain: open_with(keys, blob),
            decryptor: backup.name(&blob.sid).unwrap_or_else(|| blob.sid.to_string()),
        });
        stored.into_row(entry, opened)
    };
    Ok(all.into_iter().map(row).collect())
}

impl Args {
    /// What is read in place of a directory.
    fn copy(&self) -> Result<Option<Backup>, Failure> {
        let archive = self.backup.as_deref().map(Backup::of_archive);
        archive.or_else(|| self.ldb.as_deref().map(Backup::of_database)).transpose()
    }
}

fn attributes(history: bool) -> Vec<&'static str> {
    let others =
        ["name", LapsAttribute::PasswordExpirationTime.ldap_name(), LEGACY_PASSWORD, LEGACY_EXPIRATION_TIME];
    let sources = Source::ALL.into_iter().filter(|source| history || !source.is_history());
    others.into_iter().chain(sources.map(Source::attribute)).collect()
}

/// Why there is nothing to show. A directory leaves out what the reader may not see, so only the expiry, which anybody may
/// read, tells whether there is a password.
async fn nothing(session: &mut Session, entry: &Entry) -> Result<Failure, Failure> {
    let name = output::shown(&entry.name);
    let is_stored = [LapsAttribute::PasswordExpirationTime.ldap_name(), LEGACY_EXPIRATION_TIME]
        .iter()
        .any(|expiry| entry.value(expiry).is_some());
    if is_stored {
        return Ok(Failure::new(
            Code::Refused,
            format!("{name} has an expiry and so most likely a password, which you may not read"),
            "have `lapwing set-ad-read-password-permission` run for you on its OU, or use another account",
        ));
    }
    let schema = session.connection.laps_schema(&session.root.contexts).await?;
    if schema.found.on_computer.is_empty() && schema.legacy_password.is_none() {
        return Ok(Failure::new(
            Code::NotFound,
            "the schema of the forest has no LAPS, so no computer has a password there",
            "run `lapwing update-ad-schema` as a member of Schema Admins",
        ));
    }
    Ok(Failure::new(
        Code::NotFound,
        format!("no password of {name} is stored, or you may not read it; it has no expiry either"),
        "see `lapwing status` on that computer: most likely it has not stored one yet",
    ))
}

fn print_list(rows: &[Row]) -> Result<(), Failure> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut table = output::Table::headless();
    for (at, row) in rows.iter().enumerate() {
        if at > 0 {
            table.row([""]);
        }
        let lines = [
            ("ComputerName", row.computer_name.as_str()),
            ("DistinguishedName", &row.distinguished_name),
            ("Account", row.account.as_deref().unwrap_or_default()),
            ("Password", row.password.as_ref().map_or("", Password::expose_secret)),
            ("PasswordUpdateTime", row.password_update_time.as_deref().unwrap_or_default()),
            ("ExpirationTimestamp", row.expiration_timestamp.as_deref().unwrap_or_default()),
            ("Source", row.source.as_str()),
            ("DecryptionStatus", row.decryption_status.as_str()),
            ("AuthorizedDecryptor", row.authorized_decryptor.as_deref().unwrap_or_default()),
        ];
        for (name, value) in lines {
            table.row([name, value]);
        }
    }
    table.print()
}

#[cfg(test)]
mod tests;
