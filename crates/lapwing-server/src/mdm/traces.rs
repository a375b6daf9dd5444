//! What became of rotations: told by devices, read by administrators. docs/protocol.md, "Traces".

use std::sync::Arc;

use axum::{
    Extension,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
};
use lapwing_core::types::{DeviceId, FileTime};
use lapwing_proto::{
    json,
    trace::{TraceError, TraceUpload},
};

use crate::{
    app::App,
    http::{
        fault::{Fault, Kind},
        request::Context,
    },
    rules::audit::{Activity, Actor},
    store::{TellTraces, Told},
    token::bearer,
};

pub(super) async fn tell(
    State(app): State<Arc<App>>,
    Path(tenant): Path<String>,
    Extension(context): Extension<Context>,
    body: Bytes,
) -> Result<StatusCode, Fault> {
    if !app.is_tenant(&tenant) {
        return Err(Fault::not_found("The tenant does not exist."));
    }
    let device = bearer::certified(&app, &context).await?;
    let upload: TraceUpload = json::parse(&body).map_err(|error| Fault::bad_request(error.to_string()))?;
    let change = change(device, context.at, upload).map_err(|error| Fault::bad_request(error.to_string()))?;
    if app.store.change(change).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    let fault = Fault::new(Kind::Forbidden, "The device is unknown or disabled.");
    let target = device.to_string();
    Err(app.refuse(context.at, Actor::Device(device), Activity::ManageDevice, &target, fault).await)
}

fn change(device: DeviceId, at: FileTime, upload: TraceUpload) -> Result<TellTraces, TraceError> {
    let (time, parsed) = upload.parse()?;
    let ticks = |time: FileTime| i64::try_from(time.ticks()).unwrap_or(i64::MAX);
    let told = parsed.into_iter().zip(upload.traces).map(|(trace, body)| Told {
        id: trace.id.0,
        version: trace.version.map(|version| version.0),
        actions: trace.actions.iter().map(|action| action.0).collect(),
        body,
    });
    Ok(TellTraces { device, at, ahead: ticks(time).saturating_sub(ticks(at)), traces: told.collect() })
}
