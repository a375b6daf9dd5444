use std::{collections::BTreeSet, path::Path};

use lapwing_core::{management::ACTION_LIFE, types::Guid};
use sqlx::{Connection as _, SqliteConnection};

use super::*;
use crate::{os, store::Store};

fn id(number: u8) -> DeviceId {
    DeviceId(Guid::from_bytes([number; 16]))
}

async fn fill(path: &Path, devices: u8) {
    let mut connection = SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    for number in 1..=devices {
        sqlx::query(
            "INSERT INTO device (id, object_id, display_name, os, os_version, key_sha256, enabled, created)
             VALUES (?1, ?1, 'host', 'Linux', '13', ?1, 1, 1)",
        )
        .bind(blob(id(number).0))
        .execute(&mut connection)
        .await
        .unwrap();
    }
    connection.close().await.unwrap();
}

#[tokio::test]
async fn two_servers_on_one_database_ask_each_device_once_and_together_keep_the_rate() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lapwing.db");
    std::fs::File::create(&path).unwrap();
    let mut servers = Vec::new();
    for _ in 0..2 {
        let (store, writer) = Store::open(&path).await.unwrap();
        drop(writer.spawn());
        servers.push(store);
    }
    fill(&path, 30).await;
    let now = os::now();
    let rotation = BulkRotationId(Guid::from_bytes([9; 16]));
    let record = crate::app::record(now, Actor::Local, Activity::CreateBulkRotation, "");
    let create = CreateBulk {
        reason: "the key leaked".parse().unwrap(),
        id: rotation,
        selection: Selection::All,
        pace: Pace::parse(600, 5).unwrap(),
        devices: (1..=30).map(id).collect(),
        canaries: 0,
        record,
    };
    assert!(servers[0].change(create).await.unwrap());
    let mut asked = Vec::new();
    // Ten a second are due, whoever asks.
    for second in 0..4 {
        let at = now.saturating_add(Duration::from_secs(second));
        let ask = |store: Store| async move {
            let ids = (0..BATCH_MAX).map(|_| ActionId::random(&mut os::rng())).collect();
            let ask = AskDevices { rotation, canaries_only: false, at, ids, life: ACTION_LIFE };
            store.change(ask).await.unwrap().devices
        };
        let (one, other) = tokio::join!(ask(servers[0].clone()), ask(servers[1].clone()));
        assert_eq!(one.len() + other.len(), if second < 3 { 10 } else { 0 });
        asked.extend(one.into_iter().chain(other));
    }
    assert_eq!(asked.iter().collect::<BTreeSet<_>>().len(), 30);
    assert_eq!(asked.len(), 30);
    let found = servers[1].bulk_rotation(rotation, now).await.unwrap().unwrap();
    assert_eq!((found.progress.all.pending, found.progress.all.total()), (30, 30));
}
