//! Groups: devices that policies can be for, by tag or by name.

use std::collections::BTreeMap;

use askama::Template;
use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use lapwing_core::types::{DeviceId, GroupId, PolicyId};
use serde::Serialize;

use super::{
    page::{self, Grouped, Moment, Shell},
    policy::{Effects, PolicyNames, Said, SaidKind, Stretch},
    visit::{Visit, see_other},
};
use crate::{
    http::fault::Fault,
    policies,
    rules::{
        access::Act,
        audit::Activity,
        policy_assignment::{Group, GroupError, Member},
        policy_form::check_name,
    },
    store::GroupRow,
};

/// How many members are named beside the form.
const NAMED_MAX: usize = 10;

#[derive(Template)]
#[template(path = "groups.html")]
struct ListPage {
    shell: Shell,
    rows: Vec<Row>,
    may_edit: bool,
}

struct Row {
    id: GroupId,
    name: String,
    rule: String,
    members: u64,
    policies: Vec<(PolicyId, String)>,
    created: Moment,
}

#[derive(Template)]
#[template(path = "group.html")]
struct Page {
    shell: Shell,
    row: Row,
    devices: Vec<(DeviceId, String)>,
    is_first: bool,
    first: String,
    next: Option<String>,
    may_edit: bool,
}

#[derive(Template)]
#[template(path = "group_form.html")]
struct FormPage {
    shell: Shell,
    /// The group that is edited and its name; none for a new one.
    current: Option<(GroupId, String)>,
    error: Option<String>,
    typed: Typed,
    said: BTreeMap<&'static str, Said>,
    members: String,
}

#[derive(Template)]
#[template(path = "group_confirm.html")]
struct ConfirmPage {
    shell: Shell,
    id: GroupId,
    typed: Typed,
    before: String,
    after: String,
    effects: Effects,
}

/// What was typed, as it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Typed {
    name: String,
    /// `tag` or `name`.
    by: String,
    text: String,
}

impl Typed {
    fn of(visit: &Visit) -> Self {
        let text = |name: &str| visit.form.get(name).unwrap_or_default().trim().to_owned();
        Self { name: text("name"), by: text("by"), text: text("text") }
    }

    fn of_row(row: &GroupRow) -> Self {
        let rule = row.group.to_string();
        let (by, text) = rule.split_once(':').unwrap_or((&rule, ""));
        Self { name: row.name.clone(), by: by.to_owned(), text: text.to_owned() }
    }

    fn rule(&self) -> Result<Group, GroupError> {
        format!("{}:{}", self.by, self.text).parse()
    }

    fn judge(&self) -> BTreeMap<&'static str, Said> {
        let mut said = BTreeMap::new();
        if let Err(error) = check_name(&self.name) {
            said.insert("name", Said::fault(error));
        }
        if let Err(error) = self.rule() {
            said.insert("text", Said::fault(error));
        }
        said
    }
}

fn members_in_words(group: &Group, members: &[Member]) -> String {
    let found: Vec<&str> = members
        .iter()
        .filter(|member| group.contains(member))
        .map(|member| member.display_name.as_str())
        .collect();
    let mut first: Vec<&str> = found.clone();
    first.sort_unstable_by_key(|name| name.to_lowercase());
    first.truncate(NAMED_MAX);
    let (names, more) = (first.join(", "), if found.len() > NAMED_MAX { " …" } else { "" });
    let count = u64::try_from(found.len()).unwrap_or(u64::MAX);
    match count {
        0 => "No device is in it now.".to_owned(),
        1 => format!("1 device is in it now: {names}"),
        _ => format!("{} devices are in it now: {names}{more}", Grouped(&count)),
    }
}

/// The members that the rule has now, in words; nothing while it is no rule.
async fn members(visit: &Visit, typed: &Typed) -> Result<String, Fault> {
    match typed.rule() {
        Ok(group) => Ok(members_in_words(&group, &visit.app.store.members().await?)),
        Err(_) => Ok(String::new()),
    }
}

async fn rows(visit: &Visit) -> Result<Vec<Row>, Fault> {
    let store = &visit.app.store;
    let (groups, members) = (store.groups().await?, store.members().await?);
    let names = store.policies().await?.into_iter().map(|row| (row.id, row.content.name));
    let names = PolicyNames(names.collect());
    let of_policies = store.groups_of_all().await?;
    let policies_of = |group: GroupId| {
        let used = of_policies.iter().filter(|(_, groups)| groups.iter().any(|row| row.id == group));
        used.map(|(policy, _)| (*policy, names.of(*policy))).collect()
    };
    let row = |row: GroupRow| Row {
        id: row.id,
        rule: row.group.to_string(),
        members: u64::try_from(members.iter().filter(|member| row.group.contains(member)).count())
            .unwrap_or(u64::MAX),
        policies: policies_of(row.id),
        created: Moment { at: row.created, now: visit.context.at },
        name: row.name,
    };
    let mut rows: Vec<Row> = groups.into_iter().map(row).collect();
    rows.sort_by_cached_key(|row| (row.name.to_lowercase(), row.id));
    Ok(rows)
}

pub(super) async fn list(visit: Visit) -> Result<Response, Fault> {
    let rows = rows(&visit).await?;
    visit.note(Activity::ReadLapsPolicy, "").await?;
    let may_edit = visit.may(Act::WriteConfiguration);
    visit.page(&ListPage { shell: visit.shell("Groups"), rows, may_edit })
}

fn unknown() -> Fault {
    Fault::not_found("There is no group with this id.")
}

async fn find(visit: &Visit) -> Result<GroupRow, Fault> {
    let id: GroupId = visit.param("id")?;
    visit.app.store.groups().await?.into_iter().find(|row| row.id == id).ok_or_else(unknown)
}

pub(super) async fn page(visit: Visit) -> Result<Response, Fault> {
    let group = find(&visit).await?;
    let members = visit.app.store.members().await?;
    let found = members.into_iter().filter(|member| group.group.contains(member));
    let found = found.map(|member| (member.device, member.display_name)).collect();
    let Stretch { rows: devices, is_first, next, .. } = Stretch::of(&visit, found)?;
    let row = rows(&visit).await?.into_iter().find(|row| row.id == group.id).ok_or_else(unknown)?;
    visit.note(Activity::ReadLapsPolicy, &group.id.to_string()).await?;
    let first = format!("/console/groups/{}", group.id);
    visit.page(&Page {
        shell: visit.shell("Group"),
        row,
        devices,
        is_first,
        next: next.map(|last| format!("{first}?after={last}")),
        first,
        may_edit: visit.may(Act::WriteConfiguration),
    })
}

async fn show(
    visit: &Visit,
    current: Option<&GroupRow>,
    typed: Typed,
    (status, error): (StatusCode, Option<&str>),
) -> Result<Response, Fault> {
    let is_untouched = typed.name.is_empty() && typed.text.is_empty();
    let page = FormPage {
        shell: visit.shell(if current.is_some() { "Edit group" } else { "New group" }),
        current: current.map(|row| (row.id, row.name.clone())),
        error: error.map(str::to_owned),
        said: if is_untouched { BTreeMap::new() } else { typed.judge() },
        members: members(visit, &typed).await?,
        typed,
    };
    page::render(status, &page)
}

const MISTAKES: (StatusCode, Option<&str>) =
    (StatusCode::BAD_REQUEST, Some("Some of this cannot be saved yet. Nothing was done."));
const AS_IT_IS: (StatusCode, Option<&str>) = (StatusCode::OK, None);

/// What a script is told while somebody types.
#[derive(Serialize)]
struct Answer {
    said: BTreeMap<&'static str, Said>,
}

/// Judges what is typed, and tells the members. Changes nothing.
pub(super) async fn check(visit: Visit) -> Result<Response, Fault> {
    let typed = Typed::of(&visit);
    let mut said = typed.judge();
    let members = members(&visit, &typed).await?;
    if !members.is_empty() {
        said.insert("members", Said { kind: SaidKind::Remark, text: members });
    }
    Ok(Json(Answer { said }).into_response())
}

pub(super) async fn new(visit: Visit) -> Result<Response, Fault> {
    let typed = Typed { name: String::new(), by: "tag".to_owned(), text: String::new() };
    show(&visit, None, typed, AS_IT_IS).await
}

pub(super) async fn create(visit: Visit) -> Result<Response, Fault> {
    let typed = Typed::of(&visit);
    let (true, Ok(group)) = (typed.judge().is_empty(), typed.rule()) else {
        return show(&visit, None, typed, MISTAKES).await;
    };
    if visit.form.get("step") == Some("members") {
        return show(&visit, None, typed, AS_IT_IS).await;
    }
    let record = |id: &str| visit.record(Activity::CreateGroup, id);
    let row = policies::create_group(&visit.app, typed.name, group, visit.context.at, record).await?;
    Ok(see_other(&format!("/console/groups/{}", row.id)))
}

pub(super) async fn edit(visit: Visit) -> Result<Response, Fault> {
    let row = find(&visit).await?;
    show(&visit, Some(&row), Typed::of_row(&row), AS_IT_IS).await
}

/// Shows whom another rule touches, and takes it once that is confirmed.
pub(super) async fn change(visit: Visit) -> Result<Response, Fault> {
    let row = find(&visit).await?;
    let typed = Typed::of(&visit);
    let (true, Ok(group)) = (typed.judge().is_empty(), typed.rule()) else {
        return show(&visit, Some(&row), typed, MISTAKES).await;
    };
    if ["members", "back"].map(Some).contains(&visit.form.get("step")) {
        return show(&visit, Some(&row), typed, AS_IT_IS).await;
    }
    // Another name touches nobody.
    if visit.form.get("confirmed") == Some("true") || group == row.group {
        let record = visit.record(Activity::ChangeGroup, &row.id.to_string());
        policies::change_group(&visit.app, row.id, typed.name, group, record).await?;
        return Ok(see_other(&format!("/console/groups/{}", row.id)));
    }
    let found = policies::try_out_group(&visit.app, row.id, &group).await?;
    let names = visit.app.store.policies().await?.into_iter().map(|row| (row.id, row.content.name));
    visit.page(&ConfirmPage {
        shell: visit.shell("Change this group?"),
        id: row.id,
        typed,
        before: row.group.to_string(),
        after: group.to_string(),
        effects: Effects::new(found, &PolicyNames(names.collect())),
    })
}

pub(super) async fn delete(visit: Visit) -> Result<Response, Fault> {
    let id: GroupId = visit.param("id")?;
    policies::delete_group(&visit.app, id, visit.record(Activity::DeleteGroup, &id.to_string())).await?;
    Ok(see_other("/console/groups"))
}
