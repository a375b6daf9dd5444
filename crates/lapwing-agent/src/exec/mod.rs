//! Performs the machine's actions: each once, each with one outcome, each within a deadline.

pub(crate) mod ledger;
pub(crate) mod memory;

mod ad;
mod cloud;
mod directory;
mod domain;
mod group_policy;
mod root_half;
pub(crate) mod traces;

use lapwing_client::identity::Root;
use lapwing_core::{
    agent::{Action, DirectoryFailure, Outcome, StoreOutcome},
    secret::SecretBytes,
    types::{RunId, Sid},
};

use self::{
    directory::{Asked, Directory},
    domain::Domain,
    group_policy::GroupPolicyReader,
    root_half::{Material, RootHalf},
};
use crate::{failpoint, os, policy_source::PolicySources};

/// What actions are performed with, and what is carried from one to the next.
#[derive(Debug)]
pub(crate) struct Executor {
    root_half: RootHalf,
    domain: Domain,
    directory: Directory,
    policy: PolicySources,
    group_policy: GroupPolicyReader,
    /// What the root half gave to store: the only place where a password stays between two actions.
    material: Option<Material>,
    /// The key to encrypt the next password with.
    group_key: Option<(Sid, SecretBytes)>,
}

impl Executor {
    /// For the host whose file system begins at `root`.
    pub(crate) fn new(root: Root, run: RunId) -> Self {
        Self {
            root_half: RootHalf::new(&root, run),
            domain: Domain::new(root.clone()),
            directory: Directory::new(&root, os::instance_id()),
            policy: PolicySources::new(root.clone()),
            group_policy: GroupPolicyReader::new(root),
            material: None,
            group_key: None,
        }
    }

    /// Performs one action; its outcome, if it has one. Once `cut` has come the directory is waited for no longer.
    pub(crate) async fn perform(&mut self, action: Action, cut: impl Future<Output = ()>) -> Option<Outcome> {
        // What Group Policy was read over serves the connection that comes next, and nothing else.
        let bound = self.group_policy.take_connection();
        match action {
            Action::ReadJournal { begin } => Some(Outcome::Journal(self.root_half.journal(begin).await)),
            Action::ReadPolicy { age_days_min } => {
                self.read_group_policy(cut).await;
                let read = self.policy.read(age_days_min);
                if !read.is_for_active_directory() {
                    drop(self.group_policy.take_connection());
                }
                Some(Outcome::Policy(read))
            }
            Action::Connect { target, encryption, dsrm, prefer, avoid } => {
                let (encryption, prefer) = (encryption.as_ref(), prefer.as_ref());
                let asked = Asked { target, encryption, dsrm, prefer, avoid: &avoid, bound };
                let connecting = self.directory.connect(&mut self.domain, &self.root_half, asked);
                let connected = until(cut, connecting).await;
                Some(Outcome::Connected(connected.unwrap_or(Err(directory::cut_off()))))
            }
            Action::ReadState { known, settled } => {
                let state = until(cut, self.directory.state(&known, settled)).await;
                Some(Outcome::State(state.unwrap_or(Err(directory::cut_off()))))
            }
            Action::FetchGroupKey(principal) => {
                let fetched = until(cut, self.fetch_group_key(&principal)).await;
                Some(Outcome::GroupKey(fetched.unwrap_or(Err(directory::cut_off()))))
            }
            Action::Prepare { plan, directory, record, expiry, encrypt_to } => {
                failpoint::hit("agent.before_prepare");
                let key = self.group_key.take().filter(|(of, _)| encrypt_to.as_ref() == Some(of));
                if encrypt_to.is_some() && key.is_none() {
                    // Without a key it would be prepared in clear text.
                    return Some(Outcome::Prepared(Err(root_half::keyless())));
                }
                let prepared = self.root_half.prepare(&plan, &directory, &record, expiry, key).await;
                failpoint::hit("agent.after_prepare");
                Some(Outcome::Prepared(prepared.map(|(prepared, material)| {
                    self.material = Some(material);
                    prepared
                })))
            }
            Action::FetchSeal(version) => Some(Outcome::Prepared(
                self.root_half.fetch_seal(version).await.map(|(prepared, material)| {
                    self.material = Some(material);
                    prepared
                }),
            )),
            Action::CountSend { version, to } => {
                Some(Outcome::Counted(self.root_half.count_send(version, to.as_ref()).await))
            }
            Action::UncountSend(version) => {
                Some(Outcome::Counted(self.root_half.uncount_send(version).await))
            }
            Action::Store(store) => {
                failpoint::hit("agent.before_store");
                let stored = match &self.material {
                    Some(material) => until(cut, self.directory.store(&store, material))
                        .await
                        .unwrap_or_else(|| StoreOutcome::Unanswered(directory::cut_off())),
                    None => StoreOutcome::NotSent(directory::nothing_to_send()),
                };
                if matches!(stored, StoreOutcome::Acknowledged(_)) {
                    // What has landed is never sent again.
                    self.material = None;
                }
                failpoint::hit("agent.after_store");
                Some(Outcome::Stored(stored))
            }
            Action::Commit { version, receipt, by } => {
                failpoint::hit("agent.before_commit");
                let committed = self.root_half.commit(version, receipt.as_ref(), by.as_ref()).await;
                failpoint::hit("agent.after_commit");
                Some(Outcome::Committed(committed))
            }
            Action::Reinstate(version) => Some(Outcome::Committed(self.root_half.reinstate(version).await)),
            Action::EnsureAccount { name, enabled } => {
                Some(Outcome::Ensured(self.root_half.ensure_account(&name, enabled).await))
            }
            Action::DropAccount => Some(Outcome::Dropped(self.root_half.drop_account().await)),
            Action::EndUse { step, account, uid } => {
                failpoint::hit("agent.before_end_use");
                Some(Outcome::UseEnded(self.root_half.end_use(step, &account, uid).await))
            }
            Action::Forget => {
                self.material = None;
                self.group_key = None;
                // A send that was cut off may have left some of it there.
                self.directory.disconnect();
                None
            }
            Action::Disconnect => {
                self.group_key = None;
                self.directory.disconnect();
                None
            }
            // The loop does these itself.
            Action::Raise(_)
            | Action::Answer(..)
            | Action::Remember(_)
            | Action::KeepTraces(_)
            | Action::Keep(_)
            | Action::Acknowledge(..)
            | Action::CallHome => None,
        }
    }

    /// Gets the key to encrypt the next password with, to this principal.
    async fn fetch_group_key(&mut self, principal: &Sid) -> Result<(), DirectoryFailure> {
        self.directory.check_principal(principal).await?;
        let key = self.domain.group_key(&self.root_half, principal).await.map_err(ad::keyless)?;
        self.group_key = Some((principal.clone(), key));
        Ok(())
    }

    /// Asks the domain, if there is one, what Group Policy says now. Cut off, what was read last holds.
    async fn read_group_policy(&mut self, cut: impl Future<Output = ()>) {
        let read = self.group_policy.read(&mut self.domain, &self.root_half, self.policy.group_policy());
        if let Some(read) = until(cut, read).await {
            self.policy.settle_group_policy(os::now().wall.0, read);
        }
    }
}

/// The answer to a call, or none if `cut` came first: then the call is gone, with all that it held.
async fn until<T>(cut: impl Future<Output = ()>, call: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        answer = call => Some(answer),
        () = cut => None,
    }
}

/// An error and what it rests on, in one line.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    std::iter::successors(Some(error), |error| error.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
