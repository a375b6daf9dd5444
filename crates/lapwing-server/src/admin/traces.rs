//! The way of a rotation.

use axum::{Json, extract::Path};
use lapwing_core::types::Guid;
use lapwing_proto::admin::{FlowInfo, FlowStepInfo, Values};

use super::{administrator, not_found, parse_id};
use crate::{
    call::Call,
    http::fault::Fault,
    rules::{audit::Activity, flow::Passed},
    store::{ActionRow, TraceRow, passed},
};

fn step(passed: &Passed) -> FlowStepInfo {
    let failure = passed.failure.as_ref();
    FlowStepInfo {
        lane: passed.lane.as_str().to_owned(),
        name: passed.name.to_owned(),
        at: passed.at.to_string(),
        took_micros: passed.took.map(|took| u64::try_from(took.as_micros()).unwrap_or(u64::MAX)),
        attempt: passed.attempt,
        event: failure.and_then(|failure| failure.event),
        hresult: failure.map(|failure| failure.hresult.to_string()),
        next_step: failure.and_then(|failure| failure.next_step.clone()),
    }
}

fn info(actions: &[ActionRow], trace: Option<&TraceRow>) -> Option<FlowInfo> {
    let device = actions.first().map(|row| row.device).or(trace.map(|trace| trace.device))?;
    Some(FlowInfo {
        id: trace.map(|trace| trace.id.to_string()),
        device_id: device.to_string(),
        actions: actions.iter().map(|row| row.action.id.to_string()).collect(),
        version: trace.and_then(|trace| trace.trace.version.clone()),
        end: trace.and_then(|trace| trace.trace.end),
        steps: passed(actions, trace).iter().map(step).collect(),
    })
}

pub(super) async fn list(
    call: Call,
    Path((tenant, id)): Path<(String, String)>,
) -> Result<Json<Values<FlowInfo>>, Fault> {
    let allowed = administrator(&call, &tenant, Activity::ReadDevices).await?;
    let store = &call.app.store;
    let mut value = Vec::new();
    for trace in store.traces(parse_id(&id)?).await? {
        let actions = store.actions_of(Some(&trace), trace.id).await?;
        value.extend(info(&actions, Some(&trace)));
    }
    allowed.note(&id).await?;
    Ok(Json(Values { value }))
}

/// By its own name, that of an action that it satisfied, or that of the password's version.
pub(super) async fn get(
    call: Call,
    Path((tenant, id)): Path<(String, String)>,
) -> Result<Json<FlowInfo>, Fault> {
    let allowed = administrator(&call, &tenant, Activity::ReadDevices).await?;
    let name: Guid = parse_id(&id)?;
    let trace = call.app.store.trace(name).await?;
    let actions = call.app.store.actions_of(trace.as_ref(), name).await?;
    let Some(found) = info(&actions, trace.as_ref()) else {
        return Err(allowed.refuse(&id, not_found("rotation")).await);
    };
    allowed.note(&found.device_id).await?;
    Ok(Json(found))
}
