//! `lapwing get-kds-root-key`: Get-KdsRootKey of the PowerShell module Kds.

use lapwing_core::types::FileTime;
use lapwing_dpapi::gkdi::StoredRootKey;
use serde::Serialize;

use super::{DomainArgs, Session};
use crate::{failure::Failure, output};

/// Lists the forest's root keys (KDS root keys), from which the keys of encrypted passwords come
///
/// The keys themselves are not shown. Takes a member of Domain Admins of the forest's first domain, or of Enterprise Admins:
/// to others there seems to be none.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  lapwing get-kds-root-key
  lapwing get-kds-root-key --json --user administrator@EXAMPLE.COM")]
pub(crate) struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    domain: DomainArgs,
}

/// A root key, without the key.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Row {
    pub(super) key_id: String,
    pub(super) creation_time: String,
    pub(super) effective_time: String,
    hash: Option<&'static str>,
    secret_agreement: Option<&'static str>,
    private_key_bits: Option<u32>,
    public_key_bits: Option<u32>,
    /// Why it is of no use, if it is not.
    fault: Option<String>,
}

impl Row {
    pub(super) fn new(stored: &StoredRootKey) -> Self {
        let key = stored.key.as_ref().ok();
        let agreement = key.map(lapwing_dpapi::RootKey::agreement);
        Self {
            key_id: stored.id.to_string(),
            creation_time: stored.created.to_string(),
            effective_time: stored.use_start.to_string(),
            hash: key.map(|key| key.hash().name()),
            secret_agreement: agreement.map(|agreement| agreement.algorithm()),
            private_key_bits: agreement.map(|agreement| agreement.private_key_bits()),
            public_key_bits: agreement.map(|agreement| agreement.public_key_bits()),
            fault: stored.key.as_ref().err().map(ToString::to_string),
        }
    }
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let mut keys = args.domain.ask(async |session| read(session).await)?;
    keys.sort_by_key(|key| (key.created, key.id));
    let rows: Vec<Row> = keys.iter().map(Row::new).collect();
    if rows.is_empty() {
        output::complain(NONE);
    }
    if args.json {
        return output::print_json(&rows);
    }
    if rows.is_empty() {
        return Ok(());
    }
    let mut table = output::Table::new(&["Key", "Created", "Effective", "Hash", "Agreement", "Bits"]);
    for row in &rows {
        let bits = row.private_key_bits.zip(row.public_key_bits);
        let bits = bits.map_or(String::new(), |(private, public)| format!("{private}/{public}"));
        let hash = row.hash.or(row.fault.as_deref()).unwrap_or_default();
        let agreement = row.secret_agreement.unwrap_or_default();
        table.row([&row.key_id, &row.creation_time, &row.effective_time, hash, agreement, &bits]);
    }
    table.print()
}

/// What is said where there is none.
pub(super) const NONE: &str = "There is no root key, or none that this account may see: members of Domain Admins of the forest's first domain may";

/// All root keys that the caller may read; a remark for each object that is none.
pub(super) async fn read(session: &mut Session) -> Result<Vec<StoredRootKey>, Failure> {
    let found = session.connection.root_keys(&session.root.contexts).await?;
    for (name, why) in &found.faulty {
        output::complain(&format!("{}: {why}", output::shown(name)));
    }
    Ok(found.keys)
}

/// Whether something could be protected with it at this time.
pub(super) fn is_usable(stored: &StoredRootKey, now: FileTime) -> bool {
    stored.key.is_ok() && stored.use_start <= lapwing_dpapi::Interval::at(now).start()
}
