//! Devices, as an administrator sees them.

use std::collections::BTreeMap;

use axum::{Json, body::Bytes, extract::Path, http::StatusCode};
use lapwing_core::types::DeviceId;
use lapwing_proto::admin::{DeviceInfo, DevicePatch, SharedIdentity, SharingHost, Values};

use super::{administrator, deleted, not_found, parse, parse_id};
use crate::{
    call::Call,
    http::fault::Fault,
    rules::{
        audit::Activity,
        instances::{self, Turn},
    },
    store::{CredentialRow, DeleteDevice, DeviceRow, EnableDevice, Window},
};

/// The hosts that take turns at a device, if they do.
async fn shared(call: &Call, row: &DeviceRow) -> Result<Option<SharedIdentity>, Fault> {
    let Some(found) = row.shared.filter(|found| instances::is_shown(*found, call.context.at)) else {
        return Ok(None);
    };
    let turns = call.app.store.turns(row.id).await?;
    let host = |turn: &Turn| SharingHost { address: turn.address.to_string(), stored: turn.last.to_string() };
    let hosts = instances::sharers(&turns).into_iter().map(host).collect();
    Ok(Some(SharedIdentity { found: found.to_string(), hosts }))
}

fn info(row: DeviceRow, credential: Option<&CredentialRow>) -> DeviceInfo {
    DeviceInfo {
        device_id: row.id.to_string(),
        display_name: row.display_name,
        enabled: row.enabled,
        created: row.created.to_string(),
        last_backup: credential.map(|found| found.stored.to_string()),
        expiry: credential.map(|found| found.expiry.to_string()),
        shared_identity: None,
    }
}

pub(super) async fn list(call: Call, Path(tenant): Path<String>) -> Result<Json<Values<DeviceInfo>>, Fault> {
    let allowed = administrator(&call, &tenant, Activity::ReadDevices).await?;
    let store = &call.app.store;
    let credentials: BTreeMap<DeviceId, CredentialRow> =
        store.credentials(Window::ALL).await?.into_iter().map(|row| (row.device, row)).collect();
    let devices = store.devices(Window::ALL).await?;
    allowed.note("").await?;
    let mut value = Vec::with_capacity(devices.len());
    for row in devices {
        let shared_identity = shared(&call, &row).await?;
        let credential = credentials.get(&row.id);
        value.push(DeviceInfo { shared_identity, ..info(row, credential) });
    }
    Ok(Json(Values { value }))
}

pub(super) async fn change(
    call: Call,
    Path((tenant, id)): Path<(String, String)>,
    body: Bytes,
) -> Result<Json<DeviceInfo>, Fault> {
    let allowed = administrator(&call, &tenant, Activity::ChangeDevice).await?;
    let DevicePatch { enabled } = parse(&body)?;
    let device = parse_id(&id)?;
    let mut record = allowed.record(&id);
    record.detail = format!("enabled {enabled}");
    let changed = call.app.store.change(EnableDevice { device, enabled, record }).await?;
    let row = changed.ok_or_else(|| not_found("device"))?;
    if !row.enabled {
        call.app.wake.end(device);
    }
    let newest = call.app.store.newest(device).await?;
    let shared_identity = shared(&call, &row).await?;
    let last_backup = newest.as_ref().map(|held| held.stored.to_string());
    let expiry = newest.as_ref().map(|held| held.expiry.to_string());
    Ok(Json(DeviceInfo { last_backup, expiry, shared_identity, ..info(row, None) }))
}

pub(super) async fn delete(
    call: Call,
    Path((tenant, id)): Path<(String, String)>,
) -> Result<StatusCode, Fault> {
    let allowed = administrator(&call, &tenant, Activity::LeaveDevice).await?;
    let (device, record) = (parse_id(&id)?, allowed.record(&id));
    let found = call.app.store.change(DeleteDevice { device, record }).await?;
    call.app.wake.end(device);
    deleted(found, "device")
}
