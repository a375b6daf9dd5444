//! What devices are asked to do, and what they tell of it.

use core::time::Duration;

use lapwing_core::{
    event::Hresult,
    management::{ActionState, NotCancelled, QueuedAction},
    types::{ActionId, DeviceId, FileTime},
};
use sqlx::{Row as _, sqlite::SqliteRow};

use super::{
    Change, Store, StoreError, Transaction,
    row::{blob, damaged, guid, ticks, time, time_or_null, version_or_null},
};
use crate::rules::{
    audit::{Activity, Actor, Record},
    flow::Pressed,
    session::Heard,
};

/// The most actions of one device that no device has accepted.
pub(crate) const PENDING_MAX: i64 = 16;
/// The most actions that one page or session shows of a device, newest first.
const SHOWN_MAX: i64 = 100;

/// An action as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ActionRow {
    /// Names it in a session.
    pub(crate) number: u32,
    pub(crate) device: DeviceId,
    pub(crate) requested_by: String,
    /// When the device was first asked in a session.
    pub(crate) sent: Option<FileTime>,
    /// When the device accepted it.
    pub(crate) accepted: Option<FileTime>,
    /// Why the server asks for it by itself, in words.
    pub(crate) reason: Option<String>,
    pub(crate) action: QueuedAction,
}

impl ActionRow {
    /// As the flow of a rotation needs it.
    pub(crate) const fn pressed(&self) -> Pressed {
        Pressed { action: self.action, sent: self.sent, accepted: self.accepted }
    }

    pub(super) fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        let hresult = || row.try_get("hresult").map(Hresult);
        let state: &str = row.try_get("state")?;
        let state = match state {
            "pending" => ActionState::Pending,
            "accepted" => ActionState::Accepted,
            "failing" => ActionState::Failing { hresult: hresult()?, event: row.try_get("event")? },
            "done" => ActionState::Done { version: version_or_null(row, "version")? },
            "refused" => ActionState::Refused { status: row.try_get("status")? },
            "cancelled" => ActionState::Cancelled,
            "expired" => ActionState::Expired,
            _ => return Err(damaged("state")),
        };
        let requested = time(row, "requested")?;
        Ok(Self {
            number: row.try_get("number")?,
            device: DeviceId(guid(row, "device")?),
            requested_by: row.try_get("requested_by")?,
            sent: time_or_null(row, "sent")?,
            accepted: time_or_null(row, "accepted")?,
            reason: row.try_get("reason")?,
            action: QueuedAction {
                id: ActionId(guid(row, "id")?),
                requested,
                not_before: time_or_null(row, "not_before")?.unwrap_or(requested),
                expires: time(row, "expires")?,
                state,
                since: time(row, "since")?,
            },
        })
    }
}

/// What a state is in its columns beside its name: its HRESULT, event, version and status.
type Columns = (Option<u32>, Option<u16>, Option<Vec<u8>>, Option<u16>);

fn columns(state: ActionState) -> Columns {
    match state {
        ActionState::Failing { hresult, event } => (Some(hresult.0), event, None, None),
        ActionState::Done { version } => (None, None, version.map(|version| blob(version.0)), None),
        ActionState::Refused { status } => (None, None, None, Some(status)),
        ActionState::Pending | ActionState::Accepted | ActionState::Cancelled | ActionState::Expired => {
            (None, None, None, None)
        }
    }
}

/// Asks a device to rotate.
#[derive(Debug)]
pub(crate) struct RequestAction {
    pub(crate) device: DeviceId,
    pub(crate) id: ActionId,
    pub(crate) life: Duration,
    pub(crate) record: Record,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RequestOutcome {
    Queued,
    UnknownDevice,
    Disabled,
    /// So many wait for the device already that one more says nothing new.
    Full,
}

impl RequestOutcome {
    /// Why it was not queued.
    pub(super) const fn refusal(self) -> Option<&'static str> {
        match self {
            Self::Queued => None,
            Self::UnknownDevice => Some("the device is unknown"),
            Self::Disabled => Some("the device is disabled"),
            Self::Full => Some("too many actions wait for the device"),
        }
    }
}

impl Change for RequestAction {
    type Outcome = RequestOutcome;

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<RequestOutcome, sqlx::Error> {
        let outcome = self.queue(transaction).await?;
        self.record.detail = format!("action {}", self.id);
        self.record.refusal = outcome.refusal().map(str::to_owned);
        transaction.audit(&self.record).await?;
        Ok(outcome)
    }
}

impl RequestAction {
    async fn queue(&self, transaction: &mut Transaction<'_>) -> Result<RequestOutcome, sqlx::Error> {
        let action = QueuedAction::new(self.id, self.record.time, self.life);
        queue(transaction, self.device, &action, &self.record.actor.to_string()).await
    }
}

/// Queues an action for its device, if that takes it.
pub(super) async fn queue(
    transaction: &mut Transaction<'_>,
    device: DeviceId,
    action: &QueuedAction,
    requested_by: &str,
) -> Result<RequestOutcome, sqlx::Error> {
    let enabled: Option<bool> =
        sqlx::query_scalar("SELECT enabled FROM device WHERE id = ? AND deleted IS NULL")
            .bind(blob(device.0))
            .fetch_optional(&mut *transaction.connection)
            .await?;
    match enabled {
        None => return Ok(RequestOutcome::UnknownDevice),
        Some(false) => return Ok(RequestOutcome::Disabled),
        Some(true) => {}
    }
    let waiting: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM action WHERE device = ? AND state = 'pending' AND expires > ? AND not_before IS NULL",
    )
    .bind(blob(device.0))
    .bind(ticks(action.requested))
    .fetch_one(&mut *transaction.connection)
    .await?;
    if waiting >= PENDING_MAX {
        return Ok(RequestOutcome::Full);
    }
    insert(transaction, device, action, requested_by, None).await?;
    Ok(RequestOutcome::Queued)
}

/// A password that was shown, for which an action is asked for.
#[derive(Debug)]
pub(super) struct Revealed {
    /// Its number.
    pub(super) password: i64,
    /// For people.
    pub(super) reason: String,
}

/// Writes down an action that is new.
pub(super) async fn insert(
    transaction: &mut Transaction<'_>,
    device: DeviceId,
    action: &QueuedAction,
    requested_by: &str,
    revealed: Option<&Revealed>,
) -> Result<(), sqlx::Error> {
    let not_before = (action.not_before > action.requested).then(|| ticks(action.not_before));
    sqlx::query(
        "INSERT INTO action
             (id, device, requested, requested_by, not_before, expires, state, since, reason, revealed)
         VALUES (?, ?, ?, ?, ?, ?, 'pending', ?, ?, ?)",
    )
    .bind(blob(action.id.0))
    .bind(blob(device.0))
    .bind(ticks(action.requested))
    .bind(requested_by)
    .bind(not_before)
    .bind(ticks(action.expires))
    .bind(ticks(action.since))
    .bind(revealed.map(|revealed| &revealed.reason))
    .bind(revealed.map(|revealed| revealed.password))
    .execute(&mut *transaction.connection)
    .await
    .map(drop)
}

/// Ends an action that no device has accepted.
#[derive(Debug)]
pub(crate) struct CancelAction {
    pub(crate) device: DeviceId,
    pub(crate) id: ActionId,
    pub(crate) record: Record,
}

impl Change for CancelAction {
    /// The action; none if there is none of that name.
    type Outcome = Option<Result<ActionRow, NotCancelled>>;

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<Self::Outcome, sqlx::Error> {
        let row = sqlx::query("SELECT * FROM action WHERE id = ? AND device = ?")
            .bind(blob(self.id.0))
            .bind(blob(self.device.0))
            .fetch_optional(&mut *transaction.connection)
            .await?;
        let row = row.map(|row| ActionRow::from_row(&row)).transpose()?;
        self.record.detail = format!("action {}", self.id);
        let outcome = match row {
            None => None,
            Some(mut row) => {
                row.action.expire(self.record.time);
                let cancelled = row.action.cancel(self.record.time);
                save(transaction, &row).await?;
                Some(cancelled.map(|()| row))
            }
        };
        self.record.refusal = match &outcome {
            None => Some("the action is unknown".to_owned()),
            Some(Err(not)) => Some(not.to_string()),
            Some(Ok(_)) => None,
        };
        transaction.audit(&self.record).await?;
        Ok(outcome)
    }
}

/// Takes note of one message of a device.
#[derive(Debug)]
pub(crate) struct Contact {
    pub(crate) device: DeviceId,
    pub(crate) at: FileTime,
    pub(crate) heard: Heard,
}

/// The device as it stands after that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Contacted {
    /// Whether it names its actions.
    pub(crate) is_named: bool,
    /// Its actions that are not over, and those it has told of, oldest first.
    pub(crate) actions: Vec<ActionRow>,
}

impl Change for Contact {
    /// None if the device is unknown, disabled or deleted.
    type Outcome = Option<Contacted>;

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<Self::Outcome, sqlx::Error> {
        let management: Option<i64> = sqlx::query_scalar(
            "UPDATE device SET last_contact = ?, management = CASE ? WHEN 0 THEN management ELSE ? END
             WHERE id = ? AND enabled = 1 AND deleted IS NULL RETURNING management",
        )
        .bind(ticks(self.at))
        .bind(self.heard.starts)
        .bind(self.heard.is_named)
        .bind(blob(self.device.0))
        .fetch_optional(&mut *transaction.connection)
        .await?;
        let Some(management) = management else { return Ok(None) };
        let is_named = management > 0;
        let mut actions = self.load(transaction).await?;
        for row in &mut actions {
            let before = row.action;
            row.action.expire(self.at);
            self.heard.apply(self.at, is_named, row.number, &mut row.action);
            let is_first = row.sent.is_none() && self.heard.starts && row.action.is_to_be_sent(self.at);
            if is_first {
                row.sent = Some(self.at);
            }
            if row.action != before {
                if row.action.state != ActionState::Expired {
                    row.accepted.get_or_insert(self.at);
                }
                transaction.audit(&self.record(row)).await?;
            }
            if is_first || row.action != before {
                save(transaction, row).await?;
            }
        }
        Ok(Some(Contacted { is_named, actions }))
    }
}

impl Contact {
    async fn load(&self, transaction: &mut Transaction<'_>) -> Result<Vec<ActionRow>, sqlx::Error> {
        let open = sqlx::query(
            "SELECT * FROM action WHERE device = ? AND state IN ('pending', 'accepted', 'failing') ORDER BY number",
        )
        .bind(blob(self.device.0))
        .fetch_all(&mut *transaction.connection)
        .await?;
        let mut rows = open.iter().map(ActionRow::from_row).collect::<Result<Vec<_>, _>>()?;
        // The device may tell of one that is over here, for it was cancelled meanwhile or the database restored.
        for (column, value) in self.heard.named() {
            let (id, number) = (column.map(|id| blob(id.0)), value);
            let told = sqlx::query("SELECT * FROM action WHERE device = ? AND (id = ? OR number = ?)")
                .bind(blob(self.device.0))
                .bind(id)
                .bind(number)
                .fetch_optional(&mut *transaction.connection)
                .await?;
            if let Some(told) = told {
                let told = ActionRow::from_row(&told)?;
                if !rows.iter().any(|row| row.number == told.number) {
                    rows.push(told);
                }
            }
        }
        Ok(rows)
    }

    fn record(&self, row: &ActionRow) -> Record {
        let (activity, refusal) = match row.action.state {
            ActionState::Pending | ActionState::Accepted => (Activity::AcceptAction, None),
            ActionState::Done { .. } => (Activity::FinishAction, None),
            ActionState::Failing { hresult, .. } => {
                (Activity::FinishAction, Some(format!("it failed with {hresult} so far")))
            }
            ActionState::Refused { status } => (Activity::AcceptAction, Some(format!("status {status}"))),
            ActionState::Cancelled | ActionState::Expired => {
                (Activity::AcceptAction, Some("expired".to_owned()))
            }
        };
        let detail = match row.action.state {
            ActionState::Done { version: Some(version) } => {
                format!("action {}, version {version}", row.action.id)
            }
            _ => format!("action {}", row.action.id),
        };
        let refusal = refusal.map(|refusal| format!("{detail}: {refusal}"));
        Record {
            time: self.at,
            actor: Actor::Device(self.device),
            activity,
            target: self.device.to_string(),
            refusal,
            detail,
        }
    }
}

/// Ends what a device that is kept out has not accepted.
pub(super) async fn cancel_pending(
    transaction: &mut Transaction<'_>,
    device: DeviceId,
    now: FileTime,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE action SET state = 'cancelled', since = ? WHERE device = ? AND state = 'pending'")
        .bind(ticks(now))
        .bind(blob(device.0))
        .execute(&mut *transaction.connection)
        .await
        .map(drop)
}

async fn save(transaction: &mut Transaction<'_>, row: &ActionRow) -> Result<(), sqlx::Error> {
    let (hresult, event, version, status) = columns(row.action.state);
    sqlx::query(
        "UPDATE action SET state = ?, since = ?, hresult = ?, event = ?, version = ?, status = ?,
         sent = ?, accepted = ? WHERE number = ?",
    )
    .bind(row.action.state.as_str())
    .bind(ticks(row.action.since))
    .bind(hresult)
    .bind(event)
    .bind(version)
    .bind(status)
    .bind(row.sent.map(ticks))
    .bind(row.accepted.map(ticks))
    .bind(row.number)
    .execute(&mut *transaction.connection)
    .await
    .map(drop)
}

impl Store {
    /// Whether an action waits for the device that is due.
    pub(crate) async fn has_pending(&self, device: DeviceId, now: FileTime) -> Result<bool, StoreError> {
        let found: Option<i64> = sqlx::query_scalar(
            "SELECT 1 FROM action WHERE device = ? AND state = 'pending' AND expires > ?
             AND (not_before IS NULL OR not_before <= ?) LIMIT 1",
        )
        .bind(blob(device.0))
        .bind(ticks(now))
        .bind(ticks(now))
        .fetch_optional(&self.readers)
        .await?;
        Ok(found.is_some())
    }

    /// The actions of a device, newest first, as they stand at `now`.
    pub(crate) async fn actions(
        &self,
        device: DeviceId,
        now: FileTime,
    ) -> Result<Vec<ActionRow>, StoreError> {
        let rows = sqlx::query("SELECT * FROM action WHERE device = ? ORDER BY number DESC LIMIT ?")
            .bind(blob(device.0))
            .bind(SHOWN_MAX)
            .fetch_all(&self.readers)
            .await?;
        let mut rows = rows.iter().map(ActionRow::from_row).collect::<Result<Vec<_>, sqlx::Error>>()?;
        for row in &mut rows {
            row.action.expire(now);
        }
        Ok(rows)
    }
}
