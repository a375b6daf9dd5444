//! One policy: whom it is for, how devices stand to it, and all its versions.

use std::collections::BTreeSet;

use askama::Template;
use axum::response::Response;
use lapwing_core::types::{GroupId, PolicyId};

use super::{
    super::{
        page::{Grouped, Moment, Shell},
        visit::Visit,
    },
    Count, counts, find,
    form::{HOURS_LABEL, Typed, in_words, leaves},
};
use crate::{
    http::fault::Fault,
    policies,
    rules::{
        access::Act,
        audit::Activity,
        policy_form::{LeafChange, changes},
        policy_standing::tallies,
    },
    store::{GroupRow, PolicyContent, PolicyRow, PolicyVersionRow},
};

/// How many versions one page shows.
const VERSIONS_LEN: usize = 20;

#[derive(Template)]
#[template(path = "policy.html")]
struct Page {
    shell: Shell,
    id: PolicyId,
    name: String,
    description: String,
    version: u32,
    created: Moment,
    changed: Moment,
    settings: Vec<(&'static str, String)>,
    standings: Standings,
    groups: Vec<GroupChoice>,
    versions: Vec<Version>,
    is_first: bool,
    first: String,
    next: Option<String>,
    may_edit: bool,
}

/// How many devices stand where; the page asks for it again by itself.
#[derive(Template)]
#[template(path = "policy_standings.html")]
struct Standings {
    id: PolicyId,
    is_assigned: bool,
    counts: Vec<Count>,
    now: Moment,
}

struct GroupChoice {
    id: GroupId,
    name: String,
    rule: String,
    is_chosen: bool,
}

struct Version {
    number: u32,
    created: Moment,
    actor: String,
    restores: Option<u32>,
    is_newest: bool,
    /// What it changed of the one before: the setting, what was, what is.
    changes: Vec<(&'static str, String, String)>,
    renamed: Option<String>,
    settings: Vec<(&'static str, String)>,
}

fn shown(change: &LeafChange<'_>) -> (&'static str, String, String) {
    let words =
        |value: Option<&str>| value.map_or("not set".to_owned(), |value| in_words(change.setting, value));
    (change.setting.name(), words(change.before), words(change.after))
}

/// What a content sets, for people.
fn settings(content: &PolicyContent) -> Result<Vec<(&'static str, String)>, Fault> {
    let hours = Typed::from_content(content)?.hours;
    let hours = (!hours.is_empty()).then_some((HOURS_LABEL, hours));
    Ok(leaves(&content.tree).into_iter().chain(hours).collect())
}

/// What a content changes of the one before.
fn changed(
    before: &PolicyContent,
    after: &PolicyContent,
) -> Result<Vec<(&'static str, String, String)>, Fault> {
    let hours = |content| {
        let hours = Typed::from_content(content)?.hours;
        Ok::<_, Fault>(if hours.is_empty() { "not set".to_owned() } else { hours })
    };
    let (was, is) = (hours(before)?, hours(after)?);
    let hours = (was != is).then_some((HOURS_LABEL, was, is));
    Ok(changes(&before.tree, &after.tree).iter().map(shown).chain(hours).collect())
}

fn version(
    row: &PolicyVersionRow,
    before: Option<&PolicyVersionRow>,
    visit: &Visit,
    newest: u32,
) -> Result<Version, Fault> {
    let changes = before.map(|before| changed(&before.content, &row.content)).transpose()?;
    Ok(Version {
        number: row.number,
        created: Moment { at: row.created, now: visit.context.at },
        actor: row.actor.clone(),
        restores: row.restores,
        is_newest: row.number == newest,
        changes: changes.unwrap_or_default(),
        renamed: before
            .filter(|before| before.content.name != row.content.name)
            .map(|_| row.content.name.clone()),
        settings: settings(&row.content)?,
    })
}

async fn standings_of(visit: &Visit, row: &PolicyRow) -> Result<Standings, Fault> {
    let store = &visit.app.store;
    let (assigned, members, said) =
        (store.assigned().await?, store.members().await?, store.policies_said().await?);
    let tally = tallies(&members, &assigned, &said).remove(&row.id).unwrap_or_default();
    let now = visit.context.at;
    Ok(Standings {
        id: row.id,
        is_assigned: row.is_assigned,
        counts: counts(&tally),
        now: Moment { at: now, now },
    })
}

fn choices(all: Vec<GroupRow>, held: &BTreeSet<GroupId>) -> Vec<GroupChoice> {
    let choice = |row: GroupRow| GroupChoice {
        id: row.id,
        rule: row.group.to_string(),
        is_chosen: held.contains(&row.id),
        name: row.name,
    };
    let mut choices: Vec<GroupChoice> = all.into_iter().map(choice).collect();
    choices.sort_by_cached_key(|group| (!group.is_chosen, group.name.to_lowercase(), group.id));
    choices
}

pub(in super::super) async fn page(visit: Visit) -> Result<Response, Fault> {
    let row = find(&visit).await?;
    let (store, now) = (&visit.app.store, visit.context.at);
    let held: BTreeSet<GroupId> = store.groups_of(row.id).await?.into_iter().map(|group| group.id).collect();
    let before: Option<u32> = match visit.query.get("before") {
        None => None,
        Some(text) => {
            Some(text.parse().map_err(|_| Fault::bad_request("`before` must be the number of a version."))?)
        }
    };
    let mut versions = store.policy_versions(row.id).await?;
    versions.retain(|version| before.is_none_or(|before| version.number < before));
    visit.note(Activity::ReadLapsPolicy, &row.id.to_string()).await?;
    let shown = (0..versions.len().min(VERSIONS_LEN)).filter_map(|at| versions.get(at).zip(Some(at)));
    let shown = shown.map(|(found, at)| version(found, versions.get(at + 1), &visit, row.version));
    let shown = shown.collect::<Result<Vec<Version>, Fault>>()?;
    let first = format!("/console/policies/{}", row.id);
    let next = shown.last().filter(|_| versions.len() > VERSIONS_LEN);
    visit.page(&Page {
        shell: visit.shell("Policy"),
        id: row.id,
        name: row.content.name.clone(),
        description: policies::document(&row.content)?.description.unwrap_or_default(),
        version: row.version,
        created: Moment { at: row.created, now },
        changed: Moment { at: row.changed, now },
        settings: settings(&row.content)?,
        standings: standings_of(&visit, &row).await?,
        groups: choices(store.groups().await?, &held),
        is_first: before.is_none(),
        next: next.map(|last| format!("{first}?before={}", last.number)),
        first,
        versions: shown,
        may_edit: visit.may(Act::WriteConfiguration),
    })
}

/// Counts alone, which name no device.
pub(in super::super) async fn standings(visit: Visit) -> Result<Response, Fault> {
    let row = find(&visit).await?;
    visit.page(&standings_of(&visit, &row).await?)
}
