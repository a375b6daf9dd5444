//! What Group Policy sets for this host: what was last read of it, and whether it could be read anew.
//!
//! It is read from the domain once in each cycle, before the policy is put together ([`crate::exec`] does that), and what
//! was read is kept on disk: the host manages its account by it while the domain is away, and after a restart.
//!
//! INVARIANT: what could not be read is never taken for empty. What was read last holds; before the first time nothing is
//! known. Only a host that is in no domain has no Group Policy.

mod file;

use lapwing_client::{ad::policy::GroupPolicy, identity::Root};
use lapwing_core::{event::Event, types::FileTime};

use self::file::KeptFile;
use super::{Said, Unreadable};
use crate::{exec, log};

/// What is known of Group Policy.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    /// What was read last, and when; none before the first time.
    policy: Option<(GroupPolicy, FileTime)>,
    /// Why it could not be read the last time.
    failure: Option<Unread>,
}

/// Why Group Policy could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unread {
    /// The domain, in lower case, if it is known which: what another domain said does not hold any more.
    pub(crate) domain: Option<String>,
    /// For people.
    pub(crate) reason: String,
    /// What to do about it.
    pub(crate) next_step: String,
}

/// The source.
#[derive(Debug)]
pub(super) struct GroupPolicySource {
    file: KeptFile,
    /// What this run knows; none before anything was asked or read.
    held: Option<Held>,
    /// To be told with the next policy that is read.
    news: Option<Event>,
}

#[derive(Debug)]
enum Held {
    NoDomain,
    Known(Known),
}

impl Held {
    /// Whether nothing but the time differs.
    fn says_as(&self, other: &Self) -> bool {
        let policy = |known: &Known| known.policy.as_ref().map(|(policy, _)| policy.clone());
        match (self, other) {
            (Self::NoDomain, Self::NoDomain) => true,
            (Self::Known(one), Self::Known(other)) => {
                one.failure == other.failure && policy(one) == policy(other)
            }
            (Self::NoDomain, Self::Known(_)) | (Self::Known(_), Self::NoDomain) => false,
        }
    }
}

impl GroupPolicySource {
    pub(super) fn new(root: &Root) -> Self {
        Self { file: KeptFile::new(root), held: None, news: None }
    }

    /// What holds, so that what has not changed need not be read again.
    pub(super) fn policy(&mut self) -> Option<&GroupPolicy> {
        if self.held.is_none() {
            self.held = self.kept();
        }
        match &self.held {
            Some(Held::Known(Known { policy: Some((policy, _)), .. })) => Some(policy),
            Some(Held::Known(_) | Held::NoDomain) | None => None,
        }
    }

    /// Takes what came of reading it: the policy, none on a host in no domain, or why it is not known.
    pub(super) fn settle(&mut self, now: FileTime, read: Result<Option<GroupPolicy>, Unread>) {
        let before = self.policy().cloned();
        let is_known = read.is_ok();
        let held = match read {
            Ok(None) => Held::NoDomain,
            Ok(Some(policy)) => Held::Known(Known { policy: Some((policy, now)), failure: None }),
            Err(unread) => Held::Known(Known { policy: self.last_of(&unread), failure: Some(unread) }),
        };
        let is_new = self.held.as_ref().is_none_or(|before| !before.says_as(&held));
        self.held = Some(held);
        if is_new {
            self.save();
        }
        let after = self.policy().cloned();
        if is_known && before != after {
            let objects = after.iter().flat_map(|policy| &policy.objects);
            let objects: Vec<String> =
                objects.map(|object| format!("{} version {}", object.title(), object.version)).collect();
            self.news = Some(Event::GroupPolicyChanged { objects: objects.join(", ") });
        }
    }

    /// What was read last, unless that was of another domain.
    fn last_of(&self, unread: &Unread) -> Option<(GroupPolicy, FileTime)> {
        let Some(Held::Known(Known { policy: Some((policy, read)), .. })) = &self.held else { return None };
        let is_of_it = unread.domain.as_ref().is_none_or(|domain| *domain == policy.domain);
        is_of_it.then(|| (policy.clone(), *read))
    }

    /// Says once what has changed.
    pub(super) fn news(&mut self) -> Option<Event> {
        self.news.take()
    }

    /// What this run knows. Before it has asked: what an earlier one has kept, and nothing at all if none has.
    pub(super) fn read(&mut self) -> Said {
        self.policy();
        match &self.held {
            Some(held) => said(held),
            None => Err((
                None,
                unreadable(
                    &Unread {
                        domain: None,
                        reason: "it has not been read yet".to_owned(),
                        next_step: "nothing: it is read in the next cycle".to_owned(),
                    },
                    None,
                ),
            )),
        }
    }

    /// What another part of this program has kept: nothing if it has kept nothing.
    pub(super) fn read_kept(&mut self) -> Said {
        self.held = Some(self.kept().unwrap_or(Held::NoDomain));
        self.read()
    }

    /// Which objects hold and which links come to nothing, for people.
    pub(super) fn remarks(&mut self) -> Vec<String> {
        let Some(policy) = self.policy() else { return Vec::new() };
        let objects = policy.objects.iter().map(|object| {
            let enforced = if object.is_enforced { ", enforced" } else { "" };
            let filter = if object.has_wmi_filter { "; its WMI filter is not evaluated" } else { "" };
            let (title, version, container) = (object.title(), object.version, &object.container);
            format!("GPO: {title}, version {version}, linked to {container}{enforced}{filter}")
        });
        let skipped = policy.skipped.iter();
        let skipped = skipped.map(|link| {
            format!("GPO: {:?}, linked to {}: not applied: {}", link.object, link.container, link.why)
        });
        objects.chain(skipped).collect()
    }

    fn kept(&self) -> Option<Held> {
        match self.file.load() {
            Ok(known) => known.map(Held::Known),
            Err(error) => Some(Held::Known(Known {
                policy: None,
                failure: Some(Unread {
                    domain: None,
                    reason: format!("{}: {}", self.file.path(), exec::chain(&error)),
                    next_step: "nothing: it is read from the domain again".to_owned(),
                }),
            })),
        }
    }

    /// A host whose disk is full still knows it until it restarts.
    fn save(&self) {
        let saved = match &self.held {
            Some(Held::Known(known)) => self.file.save(known),
            Some(Held::NoDomain) | None => self.file.remove(),
        };
        if let Err(error) = saved {
            log::raise(&exec::memory::not_written(&error));
        }
    }
}

fn said(held: &Held) -> Said {
    let known = match held {
        // A host in no domain has no such policy.
        Held::NoDomain => return Ok(Some(Vec::new())),
        Held::Known(known) => known,
    };
    let sources = known.policy.as_ref().map(|(policy, _)| policy.sources());
    match &known.failure {
        None => Ok(sources),
        Some(failure) => {
            let since = known.policy.as_ref().map(|(_, read)| *read);
            Err((sources, unreadable(failure, since)))
        }
    }
}

fn unreadable(unread: &Unread, last: Option<FileTime>) -> Unreadable {
    let last_read = last.map_or_else(|| "never".to_owned(), |last| last.to_string());
    Unreadable {
        name: "Group Policy".to_owned(),
        reason: format!("{} (last read: {last_read})", unread.reason),
        next_step: unread.next_step.clone(),
        event: Box::new(Event::GroupPolicyUnread {
            reason: unread.reason.clone(),
            last_read,
            next_step: unread.next_step.clone(),
        }),
    }
}

#[cfg(test)]
mod tests;
