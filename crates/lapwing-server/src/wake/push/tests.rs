//! The push service as it is documented, played over real TLS, and a device in a real database.

use lapwing_core::types::Guid;
use lapwing_proto::wns::ChannelUri;
use sqlx::{Connection as _, SqliteConnection};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::*;
use crate::store::SetChannel;
use crate::wake::wns::tests::{GIVEN, NAMES, PUSH, Step, service};

const DEVICE: DeviceId = DeviceId(Guid::from_bytes([1; 16]));
const OTHER: DeviceId = DeviceId(Guid::from_bytes([2; 16]));
const CHANNEL: &str = "https://db5p.notify.windows.com/?token=abc";

struct World {
    push: std::sync::Arc<Push>,
    served: JoinHandle<Vec<String>>,
    _folder: TempDir,
}

async fn database() -> (TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lapwing.db");
    std::fs::File::create(&path).unwrap();
    let (store, writer) = Store::open(&path).await.unwrap();
    drop(writer.spawn());
    let mut connection = SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    for device in [DEVICE, OTHER] {
        sqlx::query(
            "INSERT INTO device (id, object_id, display_name, os, os_version, key_sha256, enabled, created)
             VALUES (?1, ?1, 'PC', 'Windows', '11', ?1, 1, 1)",
        )
        .bind(device.0.to_bytes().to_vec())
        .execute(&mut connection)
        .await
        .unwrap();
    }
    connection.close().await.unwrap();
    (folder, store)
}

impl World {
    /// In which the first device has told its channel.
    async fn new(steps: &[Step]) -> Self {
        let (folder, store) = database().await;
        let channel = ChannelUri::parse(CHANNEL).unwrap();
        let record = record(os::now(), Actor::Device(DEVICE), Activity::RegisterChannel, "");
        store.change(SetChannel { device: DEVICE, channel, record }).await.unwrap();
        let (wns, served) = service(NAMES, steps).await;
        let push = std::sync::Arc::new(Push::new(Lines::new(core::num::NonZeroU32::MIN), wns, store));
        Self { push, served, _folder: folder }
    }

    /// Delivers until the service has had its part; what it was asked.
    async fn requests(self) -> Vec<String> {
        let Self { push, served, .. } = self;
        tokio::select! {
            () = push.pace() => panic!("it goes on for ever"),
            requests = served => requests.unwrap(),
        }
    }
}

#[tokio::test]
async fn a_device_without_a_connection_is_woken_by_the_service_and_one_with_it_is_not() {
    let world = World::new(&[GIVEN, (PUSH, 200, "", "")]).await;
    let line = world.push.connect(OTHER, FileTime::MAX);
    world.push.wake(OTHER);
    line.woken().await;
    assert!(world.push.queue().is_empty());
    world.push.wake(DEVICE);
    world.push.wake(DEVICE);
    assert_eq!(world.push.queue().len(), 1, "several that were not yet said are one");
    assert_eq!(world.requests().await.len(), 2);
}

#[tokio::test]
async fn of_many_each_is_woken_on_its_way() {
    let world = World::new(&[GIVEN, (PUSH, 200, "", "")]).await;
    let line = world.push.connect(OTHER, FileTime::MAX);
    world.push.wake_many(vec![OTHER, DEVICE]);
    let ((), requests) = tokio::join!(line.woken(), world.requests());
    assert!(requests.last().unwrap().starts_with(PUSH));
}

#[tokio::test]
async fn a_channel_that_is_gone_is_forgotten_and_never_called_again() {
    let world = World::new(&[GIVEN, (PUSH, 410, "", "")]).await;
    let store = world.push.store.clone();
    world.push.wake(DEVICE);
    let push = std::sync::Arc::clone(&world.push);
    let kept = tokio::spawn(async move { push.pace().await });
    let forgotten = async {
        while store.channel(DEVICE).await.unwrap().is_some() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), forgotten).await.unwrap();
    kept.abort();
    assert_eq!(world.served.await.unwrap().len(), 2);
    assert_eq!(world.push.send(DEVICE).await.unwrap(), None);
}

#[tokio::test]
async fn a_channel_that_was_told_meanwhile_is_not_forgotten_with_the_one_that_is_gone() {
    let world = World::new(&[]).await;
    let record = || record(os::now(), Actor::Server, Activity::RegisterChannel, "");
    let gone = ChannelUri::parse("https://db5p.notify.windows.com/?token=old").unwrap();
    world.push.store.change(ForgetChannel { device: DEVICE, channel: gone, record: record() }).await.unwrap();
    let told = ChannelUri::parse(CHANNEL).unwrap();
    assert_eq!(world.push.store.channel(DEVICE).await.unwrap(), Some(told.clone()));
    world.push.store.change(ForgetChannel { device: DEVICE, channel: told, record: record() }).await.unwrap();
    assert_eq!(world.push.store.channel(DEVICE).await.unwrap(), None);
}

#[tokio::test]
async fn what_is_to_wait_is_sent_again_after_the_wait_and_not_before() {
    let world = World::new(&[GIVEN, (PUSH, 429, "retry-after: 1\r\n", ""), (PUSH, 200, "", "")]).await;
    let begun = tokio::time::Instant::now();
    world.push.wake(DEVICE);
    assert_eq!(world.requests().await.len(), 3);
    assert!(begun.elapsed() >= Duration::from_secs(1));
}

#[test]
fn a_hold_is_what_the_service_asks_for_or_doubles_up_to_an_hour() {
    let mut hold = Hold::default();
    assert_eq!(hold.after(Delivery::Queued), None);
    assert_eq!(hold.after(Delivery::Throttled(Some(Duration::from_secs(7)))).unwrap().as_secs(), 7);
    let waits: Vec<_> = (0..9).map(|_| hold.after(Delivery::Unavailable).unwrap().as_secs()).collect();
    assert_eq!(waits, [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]);
    assert_eq!(hold.after(Delivery::Throttled(None)).unwrap().as_secs(), 3600);
    for other in [Delivery::Failed, Delivery::ChannelGone, Delivery::TokenRefused] {
        assert_eq!(hold.after(other), None, "{other:?}");
    }
    assert_eq!(hold.after(Delivery::Unavailable), Some(HOLD_MIN), "it has answered meanwhile");
}
