//! `lapwing get-ad-password`: Get-LapsADPassword of the PowerShell module LAPS.

use core::cmp::Reverse;

use lapwing_client::ad::Entry;
use lapwing_core::{
    secret::{Password, SecretBytes},
    types::FileTime,
};
use lapwing_dpapi::laps::EncryptedPassword;
use lapwing_proto::ad::{
    attribute::{LEGACY_EXPIRATION_TIME, LEGACY_PASSWORD, LapsAttribute},
    value::{ClearPassword, ValueError, parse_expiry, parse_legacy_password},
};
use serde::{Serialize, Serializer};

use super::{DomainArgs, Session, computer::for_each};
use crate::{
    failure::{Code, Failure},
    output,
};

/// Shows the passwords that Active Directory has stored for computers
///
/// Passwords are shown on a terminal; anywhere else only with --as-plain-text, and otherwise not read at all. Encrypted
/// passwords are listed with their times; this version cannot decrypt them.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  lapwing get-ad-password web-01
  lapwing get-ad-password web-01 db-01.example.com 'CN=a\\,b,OU=Servers,DC=example,DC=com'
  lapwing get-ad-password WEB-01$ --include-history
  lapwing get-ad-password web-01 --as-plain-text --json --user alice@EXAMPLE.COM")]
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

    #[command(flatten)]
    domain: DomainArgs,
}

/// One stored password, with the member names of the cmdlet; what it leaves blank is null.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Row {
    computer_name: String,
    distinguished_name: String,
    account: Option<String>,
    #[serde(serialize_with = "in_clear")]
    password: Option<Password>,
    password_update_time: Option<String>,
    /// Of passwords in force only.
    expiration_timestamp: Option<String>,
    source: Source,
    decryption_status: Status,
    /// Who may decrypt it: not known before it can be.
    authorized_decryptor: Option<&'static str>,
}

/// Where the password was found, in the cmdlet's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    EncryptedPassword,
    CleartextPassword,
    EncryptedDsrmPassword,
    LegacyLapsCleartextPassword,
    EncryptedPasswordHistory,
    EncryptedDsrmPasswordHistory,
}

/// What decrypting came to. DEVIATION(9): the last two are ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    NotApplicable,
    NotSupported,
    Malformed,
}

/// Only for output that was asked for in clear.
fn in_clear<S: Serializer>(password: &Option<Password>, serializer: S) -> Result<S::Ok, S::Error> {
    password.as_ref().map(Password::expose_secret).serialize(serializer)
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    if !args.as_plain_text && !output::is_terminal() {
        return Err(Failure::new(
            Code::Usage,
            "standard output is not a terminal, so no password was read",
            "add --as-plain-text to write passwords there",
        ));
    }
    let (found, failed) = args.domain.ask(async |session| {
        Ok(for_each(session, &args.computers, async |session, computer| {
            stored(session, computer, args.include_history).await
        })
        .await)
    })?;
    let rows: Vec<Row> = found.into_iter().flatten().collect();
    if args.json {
        output::print_json(&rows)?;
    } else {
        print_list(&rows)?;
    }
    let malformed = rows.iter().find(|row| row.decryption_status == Status::Malformed).map(|row| {
        Failure::new(
            Code::Failed,
            format!(
                "{} of {} is not in the form of LAPS",
                row.source.attribute(),
                output::shown(&row.computer_name)
            ),
            "find out who wrote it; once the password has expired, the computer writes another",
        )
    });
    match (failed, malformed) {
        (Some(failed), Some(malformed)) => {
            output::complain(&malformed.report());
            Err(failed)
        }
        (failed, malformed) => failed.or(malformed).map_or(Ok(()), Err),
    }
}

async fn stored(session: &mut Session, computer: &str, history: bool) -> Result<Vec<Row>, Failure> {
    let mut attributes = vec![
        "name",
        LapsAttribute::PasswordExpirationTime.ldap_name(),
        LEGACY_PASSWORD,
        LEGACY_EXPIRATION_TIME,
    ];
    let sources = Source::ALL.into_iter().filter(|source| history || !source.is_history());
    attributes.extend(sources.map(Source::attribute));
    let entry = session.computer(computer, &attributes).await?;
    let rows = rows(&entry);
    if rows.is_empty() { Err(nothing(session, &entry).await?) } else { Ok(rows) }
}

/// Those in force first, then the older ones, the newest of them first.
fn rows(entry: &Entry) -> Vec<Row> {
    let mut rows = Vec::new();
    for source in Source::ALL {
        let mut found: Vec<_> =
            entry.values(source.attribute()).iter().map(|value| read(source, value)).collect();
        // The directory keeps no order.
        found.sort_by_key(|read| Reverse(read.updated));
        rows.extend(found.into_iter().map(|read| row(entry, source, read)));
    }
    rows
}

/// What a stored value says.
#[derive(Debug)]
struct Read {
    account: Option<String>,
    password: Option<Password>,
    updated: Option<FileTime>,
    status: Status,
}

fn read(source: Source, value: &SecretBytes) -> Read {
    let read = match source {
        Source::CleartextPassword => clear(value),
        Source::LegacyLapsCleartextPassword => legacy(value),
        Source::EncryptedPassword
        | Source::EncryptedDsrmPassword
        | Source::EncryptedPasswordHistory
        | Source::EncryptedDsrmPasswordHistory => encrypted(value),
    };
    read.unwrap_or(Read { account: None, password: None, updated: None, status: Status::Malformed })
}

fn clear(value: &SecretBytes) -> Result<Read, ValueError> {
    let ClearPassword { account, updated, password } = ClearPassword::parse(value.expose_secret())?;
    Ok(Read {
        account: Some(account.as_str().to_owned()),
        password: Some(password),
        updated: Some(updated),
        status: Status::NotApplicable,
    })
}

fn legacy(value: &SecretBytes) -> Result<Read, ValueError> {
    let password = parse_legacy_password(value.expose_secret())?;
    Ok(Read { account: None, password: Some(password), updated: None, status: Status::NotApplicable })
}

fn encrypted(value: &SecretBytes) -> Result<Read, ValueError> {
    let updated =
        EncryptedPassword::updated(value.expose_secret()).map_err(|_| ValueError::Malformed("prefix"))?;
    Ok(Read { account: None, password: None, updated: Some(updated), status: Status::NotSupported })
}

fn row(entry: &Entry, source: Source, read: Read) -> Row {
    let expiry = source.expiry().and_then(|attribute| parse_expiry(entry.text(attribute)?).ok());
    Row {
        computer_name: entry.text("name").unwrap_or_default().to_owned(),
        distinguished_name: entry.name.clone(),
        account: read.account,
        password: read.password,
        password_update_time: read.updated.map(|time| time.to_string()),
        expiration_timestamp: expiry.map(|time| time.to_string()),
        source,
        decryption_status: read.status,
        authorized_decryptor: (read.status == Status::NotApplicable).then_some("NotApplicable"),
    }
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

impl Source {
    /// In the order of the output.
    const ALL: [Self; 6] = [
        Self::EncryptedPassword,
        Self::CleartextPassword,
        Self::EncryptedDsrmPassword,
        Self::LegacyLapsCleartextPassword,
        Self::EncryptedPasswordHistory,
        Self::EncryptedDsrmPasswordHistory,
    ];

    const fn attribute(self) -> &'static str {
        match self {
            Self::EncryptedPassword => LapsAttribute::EncryptedPassword.ldap_name(),
            Self::CleartextPassword => LapsAttribute::Password.ldap_name(),
            Self::EncryptedDsrmPassword => LapsAttribute::EncryptedDsrmPassword.ldap_name(),
            Self::LegacyLapsCleartextPassword => LEGACY_PASSWORD,
            Self::EncryptedPasswordHistory => LapsAttribute::EncryptedPasswordHistory.ldap_name(),
            Self::EncryptedDsrmPasswordHistory => LapsAttribute::EncryptedDsrmPasswordHistory.ldap_name(),
        }
    }

    const fn is_history(self) -> bool {
        matches!(self, Self::EncryptedPasswordHistory | Self::EncryptedDsrmPasswordHistory)
    }

    /// Where the expiry of this one is; none of an older password.
    const fn expiry(self) -> Option<&'static str> {
        match self {
            Self::EncryptedPassword | Self::CleartextPassword | Self::EncryptedDsrmPassword => {
                Some(LapsAttribute::PasswordExpirationTime.ldap_name())
            }
            Self::LegacyLapsCleartextPassword => Some(LEGACY_EXPIRATION_TIME),
            Self::EncryptedPasswordHistory | Self::EncryptedDsrmPasswordHistory => None,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::EncryptedPassword => "EncryptedPassword",
            Self::CleartextPassword => "CleartextPassword",
            Self::EncryptedDsrmPassword => "EncryptedDSRMPassword",
            Self::LegacyLapsCleartextPassword => "LegacyLapsCleartextPassword",
            Self::EncryptedPasswordHistory => "EncryptedPasswordHistory",
            Self::EncryptedDsrmPasswordHistory => "EncryptedDSRMPasswordHistory",
        }
    }
}

impl Status {
    const fn as_str(self) -> &'static str {
        match self {
            Self::NotApplicable => "NotApplicable",
            Self::NotSupported => "NotSupported",
            Self::Malformed => "Malformed",
        }
    }
}

impl Serialize for Source {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl Serialize for Status {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
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
            ("AuthorizedDecryptor", row.authorized_decryptor.unwrap_or_default()),
        ];
        for (name, value) in lines {
            table.row([name, value]);
        }
    }
    table.print()
}
