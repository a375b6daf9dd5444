//! LAPS policies: which there are, and how devices stand to them.

mod confirm;
mod devices;
mod edit;
mod form;
mod page;

use std::collections::BTreeMap;

use askama::Template;
use axum::response::Response;
use lapwing_core::types::PolicyId;

pub(super) use self::{
    confirm::{assign, delete, restore},
    devices::{Stretch, conflicts, list as devices},
    edit::{change, create, edit, new},
    form::check,
    page::{page, standings},
};
use super::{
    page::{Badge, Grouped, Moment, Shell},
    visit::Visit,
};
use crate::{
    http::fault::Fault,
    policies::unknown_policy,
    rules::{
        access::Act,
        audit::Activity,
        policy_assignment::{Effective, effective},
        policy_standing::{Standing, Tally, tallies},
    },
    store::PolicyRow,
};

pub(super) use self::confirm::{Effects, PolicyNames};
pub(super) use self::form::{Said, SaidKind};

#[derive(Template)]
#[template(path = "policies.html")]
struct ListPage {
    shell: Shell,
    rows: Vec<Row>,
    conflicts: u64,
    groups: usize,
    may_edit: bool,
}

struct Row {
    id: PolicyId,
    name: String,
    version: u32,
    changed: Moment,
    groups: Vec<String>,
    counts: Vec<Count>,
}

/// How many devices stand so to a policy.
struct Count {
    badge: Badge,
    key: &'static str,
    count: u64,
}

pub(super) const fn badge(standing: Standing) -> Badge {
    match standing {
        Standing::Has => Badge::new("current", "✓", "Have it"),
        Standing::Pending => Badge::new("missing", "○", "Pending"),
        Standing::Refused => Badge::new("overdue", "▲", "Refused"),
        Standing::Conflict => Badge::new("expiring", "◔", "In conflict"),
        Standing::Leaving => Badge::new("disabled", "–", "To be removed"),
    }
}

/// Devices that have a policy, wait for it or would not take it are always counted, the others where there are any.
fn counts(tally: &Tally) -> Vec<Count> {
    let always = [Standing::Has, Standing::Pending, Standing::Refused];
    let shown = tally.counts().filter(|(standing, count)| *count > 0 || always.contains(standing));
    shown.map(|(standing, count)| Count { badge: badge(standing), key: standing.as_str(), count }).collect()
}

pub(super) async fn list(visit: Visit) -> Result<Response, Fault> {
    let store = &visit.app.store;
    let policies = store.policies().await?;
    let (assigned, members, said) =
        (store.assigned().await?, store.members().await?, store.policies_said().await?);
    let mut groups = store.groups_of_all().await?;
    let tallies = tallies(&members, &assigned, &said);
    let is_in_conflict = |member: &&_| matches!(effective(member, &assigned), Effective::Conflict(_));
    let conflicts = u64::try_from(members.iter().filter(is_in_conflict).count()).unwrap_or(u64::MAX);
    visit.note(Activity::ReadLapsPolicy, "").await?;
    let row = |row: PolicyRow| Row {
        id: row.id,
        version: row.version,
        changed: Moment { at: row.changed, now: visit.context.at },
        groups: groups.remove(&row.id).unwrap_or_default().into_iter().map(|group| group.name).collect(),
        counts: counts(&tallies.get(&row.id).copied().unwrap_or_default()),
        name: row.content.name,
    };
    let mut rows: Vec<Row> = policies.into_iter().map(row).collect();
    rows.sort_by_cached_key(|row| (row.name.to_lowercase(), row.id));
    visit.page(&ListPage {
        shell: visit.shell("Policies"),
        rows,
        conflicts,
        groups: store.groups().await?.len(),
        may_edit: visit.may(Act::WriteConfiguration),
    })
}

/// The policy that the path names.
async fn find(visit: &Visit) -> Result<PolicyRow, Fault> {
    let id: PolicyId = visit.param("id")?;
    visit.app.store.policy_of(id).await?.ok_or_else(unknown_policy)
}

/// What all policies are called.
async fn names(visit: &Visit) -> Result<PolicyNames, Fault> {
    let policies = visit.app.store.policies().await?;
    let names: BTreeMap<_, _> = policies.into_iter().map(|row| (row.id, row.content.name)).collect();
    Ok(PolicyNames(names))
}
