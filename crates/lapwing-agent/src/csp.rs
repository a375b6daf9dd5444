//! What the management server has set through the LAPS CSP, in `/var/lib/lapwing/csp.json`.
//!
//! The file is the only copy: it is read for each operation, and replaced whole and synced before a change is answered
//! with success. One that is damaged, or of a version not known here, is neither obeyed in part nor overwritten, for what
//! it holds beside the change would be lost unseen: every operation then fails, until somebody removes it and the server
//! sends its policy again.
//!
//! INVARIANT: an operation that could not be saved has changed nothing.

use std::{collections::BTreeMap, path::PathBuf};

use lapwing_client::identity::{IdentityError, Root, files};
use lapwing_core::{
    csp::{AtomicReply, Member, Operation, Performed, Reply, Status, Tree},
    event::Hresult,
    policy::{PolicyRoot, Setting},
};
use serde::{Deserialize, Serialize};

use crate::{exec::memory, log};

/// The version of the file's form that is written, and the only one read.
const VERSION: u32 = 1;

/// The file's form: each leaf's value as it was sent, by the setting's name.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OnDisk {
    version: u32,
    policies: BTreeMap<String, String>,
}

/// Why the file is not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CspError {
    #[error("it cannot be read")]
    Io(#[from] IdentityError),
    #[error("it is damaged")]
    Json(#[from] serde_json::Error),
    #[error("it is of version {0}, and this lapwingd knows version {VERSION}")]
    Version(u32),
    #[error("it is damaged: {name:?} is no setting of the LAPS CSP")]
    Unknown { name: String },
    #[error("it is damaged: the value of {0} is not of its type")]
    Value(Setting),
}

impl CspError {
    /// What to do about it.
    pub(crate) const fn next_step(&self) -> &'static str {
        match self {
            Self::Io(_) => "let the user lapwing own /var/lib/lapwing and what is in it",
            Self::Json(_) | Self::Unknown { .. } | Self::Value(_) => {
                "remove /var/lib/lapwing/csp.json: the management server sends its policy again"
            }
            Self::Version(_) => "install the newer Lapwing again, or remove /var/lib/lapwing/csp.json",
        }
    }
}

/// The tree on this host's disk.
#[derive(Debug)]
pub(crate) struct CspStore {
    path: PathBuf,
}

impl CspStore {
    /// That of the host whose file system begins at `root`.
    pub(crate) fn new(root: &Root) -> Self {
        Self { path: root.csp() }
    }

    /// What it holds; nothing if there is no file.
    ///
    /// # Errors
    /// [`CspError`] if it cannot be read whole.
    pub(crate) fn load(&self) -> Result<Tree, CspError> {
        let Some(bytes) = files::read_if_there(&self.path)? else { return Ok(Tree::default()) };
        let OnDisk { version, policies } = serde_json::from_slice(&bytes)?;
        if version != VERSION {
            return Err(CspError::Version(version));
        }
        let known = |(name, data): (String, String)| match PolicyRoot::Csp.find(&name) {
            Some(setting) if setting.has_csp_node() => Ok((setting, data)),
            _ => Err(CspError::Unknown { name }),
        };
        let values: Vec<_> = policies.into_iter().map(known).collect::<Result<_, _>>()?;
        Tree::holding(values).map_err(CspError::Value)
    }

    /// Performs one operation; what it changes is on disk before this returns. With 510 nothing was changed.
    pub(crate) fn perform(&self, operation: &Operation, reset_status: Hresult) -> Performed {
        let performed = self.change(|tree| tree.perform(operation, reset_status));
        performed.unwrap_or(Performed::Done(Reply { status: Status::NOT_SAVED, value: None }))
    }

    /// Performs all operations of an Atomic, or none; with one write. What cannot be saved is told of the last of them.
    pub(crate) fn perform_atomic(&self, members: &[Member], reset_status: Hresult) -> AtomicReply {
        self.change(|tree| tree.perform_atomic(members, reset_status)).unwrap_or_else(|| {
            let mut statuses = vec![Status::ROLLED_BACK; members.len()];
            if let Some(last) = statuses.last_mut() {
                *last = Status::NOT_SAVED;
            }
            AtomicReply { status: Status::ATOMIC_FAILED, members: statuses }
        })
    }

    /// Changes the tree, or leaves it as it is and says why in the log.
    fn change<T>(&self, change: impl FnOnce(&mut Tree) -> T) -> Option<T> {
        let before = self.load().map_err(|error| {
            tracing::warn!(
                error = crate::exec::chain(&error),
                "The policy of the management server cannot be read"
            );
        });
        let before = before.ok()?;
        let mut tree = before.clone();
        let changed = change(&mut tree);
        if tree != before {
            let saved = self.save(&tree);
            saved.map_err(|error| log::raise(&memory::not_written(&error))).ok()?;
        }
        Some(changed)
    }

    fn save(&self, tree: &Tree) -> Result<(), IdentityError> {
        let policies =
            tree.values().map(|(setting, data)| (setting.name().to_owned(), data.to_owned())).collect();
        let on_disk = OnDisk { version: VERSION, policies };
        let bytes = serde_json::to_vec_pretty(&on_disk).expect("strings and numbers are always JSON");
        files::replace_private(&self.path, &bytes)
    }
}

#[cfg(test)]
mod tests;
