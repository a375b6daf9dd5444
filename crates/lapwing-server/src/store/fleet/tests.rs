//! A hundred thousand devices in a real database.

use tempfile::TempDir;

use super::*;
use crate::store::{row::ticks, testing::Statements};

fn now() -> FileTime {
    "2026-05-06T07:08:09Z".parse().unwrap()
}

const DAY: i64 = 86_400 * 10_000_000;

/// Device n is called `host-n` and its password was stored n days ago modulo 100 and expires 30 days later; each tenth
/// has none, and each hundredth is disabled.
async fn world(devices: u32) -> (TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lapwing.db");
    std::fs::File::create(&path).unwrap();
    let (store, writer) = Store::open(&path).await.unwrap();
    drop(writer.spawn());
    let now = ticks(now());
    let numbers =
        format!("WITH RECURSIVE n(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < {devices} - 1)");
    let id = "cast(printf('%016d', n) AS BLOB)";
    let statements = [
        format!(
            "INSERT INTO device (id, object_id, display_name, os, os_version, key_sha256, enabled, created)
             {numbers} SELECT {id}, {id}, printf('Host-%06d', n), 'Linux', '13', x'00', n % 100 <> 7, 0 FROM n"
        ),
        format!(
            "INSERT INTO password (device, sequence, account, stored, expiry, wrapped_key, ciphertext)
             {numbers} SELECT {id}, 1, 'lapadmin', {now} - (n % 100) * {DAY},
                       {now} - (n % 100 - 30) * {DAY}, x'00', x'00' FROM n WHERE n % 10 <> 3"
        ),
    ];
    store.change(Statements(statements.into())).await.unwrap();
    (folder, store)
}

fn query() -> FleetQuery {
    FleetQuery {
        search: String::new(),
        state: None,
        order: FleetOrder::Name,
        after: None,
        len_max: 50,
        now: now(),
    }
}

/// All pages of a query, one after the other.
async fn walk(store: &Store, query: FleetQuery) -> Vec<String> {
    let mut names = Vec::new();
    let mut after = None;
    loop {
        let page = store.fleet(&FleetQuery { after, ..query.clone() }).await.unwrap();
        after = page.last().map(FleetRow::key);
        if after.is_none() {
            return names;
        }
        names.extend(page.into_iter().map(|row| row.name));
    }
}

#[tokio::test]
async fn pages_follow_one_another_without_gap_or_repeat_in_either_order() {
    let (_folder, store) = world(230).await;
    let by_name = walk(&store, query()).await;
    assert_eq!(by_name.len(), 230);
    assert!(by_name.is_sorted());
    let mut by_expiry = walk(&store, FleetQuery { order: FleetOrder::Expiry, ..query() }).await;
    assert_eq!(by_expiry[0], "Host-000003", "without a password");
    assert_eq!(by_expiry[23], "Host-000099", "overdue longest");
    by_expiry.sort();
    assert_eq!(by_expiry, by_name);
}

#[tokio::test]
async fn a_search_finds_parts_of_names_and_whole_ids_and_nothing_stands_for_anything() {
    let (_folder, store) = world(230).await;
    let found = async |text: &str| walk(&store, FleetQuery { search: text.to_owned(), ..query() }).await;
    assert_eq!(found("hOST-00012").await.len(), 10);
    let id = "30303030-3030-3030-3030-303030313233";
    assert_eq!(found(id).await, ["Host-000123"]);
    for text in ["%", "_", "\\", "Host%1", "';--"] {
        assert!(found(text).await.is_empty(), "{text}");
    }
}

#[tokio::test]
async fn counts_and_filters_agree_and_follow_every_change() {
    let (_folder, store) = world(1000).await;
    let counts = async || store.fleet_counts(now()).await.unwrap();
    let (coverage, ages) = counts().await;
    for (state, count) in FleetState::ALL.into_iter().zip(coverage) {
        let rows =
            store.fleet(&FleetQuery { state: Some(state), len_max: u32::MAX, ..query() }).await.unwrap();
        assert_eq!(u64::try_from(rows.len()).unwrap(), count, "{state:?}");
        assert!(rows.iter().all(|row| row.state(now()) == state));
    }
    // Of each hundred: 7 disabled, ten without a password; ages 31 to 99 overdue, 28 to 30 soon.
    assert_eq!(coverage, [620, 30, 100, 240, 10]);
    assert_eq!(ages.iter().sum::<u64>(), 890);
    let id = "cast(printf('%016d', 3) AS BLOB)";
    let change = |text: String| store.change(Statements(vec![text]));
    let (at, later) = (ticks(now()), ticks(now()) + 30 * DAY);
    change(format!(
        "INSERT INTO password (device, sequence, account, stored, expiry, wrapped_key, ciphertext)
         VALUES ({id}, 1, 'a', {at}, {later}, x'00', x'00')"
    ))
    .await
    .unwrap();
    assert_eq!(counts().await.0, [620, 30, 99, 241, 10]);
    change(format!("UPDATE password SET expiry = 1 WHERE device = {id}")).await.unwrap();
    assert_eq!(counts().await.0, [621, 30, 99, 240, 10]);
    change(format!("UPDATE device SET enabled = 0 WHERE id = {id}")).await.unwrap();
    assert_eq!(counts().await.0, [620, 30, 99, 240, 11]);
    change(format!("UPDATE device SET deleted = 1 WHERE id = {id}")).await.unwrap();
    assert_eq!(counts().await.0, [620, 30, 99, 240, 10]);
    assert_eq!(walk(&store, query()).await.len(), 999);
}

#[tokio::test]
async fn a_page_of_a_hundred_thousand_devices_is_read_from_an_index() {
    let (_folder, store) = world(100_000).await;
    for (order, index) in [(FleetOrder::Name, "fleet_name"), (FleetOrder::Expiry, "fleet_expiry")] {
        let first = store.fleet(&FleetQuery { order, ..query() }).await.unwrap();
        let after = first.last().map(FleetRow::key);
        let mut sql = select(&FleetQuery { order, after, ..query() }, "EXPLAIN QUERY PLAN ");
        let plan = sql.build().fetch_all(&store.readers).await.unwrap();
        let plan: Vec<String> = plan.iter().map(|row| row.try_get("detail").unwrap()).collect();
        assert!(plan[0].starts_with(&format!("SEARCH f USING COVERING INDEX {index}")), "{plan:?}");
        assert!(plan[1].starts_with("SEARCH d USING"), "{plan:?}");
        assert_eq!(plan.len(), 2, "no sorting: {plan:?}");
    }
    let (coverage, _) = store.fleet_counts(now()).await.unwrap();
    assert_eq!(coverage.iter().sum::<u64>(), 100_000);
}
