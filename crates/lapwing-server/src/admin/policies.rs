//! LAPS policies beside what Graph has: versions, dry runs, conflicts, and how a device stands to them.

use axum::{Json, body::Bytes, extract::Path};
use lapwing_core::types::PolicyId;
use lapwing_proto::{
    admin::{
        COUNTED_MAX, Counted, DevicePolicyInfo, DeviceTags, PolicyConflict, PolicyCounts, PolicyDevice,
        PolicyDevices, PolicyDifference, PolicyDryRun, PolicyRefused, PolicyRestore, PolicyStanding,
        PolicyTold, PolicyVersionInfo, Values,
    },
    graph::read_settings,
};

use super::{allowed, not_found, parse, parse_id};
use crate::{
    call::Call,
    http::fault::Fault,
    policies::{self, Thought},
    rules::{
        access::Act,
        audit::Activity,
        policy_assignment::{Difference, Effective, Member, PolicyVersion, effective},
        policy_standing::{Standing, Tally},
    },
    store::{Edit, PolicyRow, PolicyVersionRow, StandingRow},
};

fn standing(effective: &Effective) -> PolicyStanding {
    let (state, policies, version) = match effective {
        Effective::None => ("none", Vec::new(), None),
        Effective::One(PolicyVersion { policy, number }) => ("assigned", vec![*policy], Some(*number)),
        Effective::Conflict(policies) => ("conflict", policies.clone(), None),
    };
    let policies = policies.iter().map(ToString::to_string).collect();
    PolicyStanding { state: state.to_owned(), policies, version }
}

fn difference(found: &Difference) -> PolicyDifference {
    PolicyDifference {
        device_id: found.device.to_string(),
        display_name: found.display_name.clone(),
        before: standing(&found.before),
        after: standing(&found.after),
    }
}

async fn policy(call: &Call, id: PolicyId) -> Result<PolicyRow, Fault> {
    call.app.store.policy_of(id).await?.ok_or_else(|| not_found("policy"))
}

/// Also those of a policy that was deleted.
pub(super) async fn versions(
    call: Call,
    Path((tenant, id)): Path<(String, String)>,
) -> Result<Json<Values<PolicyVersionInfo>>, Fault> {
    let allowed = allowed(&call, &tenant, Act::ReadConfiguration, Activity::ReadLapsPolicy, &id).await?;
    let rows = call.app.store.policy_versions(parse_id(&id)?).await?;
    if rows.is_empty() {
        return Err(allowed.refuse(&id, not_found("policy")).await);
    }
    allowed.note(&id).await?;
    let info = |row: PolicyVersionRow| {
        Ok(PolicyVersionInfo {
            version: row.number,
            created: row.created.to_string(),
            restores: row.restores,
            policy: policies::document(&row.content)?,
            actor: row.actor,
        })
    };
    Ok(Json(Values { value: rows.into_iter().map(info).collect::<Result<_, Fault>>()? }))
}

/// Makes a new version of what an earlier one says; its number is in the answer.
pub(super) async fn restore(
    call: Call,
    Path((tenant, id)): Path<(String, String)>,
    body: Bytes,
) -> Result<Json<PolicyRestore>, Fault> {
    let allowed = allowed(&call, &tenant, Act::WriteConfiguration, Activity::ChangeLapsPolicy, &id).await?;
    let PolicyRestore { version } = parse(&body)?;
    let row = policy(&call, parse_id(&id)?).await?;
    let (edit, record) = (Edit::Restore(version), allowed.record(&id));
    let version = policies::edit(&call.app, (row.id, row.version), edit, record).await?;
    Ok(Json(PolicyRestore { version }))
}

/// Which devices a change would touch. Changes nothing.
pub(super) async fn dry_run(
    call: Call,
    Path((tenant, id)): Path<(String, String)>,
    body: Bytes,
) -> Result<Json<Counted<PolicyDifference>>, Fault> {
    let allowed = allowed(&call, &tenant, Act::ReadConfiguration, Activity::ReadLapsPolicy, &id).await?;
    let request: PolicyDryRun = parse(&body)?;
    let row = policy(&call, parse_id(&id)?).await?;
    let found = policies::try_out(&call.app, &row, thought(request)?).await?;
    allowed.note(&id).await?;
    Ok(Json(Counted::new(found.iter().map(difference).collect())))
}

fn thought(request: PolicyDryRun) -> Result<Thought, Fault> {
    let tree = request.settings.map(|settings| {
        read_settings(&settings)
            .map_err(|error| Fault::bad_request(format!("{error}; {}", error.next_step())))
    });
    let parse = |id: &String| id.parse().map_err(|_| policies::no_such_group());
    let groups = request.groups.map(|groups| groups.iter().map(parse).collect::<Result<_, _>>());
    Ok(Thought { tree: tree.transpose()?, groups: groups.transpose()?, delete: request.delete })
}

/// Every device that several policies are for.
pub(super) async fn conflicts(
    call: Call,
    Path(tenant): Path<String>,
) -> Result<Json<Counted<PolicyConflict>>, Fault> {
    let allowed = allowed(&call, &tenant, Act::ReadConfiguration, Activity::ReadLapsPolicy, "").await?;
    let policies = call.app.store.assigned().await?;
    let members = call.app.store.members().await?;
    allowed.note("").await?;
    let conflict = |member: Member| match effective(&member, &policies) {
        Effective::None | Effective::One(_) => None,
        Effective::Conflict(policies) => Some(PolicyConflict {
            device_id: member.device.to_string(),
            display_name: member.display_name,
            policies: policies.iter().map(ToString::to_string).collect(),
        }),
    };
    Ok(Json(Counted::new(members.into_iter().filter_map(conflict).collect())))
}

/// How every device stands to a policy that it concerns.
pub(super) async fn devices(
    call: Call,
    Path((tenant, id)): Path<(String, String)>,
) -> Result<Json<PolicyDevices>, Fault> {
    let allowed = allowed(&call, &tenant, Act::ReadConfiguration, Activity::ReadLapsPolicy, &id).await?;
    let row = match policy(&call, parse_id(&id)?).await {
        Ok(row) => row,
        Err(fault) => return Err(allowed.refuse(&id, fault).await),
    };
    let rows = call.app.store.policy_standings(row.id).await?;
    allowed.note(&id).await?;
    let tally: Tally = rows.iter().map(|row| row.standing).collect();
    let counts = PolicyCounts {
        has: tally.of(Standing::Has),
        pending: tally.of(Standing::Pending),
        conflict: tally.of(Standing::Conflict),
        refused: tally.of(Standing::Refused),
        leaving: tally.of(Standing::Leaving),
    };
    let value = rows.iter().take(COUNTED_MAX).map(policy_device).collect();
    Ok(Json(PolicyDevices { version: row.version, counts, value }))
}

fn policy_device(row: &StandingRow) -> PolicyDevice {
    let refused = row.trouble.refused.filter(|_| row.standing == Standing::Refused);
    PolicyDevice {
        device_id: row.device.to_string(),
        display_name: row.display_name.clone(),
        state: row.standing.as_str().to_owned(),
        version: row.told.map(|(number, _)| number),
        since: row.told.map(|(_, since)| since.to_string()),
        status: refused.map(|refused| refused.status),
        drifted: row.trouble.drifted.map(|at| at.to_string()),
    }
}

/// How a device stands to the policies.
pub(super) async fn device(
    call: Call,
    Path((tenant, id)): Path<(String, String)>,
) -> Result<Json<DevicePolicyInfo>, Fault> {
    let allowed = allowed(&call, &tenant, Act::ReadConfiguration, Activity::ReadLapsPolicy, &id).await?;
    let Some(found) = call.app.store.device_policy(parse_id(&id)?).await? else {
        return Err(allowed.refuse(&id, not_found("device")).await);
    };
    let trouble = call.app.store.policy_trouble(parse_id(&id)?).await?;
    allowed.note(&id).await?;
    let told = found.told.map(|(version, since)| PolicyTold {
        policy: version.policy.to_string(),
        version: version.number,
        since: since.to_string(),
    });
    let refused = trouble.refused.map(|refused| PolicyRefused {
        policy: refused.version.policy.to_string(),
        version: refused.version.number,
        status: refused.status,
        at: refused.at.to_string(),
    });
    let drifted = trouble.drifted.map(|at| at.to_string());
    Ok(Json(DevicePolicyInfo { standing: standing(&found.effective), told, refused, drifted }))
}

pub(super) async fn tags(
    call: Call,
    Path((tenant, id)): Path<(String, String)>,
) -> Result<Json<DeviceTags>, Fault> {
    let allowed = allowed(&call, &tenant, Act::ReadConfiguration, Activity::ReadDevices, &id).await?;
    let Some(tags) = call.app.store.tags(parse_id(&id)?).await? else {
        return Err(allowed.refuse(&id, not_found("device")).await);
    };
    allowed.note(&id).await?;
    Ok(Json(DeviceTags { tags: tags.iter().map(ToString::to_string).collect() }))
}

/// Replaces the tags of a device. Who may write policies may do this: a tag decides which policy is for a device.
pub(super) async fn tag(
    call: Call,
    Path((tenant, id)): Path<(String, String)>,
    body: Bytes,
) -> Result<Json<DeviceTags>, Fault> {
    let allowed = allowed(&call, &tenant, Act::WriteConfiguration, Activity::TagDevice, &id).await?;
    let DeviceTags { tags } = parse(&body)?;
    let tags = policies::parse_tags(tags.iter().map(String::as_str))?;
    let shown = tags.iter().map(ToString::to_string).collect();
    policies::tag(&call.app, parse_id(&id)?, tags, allowed.record(&id)).await?;
    Ok(Json(DeviceTags { tags: shown }))
}
