//! What a device was asked to do.

use axum::{Json, extract::Path};
use lapwing_core::{management::ActionState, types::DeviceId};
use lapwing_proto::admin::{ActionInfo, Values};

use super::{administrator, not_found, parse_id};
use crate::{
    call::Call,
    http::fault::{Fault, Kind},
    rules::{action::columns, audit::Activity},
    store::{ActionRow, CancelAction},
};

fn info(row: &ActionRow) -> ActionInfo {
    let action = &row.action;
    let (state, hresult, event, version) = columns(action.state);
    ActionInfo {
        id: action.id.to_string(),
        state: state.to_owned(),
        requested: action.requested.to_string(),
        requested_by: row.requested_by.clone(),
        not_before: (action.not_before > action.requested).then(|| action.not_before.to_string()),
        reason: row.reason.clone(),
        expires: action.expires.to_string(),
        since: action.since.to_string(),
        hresult: hresult.map(|code| code.to_string()),
        event,
        version: version.map(|version| version.to_string()),
        stored_elsewhere: action.state == ActionState::Done { version: None },
    }
}

pub(super) async fn list(
    call: Call,
    Path((tenant, id)): Path<(String, String)>,
) -> Result<Json<Values<ActionInfo>>, Fault> {
    let allowed = administrator(&call, &tenant, Activity::ReadDevices).await?;
    let device: DeviceId = parse_id(&id)?;
    if call.app.store.device(device).await?.is_none() {
        return Err(allowed.refuse(&id, not_found("device")).await);
    }
    let rows = call.app.store.actions(device, call.context.at).await?;
    allowed.note(&id).await?;
    Ok(Json(Values { value: rows.iter().map(info).collect() }))
}

/// Cancels it, which only helps while no device has accepted it.
pub(super) async fn cancel(
    call: Call,
    Path((tenant, device, id)): Path<(String, String, String)>,
) -> Result<Json<ActionInfo>, Fault> {
    let allowed = administrator(&call, &tenant, Activity::CancelAction).await?;
    let record = allowed.record(&device);
    let change = CancelAction { device: parse_id(&device)?, id: parse_id(&id)?, record };
    match call.app.store.change(change).await? {
        None => Err(not_found("action")),
        Some(Err(refused)) => Err(Fault::new(Kind::Conflict, format!("{refused}."))),
        Some(Ok(row)) => Ok(Json(info(&row))),
    }
}
