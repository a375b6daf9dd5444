//! A change, and the transaction it runs in.

use core::future::Future;

use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::row::{bytes, ticks};
use crate::rules::audit::{Entry, GENESIS, Record};

/// Audit entries of one statement: a statement takes 32766 values, and an entry has eight.
const AUDIT_ROWS_MAX: usize = 256;

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
    audit_head: Option<(u64, [u8; 32])>,
    /// The audit entries of this transaction: written together, before it commits.
    audit: Vec<Entry>,
}

impl<'a> Transaction<'a> {
    pub(super) const fn new(connection: &'a mut SqliteConnection) -> Self {
        Self { connection, audit_head: None, audit: Vec::new() }
    }

    /// Adds an entry to the audit log; [`Self::write_audit`] writes it.
    pub(super) async fn audit(&mut self, record: &Record) -> Result<(), sqlx::Error> {
        let (sequence, previous) = match self.audit_head {
            Some(head) => head,
            None => self.read_audit_head().await?,
        };
        let entry = record.chain(sequence.saturating_add(1), &previous);
        self.audit_head = Some((entry.sequence, entry.hash));
        self.audit.push(entry);
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

    /// Writes the entries of this transaction. To be called once, last before the commit.
    pub(super) async fn write_audit(self) -> Result<(), sqlx::Error> {
        for entries in self.audit.chunks(AUDIT_ROWS_MAX) {
            let mut insert: QueryBuilder<Sqlite> = QueryBuilder::new(
                "INSERT INTO audit (sequence, time, actor, activity, target, success, detail, hash) ",
            );
            insert.push_values(entries, |mut row, entry| {
                row.push_bind(i64::try_from(entry.sequence).unwrap_or(i64::MAX))
                    .push_bind(ticks(entry.time))
                    .push_bind(&entry.actor)
                    .push_bind(&entry.activity)
                    .push_bind(&entry.target)
                    .push_bind(entry.success)
                    .push_bind(&entry.detail)
                    .push_bind(&entry.hash[..]);
            });
            // Each length is a statement of its own, so that keeping it prepared would not pay.
            insert.build().persistent(false).execute(&mut *self.connection).await?;
        }
        Ok(())
    }
}
