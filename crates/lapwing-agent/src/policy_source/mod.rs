//! The policy's sources: one file per source, resolved together by the core.
//!
//! INVARIANT: a source that cannot be read is never taken for an empty one. What it said last holds, and if nothing is
//! known of it, nothing is managed until it can be read, unless a root that is asked before it wins.

mod csp;
mod gpo;
mod local;
mod report;
mod watch;

use lapwing_client::{ad::policy::GroupPolicy, identity::Root};
use lapwing_core::{
    agent::{PolicyRead, Verdict},
    event::Event,
    local::agent::PolicyReport,
    policy::{HostRole, PasswordAgeDays, PolicyContext, PolicyRoot, RawPolicy, Resolution, resolve},
    types::FileTime,
};

use self::{csp::CspFile, gpo::GroupPolicySource, local::LocalFile};
pub(crate) use self::{gpo::Unread, watch::watch};

/// Reads all sources.
#[derive(Debug)]
pub(crate) struct PolicySources {
    csp: CspFile,
    group_policy: GroupPolicySource,
    local: LocalFile,
}

/// What all sources say, and what is wrong with them.
struct Gathered {
    /// None if a source is unreadable, nothing is known of it, and it might win.
    resolution: Option<Resolution>,
    unreadable: Vec<Unreadable>,
}

/// A source that could not be read.
#[derive(Debug)]
struct Unreadable {
    /// What people know it by.
    name: String,
    reason: String,
    next_step: String,
    event: Box<Event>,
}

impl Unreadable {
    /// Of a source that is a file.
    fn file(path: String, reason: String, next_step: &str) -> Self {
        let event = Event::PolicyFileUnreadable { path: path.clone(), reason: reason.clone() };
        Self { name: path, reason, next_step: next_step.to_owned(), event: Box::new(event) }
    }
}

/// What a source says: what stands under its roots, or what stood there last, if that is known, and why it may be old.
type Said = Result<Option<Vec<RawPolicy>>, (Option<Vec<RawPolicy>>, Unreadable)>;

impl PolicySources {
    /// The sources of the host whose file system begins at `root`.
    pub(crate) fn new(root: Root) -> Self {
        Self {
            csp: CspFile::new(&root),
            group_policy: GroupPolicySource::new(&root),
            local: LocalFile::new(&root),
        }
    }

    /// What was last read of Group Policy.
    pub(crate) fn group_policy(&mut self) -> Option<&GroupPolicy> {
        self.group_policy.policy()
    }

    /// Takes what came of reading Group Policy: none on a host in no domain.
    pub(crate) fn settle_group_policy(&mut self, now: FileTime, read: Result<Option<GroupPolicy>, Unread>) {
        self.group_policy.settle(now, read);
    }

    /// What the policy asks of this host, with the lowest age in days that the server has announced, if it has.
    pub(crate) fn read(&mut self, age_days_min: Option<u16>) -> PolicyRead {
        let group_policy = self.group_policy.read();
        let gathered = self.gather(group_policy, age_days_min);
        let news = self.group_policy.news();
        let events = gathered.unreadable.iter().map(|source| (*source.event).clone()).chain(news);
        let events: Vec<Event> = events.collect();
        match gathered.resolution {
            Some(resolution) => {
                let mut read = PolicyRead::of(&resolution);
                read.events.splice(..0, events);
                read
            }
            None => PolicyRead { source: None, verdict: unknown(&gathered.unreadable), events },
        }
    }

    /// Every setting with its value and the reason for it, as far as what is on the disk tells.
    pub(crate) fn explain(&mut self, age_days_min: Option<u16>) -> PolicyReport {
        let group_policy = self.group_policy.read_kept();
        let gathered = self.gather(group_policy, age_days_min);
        let remarks = gathered.unreadable.iter().map(|source| format!("{}: {}", source.name, source.reason));
        let remarks = remarks.chain(self.group_policy.remarks());
        report::report(gathered.resolution.as_ref(), remarks.collect())
    }

    fn gather(&mut self, group_policy: Said, age_days_min: Option<u16>) -> Gathered {
        let mut unreadable = Vec::new();
        let mut sources = Vec::new();
        // The first root of those of which nothing is known.
        let mut unknown: Option<PolicyRoot> = None;
        let said = [
            (PolicyRoot::Csp, self.csp.read()),
            (PolicyRoot::GroupPolicy, group_policy),
            (PolicyRoot::Local, self.local.read()),
        ];
        for (root, said) in said {
            let held = said.unwrap_or_else(|(last, why)| {
                unreadable.push(why);
                last
            });
            match held {
                Some(held) => sources.extend(held),
                None => unknown = unknown.or(Some(root)),
            }
        }
        let is_controller = self.group_policy.policy().is_some_and(|policy| policy.is_controller);
        let role = if is_controller { HostRole::DomainController } else { HostRole::Member };
        let context = PolicyContext {
            role,
            announced_age_min: age_days_min.and_then(|days| PasswordAgeDays::parse(days.into()).ok()),
        };
        let resolution = resolve(&sources, &context);
        let is_known = unknown.is_none_or(|unknown| resolution.winner.is_some_and(|winner| winner < unknown));
        Gathered { resolution: is_known.then_some(resolution), unreadable }
    }
}

/// Nothing is known of a source that cannot be read: to manage nothing is the only safe reading.
fn unknown(unreadable: &[Unreadable]) -> Verdict {
    let what = unreadable.iter().map(|source| format!("{}: {}", source.name, source.reason));
    Verdict::Unsupported {
        message: format!("the policy is not known: {}", what.collect::<Vec<_>>().join("; ")),
        next_step: unreadable.first().map_or(String::new(), |source| source.next_step.clone()),
    }
}
