//! The policy in effect on a device, as the device tells it: shown to people, and never decided by. docs/protocol.md,
//! "Policies in effect".

use std::sync::Arc;

use axum::{
    Extension,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
};
use lapwing_proto::{
    json,
    policy_report::{self, PolicyReport},
};

use crate::{
    app::App,
    http::{
        fault::{Fault, Kind},
        request::Context,
    },
    rules::audit::{Activity, Actor},
    store::TellPolicy,
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
    let report: PolicyReport = json::parse(&body).map_err(|error| Fault::bad_request(error.to_string()))?;
    policy_report::check(&report).map_err(|error| Fault::bad_request(error.to_string()))?;
    if app.store.change(TellPolicy { device, at: context.at, report }).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    let fault = Fault::new(Kind::Forbidden, "The device is unknown or disabled.");
    let target = device.to_string();
    Err(app.refuse(context.at, Actor::Device(device), Activity::ManageDevice, &target, fault).await)
}
