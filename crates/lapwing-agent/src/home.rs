//! Sessions with the management server: what it asks of this host is performed here, and what it asks of the password is
//! handed to the loop, whose machine decides.
//!
//! INVARIANT: an Exec is answered with success only after its action has been saved.

use std::sync::Arc;

use anyhow::Context as _;
use lapwing_client::{
    cloud,
    identity::{Identity, Root},
    mdm::{Cause, Channel, Done, Session, Start, Work},
    transport::Limits,
};
use lapwing_core::{
    agent::{Acceptance, ActionStatus, Machine, Trace},
    csp::{Performed, Reply, Status},
    event::Hresult,
    management::Because,
    types::{ActionId, BootTime},
};
use lapwing_proto::{
    management::{ActionReport, DeviceInfo},
    policy_report::{self, PolicyReport},
    register::ManagementService,
    syncml::SessionId,
    trace::{TraceInfo, TraceUpload},
};
use tokio::sync::{mpsc, oneshot};

use crate::{csp::CspStore, exec::memory, os, policy_source::PolicySources, renewal::Renewal};

/// The most actions that one session tells of; the rest follows in the next.
const REPORTS_MAX: usize = 64;

/// A session that is to be opened.
#[derive(Debug)]
pub(crate) struct Visit {
    because: Because,
    /// How actions stand that the server has not heard of.
    untold: Vec<(ActionId, ActionStatus)>,
    /// What became of rotations that the server has not heard of.
    traces: Vec<Trace>,
}

impl Visit {
    pub(crate) fn new(because: Because, machine: &Machine, now: BootTime) -> Self {
        let untold = machine.ledger().actions.iter().filter(|action| action.is_untold(now));
        let untold = untold.map(|action| (action.id, action.status(now))).take(REPORTS_MAX).collect();
        let traces = machine.traces().traces.iter().filter(|trace| !trace.is_told).cloned().collect();
        Self { because, untold, traces }
    }

    fn reports(&self) -> Vec<ActionReport> {
        let report = |(action, status): &(ActionId, ActionStatus)| ActionReport {
            action: *action,
            hresult: status.hresult(),
            version: match status {
                ActionStatus::Satisfied(version) => Some(*version),
                ActionStatus::Pending | ActionStatus::Failed { .. } => None,
            },
            event: match status {
                ActionStatus::Failed { event, .. } => Some(event.code()),
                ActionStatus::Pending | ActionStatus::Satisfied(_) => None,
            },
        };
        self.untold.iter().map(report).collect()
    }
}

/// What a session wants of the loop.
#[derive(Debug)]
pub(crate) enum Asked {
    /// A rotation.
    Order(ActionId, oneshot::Sender<Acceptance>),
    /// What `ResetPasswordStatus` says.
    ResetStatus(oneshot::Sender<Hresult>),
    /// The server has heard that an action stands like this.
    Confirm(ActionId, ActionStatus),
    /// The server has these traces.
    TracesTold(Vec<Trace>),
    /// This host has another certificate: what the server refused because of the old one may go well now.
    Renewed,
    /// The session is over.
    Ended {
        /// Whether it came to its end, or there is no server to call.
        is_complete: bool,
        /// The actions that it was to tell of.
        told: Vec<ActionId>,
    },
}

/// Opens sessions for ever, one after another, as they are asked for.
pub(crate) async fn visit(root: Root, mut visits: mpsc::Receiver<Visit>, loop_: mpsc::Sender<Asked>) {
    let mut caller = Caller {
        csp: CspStore::new(&root),
        loop_,
        known: None,
        renewal: Renewal::default(),
        policy: PolicySources::new(root.clone()),
        told_policy: None,
        root,
    };
    while let Some(visit) = visits.recv().await {
        let is_complete = match caller.call(&visit).await {
            Ok(()) => true,
            Err(error) => {
                // It may have moved.
                caller.known = None;
                tracing::warn!(error = format!("{error:#}"), "A session with the management server failed");
                caller.renewal.hear(&caller.root, &error);
                false
            }
        };
        let told = visit.untold.iter().map(|(id, _)| *id).collect();
        if caller.loop_.send(Asked::Ended { is_complete, told }).await.is_err() {
            return;
        }
    }
}

struct Caller {
    root: Root,
    csp: CspStore,
    loop_: mpsc::Sender<Asked>,
    /// Where the server is managed from, as its discovery answer said, and whose answer that was.
    known: Option<(String, ManagementService)>,
    renewal: Renewal,
    /// Kept, so that what a damaged file said last is told as it holds.
    policy: PolicySources,
    /// The policy in effect that the server was told last.
    told_policy: Option<PolicyReport>,
}

impl Caller {
    /// One session from its first message to its last; none on a host that nobody manages.
    async fn call(&mut self, visit: &Visit) -> anyhow::Result<()> {
        // A host that is not enrolled, or in a directory that manages nothing, has nobody to call.
        let Ok(identity) = Identity::load(&self.root) else { return Ok(()) };
        let identity = Arc::new(identity);
        let Some(service) = self.service(&identity).await? else { return Ok(()) };
        let before = identity.certificate.clone();
        let identity = self.renewal.renew(&self.root, identity, &service).await;
        if identity.certificate != before {
            self.loop_.send(Asked::Renewed).await?;
        }
        let start = Start {
            id: SessionId::number(os::session_number()),
            server: service.endpoint.parse().context("the server's address is none")?,
            device: DeviceInfo {
                device: identity.settings.device,
                manufacturer: "Lapwing".to_owned(),
                model: "Linux".to_owned(),
                language: "en-US".to_owned(),
            },
            cause: match visit.because {
                Because::WakeUp => Cause::ServerInitiated,
                Because::News | Because::Schedule => Cause::ClientInitiated,
            },
            reports: visit.reports(),
        };
        let url = service.endpoint.parse().context("the server's address is none")?;
        let mut channel = Channel::new(&identity, url, Limits::default())?;
        let (mut session, mut message) = Session::start(start);
        loop {
            let answer = channel.post(message).await?;
            let received = session.receive(answer.expose_secret())?;
            for (id, status) in received.reported.iter().filter_map(|(id, _)| visit.told(*id)) {
                self.loop_.send(Asked::Confirm(id, status)).await?;
            }
            if received.is_over {
                return self.tell(channel, &visit.traces).await;
            }
            let mut done = Vec::with_capacity(received.work.len());
            for work in received.work {
                done.push(self.perform(work).await?);
            }
            match session.reply(&done) {
                Some(next) => message = next,
                None => return self.tell(channel, &visit.traces).await,
            }
        }
    }

    /// Tells what is for people alone, after the session, which matters more.
    async fn tell(&mut self, mut channel: Channel, traces: &[Trace]) -> anyhow::Result<()> {
        self.tell_traces(&mut channel, traces).await?;
        self.tell_policy(&mut channel).await;
        Ok(())
    }

    /// Sends which policy is in effect now, with what the session may have set of it, unless the server knows.
    async fn tell_policy(&mut self, channel: &mut Channel) {
        let age_days_min = memory::load(&self.root).age_days_min;
        let mut report = self.policy.explain(age_days_min);
        policy_report::shorten(&mut report);
        if self.told_policy.as_ref() == Some(&report) {
            return;
        }
        match channel.tell_policy(&report).await {
            Ok(()) => self.told_policy = Some(report),
            // The next session tells it: nothing waits for it.
            Err(error) => tracing::warn!(%error, "The server did not take the policy in effect"),
        }
    }

    /// Sends what became of rotations.
    async fn tell_traces(&self, channel: &mut Channel, traces: &[Trace]) -> anyhow::Result<()> {
        if traces.is_empty() {
            return Ok(());
        }
        let time = os::now().wall.0.to_string();
        let upload = TraceUpload { time, traces: traces.iter().map(TraceInfo::from).collect() };
        channel.tell_traces(&upload).await?;
        self.loop_.send(Asked::TracesTold(traces.to_vec())).await?;
        Ok(())
    }

    /// Where to call, discovered once.
    async fn service(&mut self, identity: &Identity) -> anyhow::Result<Option<ManagementService>> {
        let settings = &identity.settings;
        let place = format!("{} {} {}", settings.server, settings.tenant, settings.device);
        if let Some((whose, service)) = &self.known
            && *whose == place
        {
            return Ok(Some(service.clone()));
        }
        let service = cloud::management(identity, Limits::default()).await?;
        // Another server, or the same that may have lost it, knows nothing of it.
        self.told_policy = None;
        self.known = service.clone().map(|service| (place, service));
        Ok(service)
    }

    async fn perform(&self, work: Work) -> anyhow::Result<Done> {
        let reset_status = self.ask(Asked::ResetStatus).await?;
        Ok(match work {
            Work::Single(operation) => Done::Single(match self.csp.perform(&operation, reset_status) {
                Performed::Done(reply) => reply,
                Performed::Reset { correlator } => {
                    // One without a name is a new one each time: only a server that names them can repeat itself.
                    let id = ActionId(correlator.unwrap_or_else(os::request_id));
                    let acceptance = self.ask(|reply| Asked::Order(id, reply)).await?;
                    Reply::status(match acceptance {
                        Acceptance::Open => Status::ACCEPTED,
                        Acceptance::Satisfied => Status::OK,
                        Acceptance::Full => Status::FULL,
                        Acceptance::NotSaved => Status::NOT_SAVED,
                    })
                }
            }),
            Work::Atomic(members) => Done::Atomic(self.csp.perform_atomic(&members, reset_status)),
        })
    }

    async fn ask<T>(&self, question: impl FnOnce(oneshot::Sender<T>) -> Asked) -> anyhow::Result<T> {
        let (reply, answer) = oneshot::channel();
        self.loop_.send(question(reply)).await?;
        Ok(answer.await?)
    }
}

impl Visit {
    fn told(&self, id: ActionId) -> Option<(ActionId, ActionStatus)> {
        self.untold.iter().copied().find(|(told, _)| *told == id)
    }
}
