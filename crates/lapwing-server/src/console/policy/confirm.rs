//! What a change of a policy would do, and to whom, before it is made.

use std::collections::{BTreeMap, BTreeSet};

use askama::Template;
use axum::response::Response;
use lapwing_core::types::{GroupId, PolicyId};

use super::{
    super::{
        page::{self, Grouped, Shell},
        visit::{Visit, see_other},
    },
    find,
    form::{HOURS_LABEL, Typed, in_words},
    names,
};
use crate::{
    http::fault::Fault,
    policies::{self, Thought},
    rules::{
        audit::Activity,
        policy_assignment::{Difference, Effective, PolicyVersion},
        policy_form::{LeafChange, changes},
    },
    store::{Edit, PolicyContent, PolicyRow},
};

/// How many devices are named.
const NAMED_MAX: usize = 50;

/// What policies are called; what has no name here was deleted.
pub(in super::super) struct PolicyNames(pub(in super::super) BTreeMap<PolicyId, String>);

impl PolicyNames {
    pub(in super::super) fn of(&self, id: PolicyId) -> String {
        self.0.get(&id).cloned().unwrap_or_else(|| format!("the deleted policy {id}"))
    }

    /// What is for a device, in words.
    pub(in super::super) fn words(&self, effective: &Effective) -> String {
        match effective {
            Effective::None => "no policy".to_owned(),
            Effective::One(PolicyVersion { policy, number }) => {
                format!("{}, version {number}", self.of(*policy))
            }
            Effective::Conflict(policies) => {
                let names: Vec<String> = policies.iter().map(|policy| self.of(*policy)).collect();
                format!("in conflict: {}", names.join(", "))
            }
        }
    }
}

/// Whom a change touches.
#[derive(Template)]
#[template(path = "effects.html")]
pub(in super::super) struct Effects {
    count: u64,
    devices: Vec<Touched>,
}

struct Touched {
    id: String,
    name: String,
    before: String,
    after: String,
    /// Whether it is in a conflict then.
    is_conflict: bool,
}

impl Effects {
    pub(in super::super) fn new(mut found: Vec<Difference>, names: &PolicyNames) -> Self {
        found.sort_by_cached_key(|found| (found.display_name.to_lowercase(), found.device));
        let touched = |found: &Difference| Touched {
            id: found.device.to_string(),
            name: found.display_name.clone(),
            before: names.words(&found.before),
            after: names.words(&found.after),
            is_conflict: matches!(found.after, Effective::Conflict(_)),
        };
        Self {
            count: u64::try_from(found.len()).unwrap_or(u64::MAX),
            devices: found.iter().take(NAMED_MAX).map(touched).collect(),
        }
    }

    /// Whether not all of them are named.
    fn is_cut(&self) -> bool {
        usize::try_from(self.count).is_ok_and(|count| count > self.devices.len())
    }
}

/// What is asked before a change is made.
pub(super) struct Question {
    title: &'static str,
    /// What it changes: its name, what was, what is.
    changes: Vec<(String, String, String)>,
    /// What follows the policy in the address of the form.
    path: &'static str,
    button: String,
    is_danger: bool,
    may_go_back: bool,
}

fn shown(text: Option<String>) -> String {
    text.unwrap_or_else(|| "not set".to_owned())
}

impl Question {
    fn differences(
        before: &PolicyContent,
        after: &PolicyContent,
    ) -> Result<Vec<(String, String, String)>, Fault> {
        let texts =
            |content| Typed::from_content(content).map(|typed| [typed.name, typed.description, typed.hours]);
        let [before_name, before_description, before_hours] = texts(before)?;
        let [after_name, after_description, after_hours] = texts(after)?;
        let texts = [
            ("Name".to_owned(), before_name, after_name),
            ("Description".to_owned(), before_description, after_description),
            (HOURS_LABEL.to_owned(), before_hours, after_hours),
        ];
        let leaf = |change: &LeafChange<'_>| {
            let words = |value: Option<&str>| shown(value.map(|value| in_words(change.setting, value)));
            (change.setting.name().to_owned(), words(change.before), words(change.after))
        };
        let leaves = changes(&before.tree, &after.tree);
        let texts = texts.into_iter().filter(|(_, before, after)| before != after);
        Ok(texts.chain(leaves.iter().map(leaf)).collect())
    }

    pub(super) fn edit(row: &PolicyRow, content: &PolicyContent) -> Result<Self, Fault> {
        Ok(Self {
            title: "Save this version?",
            changes: Self::differences(&row.content, content)?,
            path: "/edit",
            button: format!("Save version {}", row.version.saturating_add(1)),
            is_danger: false,
            may_go_back: true,
        })
    }
}

/// A change to be confirmed.
pub(super) struct Confirm<'a> {
    pub(super) row: &'a PolicyRow,
    pub(super) question: Question,
    /// What the form sends once more.
    pub(super) members: Vec<(String, String)>,
    pub(super) thought: Thought,
}

#[derive(Template)]
#[template(path = "policy_confirm.html")]
struct ConfirmPage {
    shell: Shell,
    id: PolicyId,
    name: String,
    question: Question,
    members: Vec<(String, String)>,
    effects: Effects,
}

impl Confirm<'_> {
    pub(super) async fn show(self, visit: &Visit) -> Result<Response, Fault> {
        let Self { row, question, members, thought } = self;
        let found = policies::try_out(&visit.app, row, thought).await?;
        let effects = Effects::new(found, &names(visit).await?);
        visit.note(Activity::ReadLapsPolicy, &row.id.to_string()).await?;
        visit.page(&ConfirmPage {
            shell: visit.shell(question.title),
            id: row.id,
            name: row.content.name.clone(),
            question,
            members,
            effects,
        })
    }
}

fn is_confirmed(visit: &Visit) -> bool {
    visit.form.get("confirmed") == Some("true")
}

/// Returns to what an earlier version says, by a new version.
pub(in super::super) async fn restore(visit: Visit) -> Result<Response, Fault> {
    let row = find(&visit).await?;
    let number =
        |name: &str| visit.form.get(name).unwrap_or_default().parse::<u32>().map_err(|_| page::incomplete());
    let (version, expected) = (number("version")?, number("expected")?);
    if is_confirmed(&visit) {
        let record = visit.record(Activity::ChangeLapsPolicy, &row.id.to_string());
        policies::edit(&visit.app, (row.id, expected), Edit::Restore(version), record).await?;
        return Ok(see_other(&format!("/console/policies/{}", row.id)));
    }
    let versions = visit.app.store.policy_versions(row.id).await?;
    let earlier = versions.into_iter().find(|earlier| earlier.number == version);
    let earlier = earlier.ok_or_else(|| Fault::not_found("There is no such version."))?.content;
    let question = Question {
        title: "Return to this version?",
        changes: Question::differences(&row.content, &earlier)?,
        path: "/restore",
        button: format!("Return to version {version}"),
        is_danger: false,
        may_go_back: false,
    };
    let members = [("version", version), ("expected", row.version)];
    let members = members.map(|(name, number)| (name.to_owned(), number.to_string())).into();
    let thought = Thought { tree: Some(earlier.tree), ..Thought::default() };
    Confirm { row: &row, question, members, thought }.show(&visit).await
}

/// Says for which groups the policy is.
pub(in super::super) async fn assign(visit: Visit) -> Result<Response, Fault> {
    let row = find(&visit).await?;
    let wanted: Result<BTreeSet<GroupId>, _> = visit.form.all("group").map(str::parse).collect();
    let wanted = wanted.map_err(|_| page::incomplete())?;
    policies::check_groups(wanted.len())?;
    if is_confirmed(&visit) {
        let record = visit.record(Activity::AssignLapsPolicy, &row.id.to_string());
        policies::assign(&visit.app, row.id, wanted, record).await?;
        return Ok(see_other(&format!("/console/policies/{}", row.id)));
    }
    let held: BTreeSet<GroupId> =
        visit.app.store.groups_of(row.id).await?.into_iter().map(|group| group.id).collect();
    let word = |is_member: bool| if is_member { "for it" } else { "not for it" }.to_owned();
    let groups = visit.app.store.groups().await?.into_iter();
    let changed = groups.filter(|group| held.contains(&group.id) != wanted.contains(&group.id));
    let changes = changed.map(|group| {
        let is = |groups: &BTreeSet<GroupId>| word(groups.contains(&group.id));
        (format!("{} ({})", group.name, group.group), is(&held), is(&wanted))
    });
    let question = Question {
        title: "Change whom it is for?",
        changes: changes.collect(),
        path: "/assign",
        button: "Assign".to_owned(),
        is_danger: false,
        may_go_back: false,
    };
    let members = wanted.iter().map(|group| ("group".to_owned(), group.to_string())).collect();
    let thought = Thought { groups: Some(wanted), ..Thought::default() };
    Confirm { row: &row, question, members, thought }.show(&visit).await
}

/// Takes the policy from everybody.
pub(in super::super) async fn delete(visit: Visit) -> Result<Response, Fault> {
    let row = find(&visit).await?;
    if is_confirmed(&visit) {
        let record = visit.record(Activity::DeleteLapsPolicy, &row.id.to_string());
        policies::delete(&visit.app, row.id, record).await?;
        return Ok(see_other("/console/policies"));
    }
    let question = Question {
        title: "Delete this policy?",
        changes: Vec::new(),
        path: "/delete",
        button: "Delete".to_owned(),
        is_danger: true,
        may_go_back: false,
    };
    let thought = Thought { delete: true, ..Thought::default() };
    Confirm { row: &row, question, members: Vec::new(), thought }.show(&visit).await
}
