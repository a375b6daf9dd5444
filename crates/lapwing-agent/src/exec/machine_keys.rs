//! The machine's keys in its domain, as the root half handed them over.
//!
//! They are kept, because each question starts the root half; and asked for again as soon as something fails that they may be
//! to blame for: whoever renews the machine's key replaces the keytab.

use std::{os::fd::OwnedFd, sync::Arc};

use lapwing_core::agent::RootHalfFailure;

use super::root_half::RootHalf;

/// The keytab in memory, once it was asked for.
#[derive(Debug, Default)]
pub(super) struct MachineKeys {
    keytab: Option<Arc<OwnedFd>>,
}

impl MachineKeys {
    /// The keytab. A caller keeps what it got for as long as a thread of Kerberos may still look for it.
    pub(super) async fn get(&mut self, root_half: &RootHalf) -> Result<Arc<OwnedFd>, RootHalfFailure> {
        if let Some(keytab) = &self.keytab {
            return Ok(Arc::clone(keytab));
        }
        let keytab = Arc::new(root_half.keytab().await?);
        self.keytab = Some(Arc::clone(&keytab));
        Ok(keytab)
    }

    /// Has them asked for again.
    pub(super) fn forget(&mut self) {
        self.keytab = None;
    }
}
