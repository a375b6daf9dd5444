//! `policies/deviceRegistrationPolicy`: the tenant switch.

use std::sync::Arc;

use axum::{Extension, body::Bytes, extract::State, http::HeaderMap, response::Response};
use lapwing_proto::{
    graph::{DeviceRegistrationPolicy, Entity},
    json,
};

use super::{authorise, body, metadata};
use crate::{
    app::{App, record},
    http::{fault::Fault, request::Context},
    rules::{
        access::Act,
        audit::{Activity, Actor},
    },
    store::SetPolicy,
};

pub(super) async fn read(
    State(app): State<Arc<App>>,
    Extension(context): Extension<Context>,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let activity = Activity::ReadPolicy;
    let caller = authorise(&app, &context, &headers, Act::ReadPolicy, activity, "").await?;
    let policy: DeviceRegistrationPolicy =
        json::parse(app.store.policy().await?.as_bytes()).map_err(|_| Fault::unavailable())?;
    app.note(record(context.at, Actor::Client(caller.id), activity, "")).await?;
    answer(&app, policy)
}

/// Replaces the whole policy, as Graph does.
pub(super) async fn write(
    State(app): State<Arc<App>>,
    Extension(context): Extension<Context>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Fault> {
    let activity = Activity::ChangePolicy;
    let caller = authorise(&app, &context, &headers, Act::WritePolicy, activity, "").await?;
    let actor = Actor::Client(caller.id);
    let policy: DeviceRegistrationPolicy = match json::parse(&body) {
        Ok(policy) => policy,
        Err(error) => {
            let fault = Fault::bad_request(error.to_string());
            return Err(app.refuse(context.at, actor, activity, "", fault).await);
        }
    };
    let laps_enabled = policy.local_admin_password.is_enabled;
    let mut record = record(context.at, actor, activity, "");
    record.detail = format!("localAdminPassword.isEnabled {laps_enabled}");
    let stored = serde_json::to_string(&policy).map_err(|_| Fault::unavailable())?;
    app.store.change(SetPolicy { policy: stored, laps_enabled, record }).await?;
    answer(&app, policy)
}

fn answer(app: &App, policy: DeviceRegistrationPolicy) -> Result<Response, Fault> {
    body(&Entity { context: metadata(app, "policies/deviceRegistrationPolicy/$entity"), entity: policy })
}
