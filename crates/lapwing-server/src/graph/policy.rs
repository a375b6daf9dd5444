//! `policies/deviceRegistrationPolicy`: the tenant switch.

use axum::{body::Bytes, response::Response};
use lapwing_proto::{
    graph::{DeviceRegistrationPolicy, Entity},
    json,
};

use super::{body, metadata};
use crate::{
    app::App,
    call::Call,
    http::fault::Fault,
    rules::{access::Act, audit::Activity},
    store::SetPolicy,
};

pub(super) async fn read(call: Call) -> Result<Response, Fault> {
    let allowed = call.authorise(Act::ReadPolicy, Activity::ReadPolicy, "").await?;
    let policy: DeviceRegistrationPolicy =
        json::parse(call.app.store.policy().await?.as_bytes()).map_err(|_| Fault::unavailable())?;
    allowed.note("").await?;
    answer(&call.app, policy)
}

/// Replaces the whole policy, as Graph does.
pub(super) async fn write(call: Call, body: Bytes) -> Result<Response, Fault> {
    let allowed = call.authorise(Act::WritePolicy, Activity::ChangePolicy, "").await?;
    let policy: DeviceRegistrationPolicy = match json::parse(&body) {
        Ok(policy) => policy,
        Err(error) => {
            let fault = Fault::bad_request(error.to_string());
            return Err(allowed.refuse("", fault).await);
        }
    };
    let laps_enabled = policy.local_admin_password.is_enabled;
    let mut record = allowed.record("");
    record.detail = format!("localAdminPassword.isEnabled {laps_enabled}");
    let stored = serde_json::to_string(&policy).map_err(|_| Fault::unavailable())?;
    call.app.store.change(SetPolicy { policy: stored, laps_enabled, record }).await?;
    answer(&call.app, policy)
}

fn answer(app: &App, policy: DeviceRegistrationPolicy) -> Result<Response, Fault> {
    body(&Entity { context: metadata(app, "policies/deviceRegistrationPolicy/$entity"), entity: policy })
}
