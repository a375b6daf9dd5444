//! Device management over OMA DM: one message of a device in, one answer out. docs/protocol.md, "Device
//! management". And how Windows devices come to it.

mod certificate;
pub(crate) mod enrolment;
mod policy;
mod policy_report;
mod provisioning;
mod push;
mod traces;

use core::fmt::Display;
use std::sync::Arc;

use axum::{
    Extension, Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::post,
};
use lapwing_core::types::{DeviceId, FileTime};
use lapwing_proto::{json, syncml};
use serde::de::DeserializeOwned;

use crate::{
    app::{App, record},
    http::{
        fault::{Fault, Kind},
        request::Context,
    },
    rules::{
        audit::{Activity, Actor},
        package::Package,
        session::{self, Work},
    },
    store::{Change, Contact, Contacted, DeleteDevice},
    token::bearer,
};

pub(crate) fn routes() -> Router<Arc<App>> {
    enrolment::routes()
        .route("/lapwing/v1/{tenant}/manage", post(manage))
        .route("/lapwing/v1/{tenant}/manage/certificate", post(certificate::renew))
        .route("/lapwing/v1/{tenant}/manage/traces", post(traces::tell))
        .route("/lapwing/v1/{tenant}/manage/policy", post(policy_report::tell))
}

/// Windows adds `charset` and the like.
fn is_syncml(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case(syncml::MEDIA_TYPE)
}

fn check_tenant(app: &App, tenant: &str) -> Result<(), Fault> {
    if app.is_tenant(tenant) { Ok(()) } else { Err(Fault::not_found("The tenant does not exist.")) }
}

/// Takes what a device tells in one body of JSON, by the change that `understand` makes of it.
async fn hear<B, C, E>(
    app: &App,
    tenant: &str,
    context: &Context,
    body: &[u8],
    understand: impl FnOnce(DeviceId, FileTime, B) -> Result<C, E>,
) -> Result<StatusCode, Fault>
where
    B: DeserializeOwned,
    C: Change<Outcome = bool>,
    E: Display,
{
    check_tenant(app, tenant)?;
    let device = bearer::certified(app, context).await?;
    let told: B = json::parse(body).map_err(|error| Fault::bad_request(error.to_string()))?;
    let change =
        understand(device, context.at, told).map_err(|error| Fault::bad_request(error.to_string()))?;
    if app.store.change(change).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(not_managed(app, context, device).await)
    }
}

/// The device has a certificate of ours, and is unknown or disabled.
async fn not_managed(app: &App, context: &Context, device: DeviceId) -> Fault {
    let fault = Fault::new(Kind::Forbidden, "The device is unknown or disabled.");
    let target = device.to_string();
    app.refuse(context.at, Actor::Device(device), Activity::ManageDevice, &target, fault).await
}

async fn manage(
    State(app): State<Arc<App>>,
    Path(tenant): Path<String>,
    Extension(context): Extension<Context>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Fault> {
    check_tenant(&app, &tenant)?;
    let device = bearer::certified(&app, &context).await?;
    if !is_syncml(&headers) {
        return Err(Fault::new(Kind::UnsupportedMediaType, "The body must be SyncML in XML."));
    }
    let mut message = syncml::decode(&body).map_err(|error| Fault::bad_request(error.to_string()))?;
    // Nothing is known but within a package; the lock is for all devices, so it is not held while the message is read.
    let known = app.sessions().find(device).cloned();
    let mut package = Package::of(known, &mut message);
    let heard = &package.heard;
    let noted = if message.is_final { heard.clone() } else { heard.clone().for_now() };
    let contact = Contact { device, at: context.at, heard: noted };
    let Some(Contacted { is_named, actions }) = app.store.change(contact).await? else {
        return Err(not_managed(&app, &context, device).await);
    };
    app.sessions().keep(device, package.next.take());
    let heard = &package.heard;
    if heard.unenrols {
        let record = record(context.at, Actor::Device(device), Activity::LeaveDevice, &device.to_string());
        app.store.change(DeleteDevice { device, record }).await?;
        app.wake.end(device);
    }
    crate::failpoint::reach("manage-before-answer");
    let mut commands = Vec::new();
    if message.is_final {
        let actions = actions.into_iter().map(|row| (row.number, row.action));
        commands.extend(session::work(context.at, heard, is_named, actions).into_iter().map(Work::command));
        commands.extend(policy::answer(&app, &context, device, heard).await?);
        // Who names its actions is no Windows, and has a connection of ours.
        if !is_named {
            commands.extend(push::answer(&app, &context, device, heard).await?);
        }
    }
    let source = app.management_url().parse().map_err(|_| Fault::unavailable())?;
    let answer = syncml::encode(&session::answer(&message, &package, &source, commands));
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static(syncml::MEDIA_TYPE))], answer).into_response())
}
