//! The least that a database needs for the same stores: their rows and nothing else, committed in one loop with the same
//! durability and in batches of the same size. No request, no decision, no cryptography.

use std::{path::Path, time::Duration};

use anyhow::Result;
use sqlx::{
    AssertSqlSafe, Connection as _, Row as _, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteRow, SqliteSynchronous},
};

use crate::os;

/// A database with the server's schema and devices, and the rows to repeat.
pub(crate) struct Bare {
    connection: SqliteConnection,
    passwords: Vec<SqliteRow>,
    audit: SqliteRow,
    /// The number of the newest audit entry.
    entries: i64,
    stores: u32,
}

impl Bare {
    /// Takes schema, devices and rows over from the server's database.
    pub(crate) async fn like(server: &Path, file: &Path) -> Result<Self> {
        let options = SqliteConnectOptions::new().filename(server).read_only(true);
        let mut source = SqliteConnection::connect_with(&options).await?;
        let schema: Vec<String> = sqlx::query_scalar("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL")
            .fetch_all(&mut source)
            .await?;
        let devices = sqlx::query("SELECT * FROM device").fetch_all(&mut source).await?;
        let passwords = sqlx::query("SELECT * FROM password GROUP BY device HAVING max(sequence)")
            .fetch_all(&mut source)
            .await?;
        let audit =
            sqlx::query("SELECT * FROM audit ORDER BY sequence DESC LIMIT 1").fetch_one(&mut source).await?;
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .pragma("secure_delete", "ON");
        let mut connection = SqliteConnection::connect_with(&options).await?;
        for statement in schema {
            sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await?;
        }
        for row in &devices {
            let text = |column| row.try_get::<String, _>(column);
            let bytes = |column| row.try_get::<Vec<u8>, _>(column);
            sqlx::query(
                "INSERT INTO device (id, object_id, display_name, os, os_version, key_sha256, enabled, created)
                 VALUES (?, ?, ?, ?, ?, ?, 1, ?)",
            )
            .bind(bytes("id")?)
            .bind(bytes("object_id")?)
            .bind(text("display_name")?)
            .bind(text("os")?)
            .bind(text("os_version")?)
            .bind(bytes("key_sha256")?)
            .bind(row.try_get::<i64, _>("created")?)
            .execute(&mut connection)
            .await?;
        }
        Ok(Self { connection, passwords, audit, entries: 0, stores: 0 })
    }

    /// Makes `stores` stores, `batch` in one commit, and returns the time that took.
    pub(crate) async fn run(&mut self, stores: u32, batch: u32) -> Result<Duration> {
        let begun = os::now();
        let mut left = stores;
        while left > 0 {
            let size = left.min(batch.max(1));
            let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await?;
            for _ in 0..size {
                let at = usize::try_from(self.stores)? % self.passwords.len();
                let sequence = i64::from(self.stores) / i64::try_from(self.passwords.len())?;
                self.stores = self.stores.saturating_add(1);
                self.entries = self.entries.saturating_add(1);
                if let Some(row) = self.passwords.get(at) {
                    store(&mut transaction, row, sequence).await?;
                }
                note(&mut transaction, &self.audit, self.entries).await?;
            }
            transaction.commit().await?;
            left = left.saturating_sub(size);
        }
        Ok(begun.elapsed())
    }
}

/// How many passwords of a device the server keeps when each store names the one before as in force.
const KEPT: i64 = 3;

async fn store(connection: &mut SqliteConnection, row: &SqliteRow, sequence: i64) -> Result<()> {
    let device: &[u8] = row.try_get("device")?;
    // As random as the server's, as far as the index can tell.
    let mut version: Vec<u8> = row.try_get("version")?;
    version
        .iter_mut()
        .zip(sequence.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64.cast_signed()).to_be_bytes())
        .for_each(|(byte, mixed)| *byte ^= mixed);
    sqlx::query("DELETE FROM password WHERE device = ? AND sequence = ?")
        .bind(device)
        .bind(sequence.saturating_sub(KEPT))
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "INSERT INTO password (device, sequence, version, sealed_sha256, receipt, account, stored, expiry,
                               wrapped_key, ciphertext)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(device)
    .bind(sequence)
    .bind(&version)
    .bind(row.try_get::<&[u8], _>("sealed_sha256")?)
    .bind(row.try_get::<&[u8], _>("receipt")?)
    .bind(row.try_get::<&str, _>("account")?)
    .bind(row.try_get::<i64, _>("stored")?)
    .bind(row.try_get::<i64, _>("expiry")?)
    .bind(row.try_get::<&[u8], _>("wrapped_key")?)
    .bind(row.try_get::<&[u8], _>("ciphertext")?)
    .execute(&mut *connection)
    .await?;
    sqlx::query("UPDATE device SET in_force = ? WHERE id = ?")
        .bind(&version)
        .bind(device)
        .execute(&mut *connection)
        .await?;
    Ok(())
}

async fn note(connection: &mut SqliteConnection, row: &SqliteRow, sequence: i64) -> Result<()> {
    sqlx::query(
        "INSERT INTO audit (sequence, time, actor, activity, target, success, detail, hash)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(sequence)
    .bind(row.try_get::<i64, _>("time")?)
    .bind(row.try_get::<&str, _>("actor")?)
    .bind(row.try_get::<&str, _>("activity")?)
    .bind(row.try_get::<&str, _>("target")?)
    .bind(row.try_get::<bool, _>("success")?)
    .bind(row.try_get::<&str, _>("detail")?)
    .bind(row.try_get::<&[u8], _>("hash")?)
    .execute(&mut *connection)
    .await?;
    Ok(())
}
