//! Entra ID or `lapwing-server`, by one client.

use std::sync::Arc;

use lapwing_client::{
    CallError, Refusal,
    cloud::{self, Session as Connected, Unanswered},
    identity::{Identity, IdentityError, Root, machine},
    transport::{Limits, TransportError},
};
use lapwing_core::{
    agent::{
        DirectoryFailure, DirectoryFault, DirectoryState, Expected, Guarantees, Receipt, Session, Store,
        StoreOutcome, Told, Written,
    },
    event::Hresult,
    types::{InstanceId, RecordId, WallTime},
};
use lapwing_proto::register::{Condition, SealedUpload};

use super::{chain, directory::nothing_to_send, root_half::Material};
use crate::os;

/// The directory that this host is enrolled in.
#[derive(Debug)]
pub(super) struct Cloud {
    root: Root,
    session: Option<Connected>,
    /// By which the directory tells this host from another with the same identity.
    instance: InstanceId,
}

impl Cloud {
    pub(super) const fn new(root: Root, instance: InstanceId) -> Self {
        Self { root, session: None, instance }
    }

    /// Closes the connection.
    pub(super) fn disconnect(&mut self) {
        self.session = None;
    }

    /// Reads who we are, discovers the directory, and gets a token.
    pub(super) async fn connect(&mut self) -> Result<Session, DirectoryFailure> {
        self.session = None;
        let identity = Identity::load(&self.root).map_err(|error| not_enrolled(&error))?;
        machine::bind(&self.root).map_err(|error| not_enrolled(&error))?;
        let identity = Arc::new(identity);
        let record = RecordId(identity.settings.device.to_string());
        let session = Connected::open(identity, Limits::default())
            .await
            .map_err(|error| call_failed(&error, Stage::Connect))?;
        let announced = session.announcement();
        let known = Session {
            directory: session.directory().clone(),
            record,
            endpoint: session.endpoint(),
            guarantees: Guarantees::of(session.directory()),
            replica: None,
            keeps_versions: true,
            principal: None,
            unfit: None,
            is_controller: false,
            age_days_min: announced.and_then(|announced| u16::try_from(announced.password_age_days_min).ok()),
        };
        self.session = Some(session);
        Ok(known)
    }

    /// Asks what the directory holds.
    pub(super) async fn state(&mut self) -> Result<DirectoryState, DirectoryFailure> {
        let Some(session) = &mut self.session else { return Err(nothing_to_send()) };
        let held =
            session.state(os::request_id()).await.map_err(|error| call_failed(&error, Stage::Exchange))?;
        Ok(DirectoryState {
            version: Told::Version(held.version),
            expiry: held.expiry.map(WallTime),
            receipt: held.receipt.map(|receipt| Receipt(receipt.to_vec())),
            time: Some(WallTime(held.time)),
            written: held.stored.map(|at| Written {
                at: WallTime(at),
                from: held.stored_from.map(|address| address.to_string()),
            }),
        })
    }

    /// Sends the password, once.
    pub(super) async fn store(&mut self, store: &Store, material: &Material) -> StoreOutcome {
        let Some(session) = &mut self.session else { return StoreOutcome::NotSent(nothing_to_send()) };
        let sealed;
        let material = match material {
            Material::Sealed(bytes) => {
                sealed = SealedUpload {
                    version: store.version,
                    condition: match store.expected {
                        Expected::Version(version) => Condition::Holds(version),
                        // This directory always tells the version, so nothing else is ever expected.
                        Expected::Nothing | Expected::AsRead => Condition::Absent,
                    },
                    in_force: store.in_force,
                    expiry: store.expiry.0,
                    sealed: bytes.clone(),
                    instance: Some(self.instance),
                };
                cloud::Material::Sealed(&sealed)
            }
            Material::Clear(password) => cloud::Material::Clear { password, expiry: None },
        };
        let request = cloud::Store { account: &store.account, material };
        match session.store(&request, os::request_id()).await {
            cloud::StoreOutcome::Stored(held) => {
                StoreOutcome::Acknowledged(held.map(|held| Receipt(held.receipt.to_vec())))
            }
            cloud::StoreOutcome::VersionMismatch { current } => {
                StoreOutcome::VersionMismatch(DirectoryState {
                    version: Told::Version(current),
                    expiry: None,
                    receipt: None,
                    time: None,
                    written: None,
                })
            }
            cloud::StoreOutcome::Refused(refusal) => {
                StoreOutcome::Refused(refused(&refusal, Stage::Exchange))
            }
            cloud::StoreOutcome::NotSent(error) => {
                StoreOutcome::NotSent(call_failed(&error, Stage::Exchange))
            }
            cloud::StoreOutcome::Unanswered(error) => StoreOutcome::Unanswered(unanswered(&error)),
        }
    }
}

/// Where in a cycle a call failed: the same refusal means another thing before and after the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Connect,
    Exchange,
}

fn not_enrolled(error: &IdentityError) -> DirectoryFailure {
    let fault = match error {
        IdentityError::OtherMachine { .. } => DirectoryFault::PossibleClone,
        _ => DirectoryFault::NotEnrolled,
    };
    DirectoryFailure::new(fault, "", Hresult::NOT_FOUND, chain(error), error.next_step())
}

fn call_failed(error: &CallError, stage: Stage) -> DirectoryFailure {
    match error {
        CallError::Transport(error) => transport_failed(error),
        CallError::Refused(refusal) => refused(refusal, stage),
        CallError::Malformed { peer, .. } => {
            let kind = match stage {
                Stage::Connect => DirectoryFault::DiscoveryFailed,
                Stage::Exchange => DirectoryFault::Malformed,
            };
            DirectoryFailure::new(kind, peer, Hresult::INVALID_DATA, chain(error), error.next_step())
        }
        // What else there is lies in our own files: an address or a key that cannot be used.
        other => DirectoryFailure::new(
            DirectoryFault::NotEnrolled,
            "",
            Hresult::INVALID_DATA,
            chain(other),
            other.next_step(),
        ),
    }
}

fn transport_failed(error: &TransportError) -> DirectoryFailure {
    let (kind, hresult) = match error {
        TransportError::NameNotResolved { .. } => (DirectoryFault::Unreachable, Hresult::NAME_NOT_RESOLVED),
        TransportError::TimedOut { .. } => (DirectoryFault::Unreachable, Hresult::TIMEOUT),
        TransportError::NotTrusted { .. } => (DirectoryFault::NotTrusted, Hresult::CERTIFICATE),
        TransportError::Configuration { .. } => (DirectoryFault::NotTrusted, Hresult::TLS),
        TransportError::Tls { .. } => (DirectoryFault::Unreachable, Hresult::TLS),
        TransportError::Closed { .. } => (DirectoryFault::Unreachable, Hresult::CONNECTION_ABORTED),
        _ => (DirectoryFault::Unreachable, Hresult::CANNOT_CONNECT),
    };
    DirectoryFailure::new(kind, error.peer().unwrap_or_default(), hresult, chain(error), error.next_step())
}

fn refused(refusal: &Refusal, stage: Stage) -> DirectoryFailure {
    let kind = match (refusal.status, refusal.code.as_str(), stage) {
        (429, ..) | (503, ..) if refusal.retry_after.is_some() => DirectoryFault::Throttled,
        (429, ..) => DirectoryFault::Throttled,
        // A server or gateway in trouble is as good as not there, and must be noticed as soon when it is back.
        (500..=599, ..) => DirectoryFault::Unreachable,
        (_, "error_missing_device", _) => DirectoryFault::NoRecord,
        (404, _, Stage::Connect) => DirectoryFault::DiscoveryFailed,
        (.., Stage::Connect) => DirectoryFault::AuthenticationFailed,
        (.., Stage::Exchange) => DirectoryFault::Refused,
    };
    let hresult = Hresult::from_win32(refusal.status);
    DirectoryFailure {
        retry_after: refusal.retry_after,
        answer: Some((refusal.status, refusal.message.clone())),
        ..DirectoryFailure::new(kind, &refusal.peer, hresult, refusal.to_string(), refusal.next_step())
    }
}

fn unanswered(error: &Unanswered) -> DirectoryFailure {
    match error {
        Unanswered::Transport(error) => transport_failed(error),
        Unanswered::Unclear(refusal) => refused(refusal, Stage::Exchange),
        other => DirectoryFailure::new(
            DirectoryFault::Malformed,
            "",
            Hresult::INVALID_DATA,
            chain(other),
            other.next_step(),
        ),
    }
}
