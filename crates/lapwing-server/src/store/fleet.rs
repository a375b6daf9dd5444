//! The fleet as people look at it: searched, filtered, a page at a time, and counted.

use lapwing_core::types::{DeviceId, FileTime};
use sqlx::{QueryBuilder, Row as _, Sqlite, sqlite::SqliteRow};

use super::{
    Store, StoreError,
    row::{blob, guid, time_or_null, time_or_zero},
};
use crate::rules::fleet::{AGE_BOUNDS, FleetState, ages};

/// What the fleet is ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FleetOrder {
    Name,
    /// Those without a password first, then those overdue longest.
    Expiry,
}

/// The last row of the page before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FleetKey {
    pub(crate) name: String,
    pub(crate) expiry: u64,
    pub(crate) device: DeviceId,
}

/// Which part of the fleet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FleetQuery {
    /// Part of a name, or a whole id.
    pub(crate) search: String,
    pub(crate) state: Option<FleetState>,
    pub(crate) order: FleetOrder,
    pub(crate) after: Option<FleetKey>,
    pub(crate) len_max: u32,
    pub(crate) now: FileTime,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FleetRow {
    pub(crate) device: DeviceId,
    pub(crate) name: String,
    pub(crate) enabled: bool,
    pub(crate) stored: Option<FileTime>,
    pub(crate) expiry: Option<FileTime>,
    pub(crate) last_contact: Option<FileTime>,
    /// When it last showed that two hosts have this identity.
    pub(crate) shared: Option<FileTime>,
}

impl FleetRow {
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            device: DeviceId(guid(row, "device")?),
            name: row.try_get("name")?,
            enabled: row.try_get("enabled")?,
            stored: time_or_zero(row, "stored")?,
            expiry: time_or_zero(row, "expiry")?,
            last_contact: time_or_null(row, "last_contact")?,
            shared: time_or_null(row, "shared")?,
        })
    }

    fn expiry_ticks(&self) -> u64 {
        self.expiry.map_or(0, FileTime::ticks)
    }

    pub(crate) fn state(&self, now: FileTime) -> FleetState {
        FleetState::of(self.enabled, self.expiry_ticks(), now)
    }

    pub(crate) fn key(&self) -> FleetKey {
        FleetKey { name: self.name.clone(), expiry: self.expiry_ticks(), device: self.device }
    }
}

/// How many devices are in each state, in the order of [`FleetState::ALL`].
pub(crate) type Coverage = [u64; FleetState::ALL.len()];

/// How many enabled devices have a password of each age, the youngest first.
pub(crate) type Ages = [u64; AGE_BOUNDS.len() + 1];

impl Store {
    pub(crate) async fn fleet(&self, query: &FleetQuery) -> Result<Vec<FleetRow>, StoreError> {
        let mut sql = select(query, "");
        let rows = sql.build().fetch_all(&self.readers).await?;
        Ok(rows.iter().map(FleetRow::from_row).collect::<Result<_, _>>()?)
    }

    /// Counts the whole fleet in one pass over an index.
    pub(crate) async fn fleet_counts(&self, now: FileTime) -> Result<(Coverage, Ages), StoreError> {
        let mut sql: QueryBuilder<Sqlite> = QueryBuilder::new("SELECT 0");
        for state in FleetState::ALL {
            let expiries = state.expiries(now);
            sql.push(", count(*) FILTER (WHERE enabled = ").push_bind(state.is_enabled());
            sql.push(" AND expiry >= ").push_bind(column(expiries.start));
            sql.push(" AND expiry < ").push_bind(column(expiries.end)).push(")");
        }
        for stored in ages(now) {
            sql.push(", count(*) FILTER (WHERE enabled = 1 AND stored >= ").push_bind(column(stored.start));
            sql.push(" AND stored < ").push_bind(column(stored.end)).push(")");
        }
        sql.push(" FROM fleet INDEXED BY fleet_expiry");
        let row = sql.build().fetch_one(&self.readers).await?;
        let mut counts = (1..row.len()).map(|at| row.try_get::<i64, _>(at));
        let mut next = || -> Result<u64, sqlx::Error> {
            Ok(counts.next().transpose()?.and_then(|count| u64::try_from(count).ok()).unwrap_or(0))
        };
        let (mut coverage, mut ages) = (Coverage::default(), Ages::default());
        for count in coverage.iter_mut().chain(&mut ages) {
            *count = next()?;
        }
        Ok((coverage, ages))
    }
}

/// The statement that reads a page, after `before`.
fn select(query: &FleetQuery, before: &str) -> QueryBuilder<Sqlite> {
    // The fleet first: its indexes give the order, so that only a page's devices are looked up.
    let mut sql: QueryBuilder<Sqlite> = QueryBuilder::new(before);
    sql.push(
        "SELECT f.device, f.name, f.enabled, f.stored, f.expiry, d.last_contact, d.shared
         FROM fleet f CROSS JOIN device d ON d.id = f.device WHERE 1",
    );
    if let Ok(device) = query.search.parse::<DeviceId>() {
        sql.push(" AND f.device = ").push_bind(blob(device.0));
    } else if !query.search.is_empty() {
        sql.push(" AND f.name LIKE ").push_bind(contains(&query.search)).push(" ESCAPE '\\'");
    }
    if let Some(state) = query.state {
        let expiries = state.expiries(query.now);
        sql.push(" AND f.enabled = ").push_bind(state.is_enabled());
        sql.push(" AND f.expiry >= ").push_bind(column(expiries.start));
        sql.push(" AND f.expiry < ").push_bind(column(expiries.end));
    }
    if let Some(after) = &query.after {
        match query.order {
            FleetOrder::Name => sql.push(" AND (f.name, f.device) > (").push_bind(after.name.clone()),
            FleetOrder::Expiry => sql.push(" AND (f.expiry, f.device) > (").push_bind(column(after.expiry)),
        };
        sql.push(", ").push_bind(blob(after.device.0)).push(")");
    }
    sql.push(match query.order {
        FleetOrder::Name => " ORDER BY f.name, f.device LIMIT ",
        FleetOrder::Expiry => " ORDER BY f.expiry, f.device LIMIT ",
    });
    sql.push_bind(query.len_max);
    sql
}

fn column(ticks: u64) -> i64 {
    i64::try_from(ticks).unwrap_or(i64::MAX)
}

/// A pattern for `LIKE` that matches any text with this in it.
pub(super) fn contains(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests;
