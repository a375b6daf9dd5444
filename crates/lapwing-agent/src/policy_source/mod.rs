//! The policy's sources: one file per source, resolved together by the core.
//!
//! INVARIANT: a source that cannot be read is never taken for an empty one. What it said last holds, and if nothing is
//! known of it, nothing is managed until it can be read.

mod csp;
mod local;
mod report;
mod watch;

use lapwing_client::identity::Root;
use lapwing_core::{
    agent::{PolicyRead, Verdict},
    event::Event,
    local::agent::PolicyReport,
    policy::{HostRole, PasswordAgeDays, PolicyContext, RawPolicy, Resolution, resolve},
};

pub(crate) use self::watch::{WatchedFile, watch};
use self::{csp::CspFile, local::LocalFile};

/// Reads all sources.
#[derive(Debug)]
pub(crate) struct PolicySources {
    csp: CspFile,
    local: LocalFile,
}

/// What all sources say, and what is wrong with them.
struct Gathered {
    /// None if a source is unreadable and nothing is known of it.
    resolution: Option<Resolution>,
    unreadable: Vec<Unreadable>,
}

/// A source that could not be read.
#[derive(Debug)]
struct Unreadable {
    path: String,
    reason: String,
    next_step: &'static str,
}

impl PolicySources {
    /// The sources of the host whose file system begins at `root`.
    pub(crate) fn new(root: Root) -> Self {
        Self { csp: CspFile::new(&root), local: LocalFile::new(&root) }
    }

    /// What the policy asks of this host, with the lowest age in days that the server has announced, if it has.
    pub(crate) fn read(&mut self, age_days_min: Option<u16>) -> PolicyRead {
        let gathered = self.gather(age_days_min);
        let events: Vec<Event> = gathered
            .unreadable
            .iter()
            .map(|source| Event::PolicyFileUnreadable {
                path: source.path.clone(),
                reason: source.reason.clone(),
            })
            .collect();
        match gathered.resolution {
            Some(resolution) => {
                let mut read = PolicyRead::of(&resolution);
                read.events.splice(..0, events);
                read
            }
            None => PolicyRead { source: None, verdict: unknown(&gathered.unreadable), events },
        }
    }

    /// Every setting with its value and the reason for it.
    pub(crate) fn explain(&mut self, age_days_min: Option<u16>) -> PolicyReport {
        let gathered = self.gather(age_days_min);
        let remarks = gathered.unreadable.iter().map(|source| format!("{}: {}", source.path, source.reason));
        report::report(gathered.resolution.as_ref(), remarks.collect())
    }

    fn gather(&mut self, age_days_min: Option<u16>) -> Gathered {
        let mut unreadable = Vec::new();
        let mut read = |source: Result<_, (_, Unreadable)>| {
            source.unwrap_or_else(|(last, why)| {
                unreadable.push(why);
                last
            })
        };
        let held = [read(self.csp.read()), read(self.local.read())];
        let context = PolicyContext {
            role: HostRole::Member,
            announced_age_min: age_days_min.and_then(|days| PasswordAgeDays::parse(days.into()).ok()),
        };
        let sources: Option<Vec<RawPolicy>> = held.into_iter().collect();
        Gathered { resolution: sources.map(|sources| resolve(&sources, &context)), unreadable }
    }
}

/// Nothing is known of a source that cannot be read: to manage nothing is the only safe reading.
fn unknown(unreadable: &[Unreadable]) -> Verdict {
    let what = unreadable.iter().map(|source| format!("{}: {}", source.path, source.reason));
    Verdict::Unsupported {
        message: format!("the policy is not known: {}", what.collect::<Vec<_>>().join("; ")),
        next_step: unreadable.first().map_or("", |source| source.next_step).to_owned(),
    }
}
