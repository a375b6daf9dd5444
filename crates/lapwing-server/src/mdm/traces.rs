//! What became of rotations: told by devices, read by administrators. docs/protocol.md, "Traces".

use std::sync::Arc;

use axum::{
    Extension,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
};
use lapwing_core::types::{DeviceId, FileTime};
use lapwing_proto::trace::{TraceError, TraceUpload};

use crate::{
    app::App,
    http::{fault::Fault, request::Context},
    store::{TellTraces, Told},
};

pub(super) async fn tell(
    State(app): State<Arc<App>>,
    Path(tenant): Path<String>,
    Extension(context): Extension<Context>,
    body: Bytes,
) -> Result<StatusCode, Fault> {
    super::hear(&app, &tenant, &context, &body, change).await
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
