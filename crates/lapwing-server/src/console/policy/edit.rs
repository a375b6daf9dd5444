//! Making and editing a policy. Nothing that was typed is lost by a mistake, nor by somebody else's edit meanwhile.

use askama::Template;
use axum::{http::StatusCode, response::Response};
use lapwing_core::types::PolicyId;

use super::{
    super::{
        page::{self, Shell},
        visit::{Visit, see_other},
    },
    confirm::{Confirm, Question},
    find,
    form::{Fields, Input, Typed},
};
use crate::{
    http::fault::Fault,
    policies::{self, Thought},
    rules::audit::Activity,
    store::{Edit, PolicyRow},
};

#[derive(Template)]
#[template(path = "policy_form.html")]
struct FormPage {
    shell: Shell,
    /// The policy that is edited, its version and its name; none for a new one.
    current: Option<(PolicyId, u32, String)>,
    error: Option<String>,
    fields: Fields,
}

fn show(
    visit: &Visit,
    current: Option<(PolicyId, u32, String)>,
    typed: &Typed,
    (status, error): (StatusCode, Option<&str>),
) -> Result<Response, Fault> {
    let title = if current.is_some() { "Edit policy" } else { "New policy" };
    let error = error.map(str::to_owned);
    let page = FormPage { shell: visit.shell(title), current, error, fields: typed.fields() };
    page::render(status, &page)
}

const MISTAKES: (StatusCode, Option<&str>) =
    (StatusCode::BAD_REQUEST, Some("Some of this cannot be saved yet. Nothing was done."));
const AS_IT_IS: (StatusCode, Option<&str>) = (StatusCode::OK, None);

/// An empty form.
pub(in super::super) async fn new(visit: Visit) -> Result<Response, Fault> {
    show(&visit, None, &Typed::nothing(), AS_IT_IS)
}

/// Makes it, for nobody yet.
pub(in super::super) async fn create(visit: Visit) -> Result<Response, Fault> {
    let typed = Typed::of(&visit);
    let Some(content) = typed.content(None)? else { return show(&visit, None, &typed, MISTAKES) };
    let record = |id: &str| visit.record(Activity::CreateLapsPolicy, id);
    let id = policies::create(&visit.app, content, record).await?;
    Ok(see_other(&format!("/console/policies/{id}")))
}

/// The form, filled in with what the newest version says.
pub(in super::super) async fn edit(visit: Visit) -> Result<Response, Fault> {
    let row = find(&visit).await?;
    visit.note(Activity::ReadLapsPolicy, &row.id.to_string()).await?;
    show(&visit, Some(current(&row, row.version)), &Typed::from_content(&row.content)?, AS_IT_IS)
}

fn current(row: &PolicyRow, version: u32) -> (PolicyId, u32, String) {
    (row.id, version, row.content.name.clone())
}

/// Shows what the edit changes and whom it touches, and makes it once that is confirmed.
pub(in super::super) async fn change(visit: Visit) -> Result<Response, Fault> {
    let row = find(&visit).await?;
    let version: u32 =
        visit.form.get("version").unwrap_or_default().parse().map_err(|_| page::incomplete())?;
    let typed = Typed::of(&visit);
    if visit.form.get("step") == Some("back") {
        return show(&visit, Some(current(&row, version)), &typed, AS_IT_IS);
    }
    let Some(content) = typed.content(Some(&row))? else {
        return show(&visit, Some(current(&row, version)), &typed, MISTAKES);
    };
    if version != row.version {
        return outdated(&visit, &row, &typed);
    }
    if typed.is_as_in(&row.content, &content)? {
        let same = (StatusCode::OK, Some("This is what the policy says already: there is nothing to save."));
        return show(&visit, Some(current(&row, version)), &typed, same);
    }
    if visit.form.get("confirmed") != Some("true") {
        let thought = Thought { tree: Some(content.tree.clone()), ..Thought::default() };
        let members = [("version".to_owned(), version.to_string())].into_iter().chain(typed.members());
        return Confirm {
            row: &row,
            question: Question::edit(&row, &content)?,
            members: members.collect(),
            thought,
        }
        .show(&visit)
        .await;
    }
    let record = visit.record(Activity::ChangeLapsPolicy, &row.id.to_string());
    match policies::edit(&visit.app, (row.id, version), Edit::Content(content), record).await {
        Ok(_) => Ok(see_other(&format!("/console/policies/{}", row.id))),
        Err(fault) if fault.status() == StatusCode::CONFLICT => {
            outdated(&visit, &find(&visit).await?, &typed)
        }
        Err(fault) => Err(fault),
    }
}

/// What was typed stays, and goes on top of the newest version if it is sent once more.
fn outdated(visit: &Visit, row: &PolicyRow, typed: &Typed) -> Result<Response, Fault> {
    let why = (
        StatusCode::CONFLICT,
        Some(
            "Somebody else has changed the policy meanwhile. Nothing was done. What you typed is below; what the newest \
             version says is on the policy's page. To save yours in its place, send it again.",
        ),
    );
    show(visit, Some(current(row, row.version)), typed, why)
}
