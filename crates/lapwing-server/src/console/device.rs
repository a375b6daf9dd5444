//! One device: its state, what is stored of it, what was done to it.

use askama::Template;
use axum::response::Response;
use lapwing_core::{
    management::ActionState,
    types::{DeviceId, PasswordVersion},
};
use lapwing_proto::trace::EndInfo;

use super::{
    device_policy::DevicePolicyPart,
    page::{Mark, Moment, Shell},
    rotation::Rotations,
    visit::{Visit, see_other},
};
use crate::{
    http::fault::Fault,
    rules::{access::Act, audit::Activity, fleet::FleetState, instances},
    store::{AuditQuery, DeviceRow, EnableDevice, HeldRow},
};

/// How many entries of the audit log stand on a device's page.
const AUDIT_LEN: u32 = 10;

#[derive(Template)]
#[template(path = "device.html")]
struct Page {
    shell: Shell,
    device: DeviceRow,
    mark: Option<Mark>,
    created: Moment,
    last_contact: Option<Moment>,
    /// The hosts that take turns with its identity, newest first; empty if nothing tells so.
    sharers: Vec<Sharer>,
    rotations: Rotations,
    policy: Option<DevicePolicyPart>,
    /// How many hours after a reveal the device rotates.
    hours_after_reveal: Option<u16>,
    passwords: Option<Vec<Stored>>,
    entries: Option<Vec<super::audit::Row>>,
    may_reveal: bool,
    may_rotate: bool,
    may_administer: bool,
}

/// One of several hosts with one identity.
struct Sharer {
    address: String,
    stored: Moment,
}

/// A password held, without the password.
pub(super) struct Stored {
    pub(super) sequence: i64,
    pub(super) account: String,
    pub(super) stored: Moment,
    pub(super) expiry: Moment,
    pub(super) version: Option<String>,
    pub(super) is_newest: bool,
    /// In force when the newest one was stored.
    pub(super) was_in_force: bool,
    /// The device has not said that it took it: until it does, the one in force before may still be.
    pub(super) is_unanswered: bool,
}

pub(super) async fn page(visit: Visit) -> Result<Response, Fault> {
    let now = visit.context.at;
    let device = find(&visit).await?;
    let held = visit.app.store.held(device.id).await?;
    let expiry = held.first().map_or(0, |newest| newest.expiry.ticks());
    let passwords = if visit.may(Act::ReadMetadata) {
        visit.note(Activity::ReadMetadata, &device.id.to_string()).await?;
        Some(stored(&visit, device.id, &held).await?)
    } else {
        None
    };
    let entries = if visit.may(Act::ReadAudit) { Some(entries(&visit, device.id).await?) } else { None };
    let policy = if visit.may(Act::ReadConfiguration) {
        visit.note(Activity::ReadLapsPolicy, &device.id.to_string()).await?;
        DevicePolicyPart::of(&visit, device.id).await?
    } else {
        None
    };
    let is_there = !device.is_deleted;
    visit.page(&Page {
        shell: visit.shell("Device"),
        mark: is_there.then(|| Mark(FleetState::of(device.enabled, expiry, now))),
        created: Moment { at: device.created, now },
        last_contact: device.last_contact.map(|at| Moment { at, now }),
        sharers: sharers(&visit, &device).await?,
        rotations: Rotations::of(&visit, device.id).await?,
        policy,
        hours_after_reveal: hours_after_reveal(&visit, &device).await?,
        may_reveal: visit.may(Act::ReadPassword) && !held.is_empty(),
        may_rotate: visit.may(Act::Rotate) && is_there && device.enabled,
        may_administer: visit.may(Act::Administer) && is_there,
        device,
        passwords,
        entries,
    })
}

async fn sharers(visit: &Visit, device: &DeviceRow) -> Result<Vec<Sharer>, Fault> {
    let now = visit.context.at;
    if !device.shared.is_some_and(|found| instances::is_shown(found, now)) {
        return Ok(Vec::new());
    }
    let turns = visit.app.store.turns(device.id).await?;
    let sharer = |turn: &instances::Turn| Sharer {
        address: turn.address.to_string(),
        stored: Moment { at: turn.last, now },
    };
    Ok(instances::sharers(&turns).into_iter().map(sharer).collect())
}

/// Also one that was deleted: its passwords stay.
pub(super) async fn find(visit: &Visit) -> Result<DeviceRow, Fault> {
    let id: DeviceId = visit.param("id")?;
    let found = visit.app.store.device(id).await?;
    found.ok_or_else(|| Fault::not_found("There is no device with this id."))
}

pub(super) async fn stored(visit: &Visit, device: DeviceId, held: &[HeldRow]) -> Result<Vec<Stored>, Fault> {
    let now = visit.context.at;
    let in_force = visit.app.store.in_force(device).await?;
    let newest = held.first().and_then(|newest| newest.version);
    let is_unanswered = match newest {
        Some(version) => !is_taken(visit, device, version).await?,
        // One in Windows' form has no name by which the device could answer for it.
        None => false,
    };
    let stored = (0_usize..).zip(held).map(|(at, row)| Stored {
        sequence: row.sequence,
        account: row.account.to_string(),
        stored: Moment { at: row.stored, now },
        expiry: Moment { at: row.expiry, now },
        version: row.version.map(|version| version.to_string()),
        is_newest: at == 0,
        is_unanswered: at == 0 && is_unanswered,
        was_in_force: at > 0 && row.version.is_some() && row.version == in_force,
    });
    Ok(stored.collect())
}

/// Whether the device has said that a version is in force: by what became of the rotation, or of an action that asked for it.
async fn is_taken(visit: &Visit, device: DeviceId, version: PasswordVersion) -> Result<bool, Fault> {
    let traces = visit.app.store.traces(device).await?;
    let name = version.to_string();
    if traces.iter().any(|row| {
        row.trace.end == Some(EndInfo::Rotated) && row.trace.version.as_deref() == Some(name.as_str())
    }) {
        return Ok(true);
    }
    let actions = visit.app.store.actions(device, visit.context.at).await?;
    Ok(actions.iter().any(|row| row.action.state == ActionState::Done { version: Some(version) }))
}

/// None also where the server asks for nothing: of a device that is kept out.
async fn hours_after_reveal(visit: &Visit, device: &DeviceRow) -> Result<Option<u16>, Fault> {
    if device.is_deleted || !device.enabled {
        return Ok(None);
    }
    Ok(visit.app.store.hours_after_reveal(device.id).await?)
}

async fn entries(visit: &Visit, device: DeviceId) -> Result<Vec<super::audit::Row>, Fault> {
    let query = AuditQuery {
        before: u64::MAX,
        text: String::new(),
        target: device.to_string(),
        success: None,
        // Every look at this page is one of each.
        except: &[Activity::ReadMetadata, Activity::ReadLapsPolicy],
        len_max: AUDIT_LEN,
    };
    let entries = visit.app.store.search_audit(&query).await?;
    Ok(entries.into_iter().map(|entry| super::audit::Row::new(entry, visit.context.at)).collect())
}

/// Lets a device in or keeps it out.
pub(super) async fn enable(visit: Visit) -> Result<Response, Fault> {
    let device: DeviceId = visit.param("id")?;
    let enabled = visit.form.get("enabled") == Some("true");
    let mut record = visit.record(Activity::ChangeDevice, &device.to_string());
    record.detail = format!("enabled {enabled}");
    let changed = visit.app.store.change(EnableDevice { device, enabled, record }).await?;
    let row = changed.ok_or_else(|| Fault::not_found("There is no device with this id."))?;
    if !row.enabled {
        visit.app.wake.end(device);
    }
    Ok(see_other(&format!("/console/devices/{device}")))
}
