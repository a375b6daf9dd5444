//! `lapwing report-ad`: how it stands with the passwords of a whole domain. No cmdlet does this.
//!
//! INVARIANT: rows are written as they come, so that memory does not grow with the domain, and no password is read.

mod format;

use std::io::{self, IsTerminal as _};

use clap::ValueEnum;
use lapwing_client::ad::{Mode, Survey, Surveyed};
use lapwing_core::types::{FileTime, Sid};
use serde::Serialize;

use self::format::{Format, Writer};
use super::{DomainArgs, Session, permissions::Place};
use crate::{
    failure::{Code, Failure},
    os, output,
};

/// Reports how it stands with the passwords of the computers of a domain or an organisational unit
///
/// For each computer: in which form its password is stored, until when it is good, when it was last written, who can read
/// it, and what is wrong. No password is read. A directory shows which computers have a password only to those who may
/// read it: where you may not, the form is Hidden.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  lapwing report-ad
  lapwing report-ad Servers --only overdue never
  lapwing report-ad --format csv >report.csv
  lapwing report-ad --only stale-clear-text --check

With --check the exit code is 3 if any computer is listed.")]
pub(crate) struct Args {
    /// The organisational unit, by its name or distinguished name [default: the whole domain]
    #[arg(value_name = "OU")]
    unit: Option<String>,

    /// Only computers of which one of these is so
    #[arg(long, num_args = 1.., value_name = "FINDING")]
    only: Vec<Finding>,

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
    /// Its account is disabled
    Disabled,
}

impl Finding {
    const ALL: [Self; 7] = [
        Self::Never,
        Self::Overdue,
        Self::StaleClearText,
        Self::ClearText,
        Self::Legacy,
        Self::Hidden,
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
            Self::Disabled => "Disabled",
        }
    }

    fn is_of(self, computer: &Surveyed, now: FileTime) -> bool {
        match self {
            Self::Never => computer.mode == Mode::Never,
            Self::Overdue => computer.is_overdue(now),
            Self::StaleClearText => computer.has_stale_clear_text,
            Self::ClearText => computer.mode == Mode::ClearText,
            Self::Legacy => computer.mode == Mode::Legacy,
            Self::Hidden => computer.mode == Mode::Hidden,
            Self::Disabled => !computer.is_enabled,
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
}

/// How many there were of what.
#[derive(Debug, Default)]
struct Count {
    computers: usize,
    never: usize,
    overdue: usize,
    stale: usize,
    hidden: usize,
    listed: usize,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let count = args.domain.ask(async |session| report(session, args).await)?;
    output::complain(&format!(
        "{} computers: {} without a password, {} overdue, {} with stale clear text; {} listed",
        count.computers, count.never, count.overdue, count.stale, count.listed
    ));
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
    let now = os::now();
    let progress = Progress::begin();
    let Session { connection, root, .. } = session;
    let mut survey = Survey::begin(connection, root, &place.schema, base).await?;
    let mut writer = Writer::new(if args.json { Format::Json } else { args.format });
    let mut count = Count::default();
    while let Some(page) = survey.next_page(connection).await? {
        let readers = page.iter().filter_map(|computer| computer.readers.as_deref()).flatten();
        place.principals.learn(connection, readers).await?;
        let mut rows = Vec::new();
        for computer in page {
            count.add(&computer, now);
            if args.lists(&computer, now) {
                count.listed += 1;
                rows.push(row(computer, now, |sid| place.principals.name(sid)));
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
    fn lists(&self, computer: &Surveyed, now: FileTime) -> bool {
        let is_wanted = self.only.is_empty() || self.only.iter().any(|finding| finding.is_of(computer, now));
        is_wanted && (computer.is_enabled || !self.enabled)
    }
}

impl Count {
    fn add(&mut self, computer: &Surveyed, now: FileTime) {
        let one = |finding: Finding| usize::from(finding.is_of(computer, now));
        self.computers += 1;
        self.never += one(Finding::Never);
        self.overdue += one(Finding::Overdue);
        self.stale += one(Finding::StaleClearText);
        self.hidden += one(Finding::Hidden);
    }
}

fn row(computer: Surveyed, now: FileTime, name: impl Fn(&Sid) -> String) -> Row {
    Row {
        findings: Finding::ALL.into_iter().filter(|finding| finding.is_of(&computer, now)).collect(),
        readers: computer.readers.map(|readers| readers.iter().map(name).collect()),
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
