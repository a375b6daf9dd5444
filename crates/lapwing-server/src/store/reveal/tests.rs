use core::time::Duration;

use lapwing_core::{
    management::ActionState,
    types::{AccountName, Guid},
};
use tempfile::TempDir;

use super::{
    super::{ActionRow, CancelAction, EnableDevice, Form, StoreOutcome, StorePassword},
    *,
};
use crate::{keys::envelope::SealedRecord, rules::operator::OperatorName, store::testing::Statements};

const DEVICE: DeviceId = DeviceId(Guid::from_bytes([0xd; 16]));

/// A device that the newest version of a policy is for, with three passwords.
struct World {
    store: Store,
    start: FileTime,
    _folder: TempDir,
}

impl World {
    async fn new(document: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        // Set-up makes the file, with its own mode.
        std::fs::write(&path, "").unwrap();
        let (store, writer) = Store::open(&path).await.unwrap();
        drop(writer.spawn());
        let device = "x'0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d'";
        let (policy, group) = ("x'01010101010101010101010101010101'", "x'02020202020202020202020202020202'");
        let statements = format!(
            "INSERT INTO meta (name, value) VALUES ('laps_enabled', 'true');
             INSERT INTO device (id, object_id, display_name, os, os_version, key_sha256, enabled, created)
                 VALUES ({device}, {device}, 'web-01', '', '', x'', 1, 0);
             INSERT INTO policy (id, version, created) VALUES ({policy}, 1, 0);
             INSERT INTO policy_version (policy, number, created, actor, name, document, leaves)
                 VALUES ({policy}, 1, 0, '', '', '{document}', '{{\"PasswordLength\":\"20\"}}');
             INSERT INTO device_group (id, name, rule, created) VALUES ({group}, '', 'name:*', 0);
             INSERT INTO assignment (policy, device_group) VALUES ({policy}, {group});",
        );
        store.change(Statements(vec![statements])).await.unwrap();
        let world = Self { store, start: "2026-01-02T03:04:05Z".parse().unwrap(), _folder: folder };
        for _ in 0..3 {
            world.store_password(0).await;
        }
        world
    }

    fn at(&self, hours: u64) -> FileTime {
        self.start.saturating_add(Duration::from_hours(hours))
    }

    fn record(&self, hours: u64, actor: Actor, activity: Activity) -> Record {
        crate::app::record(self.at(hours), actor, activity, &DEVICE.to_string())
    }

    /// An operator is shown the password numbered so.
    async fn reveal(&self, hours: u64, shown: i64) -> Option<FileTime> {
        let name: OperatorName = "alice".parse().unwrap();
        let record = self.record(hours, Actor::Operator(name), Activity::ReadPassword);
        let action = ActionId(Guid::from_bytes([u8::try_from(hours).unwrap(); 16]));
        self.store.change(Reveal { device: DEVICE, shown, action, record }).await.unwrap()
    }

    async fn store_password(&self, hours: u64) {
        let account: AccountName = "lapadmin".parse().unwrap();
        let sealed = SealedRecord { wrapped_key: Vec::new(), ciphertext: Vec::new() };
        let record = self.record(hours, Actor::Device(DEVICE), Activity::StorePassword);
        let (device, expiry, form) = (DEVICE, self.at(9999), Form::Plain);
        let change = StorePassword { device, account, expiry, form, seen: None, sealed, record };
        assert!(matches!(self.store.change(change).await.unwrap(), StoreOutcome::Held(_)));
    }

    /// Oldest first.
    async fn actions(&self, hours: u64) -> Vec<ActionRow> {
        let mut actions = self.store.actions(DEVICE, self.at(hours)).await.unwrap();
        actions.reverse();
        actions
    }

    async fn states(&self, hours: u64) -> Vec<&'static str> {
        self.actions(hours).await.iter().map(|row| row.action.state.as_str()).collect()
    }

    /// What the device says of its newest action.
    async fn tell(&self, hours: u64, say: impl FnOnce(&mut QueuedAction, FileTime)) {
        let mut row = self.actions(hours).await.pop().unwrap();
        say(&mut row.action, self.at(hours));
        let statement = format!(
            "UPDATE action SET state = '{}' WHERE number = {}",
            row.action.state.as_str(),
            row.number
        );
        self.store.change(Statements(vec![statement])).await.unwrap();
    }
}

const FOUR_HOURS: &str = r#"{"rotateAfterRevealHours":4}"#;

#[tokio::test]
async fn the_first_reveal_asks_for_one_rotation_and_later_ones_for_no_other() {
    let world = World::new(FOUR_HOURS).await;
    assert_eq!(world.store.hours_after_reveal(DEVICE).await.unwrap(), Some(4));
    assert_eq!(world.reveal(1, 3).await, Some(world.at(5)));
    assert_eq!(world.reveal(2, 3).await, Some(world.at(5)));
    // Also while it is due and waits for a device that is away.
    assert_eq!(world.reveal(7, 3).await, Some(world.at(5)));
    let actions = world.actions(7).await;
    let [row] = actions.as_slice() else { panic!("{actions:?}") };
    let life = (row.action.requested, row.action.not_before, row.action.expires);
    assert_eq!(life, (world.at(1), world.at(5), world.at(5).saturating_add(ACTION_LIFE)));
    assert_eq!(row.requested_by, "server");
    assert_eq!(row.reason, Some(format!("revealed by operator:alice at {}", world.at(1))));
    let audit = world.store.audit(3, 10).await.unwrap();
    let done: Vec<_> = audit.iter().map(|entry| (entry.actor.as_str(), entry.activity.as_str())).collect();
    let (read, asked) =
        (("operator:alice", Activity::ReadPassword.as_str()), ("server", Activity::RequestRotation.as_str()));
    assert_eq!(done, [read, asked, read, read]);
    assert!(audit[1].detail.contains("revealed by operator:alice"), "{}", audit[1].detail);
}

#[tokio::test]
async fn nothing_is_asked_for_without_a_policy_that_says_so_or_of_a_password_that_is_replaced() {
    let silent = World::new("{}").await;
    assert_eq!(silent.reveal(1, 3).await, None);
    assert_eq!(silent.actions(1).await, []);
    let world = World::new(FOUR_HOURS).await;
    assert_eq!(world.reveal(1, 2).await, None, "an older one");
    let (enabled, record) = (false, world.record(2, Actor::Local, Activity::ChangeDevice));
    world.store.change(EnableDevice { device: DEVICE, enabled, record }).await.unwrap();
    assert_eq!(world.reveal(3, 3).await, None, "a device that is kept out");
    assert_eq!(world.actions(3).await, []);
    let reads = |store: Store| async move {
        let audit = store.audit(0, 20).await.unwrap();
        audit.iter().filter(|entry| entry.activity == Activity::ReadPassword.as_str()).count()
    };
    assert_eq!((reads(silent.store).await, reads(world.store).await), (1, 2), "each is recorded");
}

#[tokio::test]
async fn a_rotation_that_came_about_earlier_makes_it_void_and_the_next_reveal_asks_anew() {
    let world = World::new(FOUR_HOURS).await;
    world.reveal(1, 3).await;
    world.store_password(2).await;
    assert_eq!(world.states(2).await, ["cancelled"]);
    let audit = world.store.audit(0, 20).await.unwrap();
    let void: Vec<_> =
        audit.iter().filter(|entry| entry.activity == Activity::CancelAction.as_str()).collect();
    assert_eq!((void.len(), void[0].actor.as_str()), (1, "server"));
    assert_eq!(world.reveal(3, 3).await, None, "what was revealed is not current any more");
    assert_eq!(world.reveal(4, 4).await, Some(world.at(8)));
    assert_eq!(world.states(4).await, ["cancelled", "pending"]);
}

#[tokio::test]
async fn a_rotation_under_way_answers_for_the_password_that_it_replaces_and_for_no_other() {
    let world = World::new(FOUR_HOURS).await;
    world.reveal(1, 3).await;
    world.tell(6, |action, now| action.on_status(now, 202)).await;
    assert_eq!(world.reveal(6, 3).await, Some(world.at(5)));
    world.store_password(7).await;
    assert_eq!(world.states(7).await, ["accepted"], "its end is the device's to tell");
    assert_eq!(world.reveal(8, 4).await, Some(world.at(12)));
    assert_eq!(world.states(8).await, ["accepted", "pending"]);
}

#[tokio::test]
async fn what_is_taken_back_or_has_expired_is_asked_for_anew() {
    let world = World::new(FOUR_HOURS).await;
    world.reveal(1, 3).await;
    let (device, id) = (DEVICE, world.actions(1).await[0].action.id);
    let record = world.record(2, Actor::Local, Activity::CancelAction);
    world.store.change(CancelAction { device, id, record }).await.unwrap().unwrap().unwrap();
    assert_eq!(world.reveal(3, 3).await, Some(world.at(7)));
    let late = 7 + 24 * 7;
    assert_eq!(world.states(late - 1).await, ["cancelled", "pending"]);
    assert_eq!(world.actions(late).await[1].action.state, ActionState::Expired);
    assert_eq!(world.reveal(late, 3).await, Some(world.at(late + 4)));
}

#[tokio::test]
async fn a_device_is_called_when_it_is_due_and_not_before() {
    let world = World::new(FOUR_HOURS).await;
    world.reveal(1, 3).await;
    let (before, due) = (world.at(4), world.at(5));
    assert!(!world.store.has_pending(DEVICE, before).await.unwrap());
    assert!(world.store.has_pending(DEVICE, due).await.unwrap());
    let nobody = Due { devices: Vec::new(), next: Some(due) };
    assert_eq!(world.store.due(None, before).await.unwrap(), nobody);
    let called = Due { devices: vec![DEVICE], next: None };
    assert_eq!(world.store.due(Some(before), due).await.unwrap(), called);
    assert_eq!(
        world.store.due(Some(due), world.at(6)).await.unwrap(),
        Due { devices: Vec::new(), next: None }
    );
    // After a restart, all that wait.
    assert_eq!(world.store.due(None, world.at(6)).await.unwrap(), called);
    assert_eq!(world.store.due(None, due.saturating_add(ACTION_LIFE)).await.unwrap().devices, []);
}
