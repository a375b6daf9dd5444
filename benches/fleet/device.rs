//! One device: what an agent's shell does on the network, by the same client, without a host behind it.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use lapwing_client::{
    CallError,
    cloud::{self, Backoff, Material, Session, Store, StoreOutcome, WakeUps},
    identity::{AgentSettings, DeviceKey, Identity},
    mdm::{Cause, Done, Work},
    transport::{CertificateDer, HttpsUrl, Limits},
};
use lapwing_core::{
    csp::{Performed, Reply, Status, Tree},
    event::Hresult,
    types::{AccountName, ActionId, Guid, PasswordVersion},
};
use lapwing_proto::{management::ActionReport, register::ManagementService};
use rand_core::Rng as _;
use tokio::sync::OwnedSemaphorePermit;

use crate::{
    Fleet,
    management::session,
    os,
    seal::seal,
    words::{Member, Roster},
};

/// A simulated device.
pub(crate) struct Device {
    identity: Arc<Identity>,
    account: AccountName,
    seal_key: [u8; 32],
    held: PasswordVersion,
    service: Option<ManagementService>,
    sessions: u16,
}

impl Device {
    pub(crate) fn new(roster: &Roster, member: &Member, key: &DeviceKey) -> Result<Self> {
        let settings = AgentSettings {
            server: roster.server.parse()?,
            tenant: roster.tenant.parse()?,
            device: member.device.parse()?,
            admin_group: None,
            proxy: None,
        };
        let identity = Identity {
            settings,
            key: DeviceKey::from_pem(&key.to_pem())?,
            certificate: CertificateDer::from(member.certificate.clone()),
            authority: Some(CertificateDer::from(roster.authority.clone())),
        };
        Ok(Self {
            identity: Arc::new(identity),
            account: "lapadmin".parse()?,
            seal_key: roster.seal_key,
            held: PasswordVersion(member.held.parse()?),
            service: None,
            sessions: 0,
        })
    }

    /// Where the server wakes devices.
    pub(crate) async fn discover(&mut self) -> Result<HttpsUrl> {
        let service = cloud::management(&self.identity, Limits::default()).await?;
        let service = service.context("the server manages no devices")?;
        let endpoint = service.wake_up.parse()?;
        self.service = Some(service);
        Ok(endpoint)
    }

    /// Keeps the wake-up connection for ever, by the agent's own rule, and calls home whenever it is asked to. `first` is
    /// held until it is open for the first time.
    pub(crate) async fn keep(mut self, endpoint: HttpsUrl, fleet: &Fleet, first: OwnedSemaphorePermit) -> ! {
        let mut first = Some(first);
        let mut backoff = Backoff::default();
        loop {
            let wait = match WakeUps::open(&self.identity, &endpoint, Limits::default(), fleet.pulse).await {
                Ok(mut line) => {
                    backoff = Backoff::default();
                    drop(first.take());
                    fleet.change(|state| state.connected += 1);
                    while line.next().await.is_ok() {
                        self.answer_wake_up(fleet).await;
                    }
                    fleet.change(|state| state.connected -= 1);
                    backoff.after_failure(os::rng().next_u64())
                }
                Err(CallError::Refused(refusal)) => {
                    fleet.change(|state| {
                        state.refused += 1;
                        state.refusal.get_or_insert(refusal.to_string());
                    });
                    backoff.after_refusal(os::rng().next_u64())
                }
                Err(_) => backoff.after_failure(os::rng().next_u64()),
            };
            tokio::time::sleep(wait).await;
        }
    }

    async fn answer_wake_up(&mut self, fleet: &Fleet) {
        let begun = os::now();
        let outcome = self.call_home().await;
        let time = begun.elapsed().as_secs_f64() * 1000.0;
        fleet.change(|state| match outcome {
            Ok(true) => state.visits.push(time),
            Ok(false) => state.idle_visits += 1,
            Err(error) => state.failures.push(format!("{error:#}")),
        });
    }

    /// A session; if that asks for a rotation, a store, and a session that tells of it. Whether there was something to do.
    async fn call_home(&mut self) -> Result<bool> {
        let asked = self.session(Cause::ServerInitiated, Vec::new()).await?;
        if asked.is_empty() {
            return Ok(false);
        }
        let members = seal(&self.identity.settings, &self.account, &self.seal_key, Some(self.held))?;
        let version = members.version;
        let store = Store { account: &self.account, material: Material::Sealed(&members) };
        let mut session = Session::open(Arc::clone(&self.identity), Limits::default()).await?;
        let outcome = session.store(&store, Guid::random(&mut os::rng())).await;
        ensure!(matches!(outcome, StoreOutcome::Stored(Some(_))), "the server did not store: {outcome:?}");
        self.held = version;
        let report =
            |action| ActionReport { action, hresult: Hresult(0), version: Some(version), event: None };
        self.session(Cause::ClientInitiated, asked.into_iter().map(report).collect()).await?;
        Ok(true)
    }

    /// One session with the management server; the rotations that it asked for.
    async fn session(&mut self, cause: Cause, reports: Vec<ActionReport>) -> Result<Vec<ActionId>> {
        let service = self.service.as_ref().context("the server manages no devices")?;
        self.sessions = self.sessions.wrapping_add(1);
        let mut asked = Vec::new();
        let perform = |work: &Work| perform(work, &mut asked);
        session(&self.identity, &service.endpoint, self.sessions, cause, reports, perform).await?;
        Ok(asked)
    }
}

/// Nothing that it is told is kept: only the network is measured.
fn perform(work: &Work, asked: &mut Vec<ActionId>) -> Done {
    const NOTHING: Hresult = Hresult(0);
    match work {
        Work::Single(operation) => Done::Single(match Tree::default().perform(operation, NOTHING) {
            Performed::Done(reply) => reply,
            Performed::Reset { correlator } => {
                asked.push(ActionId(correlator.unwrap_or_else(|| Guid::random(&mut os::rng()))));
                Reply::status(Status::ACCEPTED)
            }
        }),
        Work::Atomic(members) => Done::Atomic(Tree::default().perform_atomic(members, NOTHING)),
    }
}
