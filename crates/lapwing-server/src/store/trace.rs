//! What became of rotations, as devices tell it.

use lapwing_core::types::{DeviceId, FileTime, Guid};
use lapwing_proto::trace::TraceInfo;
use sqlx::{Row as _, sqlite::SqliteRow};

use super::{
    ActionRow, Change, Store, StoreError, Transaction,
    row::{blob, damaged, guid, ticks, time},
};
use crate::rules::flow;

/// The most traces that are kept of one device; the oldest give way.
const KEPT_MAX: i64 = 64;

/// One rotation, as a device tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TraceRow {
    pub(crate) id: Guid,
    pub(crate) device: DeviceId,
    pub(crate) received: FileTime,
    /// How far the device's clock was ahead of ours then, in ticks.
    pub(crate) ahead: i64,
    pub(crate) trace: TraceInfo,
}

impl TraceRow {
    /// As the flow of a rotation needs it.
    const fn told(&self) -> flow::Told<'_> {
        flow::Told { trace: &self.trace, ahead: self.ahead }
    }

    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: guid(row, "id")?,
            device: DeviceId(guid(row, "device")?),
            received: time(row, "received")?,
            ahead: row.try_get("ahead")?,
            trace: serde_json::from_str(row.try_get("body")?).map_err(|_| damaged("body"))?,
        })
    }
}

/// The steps of a rotation that both ends know of.
pub(crate) fn passed(actions: &[ActionRow], trace: Option<&TraceRow>) -> Vec<flow::Passed> {
    let pressed: Vec<_> = actions.iter().map(ActionRow::pressed).collect();
    flow::flow(&pressed, trace.map(TraceRow::told))
}

/// Takes note of what a device tells.
#[derive(Debug)]
pub(crate) struct TellTraces {
    pub(crate) device: DeviceId,
    pub(crate) at: FileTime,
    pub(crate) ahead: i64,
    /// Each with the names that it has to be found by: its own, its version's, its actions'.
    pub(crate) traces: Vec<Told>,
}

/// A trace that was checked.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) id: Guid,
    pub(crate) version: Option<Guid>,
    pub(crate) actions: Vec<Guid>,
    pub(crate) body: TraceInfo,
}

impl Change for TellTraces {
    /// Whether the device is known and enabled.
    type Outcome = bool;

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<bool, sqlx::Error> {
        let known: Option<i64> =
            sqlx::query_scalar("SELECT 1 FROM device WHERE id = ? AND enabled = 1 AND deleted IS NULL")
                .bind(blob(self.device.0))
                .fetch_optional(&mut *transaction.connection)
                .await?;
        if known.is_none() {
            return Ok(false);
        }
        for told in &self.traces {
            self.save(transaction, told).await?;
        }
        sqlx::query(
            "DELETE FROM trace WHERE device = ?1 AND id NOT IN
             (SELECT id FROM trace WHERE device = ?1 ORDER BY received DESC, id LIMIT ?2)",
        )
        .bind(blob(self.device.0))
        .bind(KEPT_MAX)
        .execute(&mut *transaction.connection)
        .await?;
        Ok(true)
    }
}

impl TellTraces {
    async fn save(&self, transaction: &mut Transaction<'_>, told: &Told) -> Result<(), sqlx::Error> {
        let body = serde_json::to_string(&told.body).map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
        sqlx::query(
            "INSERT INTO trace (id, device, version, received, ahead, body) VALUES (?, ?, ?, ?, ?, ?)
             ON CONFLICT (device, id) DO UPDATE SET version = excluded.version, received = excluded.received,
             ahead = excluded.ahead, body = excluded.body",
        )
        .bind(blob(told.id))
        .bind(blob(self.device.0))
        .bind(told.version.map(blob))
        .bind(ticks(self.at))
        .bind(self.ahead)
        .bind(body)
        .execute(&mut *transaction.connection)
        .await?;
        for action in &told.actions {
            sqlx::query("INSERT OR IGNORE INTO trace_action (device, trace, action) VALUES (?, ?, ?)")
                .bind(blob(self.device.0))
                .bind(blob(told.id))
                .bind(blob(*action))
                .execute(&mut *transaction.connection)
                .await?;
        }
        Ok(())
    }
}

impl Store {
    /// The traces of a device, newest first.
    pub(crate) async fn traces(&self, device: DeviceId) -> Result<Vec<TraceRow>, StoreError> {
        let rows = sqlx::query("SELECT * FROM trace WHERE device = ? ORDER BY received DESC, id")
            .bind(blob(device.0))
            .fetch_all(&self.readers)
            .await?;
        Ok(rows.iter().map(TraceRow::from_row).collect::<Result<_, _>>()?)
    }

    /// The trace of this name, or of the rotation that satisfied the action, or came to the version, of this name.
    pub(crate) async fn trace(&self, name: Guid) -> Result<Option<TraceRow>, StoreError> {
        let row = sqlx::query(
            "SELECT * FROM trace WHERE id = ?1 OR version = ?1
             OR (device, id) IN (SELECT device, trace FROM trace_action WHERE action = ?1)
             ORDER BY received DESC LIMIT 1",
        )
        .bind(blob(name))
        .fetch_optional(&self.readers)
        .await?;
        Ok(row.map(|row| TraceRow::from_row(&row)).transpose()?)
    }

    /// The actions that a trace tells of, oldest first; and the one of this name.
    pub(crate) async fn actions_of(
        &self,
        trace: Option<&TraceRow>,
        name: Guid,
    ) -> Result<Vec<ActionRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM action WHERE id = ?1
             OR id IN (SELECT action FROM trace_action WHERE device = ?2 AND trace = ?3) ORDER BY number",
        )
        .bind(blob(name))
        .bind(trace.map(|trace| blob(trace.device.0)))
        .bind(trace.map(|trace| blob(trace.id)))
        .fetch_all(&self.readers)
        .await?;
        Ok(rows.iter().map(ActionRow::from_row).collect::<Result<_, sqlx::Error>>()?)
    }
}
