//! Bulk rotations: what was selected, who was asked, and how that stands.

use core::time::Duration;

use lapwing_core::{
    management::QueuedAction,
    types::{ActionId, BulkRotationId, DeviceId, FileTime},
};
use sqlx::Row as _;

use super::{
    Change, RequestOutcome, Transaction,
    action::queue,
    bulk_read::pace,
    row::{blob, guid, ticks, time_or_null},
};
use crate::rules::{
    audit::{Activity, Actor, Record},
    bulk::{Asked, BATCH_MAX, BulkState, Counts, Pace, Reason, Selection, Word, WordError},
};

/// The most bulk rotations that are not over.
pub(crate) const OPEN_MAX: i64 = 16;

/// Makes a bulk rotation of these devices, canaries first.
#[derive(Debug)]
pub(crate) struct CreateBulk {
    pub(crate) id: BulkRotationId,
    pub(crate) selection: Selection,
    pub(crate) pace: Pace,
    pub(crate) reason: Reason,
    /// In the order in which they are asked.
    pub(crate) devices: Vec<DeviceId>,
    /// How many of them are canaries.
    pub(crate) canaries: u32,
    pub(crate) record: Record,
}

impl Change for CreateBulk {
    /// False if too many are open.
    type Outcome = bool;

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<bool, sqlx::Error> {
        let open: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM bulk_rotation WHERE state IN ('running', 'paused', 'stopped')",
        )
        .fetch_one(&mut *transaction.connection)
        .await?;
        let is_made = open < OPEN_MAX;
        if is_made {
            self.insert(transaction).await?;
        } else {
            self.record.refusal = Some("too many bulk rotations are open".to_owned());
        }
        transaction.audit(&self.record).await?;
        Ok(is_made)
    }
}

impl CreateBulk {
    async fn insert(&self, transaction: &mut Transaction<'_>) -> Result<(), sqlx::Error> {
        let now = ticks(self.record.time);
        sqlx::query(
            "INSERT INTO bulk_rotation
             (id, requested, requested_by, devices, per_minute, stop_at, reason, state, since)
             VALUES (?, ?, ?, ?, ?, ?, ?, 'running', ?)",
        )
        .bind(blob(self.id.0))
        .bind(now)
        .bind(self.record.actor.to_string())
        .bind(self.selection.to_string())
        .bind(self.pace.per_minute)
        .bind(self.pace.stop_at)
        .bind(self.reason.as_str())
        .bind(now)
        .execute(&mut *transaction.connection)
        .await?;
        for (place, device) in (0_u32..).zip(&self.devices) {
            sqlx::query(
                "INSERT INTO bulk_rotation_device (rotation, place, device, is_canary, since)
                 VALUES (?, ?, ?, ?, ?)",
            )
            .bind(blob(self.id.0))
            .bind(place)
            .bind(blob(device.0))
            .bind(place < self.canaries)
            .bind(now)
            .execute(&mut *transaction.connection)
            .await?;
        }
        Ok(())
    }
}

/// Asks as many of its devices as are due. What is due is found out in the change itself, so that several servers together
/// keep to the rate, and ask none twice.
#[derive(Debug)]
pub(crate) struct AskDevices {
    pub(crate) rotation: BulkRotationId,
    pub(crate) canaries_only: bool,
    pub(crate) at: FileTime,
    /// Names for the actions: [`BATCH_MAX`] of them.
    pub(crate) ids: Vec<ActionId>,
    pub(crate) life: Duration,
}

/// Who was asked.
#[derive(Debug, Default)]
pub(crate) struct AskedNow {
    pub(crate) devices: Vec<DeviceId>,
    /// After how long the next ones are due, if none was now.
    pub(crate) wait: Option<Duration>,
}

/// How a device came to stand.
struct Standing {
    word: &'static str,
    action: Option<ActionId>,
    detail: &'static str,
}

impl Change for AskDevices {
    type Outcome = AskedNow;

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<AskedNow, sqlx::Error> {
        let row = sqlx::query("SELECT * FROM bulk_rotation WHERE id = ? AND state = 'running'")
            .bind(blob(self.rotation.0))
            .fetch_optional(&mut *transaction.connection)
            .await?;
        let Some(row) = row else { return Ok(AskedNow::default()) };
        let requested_by: String = row.try_get("requested_by")?;
        let due = match pace(&row)?.due(&self.asked(transaction).await?, self.at) {
            Ok(due) => usize::try_from(due).unwrap_or(0),
            Err(wait) => return Ok(AskedNow { devices: Vec::new(), wait: Some(wait) }),
        };
        let mut asked = Vec::new();
        let mut ids = core::mem::take(&mut self.ids).into_iter().take(due);
        for (place, device) in self.waiting(transaction).await? {
            let Some(id) = ids.next() else { break };
            let action = QueuedAction::new(id, self.at, self.life);
            let outcome = queue(transaction, device, &action, &requested_by).await?;
            let standing = match outcome.refusal() {
                None => Standing { word: "asked", action: Some(id), detail: "" },
                Some(why) => Standing { word: "skipped", action: None, detail: why },
            };
            self.save(transaction, place, &standing).await?;
            transaction.audit(&self.record(device, id, outcome)).await?;
            if outcome == RequestOutcome::Queued {
                asked.push(device);
            }
        }
        Ok(AskedNow { devices: asked, wait: None })
    }
}

impl AskDevices {
    async fn asked(&self, transaction: &mut Transaction<'_>) -> Result<Asked, sqlx::Error> {
        let row = sqlx::query(
            "SELECT (SELECT max(since) FROM bulk_rotation_device
                     WHERE rotation = ?1 AND standing = 'asked') AS last,
                    (SELECT count(*) FROM bulk_rotation_device
                     WHERE rotation = ?1 AND standing = 'asked' AND since > ?2) AS in_last_minute",
        )
        .bind(blob(self.rotation.0))
        .bind(ticks(Asked::minute_before(self.at)))
        .fetch_one(&mut *transaction.connection)
        .await?;
        Ok(Asked { last: time_or_null(&row, "last")?, in_last_minute: row.try_get("in_last_minute")? })
    }

    async fn waiting(&self, transaction: &mut Transaction<'_>) -> Result<Vec<(i64, DeviceId)>, sqlx::Error> {
        let rows = sqlx::query(
            "SELECT place, device FROM bulk_rotation_device
             WHERE rotation = ? AND standing = 'waiting' AND is_canary >= ? ORDER BY place LIMIT ?",
        )
        .bind(blob(self.rotation.0))
        .bind(self.canaries_only)
        .bind(BATCH_MAX)
        .fetch_all(&mut *transaction.connection)
        .await?;
        rows.iter().map(|row| Ok((row.try_get("place")?, DeviceId(guid(row, "device")?)))).collect()
    }

    async fn save(
        &self,
        transaction: &mut Transaction<'_>,
        place: i64,
        standing: &Standing,
    ) -> Result<(), sqlx::Error> {
        sqlx::query(
            "UPDATE bulk_rotation_device SET standing = ?, action = ?, since = ?, detail = ?
             WHERE rotation = ? AND place = ? AND standing = 'waiting'",
        )
        .bind(standing.word)
        .bind(standing.action.map(|id| blob(id.0)))
        .bind(ticks(self.at))
        .bind(standing.detail)
        .bind(blob(self.rotation.0))
        .bind(place)
        .execute(&mut *transaction.connection)
        .await
        .map(drop)
    }

    fn record(&self, device: DeviceId, id: ActionId, outcome: RequestOutcome) -> Record {
        let rotation = self.rotation;
        Record {
            time: self.at,
            actor: Actor::Server,
            activity: Activity::RequestRotation,
            target: device.to_string(),
            refusal: outcome.refusal().map(|why| format!("bulk rotation {rotation}: {why}")),
            detail: format!("action {id}, bulk rotation {rotation}"),
        }
    }
}

/// Stops it or finishes it, if it is still in the state that this was decided in.
#[derive(Debug)]
pub(crate) struct EndBulk {
    pub(crate) rotation: BulkRotationId,
    pub(crate) from: BulkState,
    pub(crate) to: BulkState,
    pub(crate) at: FileTime,
    /// Why.
    pub(crate) detail: String,
}

impl Change for EndBulk {
    type Outcome = ();

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<(), sqlx::Error> {
        let changed = sqlx::query("UPDATE bulk_rotation SET state = ?, since = ? WHERE id = ? AND state = ?")
            .bind(self.to.as_str())
            .bind(ticks(self.at))
            .bind(blob(self.rotation.0))
            .bind(self.from.as_str())
            .execute(&mut *transaction.connection)
            .await?
            .rows_affected();
        // Another server may have found it out at the same time.
        if changed == 0 {
            return Ok(());
        }
        let record = Record {
            time: self.at,
            actor: Actor::Server,
            activity: Activity::ChangeBulkRotation,
            target: self.rotation.to_string(),
            refusal: None,
            detail: format!("{}: {}", self.to.as_str(), self.detail),
        };
        transaction.audit(&record).await
    }
}

/// An operator's word to it.
#[derive(Debug)]
pub(crate) struct SayToBulk {
    pub(crate) rotation: BulkRotationId,
    pub(crate) word: Word,
    /// Whether the others are to follow whatever became of the canaries; only to resume.
    pub(crate) past_canaries: bool,
    /// How it stands: what failed until it is resumed stops it no more.
    pub(crate) counts: Counts,
    pub(crate) record: Record,
}

impl Change for SayToBulk {
    /// None if there is none of that name.
    type Outcome = Option<Result<(), WordError>>;

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<Self::Outcome, sqlx::Error> {
        let state: Option<String> = sqlx::query_scalar("SELECT state FROM bulk_rotation WHERE id = ?")
            .bind(blob(self.rotation.0))
            .fetch_optional(&mut *transaction.connection)
            .await?;
        let state = state.and_then(|state| BulkState::ALL.into_iter().find(|known| known.as_str() == state));
        let outcome = state.map(|state| self.word.said_to(state));
        match &outcome {
            None => self.record.refusal = Some("not found".to_owned()),
            Some(Err(error)) => self.record.refusal = Some(error.to_string()),
            Some(Ok(next)) => {
                self.record.detail = next.as_str().to_owned();
                if self.past_canaries {
                    self.record.detail.push_str(", past the canaries");
                }
                self.save(transaction, *next).await?;
            }
        }
        transaction.audit(&self.record).await?;
        Ok(outcome.map(|outcome| outcome.map(drop)))
    }
}

impl SayToBulk {
    async fn save(&self, transaction: &mut Transaction<'_>, next: BulkState) -> Result<(), sqlx::Error> {
        let (id, now) = (blob(self.rotation.0), ticks(self.record.time));
        sqlx::query("UPDATE bulk_rotation SET state = ?, since = ? WHERE id = ?")
            .bind(next.as_str())
            .bind(now)
            .bind(&id)
            .execute(&mut *transaction.connection)
            .await?;
        match self.word {
            Word::Pause => {}
            Word::Resume => {
                sqlx::query(
                    "UPDATE bulk_rotation SET past_canaries = max(past_canaries, ?), ended_before = ?,
                     failures_before = ? WHERE id = ?",
                )
                .bind(self.past_canaries)
                .bind(column(self.counts.ended()))
                .bind(column(self.counts.failures()))
                .bind(&id)
                .execute(&mut *transaction.connection)
                .await?;
            }
            Word::Cancel => {
                sqlx::query(
                    "UPDATE action SET state = 'cancelled', since = ?1 WHERE state = 'pending' AND id IN
                     (SELECT action FROM bulk_rotation_device WHERE rotation = ?2 AND standing = 'asked')",
                )
                .bind(now)
                .bind(&id)
                .execute(&mut *transaction.connection)
                .await?;
                sqlx::query(
                    "UPDATE bulk_rotation_device SET standing = 'cancelled', since = ?
                     WHERE rotation = ? AND standing = 'waiting'",
                )
                .bind(now)
                .bind(&id)
                .execute(&mut *transaction.connection)
                .await?;
            }
        }
        Ok(())
    }
}

fn column(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
