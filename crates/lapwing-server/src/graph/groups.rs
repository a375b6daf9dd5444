//! `groups`: devices that policies can be for, by tag or name.

use std::collections::BTreeSet;

use axum::{body::Bytes, extract::Path, http::StatusCode, response::Response};
use lapwing_core::types::{DeviceId, GroupId};
use lapwing_proto::{
    graph::{Device, Entity, Group},
    json,
};
use serde::Serialize;

use super::{body, devices, filter::Fields, metadata, page::Query};
use crate::{
    call::{Allowed, Call},
    http::fault::Fault,
    policies,
    rules::{
        access::Act,
        audit::Activity,
        policy_assignment::{self, GroupError},
        policy_form::check_name,
    },
    store::{GroupRow, Window},
};

impl Fields for GroupRow {
    const NAMES: &'static [&'static str] = &["id", "displayname", "membershiprule", "createddatetime"];

    fn field(&self, at: usize) -> String {
        match at {
            0 => self.id.to_string(),
            1 => self.name.to_lowercase(),
            2 => self.group.to_string().to_lowercase(),
            _ => self.created.to_string().to_lowercase(),
        }
    }
}

fn group(row: &GroupRow) -> Group {
    Group {
        id: Some(row.id.to_string()),
        display_name: row.name.clone(),
        group_types: vec!["DynamicMembership".to_owned()],
        membership_rule: row.group.to_string(),
        membership_rule_processing_state: Some("On".to_owned()),
        mail_enabled: false,
        security_enabled: true,
        created_date_time: Some(row.created.to_string()),
    }
}

const DEVICE: &str = "#microsoft.graph.device";

/// A member of a group, which may be of other types elsewhere.
#[derive(Serialize)]
struct Member {
    #[serde(rename = "@odata.type")]
    kind: &'static str,
    #[serde(flatten)]
    device: Device,
}

pub(super) async fn list(call: Call) -> Result<Response, Fault> {
    let allowed = call.authorise(Act::ReadConfiguration, Activity::ReadLapsPolicy, "").await?;
    let page = Query::parse(call.uri.query()).page(call.app.store.groups().await?)?;
    allowed.note("").await?;
    super::list(&call, "groups", &page, group)
}

async fn find(call: &Call, allowed: &Allowed<'_>, id: &str) -> Result<GroupRow, Fault> {
    let wanted: Option<GroupId> = id.parse().ok();
    let found = call.app.store.groups().await?.into_iter().find(|row| Some(row.id) == wanted);
    match found {
        Some(row) => Ok(row),
        None => Err(allowed.refuse(id, policies::unknown_group()).await),
    }
}

pub(super) async fn get(call: Call, Path(id): Path<String>) -> Result<Response, Fault> {
    let allowed = call.authorise(Act::ReadConfiguration, Activity::ReadLapsPolicy, &id).await?;
    let row = find(&call, &allowed, &id).await?;
    allowed.note(&id).await?;
    answer(&call, &row)
}

/// The devices of a group, which are those that its rule is for at this moment.
pub(super) async fn members(call: Call, Path(id): Path<String>) -> Result<Response, Fault> {
    let allowed = call.authorise(Act::ReadConfiguration, Activity::ReadLapsPolicy, &id).await?;
    let row = find(&call, &allowed, &id).await?;
    let members = call.app.store.members().await?;
    let inside: BTreeSet<DeviceId> =
        members.iter().filter(|member| row.group.contains(member)).map(|member| member.device).collect();
    let mut rows = call.app.store.devices(Window::ALL).await?;
    rows.retain(|device| inside.contains(&device.id));
    let page = Query::parse(call.uri.query()).page(rows)?;
    allowed.note(&id).await?;
    super::list(&call, "directoryObjects", &page, |row| Member { kind: DEVICE, device: devices::device(row) })
}

fn answer(call: &Call, row: &GroupRow) -> Result<Response, Fault> {
    body(&Entity { context: metadata(&call.app, "groups/$entity"), entity: group(row) })
}

pub(super) async fn create(call: Call, request: Bytes) -> Result<(StatusCode, Response), Fault> {
    let allowed = call.authorise(Act::WriteConfiguration, Activity::CreateGroup, "").await?;
    let (name, group) = match parse(&request) {
        Ok(parsed) => parsed,
        Err(fault) => return Err(allowed.refuse("", fault).await),
    };
    let row =
        policies::create_group(&call.app, name, group, call.context.at, |id| allowed.record(id)).await?;
    Ok((StatusCode::CREATED, answer(&call, &row)?))
}

fn parse(request: &[u8]) -> Result<(String, policy_assignment::Group), Fault> {
    let group: Group = json::parse(request).map_err(|error| Fault::bad_request(error.to_string()))?;
    check_name(&group.display_name)
        .map_err(|error| Fault::bad_request(format!("`displayName`: {error}.")))?;
    let rule =
        group.membership_rule.parse().map_err(|error: GroupError| Fault::bad_request(error.to_string()));
    Ok((group.display_name, rule?))
}

pub(super) async fn delete(call: Call, Path(id): Path<String>) -> Result<StatusCode, Fault> {
    let allowed = call.authorise(Act::WriteConfiguration, Activity::DeleteGroup, &id).await?;
    let Ok(group) = id.parse() else { return Err(allowed.refuse(&id, policies::unknown_group()).await) };
    policies::delete_group(&call.app, group, allowed.record(&id)).await?;
    Ok(StatusCode::NO_CONTENT)
}
