//! `lapwing report-ad`: how it stands with the passwords of a whole domain. No cmdlet does this.
//!
//! INVARIANT: rows are written as they come, so that memory does not grow with the domain, and no password is read or decrypted.

mod format;

use std::io::{self, IsTerminal as _};

use clap::ValueEnum;
use lapwing_client::ad::{Decryptor, Mode, Survey, Surveyed};
use lapwing_core::types::{FileTime, Sid};
use serde::Serialize;

use self::format::{Format, Writer};
use super::{
    DomainArgs, Session,
    permissions::{Named, Place},
};
use crate::{
    failure::{Code, Failure},
    os, output,
};

/// Reports how it stands with the passwords of the computers of a domain or an organisational unit
///
/// For each computer: in which form its password is stored, until when it is good, when it was last written, who can read
/// it, and what is wrong. No password is read. A directory shows which computers have a password only to those who may
/// read it: where you may not, the form is Hidden. For whom passwords are encrypted is told with --decryptors.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  lapwing report-ad
  lapwing report-ad Servers --only overdue never
  lapwing report-ad --format csv >report.csv
  lapwing report-ad --only stale-clear-text --check
  lapwing report-ad --decryptor 'EXAMPLE\\password-readers' --only other-decryptor

With --check the exit code is 3 if any computer is listed.")]
pub(crate) struct Args {
    /// The organisational unit, by its name or distinguished name [default: the whole domain]
    #[arg(value_name = "OU")]
    unit: Option<String>,

    /// Only computers of which one of these is so
    #[arg(long, num_args = 1.., value_name = "FINDING")]
    only: Vec<Finding>,

    /// Tell too for whom passwords are encrypted; encrypted passwords are read for it, and not decrypted
    #[arg(long)]
    decryptors: bool,

    /// For whom passwords are to be encrypted (ADPasswordEncryptionPrincipal): those for others are found
    #[arg(long, value_name = "PRINCIPAL")]
    decryptor: Option<Named>,

    /// Leave out computers whose accounts are disabled
    #[arg(long)]
    enabled: bool,

    /// How to write it
    #[arg(long, value_enum, default_value = "table", value_name = "FORMAT")]
    format: Format,

    /// Print JSON: one object per line, the same as --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,

    /// Have the exit code say whether any computer is listed
    #[arg(long)]
    check: bool,

    #[command(flatten)]
    domain: DomainArgs,
}

/// What may be worth a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize)]
enum Finding {
    /// It has neither a password nor an expiry
    Never,
    /// Its expiry has passed
    Overdue,
    /// Clear text lies beside a newer form of its password
    StaleClearText,
    /// Its password is stored in clear text
    ClearText,
    /// Its password is one of legacy Microsoft LAPS
    Legacy,
    /// Its password is not to be seen
    Hidden,
    /// Its password is encrypted for another than --decryptor
    OtherDecryptor,
    /// Its account is disabled
    Disabled,
}

/// What computers are judged by.
#[derive(Debug, Clone)]
struct Yardstick {
    now: FileTime,
    /// For whom passwords are to be encrypted, if that matters.
    decryptor: Option<Sid>,
}

impl Finding {
    const ALL: [Self; 8] = [
        Self::Never,
        Self::Overdue,
        Self::StaleClearText,
        Self::ClearText,
        Self::Legacy,
        Self::Hidden,
        Self::OtherDecryptor,
        Self::Disabled,
    ];

    /// As it stands in JSON.
    const fn name(self) -> &'static str {
        match self {
            Self::Never => "Never",
            Self::Overdue => "Overdue",
            Self::StaleClearText => "StaleClearText",
            Self::ClearText => "ClearText",
            Self::Legacy => "Legacy",
            Self::Hidden => "Hidden",
            Self::OtherDecryptor => "OtherDecryptor",
            Self::Disabled => "Disabled",
        }
    }

    fn is_of(self, computer: &Surveyed, by: &Yardstick) -> bool {
        match self {
            Self::Never => computer.mode == Mode::Never,
            Self::Overdue => computer.is_overdue(by.now),
            Self::StaleClearText => computer.has_stale_clear_text,
            Self::ClearText => computer.mode == Mode::ClearText,
            Self::Legacy => computer.mode == Mode::Legacy,
            Self::Hidden => computer.mode == Mode::Hidden,
            Self::OtherDecryptor => by.is_for_another(computer),
            Self::Disabled => !computer.is_enabled,
        }
    }
}

impl Yardstick {
    /// Policy does not choose for whom the password for repair mode is.
    fn is_for_another(&self, computer: &Surveyed) -> bool {
        match (&self.decryptor, &computer.decryptor) {
            (Some(wanted), Some(Decryptor::Sid(sid))) => wanted != sid,
            (Some(_), Some(Decryptor::Malformed)) => true,
            (Some(_), None) | (None, _) => false,
        }
    }
}

/// One computer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Row {
    computer_name: String,
    #[serde(rename = "DNSHostName")]
    dns_host_name: Option<String>,
    distinguished_name: String,
    enabled: bool,
    /// `Encrypted`, `ClearText`, `Legacy`, `Hidden` or `Never`.
    mode: &'static str,
    expiration_timestamp: Option<String>,
    password_update_time: Option<String>,
    findings: Vec<Finding>,
    /// None if the permissions are not to be seen.
    readers: Option<Vec<String>>,
    /// For whom its passwords are encrypted; none if that was not asked for.
    decryptors: Option<Vec<String>>,
}

/// How many there were of what.
#[derive(Debug, Default)]
struct Count {
    computers: usize,
    never: usize,
    overdue: usize,
    stale: usize,
    hidden: usize,
    other_decryptor: usize,
    listed: usize,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    if args.only.contains(&Finding::OtherDecryptor) && args.decryptor.is_none() {
        let next_step = "add --decryptor with the user or group that the policy names";
        return Err(Failure::new(
            Code::Usage,
            "nothing tells for whom passwords are to be encrypted",
            next_step,
        ));
    }
    let count = args.domain.ask(async |session| report(session, args).await)?;
    output::complain(&format!(
        "{} computers: {} without a password, {} overdue, {} with stale clear text; {} listed",
        count.computers, count.never, count.overdue, count.stale, count.listed
    ));
    if args.decryptor.is_some() {
        output::complain(&format!("{} encrypted for another than --decryptor", count.other_decryptor));
    }
    if count.hidden > 0 {
        output::complain(&format!(
            "{} have an expiry and no password that you may see: ask as somebody who may read it",
            count.hidden
        ));
    }
    if args.check && count.listed > 0 {
        let what = format!("{} computers are listed", count.listed);
        return Err(Failure::new(Code::Refused, what, "look at each; docs/active-directory.md, \"Reports\""));
    }
    Ok(())
}

async fn report(session: &mut Session, args: &Args) -> Result<Count, Failure> {
    let domain = session.root.domain.to_string();
    let mut place = Place::open(session, args.unit.as_deref().unwrap_or(&domain)).await?;
    let base = place.container.distinguished_name.clone();
    let decryptor = match &args.decryptor {
        Some(named) => place.resolve_former(session, core::slice::from_ref(named)).await?.pop(),
        None => None,
    };
    let by = Yardstick { now: os::now(), decryptor };
    let with_decryptors = args.decryptors || by.decryptor.is_some();
    let progress = Progress::begin();
    let Session { connection, root, .. } = session;
    let mut survey = Survey::begin(connection, root, &place.schema, base, with_decryptors).await?;
    let format = if args.json { Format::Json } else { args.format };
    let mut writer = Writer::new(format, with_decryptors);
    let mut count = Count::default();
    while let Some(page) = survey.next_page(connection).await? {
        let readers = page.iter().filter_map(|computer| computer.readers.as_deref()).flatten();
        let decryptors = page.iter().flat_map(decryptors);
        place.principals.learn(connection, readers.chain(decryptors)).await?;
        let mut rows = Vec::new();
        for computer in page {
            count.add(&computer, &by);
            if args.lists(&computer, &by) {
                count.listed += 1;
                let mut row = row(computer, &by, |sid| place.principals.name(sid));
                row.decryptors = row.decryptors.filter(|_| with_decryptors);
                rows.push(row);
            }
        }
        progress.clear();
        if !writer.write(&rows)? {
            break;
        }
        progress.show(count.computers);
    }
    progress.clear();
    Ok(count)
}

impl Args {
    fn lists(&self, computer: &Surveyed, by: &Yardstick) -> bool {
        let is_wanted = self.only.is_empty() || self.only.iter().any(|finding| finding.is_of(computer, by));
        is_wanted && (computer.is_enabled || !self.enabled)
    }
}

impl Count {
    fn add(&mut self, computer: &Surveyed, by: &Yardstick) {
        let one = |finding: Finding| usize::from(finding.is_of(computer, by));
        self.computers += 1;
        self.never += one(Finding::Never);
        self.overdue += one(Finding::Overdue);
        self.stale += one(Finding::StaleClearText);
        self.hidden += one(Finding::Hidden);
        self.other_decryptor += one(Finding::OtherDecryptor);
    }
}

/// Both kinds, where they can be told.
fn decryptors(computer: &Surveyed) -> impl Iterator<Item = &Sid> {
    [&computer.decryptor, &computer.dsrm_decryptor].into_iter().flatten().filter_map(|decryptor| {
        match decryptor {
            Decryptor::Sid(sid) => Some(sid),
            Decryptor::Malformed => None,
        }
    })
}

fn row(computer: Surveyed, by: &Yardstick, name: impl Fn(&Sid) -> String) -> Row {
    let decryptor = |decryptor: &Decryptor| match decryptor {
        Decryptor::Sid(sid) => name(sid),
        Decryptor::Malformed => "not to be told".to_owned(),
    };
    let both = [&computer.decryptor, &computer.dsrm_decryptor].into_iter().flatten();
    Row {
        decryptors: Some(both.map(decryptor).collect()),
        findings: Finding::ALL.into_iter().filter(|finding| finding.is_of(&computer, by)).collect(),
        readers: computer.readers.map(|readers| readers.iter().map(&name).collect()),
        computer_name: computer.name,
        dns_host_name: computer.dns_name,
        distinguished_name: computer.distinguished_name,
        enabled: computer.is_enabled,
        mode: match computer.mode {
            Mode::Encrypted => "Encrypted",
            Mode::ClearText => "ClearText",
            Mode::Legacy => "Legacy",
            Mode::Hidden => "Hidden",
            Mode::Never => "Never",
        },
        expiration_timestamp: computer.expiry.map(|time| time.to_string()),
        password_update_time: computer.updated.map(|time| time.to_string()),
    }
}

/// How far it is, for somebody who looks at a terminal.
struct Progress {
    is_shown: bool,
}

impl Progress {
    fn begin() -> Self {
        let progress = Self { is_shown: io::stderr().is_terminal() };
        progress.say("Looking for passwords…");
        progress
    }

    fn show(&self, computers: usize) {
        self.say(&format!("{computers} computers…"));
    }

    fn clear(&self) {
        self.say("");
    }

    /// Replaces the line.
    fn say(&self, text: &str) {
        if self.is_shown {
            output::complain_in_place(text);
        }
    }
}

#[cfg(test)]
mod tests;
