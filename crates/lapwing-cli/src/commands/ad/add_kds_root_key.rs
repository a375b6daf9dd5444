//! `lapwing add-kds-root-key`: Add-KdsRootKey of the PowerShell module Kds, for domains of Samba's too. [MS-GKDI] 3.1.1.
//!
//! INVARIANT: nothing that is there is changed, and the key is shown nowhere.

use core::time::Duration;

use lapwing_client::ad::{Surrounding, root_key_container};
use lapwing_core::types::FileTime;
use lapwing_dpapi::{
    RootKey,
    gkdi::{StoredRootKey, grant::SKEW, stored},
};
use serde::Serialize;

use super::{Caution, DomainArgs, Session, get_kds_root_key, refused};
use crate::{
    failure::{Code, Failure},
    os, output,
};

/// For how long a group key is current, and how long replication is given. [MS-GKDI] 2.2; Add-KdsRootKey, "Description".
const TEN_HOURS: Duration = Duration::from_secs(10 * 60 * 60);

const NOT_ALLOWED: &str = "use a member of Domain Admins of the forest's first domain, or of Enterprise Admins, by another ticket or --user";

/// Makes a root key (KDS root key) for the forest, from which the keys of encrypted passwords come
///
/// Once per forest, as a member of Domain Admins of its first domain. What is missing around it is made too. A root key is for
/// ever: without it nothing opens that was protected under it, so none is ever deleted, and whoever reads it opens it all.
/// Ten hours pass before it is used, so that every controller has it by then.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  lapwing add-kds-root-key --dry-run
  lapwing add-kds-root-key
  lapwing add-kds-root-key --effective-immediately --user administrator@EXAMPLE.COM")]
pub(crate) struct Args {
    /// Let the key be used at once; only where every controller will have it before it is asked for: in a forest of one
    #[arg(long)]
    effective_immediately: bool,

    #[command(flatten)]
    caution: Caution,

    /// Print JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    domain: DomainArgs,
}

/// What is written, but for the key.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Outcome {
    controller: String,
    key_id: String,
    creation_time: String,
    effective_time: String,
    /// Objects that are missing around it.
    surroundings: Vec<String>,
    distinguished_name: String,
    attributes: Vec<Attribute>,
    is_added: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Attribute {
    name: &'static str,
    value: String,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    args.domain.ask(async |session| add(session, args).await)
}

async fn add(session: &mut Session, args: &Args) -> Result<(), Failure> {
    let contexts = session.root.contexts.clone();
    let now = clock(session)?;
    let there = get_kds_root_key::read(session).await?;
    let missing = session.connection.missing_surroundings(&contexts).await?;
    let key = RootKey::generate(&mut os::rng());
    let use_start = if args.effective_immediately {
        // The interval in which this is has begun by now, ten hours ago at most, on clocks that are a little behind too.
        FileTime::from_ticks(now.ticks().saturating_sub(ticks(TEN_HOURS) + ticks(SKEW))).unwrap_or(now)
    } else {
        now.saturating_add(TEN_HOURS)
    };
    let creator = creator(session).await?;
    let values = stored::attributes(&key, now, use_start, &creator);
    let name = root_key_container(&contexts).child("CN", &key.id().to_string());
    let mut outcome = Outcome {
        controller: session.root.controller.clone(),
        key_id: key.id().to_string(),
        creation_time: now.to_string(),
        effective_time: use_start.to_string(),
        surroundings: missing.iter().map(|Surrounding { name, .. }| name.to_string()).collect(),
        distinguished_name: name.to_string(),
        attributes: values.iter().map(|(name, value)| shown(name, value.expose_secret())).collect(),
        is_added: false,
    };
    remark_on(&there, now);
    if args.caution.dry_run {
        return print(&outcome, args);
    }
    if !args.caution.yes {
        output::complain(&render(&outcome));
    }
    if !args.caution.is_agreed(&format!(
        "Make this root key for the whole forest, on {}, for ever?",
        outcome.controller
    ))? {
        return Ok(());
    }
    for surrounding in &missing {
        let added = session.connection.add_surrounding(surrounding).await;
        added.map_err(|error| refused(error, NOT_ALLOWED))?;
    }
    let mut attributes = vec![("objectClass", vec![b"msKds-ProvRootKey".to_vec()])];
    attributes.extend(values.iter().map(|(name, value)| (*name, vec![value.expose_secret().to_vec()])));
    let added = session.connection.add(name.as_str(), attributes).await;
    added.map_err(|error| refused(error, NOT_ALLOWED))?;
    must_be_there(session, &key).await?;
    outcome.is_added = true;
    print(&outcome, args)
}

/// The controller's clock, for it is the controllers that judge by it later.
fn clock(session: &Session) -> Result<FileTime, Failure> {
    session.root.clock().ok_or_else(|| {
        let what = format!("{} does not tell the time", session.root.controller);
        Failure::new(Code::Failed, what, "check that the controller is one of Active Directory's")
    })
}

fn ticks(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos() / 100).unwrap_or(u64::MAX)
}

/// The controller's account, which makes the key; its domain if that is not to be seen.
async fn creator(session: &mut Session) -> Result<String, Failure> {
    let server = session.connection.read(session.root.server.as_str(), &["serverReference"]).await?;
    let account = server.as_ref().and_then(|entry| entry.text("serverReference"));
    Ok(account.unwrap_or(session.root.domain.as_str()).to_owned())
}

fn remark_on(there: &[StoredRootKey], now: FileTime) {
    let usable = there.iter().filter(|key| get_kds_root_key::is_usable(key, now)).count();
    if !there.is_empty() {
        output::complain(&format!(
            "There are root keys already: {}, {usable} of them in use. A new one takes their place for what is encrypted from \
             then on; they open what was encrypted before",
            there.len()
        ));
    }
}

/// As a person reads it: what is no text by its length, and of the key nothing.
fn shown(name: &'static str, value: &[u8]) -> Attribute {
    let value = match str::from_utf8(value) {
        _ if name == stored::DATA => format!("({} random bytes, shown nowhere)", value.len()),
        Ok(text) if !text.contains(char::is_control) => text.to_owned(),
        Ok(_) | Err(_) => format!("({} bytes)", value.len()),
    };
    Attribute { name, value }
}

/// Reads it back: what cannot be read now will not be readable on the day that it is needed.
async fn must_be_there(session: &mut Session, key: &RootKey) -> Result<(), Failure> {
    let there = get_kds_root_key::read(session).await?;
    let is_same = |stored: &StoredRootKey| {
        stored.id == key.id() && stored.key.as_ref().is_ok_and(|stored| is_equal(stored, key))
    };
    if there.iter().any(is_same) {
        return Ok(());
    }
    let what = format!("{} took the root key, and does not show it", session.root.controller);
    Err(Failure::new(
        Code::Failed,
        what,
        "look with `lapwing get-kds-root-key`, as a member of Domain Admins",
    ))
}

/// In constant time: whoever measures this learns nothing of the key.
fn is_equal(one: &RootKey, other: &RootKey) -> bool {
    let pairs = one.expose_secret().iter().zip(other.expose_secret());
    pairs.fold(0, |differences, (one, other)| differences | (one ^ other)) == 0
}

fn print(outcome: &Outcome, args: &Args) -> Result<(), Failure> {
    if args.json { output::print_json(outcome) } else { output::print(&render(outcome)) }
}

fn render(outcome: &Outcome) -> String {
    let sign = if outcome.is_added { "added" } else { "to add" };
    let mut lines = vec![
        format!("Controller  {}", output::shown(&outcome.controller)),
        format!("Root key    {}", outcome.key_id),
        format!("Effective   {}", outcome.effective_time),
    ];
    let names = outcome.surroundings.iter().chain([&outcome.distinguished_name]);
    lines.extend(names.map(|name| format!("{sign:<12}{}", output::shown(name))));
    let attributes = outcome.attributes.iter();
    lines.extend(attributes.map(|Attribute { name, value }| format!("  {name}: {}", output::shown(value))));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_of_a_root_key_is_not_the_key() {
        let key = RootKey::generate(&mut os::rng());
        let now = "2026-11-22T12:00:00Z".parse().unwrap();
        let values = stored::attributes(&key, now, now, "CN=DC1,OU=Domain Controllers,DC=example,DC=com");
        let attributes: Vec<_> =
            values.iter().map(|(name, value)| shown(name, value.expose_secret())).collect();
        let shown: Vec<_> =
            attributes.iter().map(|attribute| format!("{}: {}", attribute.name, attribute.value)).collect();
        insta::assert_snapshot!(shown.join("\n"));
    }

    #[test]
    fn time_is_counted_in_ticks() {
        assert_eq!(ticks(TEN_HOURS), 360_000_000_000);
    }
}
