//! The methods of `org.lapwing.Agent`, and those by which any Varlink client finds out about them.

use std::io;

use lapwing_client::identity::{Identity, Root};
use lapwing_core::{
    agent::{Activity, Answer, AnswerResult, Deadline, Report, Request},
    local::agent::{Certificate, INTERFACE, Outcome, Status, WakeUp},
    management::LifeState,
    types::FileTime,
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    net::{UnixStream, unix::UCred},
    sync::{mpsc, oneshot},
};

use super::{Call, authority, frame::Frames};
use crate::{
    exec::memory,
    os,
    policy_source::PolicySources,
    wake::{self, Link},
};

/// What is left where a certificate cannot be renewed any more.
const ENROL_ANEW: &str = "run `lapwing leave --local-only`, and `lapwing enrol` with a new enrolment token";

/// What `varlinkctl introspect` shows.
const DESCRIPTION: &str = include_str!("org.lapwing.Agent.varlink");

/// A call on the wire. Varlink, "Method call".
#[derive(Debug, Deserialize)]
struct Message {
    method: String,
    #[serde(default)]
    parameters: Value,
    #[serde(default)]
    oneway: bool,
}

/// What a call is answered with.
enum Reply {
    Done(Value),
    Failed { error: String, parameters: Value },
}

/// Answers a caller until it hangs up.
pub(super) async fn converse(stream: UnixStream, root: &Root, calls: &mpsc::Sender<Call>) -> io::Result<()> {
    let peer = stream.peer_cred()?;
    let mut frames = Frames::new(stream);
    while let Some(frame) = frames.next().await? {
        let message: Message = serde_json::from_slice(&frame)?;
        let reply = answer(&message, peer, root, calls).await;
        if message.oneway {
            continue;
        }
        let reply = match reply {
            Reply::Done(parameters) => json!({ "parameters": parameters }),
            Reply::Failed { error, parameters } => json!({ "error": error, "parameters": parameters }),
        };
        frames.send(&reply).await?;
    }
    Ok(())
}

async fn answer(message: &Message, peer: UCred, root: &Root, calls: &mpsc::Sender<Call>) -> Reply {
    match message.method.as_str() {
        "org.varlink.service.GetInfo" => Reply::Done(json!({
            "vendor": "Lapwing",
            "product": "lapwingd",
            "version": env!("CARGO_PKG_VERSION"),
            "url": "",
            "interfaces": ["org.varlink.service", INTERFACE],
        })),
        "org.varlink.service.GetInterfaceDescription" => describe(&message.parameters),
        "org.lapwing.Agent.GetStatus" => {
            let known = ask(calls, Call::Report).await;
            known.map_or_else(ending, |(report, deadline, wake_up)| {
                Reply::Done(json!({ "status": status(root, &report, deadline, wake_up) }))
            })
        }
        "org.lapwing.Agent.GetTraces" => {
            let known = ask(calls, Call::Traces).await;
            known.map_or_else(ending, |traces| Reply::Done(json!({ "traces": traces })))
        }
        "org.lapwing.Agent.GetPolicy" => {
            let age_days_min = memory::load(root).age_days_min;
            Reply::Done(json!({ "policy": PolicySources::new(root.clone()).explain(age_days_min) }))
        }
        "org.lapwing.Agent.ResetPassword" => act(Request::ResetPassword, peer, root, calls).await,
        "org.lapwing.Agent.ProcessPolicy" => act(Request::ProcessPolicy, peer, root, calls).await,
        unknown => Reply::Failed {
            error: "org.varlink.service.MethodNotFound".to_owned(),
            parameters: json!({ "method": unknown }),
        },
    }
}

async fn act(request: Request, peer: UCred, root: &Root, calls: &mpsc::Sender<Call>) -> Reply {
    if !authority::may_act(root, peer) {
        tracing::warn!(uid = peer.uid(), ?request, "A caller without the right to ask was refused");
        return Reply::Failed {
            error: format!("{INTERFACE}.NotAuthorized"),
            parameters: json!({
                "message": format!("uid {} may not ask for this", peer.uid()),
                "next_step": "run it as root, or as a member of the admin_group in /etc/lapwing/agent.toml",
            }),
        };
    }
    tracing::info!(uid = peer.uid(), ?request, "A request was accepted");
    ask(calls, |reply| Call::Request(request, reply))
        .await
        .map_or_else(ending, |answer| Reply::Done(json!({ "outcome": outcome(answer) })))
}

/// Hands a call to the loop and waits for its answer; none if this program is ending.
async fn ask<T>(calls: &mpsc::Sender<Call>, call: impl FnOnce(oneshot::Sender<T>) -> Call) -> Option<T> {
    let (reply, answer) = oneshot::channel();
    calls.send(call(reply)).await.ok()?;
    answer.await.ok()
}

fn ending() -> Reply {
    Reply::Failed {
        error: format!("{INTERFACE}.Ending"),
        parameters: json!({ "message": "lapwingd is ending", "next_step": "ask again in a moment" }),
    }
}

fn describe(parameters: &Value) -> Reply {
    match parameters.get("interface").and_then(Value::as_str) {
        Some(INTERFACE) => Reply::Done(json!({ "description": DESCRIPTION })),
        Some(_) | None => Reply::Failed {
            error: "org.varlink.service.InvalidParameter".to_owned(),
            parameters: json!({ "parameter": "interface" }),
        },
    }
}

fn outcome(answer: Answer) -> Outcome {
    Outcome {
        result: match answer.result {
            AnswerResult::Rotated => "rotated",
            AnswerResult::NotDue => "not_due",
            AnswerResult::Disabled => "disabled",
            AnswerResult::Refused => "refused",
            AnswerResult::Waiting => "waiting",
        }
        .to_owned(),
        message: answer.message,
        next_step: answer.next_step,
        event: answer.event,
    }
}

fn status(root: &Root, report: &Report, deadline: Option<Deadline>, wake_up: wake::WakeUp) -> Status {
    let current = report.current.as_ref();
    let identity = Identity::load(root).ok();
    let now = os::now();
    let until_next = deadline.map_or(core::time::Duration::ZERO, |Deadline { boot, wall }| {
        let by_wall = wall.map(|wall| wall.saturating_since(now.wall));
        by_wall.into_iter().fold(boot.saturating_since(now.boot), core::time::Duration::min)
    });
    Status {
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        state: match report.activity {
            Activity::Disabled => "disabled",
            Activity::Idle => "idle",
            Activity::Working => "working",
            Activity::Waiting => "waiting",
            Activity::Failing => "failing",
        }
        .to_owned(),
        summary: report.summary.clone(),
        next_step: report.next_step.clone(),
        account: current.map(|current| current.account.to_string()),
        directory: current.map(|current| current.directory.to_string()).or_else(|| {
            identity.as_ref().map(|identity| format!("{} (not reached yet)", identity.settings.server))
        }),
        record: current
            .map(|current| current.record.to_string())
            .or_else(|| identity.as_ref().map(|identity| identity.settings.device.to_string())),
        version: current.map(|current| current.version.to_string()),
        expiry: current.map(|current| current.expiry.0.to_string()),
        last_rotation: report.last_rotation.map(|time| time.0.to_string()),
        last_cycle: report.last_cycle.map(|time| time.0.to_string()),
        last_event: report.last_event.map(|event| event.code().into()),
        next_cycle_seconds: until_next.as_secs(),
        candidates: u32::try_from(report.candidates).unwrap_or(u32::MAX),
        unanswered: report.unanswered,
        wake_up: Some(told(wake_up)),
        certificate: identity.and_then(|identity| certificate(&identity, now.wall.0)),
    }
}

fn certificate(identity: &Identity, now: FileTime) -> Option<Certificate> {
    let (life, due) = identity.certificate_life().ok().zip(identity.renewal_due().ok())?;
    let (state, next_step) = match life.at(now) {
        LifeState::NotYet => ("not_yet", Some("set this host's clock")),
        LifeState::InForce if due <= now => ("due", None),
        LifeState::InForce => ("in_force", None),
        LifeState::Renewable => {
            ("ended", Some("nothing: it is renewed as soon as the server can be reached"))
        }
        LifeState::Over => ("over", Some(ENROL_ANEW)),
    };
    Some(Certificate {
        state: state.to_owned(),
        until: life.ends.to_string(),
        renewal: due.to_string(),
        next_step: next_step.map(str::to_owned),
    })
}

fn told(wake_up: wake::WakeUp) -> WakeUp {
    let (state, since) = match wake_up.link {
        Link::NotEnrolled => ("not_enrolled", None),
        Link::NotOffered => ("not_offered", None),
        Link::Connecting => ("connecting", None),
        Link::Waiting => ("waiting", None),
        Link::Connected { since } => ("connected", Some(since.0.to_string())),
    };
    let (last_error, next_step) = wake_up.last_error.unzip();
    WakeUp {
        state: state.to_owned(),
        // What has healed needs no step.
        next_step: next_step.filter(|_| since.is_none()).map(str::to_owned),
        since,
        last_error,
    }
}
