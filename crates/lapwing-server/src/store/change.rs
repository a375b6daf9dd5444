//! A change, and the transaction it runs in.

use core::future::Future;

use sqlx::SqliteConnection;

use super::row::{bytes, ticks};
use crate::rules::audit::{Entry, GENESIS, Record};

/// Something to be written. Decides by what it reads in the same transaction.
pub(crate) trait Change: Send + 'static {
    /// What came of it.
    type Outcome: Send + 'static;

    /// Writes it. An error ends the whole batch, so that what is refused by a rule is an outcome, found out before
    /// anything was written.
    fn apply(
        &mut self,
        transaction: &mut Transaction<'_>,
    ) -> impl Future<Output = Result<Self::Outcome, sqlx::Error>> + Send;
}

/// An open transaction of the only writer.
pub(crate) struct Transaction<'a> {
    pub(super) connection: &'a mut SqliteConnection,
    /// Number and hash of the newest audit entry; read at the first use.
    pub(super) audit_head: Option<(u64, [u8; 32])>,
}

impl Transaction<'_> {
    /// Adds an entry to the audit log.
    pub(super) async fn audit(&mut self, record: &Record) -> Result<(), sqlx::Error> {
        let (sequence, previous) = match self.audit_head {
            Some(head) => head,
            None => self.read_audit_head().await?,
        };
        let entry = record.chain(sequence.saturating_add(1), &previous);
        self.insert_audit(&entry).await?;
        self.audit_head = Some((entry.sequence, entry.hash));
        Ok(())
    }

    async fn read_audit_head(&mut self) -> Result<(u64, [u8; 32]), sqlx::Error> {
        let newest = sqlx::query("SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1")
            .fetch_optional(&mut *self.connection)
            .await?;
        newest.map_or(Ok((0, GENESIS)), |row| {
            let sequence: i64 = sqlx::Row::try_get(&row, "sequence")?;
            Ok((u64::try_from(sequence).unwrap_or(0), bytes(&row, "hash")?))
        })
    }

    async fn insert_audit(&mut self, entry: &Entry) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO audit (sequence, time, actor, activity, target, success, detail, hash)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(i64::try_from(entry.sequence).unwrap_or(i64::MAX))
        .bind(ticks(entry.time))
        .bind(&entry.actor)
        .bind(&entry.activity)
        .bind(&entry.target)
        .bind(entry.success)
        .bind(&entry.detail)
        .bind(&entry.hash[..])
        .execute(&mut *self.connection)
        .await
        .map(drop)
    }
}
