//! Operators and their rights.

use askama::Template;
use axum::response::Response;
use lapwing_proto::secret_text::SecretText;

use super::{
    link,
    page::{Moment, RoleName, Roles, Shell},
    visit::{Visit, see_other},
};
use crate::{
    http::fault::{Fault, Kind},
    os,
    rules::{
        access::{Act, Role, RoleError, may},
        audit::Activity,
        operator::OperatorName,
    },
    store::{ChangeOperator, CreateOperator, OperatorChange, OperatorOutcome, OperatorRow},
};

#[derive(Template)]
#[template(path = "operators.html")]
struct ListPage {
    shell: Shell,
    operators: Vec<Shown>,
    roles: Vec<RoleChoice>,
}

#[derive(Template)]
#[template(path = "operator.html")]
struct Page {
    shell: Shell,
    operator: Shown,
    roles: Vec<RoleChoice>,
    rights: Vec<(&'static str, bool)>,
    is_self: bool,
}

#[derive(Template)]
#[template(path = "operator_link.html")]
struct LinkPage<'a> {
    shell: Shell,
    name: OperatorName,
    url: &'a str,
}

struct Shown {
    name: OperatorName,
    created: Moment,
    enabled: bool,
    is_set_up: bool,
    administers: bool,
    roles: Roles,
}

/// A role to be ticked, and what it lets do.
pub(super) struct RoleChoice {
    pub(super) role: Role,
    pub(super) name: RoleName,
    pub(super) acts: String,
    pub(super) is_held: bool,
}

pub(super) fn role_choices(held: &[Role]) -> Vec<RoleChoice> {
    let choice = |&role: &Role| {
        let acts: Vec<&str> =
            Act::ALL.iter().filter(|&&act| may(&[role], act)).map(|act| act.describe()).collect();
        RoleChoice { role, name: RoleName(role), acts: acts.join("; "), is_held: held.contains(&role) }
    };
    Role::ALL.iter().map(choice).collect()
}

/// The roles that were ticked.
pub(super) fn chosen_roles(visit: &Visit) -> Result<Vec<Role>, Fault> {
    let roles: Result<_, RoleError> = visit.form.all("role").map(str::parse).collect();
    roles.map_err(|error| Fault::bad_request(error.to_string()))
}

pub(super) fn words(roles: &[Role]) -> String {
    roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(" ")
}

fn shown(row: OperatorRow, visit: &Visit) -> Shown {
    let standing = row.standing();
    Shown {
        name: row.name,
        created: Moment { at: row.created, now: visit.context.at },
        enabled: row.enabled,
        is_set_up: standing.is_set_up,
        administers: standing.administers(),
        roles: Roles(row.roles),
    }
}

pub(super) async fn list(visit: Visit) -> Result<Response, Fault> {
    let operators = visit.app.store.operators().await?;
    visit.page(&ListPage {
        shell: visit.shell("Operators"),
        operators: operators.into_iter().map(|row| shown(row, &visit)).collect(),
        roles: role_choices(&[]),
    })
}

pub(super) async fn page(visit: Visit) -> Result<Response, Fault> {
    let name: OperatorName = visit.param("name")?;
    let row = visit.app.store.operator(name).await?.ok_or_else(unknown)?;
    visit.page(&Page {
        shell: visit.shell("Operator"),
        roles: role_choices(&row.roles),
        rights: Act::ALL.iter().map(|&act| (act.describe(), may(&row.roles, act))).collect(),
        operator: shown(row, &visit),
        is_self: visit.session()?.operator.name == name,
    })
}

pub(super) async fn create(visit: Visit) -> Result<Response, Fault> {
    let name: OperatorName =
        visit.line("name").parse().map_err(|error: crate::rules::operator::OperatorNameError| {
            Fault::bad_request(format!("This is no name: {error}. Nothing was done."))
        })?;
    let roles = chosen_roles(&visit)?;
    let mut record = visit.record(Activity::CreateOperator, name.as_str());
    record.detail = words(&roles);
    if !visit.app.store.change(CreateOperator { name, roles, record }).await? {
        return Err(Fault::new(Kind::Conflict, "There is an operator of this name already."));
    }
    show_link(&visit, name).await
}

/// The only time that the link is shown.
async fn show_link(visit: &Visit, name: OperatorName) -> Result<Response, Fault> {
    let (code, change) = link::draw(name, visit.context.at, visit.actor(), &mut os::rng());
    if !visit.app.store.change(change).await? {
        return Err(unknown());
    }
    let url: SecretText = link::url(&visit.app.url, &code);
    visit.page(&LinkPage { shell: visit.shell("One-time link"), name, url: url.expose_secret() })
}

fn unknown() -> Fault {
    Fault::not_found("There is no operator of this name.")
}

pub(super) async fn set_roles(visit: Visit) -> Result<Response, Fault> {
    let roles = chosen_roles(&visit)?;
    let detail = words(&roles);
    let name = change(&visit, Activity::ChangeOperator, OperatorChange::Roles(roles), detail).await?;
    Ok(see_other(&format!("/console/operators/{name}")))
}

pub(super) async fn enable(visit: Visit) -> Result<Response, Fault> {
    let enabled = visit.form.get("enabled") == Some("true");
    let detail = format!("enabled {enabled}");
    let name = change(&visit, Activity::ChangeOperator, OperatorChange::Enabled(enabled), detail).await?;
    Ok(see_other(&format!("/console/operators/{name}")))
}

/// Password, authenticator and sessions are gone at once; a link lets the operator set them up anew.
pub(super) async fn reset(visit: Visit) -> Result<Response, Fault> {
    refuse_self(&visit)?;
    let name = change(&visit, Activity::ChangeOperator, OperatorChange::Reset, "reset".to_owned()).await?;
    show_link(&visit, name).await
}

pub(super) async fn delete(visit: Visit) -> Result<Response, Fault> {
    refuse_self(&visit)?;
    change(&visit, Activity::DeleteOperator, OperatorChange::Delete, String::new()).await?;
    Ok(see_other("/console/operators"))
}

fn refuse_self(visit: &Visit) -> Result<(), Fault> {
    if visit.param::<OperatorName>("name")? == visit.session()?.operator.name {
        return Err(Fault::bad_request("Another operator has to do this to you. Nothing was done."));
    }
    Ok(())
}

async fn change(
    visit: &Visit,
    activity: Activity,
    change: OperatorChange,
    detail: String,
) -> Result<OperatorName, Fault> {
    let name: OperatorName = visit.param("name")?;
    let mut record = visit.record(activity, name.as_str());
    record.detail = detail;
    match visit.app.store.change(ChangeOperator { name, change, record }).await? {
        OperatorOutcome::Done => Ok(name),
        OperatorOutcome::Unknown => Err(unknown()),
        OperatorOutcome::LastAdministrator => Err(Fault::new(
            Kind::Conflict,
            "This is the last operator who can administer. Give another one that role first. Nothing was done.",
        )),
    }
}
