//! How each device of a bulk rotation stands, as JSON and as CSV.

use axum::{
    Json,
    http::{HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use lapwing_core::types::BulkRotationId;
use lapwing_proto::admin::{RotationDevice, Values};

use crate::{
    app::App,
    http::{fault::Fault, request::Context},
    rules::{action, csv},
    store::{BulkDeviceRow, BulkPart},
};

const HEAD: [&str; 10] =
    ["device", "name", "state", "requested", "since", "hresult", "event", "version", "canary", "detail"];

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Json,
    Csv,
}

fn device(row: BulkDeviceRow) -> RotationDevice {
    let (state, hresult, event, version) = match &row.action {
        Some(action) => action::columns(action.state),
        None => (row.standing.as_str(), None, None, None),
    };
    RotationDevice {
        device_id: row.device.to_string(),
        canary: row.is_canary,
        state: state.to_owned(),
        requested: row.action.map(|action| action.requested.to_string()),
        since: row.action.map_or(row.since, |action| action.since).to_string(),
        hresult: hresult.map(|code| code.to_string()),
        event,
        version: version.map(|version| version.to_string()),
        display_name: row.name,
        detail: row.detail,
    }
}

fn line(device: &RotationDevice) -> String {
    let event = device.event.map(|event| event.to_string()).unwrap_or_default();
    let text = |text: &'_ Option<String>| text.clone().unwrap_or_default();
    let (requested, hresult) = (text(&device.requested), text(&device.hresult));
    csv::line([
        device.device_id.as_str(),
        &device.display_name,
        &device.state,
        &requested,
        &device.since,
        &hresult,
        &event,
        &text(&device.version),
        if device.canary { "true" } else { "false" },
        &device.detail,
    ])
}

/// Every device, in the order in which they are asked.
pub(crate) async fn report(
    app: &App,
    context: &Context,
    rotation: BulkRotationId,
    form: Form,
) -> Result<Response, Fault> {
    let devices = app.store.bulk_devices(rotation, context.at, &BulkPart::ALL).await?;
    let devices: Vec<RotationDevice> = devices.into_iter().map(device).collect();
    Ok(match form {
        Form::Json => Json(Values { value: devices }).into_response(),
        Form::Csv => {
            let table = csv::line(HEAD) + &devices.iter().map(line).collect::<String>();
            let kind = HeaderValue::from_static("text/csv; charset=utf-8");
            ([(header::CONTENT_TYPE, kind)], table).into_response()
        }
    })
}
