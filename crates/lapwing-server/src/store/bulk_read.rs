//! Reading bulk rotations.

use std::collections::BTreeSet;

use lapwing_core::{
    management::QueuedAction,
    types::{BulkRotationId, DeviceId, FileTime},
};
use sqlx::{QueryBuilder, Row as _, Sqlite, sqlite::SqliteRow};

use super::{
    ActionRow, Among, DeviceRow, Store, StoreError, Window,
    row::{blob, damaged, guid, ticks, time},
};
use crate::rules::bulk::{BulkStanding, BulkState, Counts, Pace, Progress, Reason, Selection};

/// Which devices of a bulk rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BulkPart {
    /// Only those after this place.
    pub(crate) after: i64,
    /// Only those that stand so.
    pub(crate) standing: Option<BulkStanding>,
    /// At most so many.
    pub(crate) len_max: i64,
}

impl BulkPart {
    pub(crate) const ALL: Self = Self { after: -1, standing: None, len_max: i64::MAX };
}

/// How a device of a bulk rotation stands, at the time that is bound between the two.
const STANDING: [&str; 2] = [
    "CASE WHEN a.state = 'pending' AND a.expires <= ",
    " THEN 'expired' ELSE coalesce(a.state, b.standing) END",
];

/// A bulk rotation and how it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BulkRow {
    pub(crate) id: BulkRotationId,
    pub(crate) requested: FileTime,
    pub(crate) requested_by: String,
    pub(crate) selection: Selection,
    pub(crate) pace: Pace,
    pub(crate) reason: Reason,
    pub(crate) since: FileTime,
    pub(crate) progress: Progress,
}

/// One of its devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BulkDeviceRow {
    /// Whoever has a lower one is asked earlier.
    pub(crate) place: i64,
    pub(crate) device: DeviceId,
    pub(crate) name: String,
    pub(crate) is_canary: bool,
    /// `waiting`, `skipped`, `cancelled`; `asked` if there is an action, which says more.
    pub(crate) standing: String,
    pub(crate) since: FileTime,
    pub(crate) detail: String,
    pub(crate) action: Option<QueuedAction>,
}

pub(super) fn pace(row: &SqliteRow) -> Result<Pace, sqlx::Error> {
    Pace::parse(row.try_get("per_minute")?, row.try_get("stop_at")?).map_err(|_| damaged("per_minute"))
}

fn count(row: &SqliteRow, column: &'static str) -> Result<u64, sqlx::Error> {
    u64::try_from(row.try_get::<i64, _>(column)?).map_err(|_| damaged(column))
}

fn bulk(row: &SqliteRow) -> Result<BulkRow, sqlx::Error> {
    let state: &str = row.try_get("state")?;
    let state = BulkState::ALL.into_iter().find(|known| known.as_str() == state);
    let devices: &str = row.try_get("devices")?;
    Ok(BulkRow {
        id: BulkRotationId(guid(row, "id")?),
        requested: time(row, "requested")?,
        requested_by: row.try_get("requested_by")?,
        selection: devices.parse().map_err(|_| damaged("devices"))?,
        pace: pace(row)?,
        reason: row.try_get::<&str, _>("reason")?.parse().map_err(|_| damaged("reason"))?,
        since: time(row, "since")?,
        progress: Progress {
            state: state.ok_or_else(|| damaged("state"))?,
            past_canaries: row.try_get("past_canaries")?,
            all: Counts::default(),
            canaries: Counts::default(),
            ended_before: count(row, "ended_before")?,
            failures_before: count(row, "failures_before")?,
        },
    })
}

/// Counts so many devices that stand so.
fn add(counts: &mut Counts, standing: &str, devices: u64) -> Result<(), sqlx::Error> {
    let standing = BulkStanding::ALL.into_iter().find(|known| known.words().contains(&standing));
    *counts.of_mut(standing.ok_or_else(|| damaged("standing"))?) += devices;
    Ok(())
}

impl Store {
    /// The enabled devices of a selection, those first that were there last.
    pub(crate) async fn selected(&self, selection: &Selection) -> Result<Vec<DeviceRow>, StoreError> {
        let members = self.members().await?.into_iter().filter(|member| selection.contains(member));
        let ids: BTreeSet<DeviceId> = members.map(|member| member.device).collect();
        let mut devices = self.devices_among(&Among::Window(Window::ALL)).await?;
        devices.retain(|device| device.enabled && ids.contains(&device.id));
        devices.sort_by_key(|device| (core::cmp::Reverse(device.last_contact), device.id));
        Ok(devices)
    }

    /// Bulk rotations, newest first, as they stand at `now`.
    pub(crate) async fn bulk_rotations(
        &self,
        now: FileTime,
        len_max: i64,
    ) -> Result<Vec<BulkRow>, StoreError> {
        let query = sqlx::query("SELECT * FROM bulk_rotation ORDER BY requested DESC, id LIMIT ?");
        self.with_counts(query.bind(len_max).fetch_all(&self.readers).await?, now).await
    }

    /// Those that are not over.
    pub(crate) async fn open_bulk_rotations(&self, now: FileTime) -> Result<Vec<BulkRow>, StoreError> {
        let query =
            sqlx::query("SELECT * FROM bulk_rotation WHERE state IN ('running', 'paused', 'stopped')");
        self.with_counts(query.fetch_all(&self.readers).await?, now).await
    }

    /// One of them.
    pub(crate) async fn bulk_rotation(
        &self,
        id: BulkRotationId,
        now: FileTime,
    ) -> Result<Option<BulkRow>, StoreError> {
        let query = sqlx::query("SELECT * FROM bulk_rotation WHERE id = ?").bind(blob(id.0));
        Ok(self.with_counts(query.fetch_all(&self.readers).await?, now).await?.pop())
    }

    async fn with_counts(&self, rows: Vec<SqliteRow>, now: FileTime) -> Result<Vec<BulkRow>, StoreError> {
        let mut rotations = rows.iter().map(bulk).collect::<Result<Vec<_>, _>>()?;
        let standing = STANDING.join("?");
        for rotation in &mut rotations {
            let counts = sqlx::query(sqlx::AssertSqlSafe(format!(
                "SELECT b.is_canary, count(*) AS devices, {standing} AS standing
                 FROM bulk_rotation_device b LEFT JOIN action a ON a.id = b.action
                 WHERE b.rotation = ? GROUP BY 1, 3"
            )))
            .bind(ticks(now))
            .bind(blob(rotation.id.0))
            .fetch_all(&self.readers)
            .await?;
            for row in &counts {
                let (standing, devices) = (row.try_get("standing")?, count(row, "devices")?);
                add(&mut rotation.progress.all, standing, devices)?;
                if row.try_get("is_canary")? {
                    add(&mut rotation.progress.canaries, standing, devices)?;
                }
            }
        }
        Ok(rotations)
    }

    /// Devices of a bulk rotation in the order in which they are asked, as they stand at `now`.
    pub(crate) async fn bulk_devices(
        &self,
        rotation: BulkRotationId,
        now: FileTime,
        part: &BulkPart,
    ) -> Result<Vec<BulkDeviceRow>, StoreError> {
        let mut sql: QueryBuilder<Sqlite> = QueryBuilder::new(
            "SELECT b.device AS member, d.display_name, b.place, b.is_canary, b.standing,
             b.since AS standing_since, b.detail, a.* FROM bulk_rotation_device b JOIN device d ON d.id = b.device
             LEFT JOIN action a ON a.id = b.action WHERE b.rotation = ",
        );
        sql.push_bind(blob(rotation.0)).push(" AND b.place > ").push_bind(part.after);
        if let Some(standing) = part.standing {
            let [before, after] = STANDING;
            sql.push(" AND ").push(before).push_bind(ticks(now)).push(after).push(" IN (");
            let mut words = sql.separated(", ");
            for word in standing.words() {
                words.push_bind(*word);
            }
            sql.push(")");
        }
        sql.push(" ORDER BY b.place LIMIT ").push_bind(part.len_max);
        let rows = sql.build().fetch_all(&self.readers).await?;
        let device = |row: &SqliteRow| {
            let standing: String = row.try_get("standing")?;
            let action = if standing == "asked" {
                let mut action = ActionRow::from_row(row)?.action;
                action.expire(now);
                Some(action)
            } else {
                None
            };
            Ok(BulkDeviceRow {
                place: row.try_get("place")?,
                device: DeviceId(guid(row, "member")?),
                name: row.try_get("display_name")?,
                is_canary: row.try_get("is_canary")?,
                since: time(row, "standing_since")?,
                detail: row.try_get("detail")?,
                standing,
                action,
            })
        };
        Ok(rows.iter().map(device).collect::<Result<_, sqlx::Error>>()?)
    }
}
