//! `deviceManagement/configurationPolicies`: LAPS policies, in the form of the settings catalog.

use axum::{body::Bytes, extract::Path, http::StatusCode, response::Response};
use lapwing_core::types::PolicyId;
use lapwing_proto::{
    graph::{ConfigurationPolicy, Entity, List},
    json,
};
use serde_json::{Map, Value};

use super::{body, filter::Fields, metadata, page::Query};
use crate::{
    call::{Allowed, Call},
    http::fault::Fault,
    policies::{self, content, document, unknown_policy},
    rules::{access::Act, audit::Activity},
    store::{Edit, PolicyContent, PolicyRow},
};

const ENTITY: &str = "deviceManagement/configurationPolicies/$entity";

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

/// The policy that a path names.
pub(super) async fn find(call: &Call, allowed: &Allowed<'_>, id: &str) -> Result<PolicyRow, Fault> {
    let found = match id.parse::<PolicyId>() {
        Ok(id) => call.app.store.policy_of(id).await?,
        Err(_) => None,
    };
    match found {
        Some(row) => Ok(row),
        None => Err(allowed.refuse(id, unknown_policy()).await),
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
    let id = policies::create(&call.app, content, |id| allowed.record(id)).await?;
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
    policies::edit(&call.app, (row.id, row.version), Edit::Content(content), allowed.record(&id)).await?;
    let row = call.app.store.policy_of(row.id).await?.ok_or_else(unknown_policy)?;
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

pub(super) async fn delete(call: Call, Path(id): Path<String>) -> Result<StatusCode, Fault> {
    let allowed = call.authorise(Act::WriteConfiguration, Activity::DeleteLapsPolicy, &id).await?;
    let Ok(policy) = id.parse() else { return Err(allowed.refuse(&id, unknown_policy()).await) };
    policies::delete(&call.app, policy, allowed.record(&id)).await?;
    Ok(StatusCode::NO_CONTENT)
}
