//! Administration. docs/protocol.md, "Administration".

mod actions;
mod clients;
mod devices;
pub(crate) mod enrol;
mod policies;
mod rotations;
mod traces;

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::Path,
    http::StatusCode,
    routing::{get, patch, post},
};
use lapwing_proto::{
    admin::{AUDIT_PAGE_LEN, AuditEntry, AuditVerification, Values},
    hex, json,
};
use serde::de::DeserializeOwned;

use crate::{
    app::App,
    call::{Allowed, Call},
    http::fault::Fault,
    rules::{
        access::Act,
        audit::{Activity, Entry, Verifier},
    },
};

pub(crate) fn routes() -> Router<Arc<App>> {
    let tenant = Router::new()
        .route("/enrolmenttokens", post(enrol::create).get(enrol::list))
        .route("/enrolmenttokens/{id}", axum::routing::delete(enrol::delete))
        .route("/clients", post(clients::create).get(clients::list))
        .route("/clients/{id}", patch(clients::change).delete(clients::delete))
        .route("/devices", get(devices::list))
        .route("/devices/{id}", patch(devices::change).delete(devices::delete))
        .route("/devices/{id}/actions", get(actions::list))
        .route("/devices/{id}/actions/{action}", axum::routing::delete(actions::cancel))
        .route("/devices/{id}/tags", get(policies::tags).put(policies::tag))
        .route("/devices/{id}/policy", get(policies::device))
        .route("/policies/{id}/devices", get(policies::devices))
        .route("/policies/{id}/versions", get(policies::versions))
        .route("/policies/{id}/restore", post(policies::restore))
        .route("/policies/{id}/dryrun", post(policies::dry_run))
        .route("/policyconflicts", get(policies::conflicts))
        .route("/devices/{id}/traces", get(traces::list))
        .route("/traces/{id}", get(traces::get))
        .route("/rotations", post(rotations::create).get(rotations::list))
        .route("/rotations/{id}", get(rotations::get))
        .route("/rotations/{id}/pause", post(rotations::pause))
        .route("/rotations/{id}/resume", post(rotations::resume))
        .route("/rotations/{id}/cancel", post(rotations::cancel))
        .route("/rotations/{id}/report", get(rotations::report))
        .route("/audit", get(audit))
        .route("/audit/verify", get(verify));
    Router::new().nest("/lapwing/v1/{tenant}", tenant)
}

/// Lets an administrator of this tenant go on; a refusal is recorded.
async fn administrator<'a>(call: &'a Call, tenant: &str, activity: Activity) -> Result<Allowed<'a>, Fault> {
    allowed(call, tenant, Act::Administer, activity, "").await
}

/// Lets a client of this tenant go on whose roles allow `act`; a refusal is recorded.
async fn allowed<'a>(
    call: &'a Call,
    tenant: &str,
    act: Act,
    activity: Activity,
    target: &str,
) -> Result<Allowed<'a>, Fault> {
    if !call.app.is_tenant(tenant) {
        return Err(Fault::not_found("The tenant does not exist."));
    }
    call.authorise(act, activity, target).await
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Fault> {
    json::parse(body).map_err(|error| Fault::bad_request(error.to_string()))
}

fn parse_id<T: core::str::FromStr>(text: &str) -> Result<T, Fault> {
    text.parse().map_err(|_| Fault::not_found("The id is not a GUID, so there is nothing of that name."))
}

fn not_found(what: &str) -> Fault {
    Fault::not_found(format!("The {what} does not exist."))
}

/// The answer to a deletion.
fn deleted(found: bool, what: &str) -> Result<StatusCode, Fault> {
    if found { Ok(StatusCode::NO_CONTENT) } else { Err(not_found(what)) }
}

async fn audit(call: Call, Path(tenant): Path<String>) -> Result<Json<Values<AuditEntry>>, Fault> {
    let allowed = administrator(&call, &tenant, Activity::ReadAudit).await?;
    let query = call.uri.query().unwrap_or_default();
    let after = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name.eq_ignore_ascii_case("after"));
    let after = after
        .map_or(Ok(0), |(_, value)| value.parse())
        .map_err(|_| Fault::bad_request("`after` must be the number of an entry."))?;
    let entries = call.app.store.audit(after, AUDIT_PAGE_LEN).await?;
    allowed.note("").await?;
    Ok(Json(Values { value: entries.iter().map(audit_entry).collect() }))
}

fn audit_entry(entry: &Entry) -> AuditEntry {
    AuditEntry {
        sequence: entry.sequence,
        time: entry.time.to_string(),
        actor: entry.actor.clone(),
        activity: entry.activity.clone(),
        target: entry.target.clone(),
        result: if entry.success { "success" } else { "failure" }.to_owned(),
        detail: entry.detail.clone(),
        hash: hex::encode(&entry.hash),
    }
}

async fn verify(call: Call, Path(tenant): Path<String>) -> Result<Json<AuditVerification>, Fault> {
    let allowed = administrator(&call, &tenant, Activity::ReadAudit).await?;
    let found = verification(&call.app.store.verify_audit().await?);
    allowed.note("").await?;
    Ok(Json(found))
}

/// What was found out about the log.
pub(crate) fn verification(verifier: &Verifier) -> AuditVerification {
    AuditVerification {
        entries: verifier.entries,
        head: hex::encode(&verifier.head),
        intact: verifier.first_broken.is_none(),
        first_broken: verifier.first_broken,
    }
}
