//! The directory of the machine's choice, told apart by what the policy wants.

use lapwing_client::identity::Root;
use lapwing_core::{
    agent::{
        DirectoryFailure, DirectoryFault, DirectoryState, Encryption, Known, Session, Store, StoreOutcome,
        Target,
    },
    event::Hresult,
    policy::DsrmBackup,
    types::{InstanceId, Replica, Sid},
};

use super::{
    ad::{ActiveDirectory, Attributes},
    cloud::Cloud,
    domain::{Domain, Reached},
    root_half::{Material, RootHalf},
};

/// The directories that this host can speak with, of which one is connected at most.
#[derive(Debug)]
pub(super) struct Directory {
    cloud: Cloud,
    active_directory: ActiveDirectory,
    /// Whether the one connected last is Active Directory.
    is_ad: bool,
}

/// Which connection is asked for.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    /// To which kind of directory.
    pub(super) target: Target,
    /// How passwords are encrypted there, if they are.
    pub(super) encryption: Option<&'a Encryption>,
    /// What is wanted if this host is a domain controller.
    pub(super) dsrm: DsrmBackup,
    /// The replica to go to if it answers.
    pub(super) prefer: Option<&'a Replica>,
    /// Those not to go to.
    pub(super) avoid: &'a [Replica],
    /// One to a domain controller that stands already.
    pub(super) bound: Option<Reached>,
}

impl Directory {
    pub(super) fn new(root: &Root, instance: InstanceId) -> Self {
        Self {
            cloud: Cloud::new(root.clone(), instance),
            active_directory: ActiveDirectory::default(),
            is_ad: false,
        }
    }

    /// Closes the connection.
    pub(super) fn disconnect(&mut self) {
        self.cloud.disconnect();
        self.active_directory.disconnect();
    }

    /// Connects as this host.
    pub(super) async fn connect(
        &mut self,
        domain: &mut Domain,
        root_half: &RootHalf,
        asked: Asked<'_>,
    ) -> Result<Session, DirectoryFailure> {
        self.disconnect();
        self.is_ad = asked.target.is_active_directory();
        let attributes = match asked.target {
            // One server, whatever is preferred or avoided.
            Target::Cloud => return self.cloud.connect().await,
            Target::ActiveDirectory => Attributes::WindowsLaps,
            Target::LegacyActiveDirectory => Attributes::Legacy,
        };
        self.active_directory.connect(domain, root_half, attributes, asked).await
    }

    /// Asks what the directory holds.
    pub(super) async fn state(
        &mut self,
        known: &[Known],
        settled: bool,
    ) -> Result<DirectoryState, DirectoryFailure> {
        if self.is_ad { self.active_directory.state(known, settled).await } else { self.cloud.state().await }
    }

    /// Makes sure that the policy's principal is still this one.
    pub(super) async fn check_principal(&mut self, principal: &Sid) -> Result<(), DirectoryFailure> {
        self.active_directory.check_principal(principal).await
    }

    /// Sends the password, once.
    pub(super) async fn store(&mut self, store: &Store, material: &Material) -> StoreOutcome {
        if self.is_ad {
            self.active_directory.store(store, material).await
        } else {
            self.cloud.store(store, material).await
        }
    }
}

/// For an order that comes without what it needs: that has been forgotten meanwhile.
pub(super) fn nothing_to_send() -> DirectoryFailure {
    forgotten("there is no connection, or nothing to send any more")
}

/// For a principal that another has taken the place of since the cycle began.
pub(super) fn another_principal() -> DirectoryFailure {
    forgotten("ADPasswordEncryptionPrincipal has become somebody else's name meanwhile")
}

/// For a call that was under way when everything was to be forgotten.
pub(super) fn cut_off() -> DirectoryFailure {
    forgotten("the connection was cut, for this host is about to sleep")
}

fn forgotten(message: &str) -> DirectoryFailure {
    let next_step = "nothing: the cycle starts over once this host is awake";
    DirectoryFailure::new(DirectoryFault::NothingToSend, "", Hresult::CONNECTION_ABORTED, message, next_step)
}
