//! What tests of other parts put into a database: rows in any number.

use super::{Change, Transaction};

/// Runs statements as they are.
#[derive(Debug)]
pub(crate) struct Statements(pub(crate) Vec<String>);

impl Change for Statements {
    type Outcome = ();

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<(), sqlx::Error> {
        for statement in self.0.drain(..) {
            sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut *transaction.connection).await?;
        }
        Ok(())
    }
}

/// Adds so many devices that have no password: device n is called `Host-n`, and its id is n in 16 digits.
pub(crate) fn devices(count: u32) -> Statements {
    let numbers =
        format!("WITH RECURSIVE n(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < {count} - 1)");
    let id = "cast(printf('%016d', n) AS BLOB)";
    Statements(vec![format!(
        "INSERT INTO device (id, object_id, display_name, os, os_version, key_sha256, enabled, created)
         {numbers} SELECT {id}, {id}, printf('Host-%06d', n), 'Linux', '13', x'00', 1, 0 FROM n"
    )])
}
