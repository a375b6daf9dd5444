//! The devices that stand somewhere to a policy, and those for which several are.

use askama::Template;
use axum::response::Response;
use lapwing_core::types::{DeviceId, PolicyId};

use super::{
    super::{
        page::{Badge, Grouped, Shell},
        visit::Visit,
    },
    badge, find, names,
};
use crate::{
    http::fault::Fault,
    rules::{
        audit::Activity,
        policy_assignment::{Effective, Member, effective},
        policy_standing::{Standing, standing},
    },
};

const PAGE_LEN: usize = 50;

/// A stretch of a long list of devices, by name.
pub(in super::super) struct Stretch {
    pub(in super::super) total: u64,
    pub(in super::super) rows: Vec<(DeviceId, String)>,
    pub(in super::super) is_first: bool,
    /// What names the next stretch: the last device of this one.
    pub(in super::super) next: Option<DeviceId>,
}

impl Stretch {
    /// The devices after the one that the address names.
    pub(in super::super) fn of(visit: &Visit, mut devices: Vec<(DeviceId, String)>) -> Result<Self, Fault> {
        devices.sort_by_cached_key(|(id, name)| (name.to_lowercase(), *id));
        let total = u64::try_from(devices.len()).unwrap_or(u64::MAX);
        let after = match visit.query.get("after").filter(|text| !text.is_empty()) {
            None => 0,
            Some(text) => {
                let id: Option<DeviceId> = text.parse().ok();
                let at = devices.iter().position(|(device, _)| Some(*device) == id);
                // It may have left the list meanwhile: then the list begins anew.
                id.ok_or_else(|| Fault::bad_request("The page you asked for is none of this list."))
                    .map(|_| at.map_or(0, |at| at + 1))?
            }
        };
        let rows: Vec<_> = devices.into_iter().skip(after).collect();
        let next = rows.get(PAGE_LEN - 1).filter(|_| rows.len() > PAGE_LEN).map(|(id, _)| *id);
        let rows = rows.into_iter().take(PAGE_LEN).collect();
        Ok(Self { total, rows, is_first: after == 0, next })
    }
}

#[derive(Template)]
#[template(path = "policy_devices.html")]
struct ListPage {
    shell: Shell,
    id: PolicyId,
    name: String,
    badge: Badge,
    total: u64,
    rows: Vec<(DeviceId, String)>,
    is_first: bool,
    first: String,
    next: Option<String>,
}

/// The devices that stand so to the policy.
pub(in super::super) async fn list(visit: Visit) -> Result<Response, Fault> {
    let row = find(&visit).await?;
    let wanted = visit.query.get("standing").unwrap_or_default();
    let wanted = Standing::ALL.into_iter().find(|standing| standing.as_str() == wanted);
    let wanted = wanted.ok_or_else(|| Fault::bad_request("Devices do not stand so to a policy."))?;
    let store = &visit.app.store;
    let (assigned, members, said) =
        (store.assigned().await?, store.members().await?, store.policies_said().await?);
    let stands_so = |member: &Member| {
        let said = said.get(&member.device).copied().unwrap_or_default();
        standing(row.id, &effective(member, &assigned), said.told, said.refused) == Some(wanted)
    };
    let found = members.into_iter().filter(stands_so).map(|member| (member.device, member.display_name));
    visit.note(Activity::ReadLapsPolicy, &row.id.to_string()).await?;
    let Stretch { total, rows, is_first, next } = Stretch::of(&visit, found.collect())?;
    let first = format!("/console/policies/{}/devices?standing={}", row.id, wanted.as_str());
    visit.page(&ListPage {
        shell: visit.shell("Devices of a policy"),
        id: row.id,
        name: row.content.name,
        badge: badge(wanted),
        total,
        rows,
        is_first,
        next: next.map(|last| format!("{first}&after={last}")),
        first,
    })
}

#[derive(Template)]
#[template(path = "policy_conflicts.html")]
struct ConflictPage {
    shell: Shell,
    total: u64,
    rows: Vec<Conflict>,
    is_first: bool,
    first: String,
    next: Option<String>,
}

struct Conflict {
    id: DeviceId,
    name: String,
    policies: Vec<(PolicyId, String)>,
}

/// The devices for which several policies are.
pub(in super::super) async fn conflicts(visit: Visit) -> Result<Response, Fault> {
    let store = &visit.app.store;
    let (assigned, members) = (store.assigned().await?, store.members().await?);
    let names = names(&visit).await?;
    let policies = |member: &Member| match effective(member, &assigned) {
        Effective::None | Effective::One(_) => None,
        Effective::Conflict(policies) => Some(policies),
    };
    let found = members.iter().filter(|member| policies(member).is_some());
    let found = found.map(|member| (member.device, member.display_name.clone())).collect();
    visit.note(Activity::ReadLapsPolicy, "").await?;
    let Stretch { total, rows, is_first, next } = Stretch::of(&visit, found)?;
    let row = |(id, name): (DeviceId, String)| {
        let member = members.iter().find(|member| member.device == id);
        let policies = member.and_then(&policies).unwrap_or_default();
        Conflict { id, name, policies: policies.into_iter().map(|id| (id, names.of(id))).collect() }
    };
    let first = "/console/policies/conflicts".to_owned();
    visit.page(&ConflictPage {
        shell: visit.shell("Conflicts"),
        total,
        rows: rows.into_iter().map(row).collect(),
        is_first,
        next: next.map(|last| format!("{first}?after={last}")),
        first,
    })
}
