//! `deviceManagement/configurationPolicies/{id}/assignments`: whom a policy is for.

use std::collections::BTreeSet;

use axum::{body::Bytes, extract::Path, response::Response};
use lapwing_core::types::{GroupId, PolicyId};
use lapwing_proto::{
    graph::{List, PolicyAssignment, PolicyAssignments},
    json,
};

use super::{body, configuration_policies::find, metadata};
use crate::{
    call::Call,
    http::fault::Fault,
    policies,
    rules::{access::Act, audit::Activity},
};

pub(super) async fn list(call: Call, Path(id): Path<String>) -> Result<Response, Fault> {
    let allowed = call.authorise(Act::ReadConfiguration, Activity::ReadLapsPolicy, &id).await?;
    let row = find(&call, &allowed, &id).await?;
    allowed.note(&id).await?;
    answer(&call, row.id).await
}

/// Replaces all assignments.
pub(super) async fn assign(call: Call, Path(id): Path<String>, request: Bytes) -> Result<Response, Fault> {
    let allowed = call.authorise(Act::WriteConfiguration, Activity::AssignLapsPolicy, &id).await?;
    let row = find(&call, &allowed, &id).await?;
    let groups = match groups(&request) {
        Ok(groups) => groups,
        Err(fault) => return Err(allowed.refuse(&id, fault).await),
    };
    policies::assign(&call.app, row.id, groups, allowed.record(&id)).await?;
    answer(&call, row.id).await
}

fn groups(request: &[u8]) -> Result<BTreeSet<GroupId>, Fault> {
    let PolicyAssignments { assignments } =
        json::parse(request).map_err(|error| Fault::bad_request(error.to_string()))?;
    policies::check_groups(assignments.len())?;
    let group = |assignment: &PolicyAssignment| {
        let group = assignment.target.group().and_then(|group| group.parse().ok());
        group.ok_or_else(|| {
            Fault::bad_request(
                "A policy is for groups alone, each by its GUID; all devices are the group of the rule `name:*`.",
            )
        })
    };
    assignments.iter().map(group).collect()
}

async fn answer(call: &Call, policy: PolicyId) -> Result<Response, Fault> {
    let id = policy.to_string();
    let groups = call.app.store.groups_of(policy).await?;
    body(&List {
        context: metadata(&call.app, &format!("deviceManagement/configurationPolicies('{id}')/assignments")),
        count: None,
        next_link: None,
        value: groups.iter().map(|group| PolicyAssignment::new(&id, &group.id.to_string())).collect(),
    })
}
