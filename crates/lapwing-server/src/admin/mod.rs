//! Administration. docs/protocol.md, "Administration".

mod clients;
mod devices;
pub(crate) mod enrol;

use std::sync::Arc;

use axum::{
    Extension, Json, Router,
    extract::{Path, RawQuery, State},
    http::HeaderMap,
    routing::{get, patch, post},
};
use lapwing_proto::{
    admin::{AuditEntry, AuditVerification, Values},
    hex, json,
};
use serde::de::DeserializeOwned;

use crate::{
    app::{App, record},
    http::{fault::Fault, request::Context},
    rules::{
        access::Act,
        audit::{Activity, Actor, Entry, Verifier},
    },
    token::bearer,
};

/// How many entries of the audit log one answer holds.
const AUDIT_PAGE: u32 = 1000;

pub(crate) fn routes() -> Router<Arc<App>> {
    let tenant = Router::new()
        .route("/enrolmenttokens", post(enrol::create).get(enrol::list))
        .route("/enrolmenttokens/{id}", axum::routing::delete(enrol::delete))
        .route("/clients", post(clients::create).get(clients::list))
        .route("/clients/{id}", patch(clients::change).delete(clients::delete))
        .route("/devices", get(devices::list))
        .route("/devices/{id}", patch(devices::change).delete(devices::delete))
        .route("/audit", get(audit))
        .route("/audit/verify", get(verify));
    Router::new().nest("/lapwing/v1/{tenant}", tenant)
}

/// The administrator who asks; a refusal is recorded.
async fn administrator(
    app: &App,
    context: &Context,
    headers: &HeaderMap,
    tenant: &str,
    activity: Activity,
) -> Result<Actor, Fault> {
    if !app.is_tenant(tenant) {
        return Err(Fault::not_found("The tenant does not exist."));
    }
    let (actor, fault) = match bearer::caller(app, context, headers).await {
        Ok(caller) => match caller.require(Act::Administer) {
            Ok(()) => return Ok(Actor::Client(caller.id)),
            Err(fault) => (Actor::Client(caller.id), fault),
        },
        Err(fault) => (Actor::Anonymous, fault),
    };
    Err(app.refuse(context.at, actor, activity, "", fault).await)
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

async fn audit(
    State(app): State<Arc<App>>,
    Path(tenant): Path<String>,
    Extension(context): Extension<Context>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Json<Values<AuditEntry>>, Fault> {
    let actor = administrator(&app, &context, &headers, &tenant, Activity::ReadAudit).await?;
    let query = query.unwrap_or_default();
    let after = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name.eq_ignore_ascii_case("after"));
    let after = after
        .map_or(Ok(0), |(_, value)| value.parse())
        .map_err(|_| Fault::bad_request("`after` must be the number of an entry."))?;
    let entries = app.store.audit(after, AUDIT_PAGE).await?;
    app.note(record(context.at, actor, Activity::ReadAudit, "")).await?;
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

async fn verify(
    State(app): State<Arc<App>>,
    Path(tenant): Path<String>,
    Extension(context): Extension<Context>,
    headers: HeaderMap,
) -> Result<Json<AuditVerification>, Fault> {
    let actor = administrator(&app, &context, &headers, &tenant, Activity::ReadAudit).await?;
    let found = verification(&app.store.verify_audit().await?);
    app.note(record(context.at, actor, Activity::ReadAudit, "")).await?;
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
