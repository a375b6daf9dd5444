//! Clients: programs and administrators with a secret and roles.

use axum::{Json, body::Bytes, extract::Path, http::StatusCode};
use lapwing_core::types::Guid;
use lapwing_proto::admin::{ClientCreated, ClientInfo, ClientPatch, ClientRequest, Values};

use super::{administrator, deleted, not_found, parse, parse_id};
use crate::{
    call::Call,
    client_secret,
    http::fault::Fault,
    os,
    rules::{
        access::{Role, RoleError},
        audit::{Activity, Actor},
    },
    store::{ChangeClient, ClientRow, CreateClient, DeleteClient},
};

fn parse_roles(roles: &[String]) -> Result<Vec<Role>, Fault> {
    let roles: Result<_, RoleError> = roles.iter().map(|role| role.parse()).collect();
    roles.map_err(|error| Fault::bad_request(error.to_string()))
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
    call: Call,
    Path(tenant): Path<String>,
    body: Bytes,
) -> Result<(StatusCode, Json<ClientCreated>), Fault> {
    let allowed = administrator(&call, &tenant, Activity::CreateClient).await?;
    let request: ClientRequest = parse(&body)?;
    let roles = parse_roles(&request.roles)?;
    let (client, secret) = client_secret::draw(&request.display_name, roles, call.context.at, &mut os::rng());
    let mut record = allowed.record(&client.id.to_string());
    record.detail = request.roles.join(" ");
    let created = ClientCreated {
        client_id: client.id.to_string(),
        client_secret: secret,
        display_name: client.display_name.clone(),
        roles: request.roles,
    };
    call.app.store.change(CreateClient { client, record }).await?;
    Ok((StatusCode::CREATED, Json(created)))
}

pub(super) async fn list(call: Call, Path(tenant): Path<String>) -> Result<Json<Values<ClientInfo>>, Fault> {
    administrator(&call, &tenant, Activity::ChangeClient).await?;
    Ok(Json(Values { value: call.app.store.clients().await?.into_iter().map(info).collect() }))
}

pub(super) async fn change(
    call: Call,
    Path((tenant, id)): Path<(String, String)>,
    body: Bytes,
) -> Result<Json<ClientInfo>, Fault> {
    let allowed = administrator(&call, &tenant, Activity::ChangeClient).await?;
    let ClientPatch { roles, enabled } = parse(&body)?;
    let id = parse_id(&id)?;
    refuse_self(allowed.actor, id)?;
    let roles = roles.map(|roles| parse_roles(&roles)).transpose()?;
    let record = allowed.record(&id.to_string());
    let changed = call.app.store.change(ChangeClient { id, roles, enabled, record }).await?;
    changed.map(|row| Json(info(row))).ok_or_else(|| not_found("client"))
}

pub(super) async fn delete(
    call: Call,
    Path((tenant, id)): Path<(String, String)>,
) -> Result<StatusCode, Fault> {
    let allowed = administrator(&call, &tenant, Activity::DeleteClient).await?;
    let id = parse_id(&id)?;
    refuse_self(allowed.actor, id)?;
    let record = allowed.record(&id.to_string());
    deleted(call.app.store.change(DeleteClient { id, record }).await?, "client")
}

/// A client that locks itself out may be the last one.
fn refuse_self(actor: Actor, id: Guid) -> Result<(), Fault> {
    if actor == Actor::Client(id) {
        return Err(Fault::bad_request("A client cannot change or delete itself."));
    }
    Ok(())
}
