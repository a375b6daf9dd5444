//! Clients: programs and administrators with a secret and roles.

use std::sync::Arc;

use axum::{
    Extension, Json,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
};
use lapwing_proto::admin::{ClientCreated, ClientInfo, ClientPatch, ClientRequest, Values};

use super::{administrator, not_found, parse, parse_id};
use crate::{
    app::{App, record},
    client_secret,
    http::{fault::Fault, request::Context},
    os,
    rules::{
        access::Role,
        audit::{Activity, Actor},
    },
    store::{ChangeClient, ClientRow, CreateClient, DeleteClient},
};

fn parse_roles(roles: &[String]) -> Result<Vec<Role>, Fault> {
    roles
        .iter()
        .map(|role| {
            role.parse()
                .map_err(|error: crate::rules::access::RoleError| Fault::bad_request(error.to_string()))
        })
        .collect()
}

fn info(row: ClientRow) -> ClientInfo {
    ClientInfo {
        client_id: row.id.to_string(),
        display_name: row.display_name,
        roles: row.roles.iter().map(ToString::to_string).collect(),
        created: row.created.to_string(),
        enabled: row.enabled,
    }
}

pub(super) async fn create(
    State(app): State<Arc<App>>,
    Path(tenant): Path<String>,
    Extension(context): Extension<Context>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<ClientCreated>), Fault> {
    let activity = Activity::CreateClient;
    let actor = administrator(&app, &context, &headers, &tenant, activity).await?;
    let request: ClientRequest = parse(&body)?;
    let (client, secret) =
        client_secret::draw(&request.display_name, parse_roles(&request.roles)?, context.at, &mut os::rng());
    let mut record = record(context.at, actor, activity, &client.id.to_string());
    record.detail = request.roles.join(" ");
    let created = ClientCreated {
        client_id: client.id.to_string(),
        client_secret: secret,
        display_name: client.display_name.clone(),
        roles: request.roles,
    };
    app.store.change(CreateClient { client, record }).await?;
    Ok((StatusCode::CREATED, Json(created)))
}

pub(super) async fn list(
    State(app): State<Arc<App>>,
    Path(tenant): Path<String>,
    Extension(context): Extension<Context>,
    headers: HeaderMap,
) -> Result<Json<Values<ClientInfo>>, Fault> {
    administrator(&app, &context, &headers, &tenant, Activity::ChangeClient).await?;
    Ok(Json(Values { value: app.store.clients().await?.into_iter().map(info).collect() }))
}

pub(super) async fn change(
    State(app): State<Arc<App>>,
    Path((tenant, id)): Path<(String, String)>,
    Extension(context): Extension<Context>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<ClientInfo>, Fault> {
    let activity = Activity::ChangeClient;
    let actor = administrator(&app, &context, &headers, &tenant, activity).await?;
    let ClientPatch { roles, enabled } = parse(&body)?;
    let id = parse_id(&id)?;
    refuse_self(actor, id)?;
    let roles = roles.map(|roles| parse_roles(&roles)).transpose()?;
    let record = record(context.at, actor, activity, &id.to_string());
    let changed = app.store.change(ChangeClient { id, roles, enabled, record }).await?;
    changed.map(|row| Json(info(row))).ok_or_else(|| not_found("client"))
}

pub(super) async fn delete(
    State(app): State<Arc<App>>,
    Path((tenant, id)): Path<(String, String)>,
    Extension(context): Extension<Context>,
    headers: HeaderMap,
) -> Result<StatusCode, Fault> {
    let activity = Activity::DeleteClient;
    let actor = administrator(&app, &context, &headers, &tenant, activity).await?;
    let id = parse_id(&id)?;
    refuse_self(actor, id)?;
    let record = record(context.at, actor, activity, &id.to_string());
    if app.store.change(DeleteClient { id, record }).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(not_found("client"))
    }
}

/// A client that locks itself out may be the last one.
fn refuse_self(actor: Actor, id: lapwing_core::types::Guid) -> Result<(), Fault> {
    if actor == Actor::Client(id) {
        return Err(Fault::bad_request("A client cannot change or delete itself."));
    }
    Ok(())
}
