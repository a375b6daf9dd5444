//! Passwords that are shown: the entry in the log, and the rotation that the policy asks for, in one commit.

use lapwing_core::{
    management::{ACTION_LIFE, QueuedAction},
    types::{ActionId, DeviceId, FileTime},
};
use sqlx::{Row as _, SqliteConnection, sqlite::SqliteRow};

use super::{
    Change, Store, StoreError, Transaction,
    action::{Revealed, insert},
    assignment::device_policy,
    row::{blob, guid, ticks, time},
    session::{Sha256, spend},
};
use crate::rules::{
    audit::{Activity, Actor, Record},
    policy_assignment::Target,
    reveal::{Decision, Waiting, decide},
};

/// Records that passwords of a device are about to be shown.
#[derive(Debug)]
pub(crate) struct Reveal {
    pub(crate) device: DeviceId,
    /// The newest of them, by its number.
    pub(crate) shown: i64,
    /// The name of the rotation, if one is asked for.
    pub(crate) action: ActionId,
    /// Who shows them to himself.
    pub(crate) record: Record,
}

impl Change for Reveal {
    /// When the device is asked to rotate because of this, or of an earlier showing.
    type Outcome = Option<FileTime>;

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<Self::Outcome, sqlx::Error> {
        transaction.audit(&self.record).await?;
        let now = self.record.time;
        let newest: Option<i64> = sqlx::query_scalar(
            "SELECT max(p.sequence) FROM password p JOIN device d ON d.id = p.device
             WHERE p.device = ? AND d.enabled = 1 AND d.deleted IS NULL",
        )
        .bind(blob(self.device.0))
        .fetch_one(&mut *transaction.connection)
        .await?;
        // One that is kept out is not asked for anything.
        let Some(newest) = newest else { return Ok(None) };
        let hours = hours_after_reveal(&mut *transaction.connection, self.device).await?;
        let waiting = waiting(&mut *transaction.connection, self.device, now).await?;
        match decide(now, hours, self.shown, newest, &waiting) {
            Decision::Nothing => Ok(None),
            Decision::Answered(due) => Ok(Some(due)),
            Decision::Rotate(due) => {
                self.queue(transaction, due).await?;
                Ok(Some(due))
            }
        }
    }
}

impl Reveal {
    async fn queue(&self, transaction: &mut Transaction<'_>, due: FileTime) -> Result<(), sqlx::Error> {
        let Record { time, actor, target, .. } = &self.record;
        let action = QueuedAction::due(self.action, *time, due, ACTION_LIFE);
        let reason = format!("revealed by {actor} at {time}");
        let revealed = Revealed { password: self.shown, reason };
        insert(transaction, self.device, &action, &Actor::Server.to_string(), Some(&revealed)).await?;
        let record = Record {
            time: *time,
            actor: Actor::Server,
            activity: Activity::RequestRotation,
            target: target.clone(),
            refusal: None,
            detail: format!("action {}, due {due}: {}", action.id, revealed.reason),
        };
        transaction.audit(&record).await
    }
}

/// As [`Reveal`], for a form whose answer may be given once.
#[derive(Debug)]
pub(crate) struct RevealOnce {
    pub(crate) token: Sha256,
    pub(crate) form: Vec<u8>,
    pub(crate) reveal: Reveal,
}

impl Change for RevealOnce {
    /// None if the form was spent before; then nothing is recorded, and nothing may be shown.
    type Outcome = Option<Option<FileTime>>;

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<Self::Outcome, sqlx::Error> {
        if spend(transaction, &self.token, &self.form).await? {
            self.reveal.apply(transaction).await.map(Some)
        } else {
            Ok(None)
        }
    }
}

/// After how many hours the policy of a device wants a password replaced that was shown.
async fn hours_after_reveal(
    connection: &mut SqliteConnection,
    device: DeviceId,
) -> Result<Option<u16>, sqlx::Error> {
    let Some(policy) = device_policy(connection, device).await? else { return Ok(None) };
    // In a conflict it is the version that the device holds, as for everything else that a policy says.
    let Target::Version(version) = policy.target else { return Ok(None) };
    let found: Option<Option<u16>> = sqlx::query_scalar(
        "SELECT document ->> '$.rotateAfterRevealHours' FROM policy_version WHERE policy = ? AND number = ?",
    )
    .bind(blob(version.policy.0))
    .bind(version.number)
    .fetch_optional(connection)
    .await?;
    Ok(found.flatten())
}

/// The rotations that earlier showings asked for, and that are not over.
async fn waiting(
    connection: &mut SqliteConnection,
    device: DeviceId,
    now: FileTime,
) -> Result<Vec<Waiting>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT revealed, not_before FROM action WHERE device = ? AND revealed IS NOT NULL
         AND (state IN ('accepted', 'failing') OR state = 'pending' AND expires > ?)",
    )
    .bind(blob(device.0))
    .bind(ticks(now))
    .fetch_all(connection)
    .await?;
    let waiting =
        |row: &SqliteRow| Ok(Waiting { revealed: row.try_get("revealed")?, due: time(row, "not_before")? });
    rows.iter().map(waiting).collect()
}

/// Ends the rotations that are to replace a password before the one numbered `newest`: that is done.
pub(super) async fn void_answered(
    transaction: &mut Transaction<'_>,
    device: DeviceId,
    newest: i64,
    now: FileTime,
) -> Result<(), sqlx::Error> {
    let void = sqlx::query(
        "UPDATE action SET state = 'cancelled', since = ?
         WHERE device = ? AND state = 'pending' AND revealed < ? RETURNING id",
    )
    .bind(ticks(now))
    .bind(blob(device.0))
    .bind(newest)
    .fetch_all(&mut *transaction.connection)
    .await?;
    for row in &void {
        let record = Record {
            time: now,
            actor: Actor::Server,
            activity: Activity::CancelAction,
            target: device.to_string(),
            refusal: None,
            detail: format!("action {}: the password that was revealed is replaced", guid(row, "id")?),
        };
        transaction.audit(&record).await?;
    }
    Ok(())
}

/// Actions that have come due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Due {
    /// Whose.
    pub(crate) devices: Vec<DeviceId>,
    /// When the next is due.
    pub(crate) next: Option<FileTime>,
}

impl Store {
    /// After how many hours the policy of a device wants a password replaced that was shown.
    pub(crate) async fn hours_after_reveal(&self, device: DeviceId) -> Result<Option<u16>, StoreError> {
        Ok(hours_after_reveal(&mut *self.readers.begin().await?, device).await?)
    }

    /// Devices with actions that came due after `before`, if there was a look before, and wait for them at `now`.
    pub(crate) async fn due(&self, before: Option<FileTime>, now: FileTime) -> Result<Due, StoreError> {
        let rows = sqlx::query(
            "SELECT DISTINCT device FROM action WHERE state = 'pending' AND not_before > ? AND not_before <= ?
             AND expires > ?",
        )
        .bind(before.map_or(0, ticks))
        .bind(ticks(now))
        .bind(ticks(now))
        .fetch_all(&self.readers)
        .await?;
        let devices = rows.iter().map(|row| guid(row, "device").map(DeviceId));
        let next: Option<i64> = sqlx::query_scalar(
            "SELECT min(not_before) FROM action WHERE state = 'pending' AND not_before > ?",
        )
        .bind(ticks(now))
        .fetch_one(&self.readers)
        .await?;
        let next = next.and_then(|at| FileTime::from_ticks(at.try_into().ok()?).ok());
        Ok(Due { devices: devices.collect::<Result<_, _>>()?, next })
    }
}

#[cfg(test)]
mod tests;
