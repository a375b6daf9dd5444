use lapwing_core::{
    policy::Setting,
    types::{DeviceId, GroupId, Guid},
};
use tempfile::TempDir;

use super::{
    super::{
        AssignOutcome, AssignPolicy, CreateGroup, DeleteGroup, DeleteGroupOutcome, GroupRow, NoteTold,
        TagDevice,
    },
    *,
};
use crate::rules::{
    audit::{Activity, Actor},
    policy_assignment::{Effective, Target},
};

const DEVICE: DeviceId = DeviceId(Guid::from_bytes([0xd; 16]));

struct World {
    store: Store,
    now: FileTime,
    _folder: TempDir,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        // Set-up makes the file, with its own mode.
        std::fs::write(&path, "").unwrap();
        let (store, writer) = Store::open(&path).await.unwrap();
        drop(writer.spawn());
        let world = Self { store, now: "2026-01-02T03:04:05Z".parse().unwrap(), _folder: folder };
        world.change(Statement(
            "INSERT INTO device (id, object_id, display_name, os, os_version, key_sha256, enabled, created)
             VALUES (x'0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d', x'01', 'web-01', '', '', x'', 1, 0)",
        ))
        .await
        .unwrap();
        world
    }

    async fn change<C: Change>(&self, change: C) -> Result<C::Outcome, StoreError> {
        self.store.change(change).await
    }

    fn record(&self, activity: Activity) -> Record {
        crate::app::record(self.now, Actor::Local, activity, "")
    }

    async fn create(&self, n: u8, length: &str) -> PolicyId {
        let (id, record) = (PolicyId(Guid::from_bytes([n; 16])), self.record(Activity::CreateLapsPolicy));
        self.change(CreatePolicy { id, content: content("first", length), record }).await.unwrap();
        id
    }

    async fn edit(&self, id: PolicyId, expected: u32, edit: Edit) -> EditOutcome {
        let record = self.record(Activity::ChangeLapsPolicy);
        self.change(EditPolicy { id, expected, edit, record }).await.unwrap()
    }

    async fn group(&self, n: u8, rule: &str) -> GroupId {
        let id = GroupId(Guid::from_bytes([n; 16]));
        let row = GroupRow { id, name: rule.to_owned(), group: rule.parse().unwrap(), created: self.now };
        self.change(CreateGroup { row, record: self.record(Activity::CreateGroup) }).await.unwrap();
        id
    }

    async fn assign(&self, policy: PolicyId, groups: &[GroupId]) -> AssignOutcome {
        let (groups, record) = (groups.iter().copied().collect(), self.record(Activity::AssignLapsPolicy));
        self.change(AssignPolicy { policy, groups, record }).await.unwrap()
    }

    async fn told(&self, told: Option<PolicyVersion>) {
        let record = self.record(Activity::DeliverLapsPolicy);
        self.change(NoteTold { device: DEVICE, told, record }).await.unwrap();
    }

    async fn target(&self) -> (Effective, Target) {
        let found = self.store.device_policy(DEVICE).await.unwrap().unwrap();
        (found.effective, found.target)
    }
}

/// A statement that no change of ours makes.
struct Statement(&'static str);

impl Change for Statement {
    type Outcome = ();

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<(), sqlx::Error> {
        sqlx::query(self.0).execute(&mut *transaction.connection).await.map(drop)
    }
}

fn content(name: &str, length: &str) -> PolicyContent {
    let values = [(Setting::BackupDirectory, "1"), (Setting::PasswordLength, length)];
    let values = values.into_iter().filter(|(_, data)| !data.is_empty());
    let tree = Tree::holding(values.map(|(setting, data)| (setting, data.to_owned()))).unwrap();
    PolicyContent { name: name.to_owned(), document: format!("{{\"length\":\"{length}\"}}"), tree }
}

#[tokio::test]
async fn each_edit_is_a_version_more_and_an_earlier_one_comes_back_as_a_new_one() {
    let world = World::new().await;
    let id = world.create(1, "20").await;
    assert_eq!(world.edit(id, 1, Edit::Content(content("second", "21"))).await, EditOutcome::Newest(2));
    assert_eq!(world.edit(id, 2, Edit::Content(content("second", "21"))).await, EditOutcome::Newest(2));
    assert_eq!(world.edit(id, 2, Edit::Restore(1)).await, EditOutcome::Newest(3));
    let versions = world.store.policy_versions(id).await.unwrap();
    let versions: Vec<_> =
        versions.iter().map(|row| (row.number, row.content.name.as_str(), row.restores)).collect();
    assert_eq!(versions, [(3, "first", Some(1)), (2, "second", None), (1, "first", None)]);
    let newest = world.store.policy_of(id).await.unwrap().unwrap();
    assert_eq!((newest.version, &newest.content), (3, &content("first", "20")));
    let second = PolicyVersion { policy: id, number: 2 };
    assert_eq!(world.store.policy_tree(second).await.unwrap().unwrap(), content("", "21").tree);
}

#[tokio::test]
async fn an_edit_of_what_somebody_else_has_edited_is_refused() {
    let world = World::new().await;
    let id = world.create(1, "20").await;
    assert_eq!(world.edit(id, 1, Edit::Content(content("theirs", "21"))).await, EditOutcome::Newest(2));
    assert_eq!(world.edit(id, 1, Edit::Content(content("mine", "22"))).await, EditOutcome::Outdated);
    assert_eq!(world.edit(id, 2, Edit::Restore(9)).await, EditOutcome::Unknown);
    let other = PolicyId(Guid::from_bytes([9; 16]));
    assert_eq!(world.edit(other, 1, Edit::Restore(1)).await, EditOutcome::Unknown);
    let refused = world.store.audit(0, 10).await.unwrap().iter().filter(|entry| !entry.success).count();
    assert_eq!(refused, 3);
}

#[tokio::test]
async fn versions_are_kept_whoever_asks_and_when_their_policy_is_deleted() {
    let world = World::new().await;
    let id = world.create(1, "20").await;
    for statement in ["UPDATE policy_version SET name = ''", "DELETE FROM policy_version"] {
        assert!(world.change(Statement(statement)).await.is_err(), "{statement}");
    }
    let delete = || DeletePolicy { id, record: world.record(Activity::DeleteLapsPolicy) };
    assert!(world.change(delete()).await.unwrap());
    assert!(!world.change(delete()).await.unwrap());
    assert_eq!(world.store.policies().await.unwrap(), []);
    assert_eq!(world.store.policy_versions(id).await.unwrap().len(), 1);
    assert_eq!(world.edit(id, 1, Edit::Restore(1)).await, EditOutcome::Unknown);
}

#[tokio::test]
async fn a_device_gets_what_its_tags_and_name_give_it_and_keeps_it_in_conflict() {
    let world = World::new().await;
    let (first, second) = (world.create(1, "20").await, world.create(2, "30").await);
    let (by_tag, by_name) = (world.group(3, "tag:web").await, world.group(4, "name:WEB-*").await);
    assert_eq!(world.target().await, (Effective::None, Target::Untouched));

    assert_eq!(world.assign(first, &[by_tag]).await, AssignOutcome::Assigned);
    assert_eq!(world.target().await.0, Effective::None);
    let tags = ["web".parse().unwrap()].into();
    world
        .change(TagDevice { device: DEVICE, tags, record: world.record(Activity::TagDevice) })
        .await
        .unwrap();
    let version = PolicyVersion { policy: first, number: 1 };
    assert_eq!(world.target().await, (Effective::One(version), Target::Version(version)));
    world.told(Some(version)).await;

    assert_eq!(world.assign(second, &[by_name]).await, AssignOutcome::Assigned);
    world.edit(first, 1, Edit::Content(content("edited", "22"))).await;
    let conflict = Effective::Conflict(vec![first, second]);
    assert_eq!(world.target().await, (conflict, Target::Version(version)), "the last that it was told whole");

    world.assign(first, &[]).await;
    let other = PolicyVersion { policy: second, number: 1 };
    assert_eq!(world.target().await, (Effective::One(other), Target::Version(other)));
    world.assign(second, &[]).await;
    assert_eq!(world.target().await, (Effective::None, Target::Nothing));
    world.told(None).await;
    assert_eq!(world.target().await, (Effective::None, Target::Untouched));
}

#[tokio::test]
async fn a_group_goes_only_once_no_policy_is_for_it() {
    let world = World::new().await;
    let (policy, group) = (world.create(1, "20").await, world.group(3, "name:*").await);
    let unknown = GroupId(Guid::from_bytes([9; 16]));
    assert_eq!(world.assign(policy, &[group, unknown]).await, AssignOutcome::UnknownGroup(unknown));
    assert_eq!(world.store.groups_of(policy).await.unwrap(), [], "nothing of it was done");
    assert_eq!(world.assign(PolicyId(unknown.0), &[group]).await, AssignOutcome::UnknownPolicy);
    world.assign(policy, &[group]).await;
    let delete = |id| DeleteGroup { id, record: world.record(Activity::DeleteGroup) };
    assert_eq!(world.change(delete(group)).await.unwrap(), DeleteGroupOutcome::InUse);
    world
        .change(DeletePolicy { id: policy, record: world.record(Activity::DeleteLapsPolicy) })
        .await
        .unwrap();
    assert_eq!(world.change(delete(group)).await.unwrap(), DeleteGroupOutcome::Deleted);
    assert_eq!(world.change(delete(group)).await.unwrap(), DeleteGroupOutcome::Unknown);
}

#[tokio::test]
async fn every_device_is_a_member_once_with_all_its_tags() {
    let world = World::new().await;
    let tags = ["web", "eu", "2026"].map(|tag| tag.parse().unwrap()).into();
    let change = |device, tags| TagDevice { device, tags, record: world.record(Activity::TagDevice) };
    assert!(world.change(change(DEVICE, tags)).await.unwrap());
    let unknown = DeviceId(Guid::from_bytes([9; 16]));
    assert!(!world.change(change(unknown, [].into())).await.unwrap());
    let members = world.store.members().await.unwrap();
    let tags: Vec<String> = members[0].tags.iter().map(ToString::to_string).collect();
    assert_eq!((members.len(), members[0].display_name.as_str()), (1, "web-01"));
    assert_eq!(tags, ["2026", "eu", "web"]);
    assert_eq!(world.store.tags(unknown).await.unwrap(), None);
}
