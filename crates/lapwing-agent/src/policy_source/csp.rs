//! The policy that the management server has set: what the file of the LAPS CSP holds.

use lapwing_client::identity::Root;
use lapwing_core::policy::RawPolicy;

use super::{Said, Unreadable};
use crate::{csp::CspStore, exec};

/// The file, and what it said when it could last be read.
#[derive(Debug)]
pub(super) struct CspFile {
    path: String,
    store: CspStore,
    last: Option<RawPolicy>,
}

impl CspFile {
    pub(super) fn new(root: &Root) -> Self {
        Self { path: root.csp().display().to_string(), store: CspStore::new(root), last: None }
    }

    /// What stands in it. If it cannot be read: what stood in it last, if that is known, and why.
    pub(super) fn read(&mut self) -> Said {
        match self.store.load() {
            Ok(tree) => {
                self.last = Some(tree.raw_policy());
                Ok(self.last.clone().map(|last| vec![last]))
            }
            Err(error) => {
                let why = Unreadable::file(self.path.clone(), exec::chain(&error), error.next_step());
                Err((self.last.clone().map(|last| vec![last]), why))
            }
        }
    }
}
