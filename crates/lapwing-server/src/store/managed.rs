//! The fleet by device id, and the few of it that an index finds.

use lapwing_core::types::DeviceId;
use sqlx::{QueryBuilder, Sqlite};

use super::{DeviceRow, Store, StoreError, Window, row::blob};

/// Sorts after every character that stands in a name.
const LAST: char = char::MAX;

/// Some of the devices that were not deleted. Names are in ASCII, and compare without case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Among {
    /// Those of a window over device ids.
    Window(Window),
    Device(DeviceId),
    Named(String),
    /// Those whose names start so.
    NamedFrom(String),
}

impl Store {
    /// Those of a window in the order of their ids, others in any order.
    pub(crate) async fn devices_among(&self, among: &Among) -> Result<Vec<DeviceRow>, StoreError> {
        let rows = query("", among).build().fetch_all(&self.readers).await?;
        Ok(rows.iter().map(DeviceRow::from_row).collect::<Result<_, _>>()?)
    }
}

fn query(prefix: &str, among: &Among) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new(prefix);
    sql.push("SELECT * FROM device WHERE deleted IS NULL AND ");
    match among {
        Among::Window(window) => {
            sql.push("id > ").push_bind(window.after());
            sql.push(" ORDER BY id LIMIT ").push_bind(window.limit());
        }
        Among::Device(device) => {
            sql.push("id = ").push_bind(blob(device.0));
        }
        Among::Named(name) => {
            sql.push("display_name = ").push_bind(name.clone()).push(" COLLATE NOCASE");
        }
        Among::NamedFrom(start) => {
            sql.push("display_name >= ").push_bind(start.clone()).push(" COLLATE NOCASE");
            sql.push(" AND display_name < ").push_bind(format!("{start}{LAST}")).push(" COLLATE NOCASE");
        }
    }
    sql
}

#[cfg(test)]
mod tests {
    use lapwing_core::types::Guid;
    use sqlx::Row as _;

    use super::*;

    #[tokio::test]
    async fn no_look_up_goes_through_the_whole_fleet() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lapwing.db");
        std::fs::File::create(&path).unwrap();
        let (store, _writer) = Store::open(&path).await.unwrap();
        let window = Window { after: Some(Guid::from_bytes([1; 16])), len_max: Some(3) };
        for among in [
            Among::Window(window),
            Among::Device(DeviceId(Guid::from_bytes([1; 16]))),
            Among::Named("pc-1".to_owned()),
            Among::NamedFrom("pc-".to_owned()),
        ] {
            let plan = query("EXPLAIN QUERY PLAN ", &among).build().fetch_all(&store.readers).await.unwrap();
            let steps: Vec<String> = plan.iter().map(|row| row.get("detail")).collect();
            assert!(
                matches!(steps.as_slice(), [step] if step.starts_with("SEARCH device USING")),
                "{steps:?}"
            );
        }
    }
}
