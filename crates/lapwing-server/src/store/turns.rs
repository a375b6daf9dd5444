//! Which runs of the agent have stored passwords for a device.

use core::net::IpAddr;

use lapwing_core::types::{DeviceId, FileTime, InstanceId};
use sqlx::{Row as _, SqliteConnection, sqlite::SqliteRow};

use super::{
    Store, StoreError, Transaction,
    row::{blob, damaged, guid, ticks, time},
};
use crate::rules::{
    audit::{Activity, Actor, Record},
    instances::{self, Turn},
};

/// Who stores.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) instance: InstanceId,
    pub(crate) address: IpAddr,
}

impl Store {
    /// The turns of a device, oldest first.
    pub(crate) async fn turns(&self, device: DeviceId) -> Result<Vec<Turn>, StoreError> {
        let mut connection = self.readers.acquire().await?;
        Ok(read(&mut connection, device).await?)
    }
}

/// Notes who has stored a password; a second host with the device's identity is marked and audited.
pub(super) async fn note(
    transaction: &mut Transaction<'_>,
    device: DeviceId,
    seen: Seen,
    now: FileTime,
) -> Result<(), sqlx::Error> {
    let mut turns = read(transaction.connection, device).await?;
    let returns = instances::note(&mut turns, seen.instance, seen.address, now);
    forget(transaction, device).await?;
    for (place, turn) in (0_i64..).zip(&turns) {
        sqlx::query("INSERT INTO device_turn (device, place, instance, address, first, last) VALUES (?, ?, ?, ?, ?, ?)")
            .bind(blob(device.0))
            .bind(place)
            .bind(blob(turn.instance.0))
            .bind(turn.address.to_string())
            .bind(ticks(turn.first))
            .bind(ticks(turn.last))
            .execute(&mut *transaction.connection)
            .await?;
    }
    if !returns {
        return Ok(());
    }
    sqlx::query("UPDATE device SET shared = ? WHERE id = ?")
        .bind(ticks(now))
        .bind(blob(device.0))
        .execute(&mut *transaction.connection)
        .await?;
    let sharers = instances::sharers(&turns);
    let hosts: Vec<_> = sharers.iter().map(|turn| format!("{} from {}", turn.last, turn.address)).collect();
    let record = Record {
        time: now,
        actor: Actor::Server,
        activity: Activity::FindSharedIdentity,
        target: device.to_string(),
        refusal: None,
        detail: format!("stored by turns: {}", hosts.join(", ")),
    };
    transaction.audit(&record).await.map(drop)
}

/// Forgets them: an operator has looked, or one is to begin anew.
pub(super) async fn forget(transaction: &mut Transaction<'_>, device: DeviceId) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM device_turn WHERE device = ?")
        .bind(blob(device.0))
        .execute(&mut *transaction.connection)
        .await
        .map(drop)
}

async fn read(connection: &mut SqliteConnection, device: DeviceId) -> Result<Vec<Turn>, sqlx::Error> {
    let rows =
        sqlx::query("SELECT instance, address, first, last FROM device_turn WHERE device = ? ORDER BY place")
            .bind(blob(device.0))
            .fetch_all(connection)
            .await?;
    rows.iter().map(turn).collect()
}

fn turn(row: &SqliteRow) -> Result<Turn, sqlx::Error> {
    let address: &str = row.try_get("address")?;
    Ok(Turn {
        instance: InstanceId(guid(row, "instance")?),
        address: address.parse().map_err(|_| damaged("address"))?,
        first: time(row, "first")?,
        last: time(row, "last")?,
    })
}
