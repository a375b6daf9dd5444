//! Devices, as an administrator sees them.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Extension, Json,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
};
use lapwing_core::types::DeviceId;
use lapwing_proto::admin::{DeviceInfo, DevicePatch, Values};

use super::{administrator, not_found, parse, parse_id};
use crate::{
    app::{App, record},
    http::{fault::Fault, request::Context},
    rules::audit::Activity,
    store::{CredentialRow, DeleteDevice, DeviceRow, EnableDevice, Window},
};

fn info(row: DeviceRow, credential: Option<&CredentialRow>) -> DeviceInfo {
    DeviceInfo {
        device_id: row.id.to_string(),
        display_name: row.display_name,
        enabled: row.enabled,
        created: row.created.to_string(),
        last_backup: credential.map(|found| found.stored.to_string()),
        expiry: credential.map(|found| found.expiry.to_string()),
    }
}

pub(super) async fn list(
    State(app): State<Arc<App>>,
    Path(tenant): Path<String>,
    Extension(context): Extension<Context>,
    headers: HeaderMap,
) -> Result<Json<Values<DeviceInfo>>, Fault> {
    let actor = administrator(&app, &context, &headers, &tenant, Activity::ReadDevices).await?;
    let credentials: BTreeMap<DeviceId, CredentialRow> =
        app.store.credentials(Window::ALL).await?.into_iter().map(|row| (row.device, row)).collect();
    let devices = app.store.devices(Window::ALL).await?;
    app.note(record(context.at, actor, Activity::ReadDevices, "")).await?;
    let infos = devices.into_iter().map(|row| {
        let credential = credentials.get(&row.id);
        info(row, credential)
    });
    Ok(Json(Values { value: infos.collect() }))
}

pub(super) async fn change(
    State(app): State<Arc<App>>,
    Path((tenant, id)): Path<(String, String)>,
    Extension(context): Extension<Context>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<DeviceInfo>, Fault> {
    let activity = Activity::ChangeDevice;
    let actor = administrator(&app, &context, &headers, &tenant, activity).await?;
    let DevicePatch { enabled } = parse(&body)?;
    let device = parse_id(&id)?;
    let mut record = record(context.at, actor, activity, &id);
    record.detail = format!("enabled {enabled}");
    let changed = app.store.change(EnableDevice { device, enabled, record }).await?;
    let row = changed.ok_or_else(|| not_found("device"))?;
    let newest = app.store.newest(device).await?;
    let last_backup = newest.as_ref().map(|held| held.stored.to_string());
    let expiry = newest.as_ref().map(|held| held.expiry.to_string());
    Ok(Json(DeviceInfo { last_backup, expiry, ..info(row, None) }))
}

pub(super) async fn delete(
    State(app): State<Arc<App>>,
    Path((tenant, id)): Path<(String, String)>,
    Extension(context): Extension<Context>,
    headers: HeaderMap,
) -> Result<StatusCode, Fault> {
    let activity = Activity::LeaveDevice;
    let actor = administrator(&app, &context, &headers, &tenant, activity).await?;
    let record = record(context.at, actor, activity, &id);
    if app.store.change(DeleteDevice { device: parse_id(&id)?, record }).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(not_found("device"))
    }
}
