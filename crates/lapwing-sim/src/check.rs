//! The invariants of ARCHITECTURE.md, checked after every event.

use core::{fmt, time::Duration};

use lapwing_core::{
    root_half::{CANDIDATES_MAX, Journal, REPLACED_MAX, REPLICATION_MAX},
    types::PasswordVersion,
};

use crate::{
    device::{Device, Power},
    directory::{Held, Kind, Record, Secret, Tells},
    scenario::Scenario,
    time::{DAY, HOUR, MINUTE, SECOND, Time},
};

/// What does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// 1: the account is given only what the directory acknowledged, and the journal on disk says so.
    Acknowledged,
    /// 2: the directory holds the password in force.
    Held,
    /// 3: the directory's current version is the account's or a candidate's, and the two agree soon.
    Agreed,
    /// 4: what is overdue starts within a minute.
    Prompt,
    /// 5: clear text is only where and for as long as it has to be.
    Secret,
    /// 6: every request is answered once.
    Answered,
    /// Nothing grows without bound, and nothing is ever damaged or stuck.
    Bounded,
    /// With the faults over, everything agrees.
    Converged,
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Acknowledged => "1 (acknowledged)",
            Self::Held => "2 (held)",
            Self::Agreed => "3 (agreed)",
            Self::Prompt => "4 (prompt)",
            Self::Secret => "5 (secret)",
            Self::Answered => "6 (answered)",
            Self::Bounded => "bounded",
            Self::Converged => "converged",
        })
    }
}

/// An invariant that was broken.
#[derive(Debug, Clone)]
pub struct Violation {
    /// The world.
    pub scenario: Scenario,
    /// Which invariant.
    pub invariant: Invariant,
    /// How long after the world began.
    pub at: Duration,
    /// On which host.
    pub host: usize,
    /// What was found.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scenario, invariant, at, host, what } = self;
        write!(
            f,
            "invariant {invariant} broken on host {host} after {at:?} ({kind}): {what}\n  {command}",
            kind = scenario.kind.name(),
            command = scenario.command()
        )
    }
}

/// The minute of the invariants, and the longest that what is under way may take.
pub(crate) const PROMPT_MAX: Duration = Duration::from_secs(75);
/// How long clear text is kept, and one cycle.
const CLEAR_TEXT_MAX: Duration = Duration::from_secs(11 * 60);

/// What one look at a host finds, or the invariant that does not hold.
pub(crate) type Found = Result<(), (Invariant, String)>;

fn broken(invariant: Invariant, what: impl Into<String>) -> Found {
    Err((invariant, what.into()))
}

/// What the outside lets a host do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outside {
    pub(crate) kind: Kind,
    pub(crate) now: Time,
    /// Whether every replica answers and refuses nothing.
    pub(crate) directory_is_well: bool,
}

/// Looks at a host after something has happened to it or to its record.
pub(crate) fn check(outside: Outside, device: &mut Device, record: &Record) -> Found {
    if device.is_retired {
        return Ok(());
    }
    let Some(journal) = device.disks.journal.read() else {
        return broken(Invariant::Bounded, "the journal is damaged");
    };
    check_bounds(outside, device, journal)?;
    let field = journal.current.as_ref().and_then(|current| device.field(&current.account));
    let newest = record.newest().current();
    let agrees = newest.map(|stored| stored.version)
        == journal.current.as_ref().map(|current| current.version)
        && newest.map(|stored| stored.secret) == field
        && journal.recorded.is_none();
    let conflict = is_conflict(outside, device, journal, record);
    if !device.watch.outside && !device.was_cloned {
        check_held(outside.kind, journal, field, record)?;
        check_known(outside.kind, journal, record)?;
    }
    // Whoever may write to a directory that tells may move the expiry there, and is heard at the next cycle.
    let told = newest.filter(|_| outside.kind != Kind::Entra).map(|stored| stored.expiry.0);
    let expiry =
        journal.current.as_ref().map(|current| told.map_or(current.expiry, |told| told.max(current.expiry)));
    let is_used = device.watch.reset_at.is_some_and(|at| at <= outside.now);
    let overdue = device.policy.is_managed
        && (is_used || expiry.is_some_and(|expiry| expiry <= device.now(outside.now).wall.0));
    let is_able = is_able(outside, device);
    let unanswered = journal.unanswered;
    check_time(outside, device, is_able, agrees || conflict, overdue, unanswered)?;
    let everywhere = record.replicas.iter().all(|held| held.stamp == record.newest().stamp);
    // A repair that a loss of power can undo is none yet.
    let durable = device.disks.accounts.is_durable();
    // Nor is it over while a change is under way that was begun before it.
    let at_rest = journal_is_at_rest(device);
    if agrees && everywhere && durable && at_rest && device.watch.outside_until <= outside.now {
        device.watch.outside = false;
    }
    Ok(())
}

fn journal_is_at_rest(device: &Device) -> bool {
    device.disks.journal.read().as_ref().is_some_and(|journal| journal.candidates.is_empty())
}

fn check_bounds(outside: Outside, device: &Device, journal: &Journal<Secret>) -> Found {
    if journal.candidates.len() > CANDIDATES_MAX || journal.replaced.len() > REPLACED_MAX {
        return broken(Invariant::Bounded, "the journal grows");
    }
    let Some(agent) = &device.agent else { return Ok(()) };
    let Some(material) = agent.material.filter(|material| !material.is_sealed) else { return Ok(()) };
    if device.power == Power::Suspended {
        return broken(Invariant::Secret, "clear text stays in memory while the host sleeps");
    }
    if outside.now.since(material.since) > CLEAR_TEXT_MAX {
        return broken(Invariant::Secret, "clear text stays in memory for more than ten minutes");
    }
    Ok(())
}

/// Invariant 2. The password in force is whatever opens the account now.
fn check_held(kind: Kind, journal: &Journal<Secret>, field: Option<Secret>, record: &Record) -> Found {
    let (Some(_), Some(in_force)) = (&journal.current, field) else { return Ok(()) };
    let is_sent =
        |version: PasswordVersion| journal.candidates.iter().any(|candidate| candidate.version == version);
    let exempt = match kind {
        Kind::AdClear | Kind::AdTwoClear | Kind::AdProbed | Kind::AdExpiry => {
            record.replicas.iter().filter_map(Held::current).any(|current| is_sent(current.version))
        }
        Kind::Entra => journal.unanswered >= 3,
        Kind::Ours | Kind::AdHistory | Kind::AdTwo => false,
    };
    if exempt || record.replicas.iter().any(|held| held.holds(in_force)) {
        return Ok(());
    }
    broken(Invariant::Held, format!("nobody holds password {in_force}, which opens the account"))
}

/// Invariant 3, what may stand in the directory.
fn check_known(kind: Kind, journal: &Journal<Secret>, record: &Record) -> Found {
    if kind == Kind::Entra {
        return Ok(());
    }
    for held in &record.replicas {
        let Some(stored) = held.current() else { continue };
        let version = stored.version;
        let is_current = journal.current.as_ref().is_some_and(|current| current.version == version);
        let is_candidate = journal.candidates.iter().any(|candidate| candidate.version == version);
        let is_behind = kind.replicas() > 1 && journal.replaced.contains(&version);
        if !(is_current || is_candidate || is_behind) {
            return broken(
                Invariant::Agreed,
                format!(
                    "the directory's current version {version} is neither the account's nor a candidate's"
                ),
            );
        }
    }
    Ok(())
}

/// Another writer replaced what this host stored twice within a day: it waits until the password is due.
fn is_conflict(outside: Outside, device: &Device, journal: &Journal<Secret>, record: &Record) -> bool {
    let stored = record.newest().current();
    let is_ours = |version: PasswordVersion| {
        journal.current.iter().chain(&journal.candidates).any(|entry| entry.version == version)
    };
    let known = match (outside.kind.tells(), stored) {
        // One that was replaced, and none, are read no more than a foreign one.
        (Tells::Probed, stored) => stored.is_some_and(|stored| is_ours(stored.version)),
        (Tells::Version | Tells::Expiry, None) => return false,
        (Tells::Version | Tells::Expiry, Some(stored)) => {
            is_ours(stored.version) || journal.replaced.contains(&stored.version)
        }
    };
    let last = device.memory.read().last_foreign;
    !known
        && last.is_some_and(|last| {
            let now = device.now(outside.now).wall;
            now.saturating_since(last) < 2 * DAY && last.saturating_since(now) < 2 * DAY
        })
}

/// Whether nothing keeps the host from doing its work.
fn is_able(outside: Outside, device: &Device) -> bool {
    device.power == Power::On
        && device.agent.is_some()
        && device.cable
        && outside.directory_is_well
        && !device.is_full
        && !device.disks.is_locked
        && device.policy.is_managed
        && device.field(&crate::device::account_name(device.policy.account)).is_some()
}

/// Invariants 3 and 4, what has to happen within a minute.
fn check_time(
    outside: Outside,
    device: &mut Device,
    is_able: bool,
    agrees: bool,
    overdue: bool,
    unanswered: u32,
) -> Found {
    let Outside { kind, now, .. } = outside;
    let watch = &mut device.watch;
    // What kept it from its work may have ended just now.
    if !is_able || !core::mem::replace(&mut watch.was_able, is_able) {
        watch.was_able = is_able;
        watch.allow_until = watch.allow_until.max(now.after(PROMPT_MAX));
    }
    if kind == Kind::Entra && unanswered > 0 {
        // It may be left alone for up to an hour.
        watch.allow_until = watch.allow_until.max(now.after(HOUR + PROMPT_MAX));
    }
    let slack = match kind {
        // What stands on the other replica is noticed once it has been told and asked for.
        Kind::AdTwo | Kind::AdTwoClear => 4 * HOUR + 2 * MINUTE,
        // What was done from outside is noticed by the next cycle of the schedule.
        _ if watch.outside => HOUR + 2 * MINUTE,
        Kind::Ours | Kind::AdClear | Kind::AdHistory | Kind::Entra | Kind::AdProbed | Kind::AdExpiry => {
            PROMPT_MAX
        }
    };
    let late = |since: Option<Time>, slack: Duration| {
        since.is_some_and(|since| now > since.after(slack).max(watch.allow_until.after(slack - PROMPT_MAX)))
    };
    // A directory that tells no versions tells of no restored one either, and of no restored host.
    let is_untold = kind == Kind::AdExpiry && watch.outside;
    watch.disagrees_since = if agrees || kind == Kind::Entra || is_untold || device.was_cloned {
        None
    } else {
        watch.disagrees_since.or(Some(now))
    };
    if late(watch.disagrees_since, slack) {
        return broken(
            Invariant::Agreed,
            format!("account and directory have disagreed for {:?}", span(now, watch.disagrees_since)),
        );
    }
    watch.overdue_since = if overdue { watch.overdue_since.or(Some(now)) } else { None };
    let started = watch.overdue_since.is_some() && watch.last_attempt >= watch.overdue_since;
    if late(watch.overdue_since, PROMPT_MAX) && !started && !device.was_cloned {
        return broken(
            Invariant::Prompt,
            format!("an overdue rotation has not started for {:?}", span(now, watch.overdue_since)),
        );
    }
    Ok(())
}

fn span(now: Time, since: Option<Time>) -> Duration {
    now.since(since.unwrap_or(now))
}

/// Looks at a host when the faults have been over for long.
pub(crate) fn check_converged(outside: Outside, device: &Device, record: &Record) -> Found {
    if device.is_retired || device.was_cloned {
        return Ok(());
    }
    let journal = device.disks.journal.read().as_ref();
    let Some(current) = journal.and_then(|journal| journal.current.as_ref()) else {
        return broken(Invariant::Converged, "no password was ever set");
    };
    if let Some(agent) = &device.agent
        && !agent.asked.is_empty()
    {
        return broken(Invariant::Answered, format!("{} requests have no answer", agent.asked.len()));
    }
    // A host restored whole is noticed neither by Entra ID nor where no versions are kept, before the expiry that stands
    // there; a conflict waits for it.
    let is_untold = matches!(outside.kind, Kind::Entra | Kind::AdExpiry) && device.watch.outside;
    let told = record.newest().current().filter(|_| outside.kind == Kind::AdExpiry && is_untold);
    let expiry = told.map_or(current.expiry, |told| told.expiry.0.max(current.expiry));
    if device.now(outside.now).wall.0 > expiry.saturating_add(SECOND * 90) {
        return broken(Invariant::Converged, "the password in force is overdue");
    }
    let waits = is_untold || journal.is_some_and(|journal| is_conflict(outside, device, journal, record));
    let field = device.field(&current.account);
    // What was written just now reaches the other replicas later.
    let newest = record.newest().stamp;
    let is_fresh = outside.now.since(newest.1) < REPLICATION_MAX;
    let mut told = record.replicas.iter().filter(|held| !is_fresh || held.stamp == newest);
    let agree = told.all(|held| {
        held.current().is_some_and(|stored| {
            stored.version == current.version && Some(stored.secret) == field && field == Some(current.hash)
        })
    });
    if !agree && !waits {
        return broken(Invariant::Converged, "account, journal and directory do not agree");
    }
    Ok(())
}
