//! What is done with LAPS policies and their groups, by whichever way it is asked for: Graph, administration, console.
//!
//! A change is written together with its audit entry, and then calls the devices that it touches. The same change can be
//! tried out first: [`try_out`] tells whose settings it would touch, and changes nothing. Another name, description or hour is
//! a version too, which its devices confirm without any setting changing.

use std::{collections::BTreeSet, sync::Arc};

use lapwing_core::{
    csp::Tree,
    types::{DeviceId, FileTime, GroupId, PolicyId},
};
use lapwing_proto::{
    graph::{ConfigurationPolicy, read_settings},
    json,
};

use crate::{
    app::App,
    http::fault::{Fault, Kind},
    os,
    rules::{
        audit::Record,
        policy_assignment::{Difference, Group, GroupError, Policies, Tag, differences},
        policy_form::{check_name, check_reveal_hours},
    },
    store::{
        AssignOutcome, AssignPolicy, ChangeGroup, CreateGroup, CreatePolicy, DeleteGroup, DeleteGroupOutcome,
        DeletePolicy, Edit, EditOutcome, EditPolicy, GroupRow, PolicyContent, PolicyRow, StoreError,
        TagDevice,
    },
};

/// The most groups that one policy is for.
const GROUPS_MAX: usize = 256;

/// The most tags of one device.
const TAGS_MAX: usize = 32;

/// What a policy of the wire says, if it is one of LAPS.
pub(crate) fn content(policy: ConfigurationPolicy) -> Result<PolicyContent, Fault> {
    check_name(&policy.name).map_err(|error| Fault::bad_request(format!("`name`: {error}.")))?;
    let settings = policy.settings.unwrap_or_default();
    let tree = read_settings(&settings)
        .map_err(|error| Fault::bad_request(format!("{error}; {}", error.next_step())))?;
    let hours = check_reveal_hours(policy.rotate_after_reveal_hours.unwrap_or_default(), &tree)
        .map_err(|error| Fault::bad_request(format!("`rotateAfterRevealHours` {error}.")))?;
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

pub(crate) fn unknown_policy() -> Fault {
    Fault::not_found("The policy does not exist.")
}

/// A request names a group that is not there.
pub(crate) fn no_such_group() -> Fault {
    Fault::bad_request("A group does not exist.")
}

/// Refuses more groups than a policy may be for.
pub(crate) fn check_groups(count: usize) -> Result<(), Fault> {
    if count > GROUPS_MAX {
        return Err(Fault::bad_request(format!("A policy is for at most {GROUPS_MAX} groups.")));
    }
    Ok(())
}

pub(crate) fn unknown_group() -> Fault {
    Fault::not_found("The group does not exist.")
}

/// The policies before a change, by which the devices are found that it touches.
struct Before(Policies);

impl Before {
    async fn look(app: &App) -> Result<Self, Fault> {
        Ok(Self(app.store.assigned().await?))
    }

    /// Calls the devices that the change since then touches. It is made already: what goes wrong here costs them time
    /// alone, until they call by themselves.
    async fn call(self, app: &Arc<App>) {
        if let Err(error) = self.find_and_call(app).await {
            tracing::warn!(%error, "Could not call the devices that a change of policies touches");
        }
    }

    async fn find_and_call(self, app: &Arc<App>) -> Result<(), StoreError> {
        let (after, members) = (app.store.assigned().await?, app.store.members().await?);
        let touched = differences(&self.0, &after, &members).into_iter().map(|found| found.device);
        app.wake.wake_many(touched.collect());
        Ok(())
    }
}

/// Adds a policy, for nobody yet.
pub(crate) async fn create(
    app: &App,
    content: PolicyContent,
    record: impl FnOnce(&str) -> Record,
) -> Result<PolicyId, Fault> {
    let id = PolicyId::random(&mut os::rng());
    app.store.change(CreatePolicy { id, content, record: record(&id.to_string()) }).await?;
    Ok(id)
}

/// Adds a version to what was read as `row`; the number of the newest one.
pub(crate) async fn edit(
    app: &Arc<App>,
    row: (PolicyId, u32),
    edit: Edit,
    mut record: Record,
) -> Result<u32, Fault> {
    if let Edit::Restore(version) = edit {
        record.detail = format!("content of version {version}; ");
    }
    let before = Before::look(app).await?;
    let (id, expected) = row;
    match app.store.change(EditPolicy { id, expected, edit, record }).await? {
        EditOutcome::Newest(number) => {
            before.call(app).await;
            Ok(number)
        }
        EditOutcome::Unknown => Err(unknown_policy()),
        EditOutcome::Outdated => {
            Err(Fault::new(Kind::Conflict, "Somebody else has changed the policy meanwhile."))
        }
    }
}

/// Takes a policy from everybody it is for.
pub(crate) async fn delete(app: &Arc<App>, id: PolicyId, record: Record) -> Result<(), Fault> {
    let before = Before::look(app).await?;
    if !app.store.change(DeletePolicy { id, record }).await? {
        return Err(unknown_policy());
    }
    before.call(app).await;
    Ok(())
}

/// Says for which groups a policy is, in place of those before.
pub(crate) async fn assign(
    app: &Arc<App>,
    policy: PolicyId,
    groups: BTreeSet<GroupId>,
    record: Record,
) -> Result<(), Fault> {
    let before = Before::look(app).await?;
    match app.store.change(AssignPolicy { policy, groups, record }).await? {
        AssignOutcome::Assigned => {
            before.call(app).await;
            Ok(())
        }
        AssignOutcome::UnknownPolicy => Err(unknown_policy()),
        AssignOutcome::UnknownGroup(group) => {
            Err(Fault::bad_request(format!("The group {group} does not exist.")))
        }
    }
}

/// Gives a group another name or rule.
pub(crate) async fn change_group(
    app: &Arc<App>,
    id: GroupId,
    name: String,
    group: Group,
    record: Record,
) -> Result<(), Fault> {
    let before = Before::look(app).await?;
    if !app.store.change(ChangeGroup { id, name, group, record }).await? {
        return Err(unknown_group());
    }
    before.call(app).await;
    Ok(())
}

/// Removes a group that no policy is for.
pub(crate) async fn delete_group(app: &App, id: GroupId, record: Record) -> Result<(), Fault> {
    match app.store.change(DeleteGroup { id, record }).await? {
        DeleteGroupOutcome::Deleted => Ok(()),
        DeleteGroupOutcome::Unknown => Err(unknown_group()),
        DeleteGroupOutcome::InUse => {
            Err(Fault::new(Kind::Conflict, "A policy is for the group: take it from the group first."))
        }
    }
}

/// The tags that a device is to have.
pub(crate) fn parse_tags<'a>(tags: impl Iterator<Item = &'a str>) -> Result<BTreeSet<Tag>, Fault> {
    let parsed: Result<BTreeSet<Tag>, GroupError> = tags.map(str::parse).collect();
    let tags = parsed.map_err(|error| Fault::bad_request(format!("{error}.")))?;
    if tags.len() > TAGS_MAX {
        return Err(Fault::bad_request(format!("A device has at most {TAGS_MAX} tags.")));
    }
    Ok(tags)
}

/// Makes a group; `record` gives the entry in the log for its id.
pub(crate) async fn create_group(
    app: &App,
    name: String,
    group: Group,
    created: FileTime,
    record: impl FnOnce(&str) -> Record,
) -> Result<GroupRow, Fault> {
    let row = GroupRow { id: GroupId::random(&mut os::rng()), name, group, created };
    let record = record(&row.id.to_string());
    app.store.change(CreateGroup { row: row.clone(), record }).await?;
    Ok(row)
}

/// Gives a device these tags in place of those before; which policy is for it may change by that.
pub(crate) async fn tag(
    app: &Arc<App>,
    device: DeviceId,
    tags: BTreeSet<Tag>,
    record: Record,
) -> Result<(), Fault> {
    if !app.store.change(TagDevice { device, tags, record }).await? {
        return Err(Fault::not_found("The device does not exist."));
    }
    app.wake.wake(device);
    Ok(())
}

/// A change of one policy that is only thought of.
#[derive(Debug, Clone, Default)]
pub(crate) struct Thought {
    /// What the policy would set.
    pub(crate) tree: Option<Tree>,
    /// All groups that it would be for.
    pub(crate) groups: Option<BTreeSet<GroupId>>,
    /// Whether it would be deleted.
    pub(crate) delete: bool,
}

/// The devices that a change of this policy would touch.
pub(crate) async fn try_out(app: &App, row: &PolicyRow, thought: Thought) -> Result<Vec<Difference>, Fault> {
    let before = app.store.assigned().await?;
    let mut after = before.clone();
    apply(app, row, thought, &mut after).await?;
    Ok(differences(&before, &after, &app.store.members().await?))
}

async fn apply(app: &App, row: &PolicyRow, thought: Thought, policies: &mut Policies) -> Result<(), Fault> {
    if thought.delete {
        policies.remove(&row.id);
        return Ok(());
    }
    // Deleted between two looks at the database: nothing is assigned any more.
    let Some(assigned) = policies.get_mut(&row.id) else { return Err(unknown_policy()) };
    if let Some(tree) = thought.tree {
        if tree != row.content.tree {
            assigned.version = assigned.version.saturating_add(1);
        }
        assigned.sets_anything = tree.values().next().is_some();
    }
    if let Some(wanted) = thought.groups {
        let known = app.store.groups().await?;
        let find = |id: &GroupId| {
            let found = known.iter().find(|row| row.id == *id).map(|row| row.group.clone());
            found.ok_or_else(no_such_group)
        };
        assigned.groups = wanted.iter().map(find).collect::<Result<_, _>>()?;
    }
    Ok(())
}

/// The devices that another rule of this group would touch.
pub(crate) async fn try_out_group(app: &App, id: GroupId, group: &Group) -> Result<Vec<Difference>, Fault> {
    let before = app.store.assigned().await?;
    let after = app.store.assigned_if(id, group).await?;
    Ok(differences(&before, &after, &app.store.members().await?))
}
