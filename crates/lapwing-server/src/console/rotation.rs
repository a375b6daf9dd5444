//! Rotate, and what became of it.

use askama::Template;
use axum::response::Response;
use lapwing_core::{
    management::{ACTION_LIFE, ActionState},
    types::{ActionId, DeviceId, FileTime, Guid},
};
use lapwing_proto::trace::EndInfo;

use super::{
    page::{Moment, Shell},
    visit::{Visit, see_other},
};
use crate::{
    http::fault::{Fault, Kind},
    os,
    rules::{access::Act, audit::Activity},
    store::{ActionRow, CancelAction, RequestAction, RequestOutcome, TraceRow},
};

/// The rotations of a device, newest first; the page asks for them again by itself.
#[derive(Template)]
#[template(path = "rotations.html")]
pub(super) struct Rotations {
    shell: Shell,
    device: DeviceId,
    is_connected: bool,
    /// When it will be asked to rotate, because a password was revealed.
    put_off: Option<PutOff>,
    rows: Vec<Row>,
    ways: Vec<Way>,
}

/// A rotation that is not due yet.
struct PutOff {
    due: Moment,
    reason: String,
}

impl PutOff {
    fn of(row: &ActionRow, now: FileTime) -> Option<Self> {
        let is_put_off = row.action.state == ActionState::Pending && now < row.action.not_before;
        let reason = row.reason.clone().filter(|_| is_put_off)?;
        Some(Self { due: Moment { at: row.action.not_before, now }, reason })
    }
}

/// What became of a rotation, asked for or not.
struct Way {
    id: Guid,
    told: Moment,
    word: &'static str,
}

struct Row {
    id: ActionId,
    requested: Moment,
    requested_by: String,
    class: &'static str,
    shape: &'static str,
    word: &'static str,
    detail: String,
    since: Moment,
    can_be_cancelled: bool,
}

impl Rotations {
    pub(super) async fn of(visit: &Visit, device: DeviceId) -> Result<Self, Fault> {
        let now = visit.context.at;
        let rows = visit.app.store.actions(device, now).await?;
        let traces = visit.app.store.traces(device).await?;
        let way = |row: &TraceRow| Way {
            id: row.id,
            told: Moment { at: row.received, now },
            word: match row.trace.end {
                Some(EndInfo::Rotated) => "rotated",
                Some(EndInfo::NotNeeded) => "no longer needed",
                None => "goes on",
            },
        };
        Ok(Self {
            shell: visit.shell("Rotations"),
            device,
            is_connected: visit.app.wake.connected(device),
            ways: traces.iter().map(way).collect(),
            put_off: rows.iter().find_map(|row| PutOff::of(row, now)),
            rows: rows.into_iter().map(|row| Row::new(row, visit)).collect(),
        })
    }
}

impl Row {
    fn new(row: ActionRow, visit: &Visit) -> Self {
        let now = visit.context.at;
        let action = row.action;
        let (class, shape, word) = match action.state {
            ActionState::Pending if now < action.not_before => ("missing", "○", "Waits until it is due"),
            ActionState::Pending => ("missing", "○", "Waits for the device"),
            ActionState::Accepted => ("expiring", "◔", "Accepted by the device"),
            ActionState::Failing { .. } => ("overdue", "▲", "Failed so far; the device goes on trying"),
            ActionState::Done { .. } => ("current", "✓", "Rotated"),
            ActionState::Refused { .. } => ("overdue", "▲", "Not known to the device"),
            ActionState::Cancelled => ("disabled", "–", "Cancelled"),
            ActionState::Expired => ("disabled", "–", "Expired"),
        };
        let detail = match action.state {
            ActionState::Done { version: Some(version) } => format!("Version {version}"),
            ActionState::Failing { hresult, event: Some(event) } => format!("Event {event}, {hresult}"),
            ActionState::Failing { hresult, event: None } => hresult.to_string(),
            ActionState::Done { version: None } => "Stored elsewhere".to_owned(),
            ActionState::Refused { status } => format!("Status {status}"),
            ActionState::Pending | ActionState::Accepted | ActionState::Cancelled | ActionState::Expired => {
                String::new()
            }
        };
        Self {
            id: action.id,
            requested: Moment { at: action.requested, now },
            requested_by: match row.reason {
                Some(reason) => format!("{}: {reason}", row.requested_by),
                None => row.requested_by,
            },
            class,
            shape,
            word,
            detail,
            since: Moment { at: action.since, now },
            can_be_cancelled: action.state == ActionState::Pending && visit.may(Act::Rotate),
        }
    }
}

pub(super) async fn list(visit: Visit) -> Result<Response, Fault> {
    let device: DeviceId = visit.param("id")?;
    visit.page(&Rotations::of(&visit, device).await?)
}

pub(super) async fn rotate(visit: Visit) -> Result<Response, Fault> {
    let device: DeviceId = visit.param("id")?;
    let record = visit.record(Activity::RequestRotation, &device.to_string());
    let id = ActionId::random(&mut os::rng());
    match visit.app.store.change(RequestAction { device, id, life: ACTION_LIFE, record }).await? {
        RequestOutcome::Queued => {
            visit.app.wake.wake(device);
            Ok(see_other(&format!("/console/devices/{device}")))
        }
        RequestOutcome::UnknownDevice => Err(Fault::not_found("There is no device with this id.")),
        RequestOutcome::Disabled => Err(Fault::new(Kind::Conflict, "The device is disabled.")),
        RequestOutcome::Full => {
            Err(Fault::new(Kind::Conflict, "Too many rotations wait for the device already."))
        }
    }
}

pub(super) async fn cancel(visit: Visit) -> Result<Response, Fault> {
    let device: DeviceId = visit.param("id")?;
    let id: ActionId = visit.param("action")?;
    let record = visit.record(Activity::CancelAction, &device.to_string());
    match visit.app.store.change(CancelAction { device, id, record }).await? {
        Some(Ok(_)) => Ok(see_other(&format!("/console/devices/{device}"))),
        Some(Err(not)) => Err(Fault::new(Kind::Conflict, not.to_string())),
        None => Err(Fault::not_found("There is no such rotation.")),
    }
}
