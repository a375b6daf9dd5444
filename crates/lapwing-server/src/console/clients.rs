//! Clients: programs with a secret and roles.

use askama::Template;
use axum::response::Response;
use lapwing_core::types::Guid;

use super::{
    operators::{RoleChoice, chosen_roles, role_choices, words},
    page::{Moment, Roles, Shell},
    visit::{Visit, see_other},
};
use crate::{
    client_secret,
    http::fault::Fault,
    os,
    rules::audit::Activity,
    store::{CreateClient, DeleteClient},
};

#[derive(Template)]
#[template(path = "clients.html")]
struct Page {
    shell: Shell,
    clients: Vec<Shown>,
    roles: Vec<RoleChoice>,
}

#[derive(Template)]
#[template(path = "client_secret.html")]
struct SecretPage<'a> {
    shell: Shell,
    id: Guid,
    name: String,
    secret: &'a str,
}

struct Shown {
    id: Guid,
    name: String,
    created: Moment,
    enabled: bool,
    roles: Roles,
}

pub(super) async fn page(visit: Visit) -> Result<Response, Fault> {
    let now = visit.context.at;
    let clients = visit.app.store.clients().await?.into_iter().map(|row| Shown {
        id: row.id,
        name: row.display_name,
        created: Moment { at: row.created, now },
        enabled: row.enabled,
        roles: Roles(row.roles),
    });
    visit.page(&Page { shell: visit.shell("Clients"), clients: clients.collect(), roles: role_choices(&[]) })
}

/// The only time that the secret is shown.
pub(super) async fn create(visit: Visit) -> Result<Response, Fault> {
    let name = visit.line("name");
    if name.is_empty() {
        return Err(Fault::bad_request("A client needs a name. Nothing was done."));
    }
    let roles = chosen_roles(&visit)?;
    let detail = words(&roles);
    if !visit.spend().await? {
        return Ok(see_other("/console/clients"));
    }
    let (client, secret) = client_secret::draw(&name, roles, visit.context.at, &mut os::rng());
    let id = client.id;
    let mut record = visit.record(Activity::CreateClient, &id.to_string());
    record.detail = detail;
    visit.app.store.change(CreateClient { client, record }).await?;
    visit.page(&SecretPage { shell: visit.shell("Client secret"), id, name, secret: secret.expose_secret() })
}

pub(super) async fn delete(visit: Visit) -> Result<Response, Fault> {
    let id: Guid = visit.param("id")?;
    let record = visit.record(Activity::DeleteClient, &id.to_string());
    if visit.app.store.change(DeleteClient { id, record }).await? {
        Ok(see_other("/console/clients"))
    } else {
        Err(Fault::not_found("There is no such client."))
    }
}
