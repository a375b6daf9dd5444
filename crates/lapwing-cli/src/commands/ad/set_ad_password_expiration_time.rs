//! `lapwing set-ad-password-expiration-time`: Set-LapsADPasswordExpirationTime of the PowerShell module LAPS.

use lapwing_client::ad::{AdError, Change, SecurityParts};
use lapwing_core::{
    secret::SecretBytes,
    types::{FileTime, FileTimeError},
};
use lapwing_proto::ad::{
    attribute::{LEGACY_EXPIRATION_TIME, LapsAttribute},
    refusal::AdRefusal,
    value::expiry_value,
};
use serde::Serialize;

use super::{DomainArgs, Session, computer::for_each, refused};
use crate::{
    failure::{Code, Failure},
    os, output,
};

/// Sets when the passwords of computers expire: now, unless told otherwise
///
/// A computer replaces an expired password at its next cycle, within an hour. A time later than its policy allows is moved
/// forward again by the computer itself.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  lapwing set-ad-password-expiration-time web-01 db-01
  lapwing set-ad-password-expiration-time 'CN=web-01,OU=Servers,DC=example,DC=com' --at 2027-01-31T18:00:00Z")]
pub(crate) struct Args {
    /// Computers: by name, DNS name, account (WEB-01$), GUID or distinguished name
    #[arg(required = true, value_name = "COMPUTER")]
    computers: Vec<String>,

    /// When they expire, in UTC, such as 2027-01-31T18:00:00Z [default: now]
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    at: Option<FileTime>,

    /// Set the expiry of legacy Microsoft LAPS instead, which computers under its policy heed
    #[arg(long)]
    legacy: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    domain: DomainArgs,
}

fn parse_time(text: &str) -> Result<FileTime, String> {
    text.parse().map_err(|error: FileTimeError| error.to_string())
}

/// One computer that was reached, with the member names of the cmdlet.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Row {
    distinguished_name: String,
    status: &'static str,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let at = args.at.unwrap_or_else(os::now);
    let (rows, failed) = args.domain.ask(async |session| {
        Ok(for_each(session, &args.computers, async |session, computer| {
            expire(session, computer, at, args.legacy).await
        })
        .await)
    })?;
    if args.json {
        output::print_json(&rows)?;
    } else if !rows.is_empty() {
        let mut table = output::Table::new(&["DistinguishedName", "Status"]);
        for row in &rows {
            table.row([row.distinguished_name.as_str(), row.status]);
        }
        table.print()?;
    }
    failed.map_or(Ok(()), Err)
}

async fn expire(
    session: &mut Session,
    computer: &str,
    at: FileTime,
    is_legacy: bool,
) -> Result<Row, Failure> {
    let name = session.computer(computer, &["cn"]).await?.name;
    let attribute =
        if is_legacy { LEGACY_EXPIRATION_TIME } else { LapsAttribute::PasswordExpirationTime.ldap_name() };
    let value = SecretBytes::new(expiry_value(at).into_bytes());
    let changes = vec![Change::Replace(attribute, value)];
    let changed = session.connection.modify(&name, changes, SecurityParts::None).await;
    changed.map_err(|error| unset(error, &name, is_legacy))?;
    Ok(Row { distinguished_name: name, status: "PasswordReset" })
}

fn unset(error: AdError, name: &str, is_legacy: bool) -> Failure {
    // To replace whatever is there is refused with noSuchAttribute only by Samba, and where the schema has none.
    let is_unknown =
        |refusal| matches!(refusal, AdRefusal::NotInSchema | AdRefusal::NotOnComputer | AdRefusal::Overtaken);
    match error.refusal() {
        Some(refusal) if is_unknown(refusal) => {
            let next_step = if is_legacy {
                "leave --legacy out: the forest has no legacy Microsoft LAPS"
            } else {
                AdRefusal::NotInSchema.next_step()
            };
            Failure::new(Code::Failed, error, next_step)
        }
        // Setting it twice is as good as once.
        None if !error.is_unsent() => {
            Failure::new(Code::Unreachable, error, "run the command again for this computer")
        }
        _ => {
            let name = output::shown(name);
            let next_step = format!(
                "have `lapwing set-ad-reset-password-permission` run for you on the OU of {name}, or use another account"
            );
            refused(error, next_step)
        }
    }
}
