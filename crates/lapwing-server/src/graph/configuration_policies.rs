//! `deviceManagement/configurationPolicies`: LAPS policies, in the form of the settings catalog.

use axum::{body::Bytes, extract::Path, http::StatusCode, response::Response};
use lapwing_core::types::PolicyId;
use lapwing_proto::{
    graph::{ConfigurationPolicy, Entity, List, ROTATE_AFTER_REVEAL_HOURS_MAX, read_settings},
    json,
};
use serde_json::{Map, Value};

use super::{body, filter::Fields, metadata, page::Query};
use crate::{
    call::{Allowed, Call},
    http::fault::{Fault, Kind},
    mdm::policy::Before,
    os,
    rules::{access::Act, audit::Activity},
    store::{CreatePolicy, DeletePolicy, Edit, EditOutcome, EditPolicy, PolicyContent, PolicyRow},
};

const ENTITY: &str = "deviceManagement/configurationPolicies/$entity";

/// The longest name, in characters.
const NAME_CHARS_MAX: usize = 256;

impl Fields for ConfigurationPolicy {
    const NAMES: &'static [&'static str] = &[
        "id",
        "name",
        "description",
        "platforms",
        "technologies",
        "createddatetime",
        "lastmodifieddatetime",
        "isassigned",
        "templatereference/templateid",
        "templatereference/templatefamily",
        "templatereference/templatedisplayname",
    ];

    fn field(&self, at: usize) -> String {
        let template = self.template_reference.as_ref();
        let field = match at {
            0 => self.id.clone(),
            1 => Some(self.name.clone()),
            2 => self.description.clone(),
            3 => Some(self.platforms.clone()),
            4 => Some(self.technologies.clone()),
            5 => self.created_date_time.clone(),
            6 => self.last_modified_date_time.clone(),
            7 => self.is_assigned.map(|is_assigned| is_assigned.to_string()),
            8 => template.map(|template| template.template_id.clone()),
            9 => template.map(|template| template.template_family.clone()),
            _ => template.and_then(|template| template.template_display_name.clone()),
        };
        field.unwrap_or_default().to_lowercase()
    }
}

/// What a policy of the wire says, if it is one of LAPS.
pub(crate) fn content(policy: ConfigurationPolicy) -> Result<PolicyContent, Fault> {
    let named = (1..=NAME_CHARS_MAX).contains(&policy.name.chars().count());
    if !named || policy.name.contains(|c: char| c.is_control()) {
        return Err(Fault::bad_request(format!("`name` must have 1 to {NAME_CHARS_MAX} characters.")));
    }
    let settings = policy.settings.unwrap_or_default();
    let tree = read_settings(&settings)
        .map_err(|error| Fault::bad_request(format!("{error}; {}", error.next_step())))?;
    // Zero says what nothing says.
    let hours = policy.rotate_after_reveal_hours.filter(|hours| *hours > 0);
    if hours.is_some_and(|hours| hours > ROTATE_AFTER_REVEAL_HOURS_MAX) {
        return Err(Fault::bad_request(format!(
            "`rotateAfterRevealHours` must be 0 to {ROTATE_AFTER_REVEAL_HOURS_MAX}."
        )));
    }
    // A policy that sets nothing is for nobody, and this would be without effect unseen.
    if hours.is_some() && tree.values().next().is_none() {
        return Err(Fault::bad_request("`rotateAfterRevealHours` needs at least one setting beside it."));
    }
    let name = policy.name.clone();
    let document = ConfigurationPolicy {
        id: None,
        created_date_time: None,
        last_modified_date_time: None,
        setting_count: None,
        is_assigned: None,
        rotate_after_reveal_hours: hours,
        settings: Some(settings),
        ..policy
    };
    let document = serde_json::to_string(&document).map_err(|_| Fault::unavailable())?;
    Ok(PolicyContent { name, document, tree })
}

/// What a version says, as it came in.
pub(crate) fn document(content: &PolicyContent) -> Result<ConfigurationPolicy, Fault> {
    json::parse(content.document.as_bytes()).map_err(|_| Fault::unavailable())
}

fn policy(row: &PolicyRow, with_settings: bool) -> Result<ConfigurationPolicy, Fault> {
    let written = document(&row.content)?;
    Ok(ConfigurationPolicy {
        id: Some(row.id.to_string()),
        created_date_time: Some(row.created.to_string()),
        last_modified_date_time: Some(row.changed.to_string()),
        setting_count: written.settings.as_ref().map(Vec::len),
        is_assigned: Some(row.is_assigned),
        settings: written.settings.filter(|_| with_settings),
        ..written
    })
}

fn answer(call: &Call, row: &PolicyRow, with_settings: bool) -> Result<Response, Fault> {
    body(&Entity { context: metadata(&call.app, ENTITY), entity: policy(row, with_settings)? })
}

pub(super) fn unknown() -> Fault {
    Fault::not_found("The policy does not exist.")
}

/// The policy that a path names.
pub(super) async fn find(call: &Call, allowed: &Allowed<'_>, id: &str) -> Result<PolicyRow, Fault> {
    let found = match id.parse::<PolicyId>() {
        Ok(id) => call.app.store.policy_of(id).await?,
        Err(_) => None,
    };
    match found {
        Some(row) => Ok(row),
        None => Err(allowed.refuse(id, unknown()).await),
    }
}

/// Whether `$expand` asks for the settings.
fn expands(query: &Query) -> bool {
    query.get("expand").is_some_and(|names| {
        names
            .split(',')
            .any(|name| name.trim().split('(').next().is_some_and(|n| n.eq_ignore_ascii_case("settings")))
    })
}

pub(super) async fn list(call: Call) -> Result<Response, Fault> {
    let allowed = call.authorise(Act::ReadConfiguration, Activity::ReadLapsPolicy, "").await?;
    let query = Query::parse(call.uri.query());
    let rows = call.app.store.policies().await?;
    let policies: Result<Vec<_>, _> = rows.iter().map(|row| policy(row, expands(&query))).collect();
    let page = query.page(policies?)?;
    allowed.note("").await?;
    super::list(&call, "deviceManagement/configurationPolicies", &page, Clone::clone)
}

pub(super) async fn get(call: Call, Path(id): Path<String>) -> Result<Response, Fault> {
    let allowed = call.authorise(Act::ReadConfiguration, Activity::ReadLapsPolicy, &id).await?;
    let row = find(&call, &allowed, &id).await?;
    allowed.note(&id).await?;
    answer(&call, &row, expands(&Query::parse(call.uri.query())))
}

/// What the policy sets, without the policy.
pub(super) async fn settings(call: Call, Path(id): Path<String>) -> Result<Response, Fault> {
    let allowed = call.authorise(Act::ReadConfiguration, Activity::ReadLapsPolicy, &id).await?;
    let row = find(&call, &allowed, &id).await?;
    let value = document(&row.content)?.settings.unwrap_or_default();
    allowed.note(&id).await?;
    let context = metadata(&call.app, &format!("deviceManagement/configurationPolicies('{id}')/settings"));
    body(&List { context, count: None, next_link: None, value })
}

pub(super) async fn create(call: Call, request: Bytes) -> Result<(StatusCode, Response), Fault> {
    let allowed = call.authorise(Act::WriteConfiguration, Activity::CreateLapsPolicy, "").await?;
    let parsed = json::parse(&request).map_err(|error| Fault::bad_request(error.to_string()));
    let content = match parsed.and_then(content) {
        Ok(content) => content,
        Err(fault) => return Err(allowed.refuse("", fault).await),
    };
    let id = PolicyId::random(&mut os::rng());
    let record = allowed.record(&id.to_string());
    call.app.store.change(CreatePolicy { id, content, record }).await?;
    let row = call.app.store.policy_of(id).await?.ok_or_else(Fault::unavailable)?;
    Ok((StatusCode::CREATED, answer(&call, &row, true)?))
}

/// Replaces the members that the body has.
pub(super) async fn change(call: Call, Path(id): Path<String>, request: Bytes) -> Result<Response, Fault> {
    let allowed = call.authorise(Act::WriteConfiguration, Activity::ChangeLapsPolicy, &id).await?;
    let row = find(&call, &allowed, &id).await?;
    let content = match merged(&row.content, &request) {
        Ok(content) => content,
        Err(fault) => return Err(allowed.refuse(&id, fault).await),
    };
    let edit = Edit::Content(content);
    let (before, record) = (Before::look(&call.app).await?, allowed.record(&id));
    let change = EditPolicy { id: row.id, expected: row.version, edit, record };
    edited(call.app.store.change(change).await?)?;
    before.call(&call.app).await;
    let row = call.app.store.policy_of(row.id).await?.ok_or_else(unknown)?;
    answer(&call, &row, true)
}

fn merged(current: &PolicyContent, request: &[u8]) -> Result<PolicyContent, Fault> {
    let changes: Map<String, Value> =
        json::parse(request).map_err(|error| Fault::bad_request(error.to_string()))?;
    let mut document: Map<String, Value> =
        json::parse(current.document.as_bytes()).map_err(|_| Fault::unavailable())?;
    document.extend(changes);
    let policy = serde_json::from_value(Value::Object(document));
    content(policy.map_err(|_| Fault::bad_request("The message has not the members expected."))?)
}

/// The number of the newest version, once an edit is made.
pub(crate) fn edited(outcome: EditOutcome) -> Result<u32, Fault> {
    match outcome {
        EditOutcome::Newest(number) => Ok(number),
        EditOutcome::Unknown => Err(unknown()),
        EditOutcome::Outdated => {
            Err(Fault::new(Kind::Conflict, "Somebody else has changed the policy meanwhile."))
        }
    }
}

pub(super) async fn delete(call: Call, Path(id): Path<String>) -> Result<StatusCode, Fault> {
    let allowed = call.authorise(Act::WriteConfiguration, Activity::DeleteLapsPolicy, &id).await?;
    let Ok(policy) = id.parse() else { return Err(allowed.refuse(&id, unknown()).await) };
    let before = Before::look(&call.app).await?;
    if !call.app.store.change(DeletePolicy { id: policy, record: allowed.record(&id) }).await? {
        return Err(unknown());
    }
    before.call(&call.app).await;
    Ok(StatusCode::NO_CONTENT)
}
