//! What devices say of their policies: the one that each holds whole, and the one that it would not take.

use std::collections::BTreeMap;

use lapwing_core::types::{DeviceId, FileTime, PolicyId};
use sqlx::{Row as _, SqliteConnection, sqlite::SqliteRow};

use super::{
    Change, Store, StoreError, Transaction,
    row::{blob, guid, ticks, time},
};
use crate::rules::{audit::Record, policy_assignment::PolicyVersion, policy_standing::Said};

/// A version that a device would not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) version: PolicyVersion,
    /// The status that it answered.
    pub(crate) status: u16,
    pub(crate) at: FileTime,
}

fn version(row: &SqliteRow) -> Result<PolicyVersion, sqlx::Error> {
    Ok(PolicyVersion { policy: PolicyId(guid(row, "policy")?), number: row.try_get("number")? })
}

/// The last policy that a device holds whole by its own word, and since when.
pub(super) async fn told(
    connection: &mut SqliteConnection,
    device: DeviceId,
) -> Result<Option<(PolicyVersion, FileTime)>, sqlx::Error> {
    let row = sqlx::query("SELECT policy, number, told FROM device_policy WHERE device = ?")
        .bind(blob(device.0))
        .fetch_optional(connection)
        .await?;
    row.map(|row| Ok((version(&row)?, time(&row, "told")?))).transpose()
}

/// The policy that a device would not take, if it has taken none since.
pub(super) async fn refusal(
    connection: &mut SqliteConnection,
    device: DeviceId,
) -> Result<Option<Refusal>, sqlx::Error> {
    let row =
        sqlx::query("SELECT policy, number, status, refused FROM device_policy_refusal WHERE device = ?")
            .bind(blob(device.0))
            .fetch_optional(connection)
            .await?;
    let refusal = |row: SqliteRow| {
        Ok(Refusal { version: version(&row)?, status: row.try_get("status")?, at: time(&row, "refused")? })
    };
    row.map(refusal).transpose()
}

impl Store {
    /// What every device that said anything of its policy has said.
    pub(crate) async fn policies_said(&self) -> Result<BTreeMap<DeviceId, Said>, StoreError> {
        let mut said = BTreeMap::<DeviceId, Said>::new();
        let mut moment = self.readers.begin().await?;
        let told = sqlx::query("SELECT device, policy, number FROM device_policy").fetch_all(&mut *moment);
        for row in &told.await? {
            said.entry(DeviceId(guid(row, "device")?)).or_default().told = Some(version(row)?);
        }
        let refused = sqlx::query("SELECT device, policy, number FROM device_policy_refusal");
        for row in &refused.fetch_all(&mut *moment).await? {
            said.entry(DeviceId(guid(row, "device")?)).or_default().refused = Some(version(row)?);
        }
        Ok(said)
    }
}

/// Notes what a device holds whole by its own word: a version, or no policy of ours.
#[derive(Debug)]
pub(crate) struct NoteTold {
    pub(crate) device: DeviceId,
    pub(crate) told: Option<PolicyVersion>,
    pub(crate) record: Record,
}

impl Change for NoteTold {
    type Outcome = ();

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<(), sqlx::Error> {
        match self.told {
            None => {
                sqlx::query("DELETE FROM device_policy WHERE device = ?")
                    .bind(blob(self.device.0))
                    .execute(&mut *transaction.connection)
                    .await?;
            }
            Some(version) => {
                sqlx::query(
                    "INSERT INTO device_policy (device, policy, number, told) VALUES (?, ?, ?, ?)
                     ON CONFLICT (device) DO UPDATE
                     SET policy = excluded.policy, number = excluded.number, told = excluded.told",
                )
                .bind(blob(self.device.0))
                .bind(blob(version.policy.0))
                .bind(version.number)
                .bind(ticks(self.record.time))
                .execute(&mut *transaction.connection)
                .await?;
            }
        }
        sqlx::query("DELETE FROM device_policy_refusal WHERE device = ?")
            .bind(blob(self.device.0))
            .execute(&mut *transaction.connection)
            .await?;
        transaction.audit(&self.record).await
    }
}

/// Notes that a device would not take a version.
#[derive(Debug)]
pub(crate) struct NoteRefused {
    pub(crate) device: DeviceId,
    pub(crate) version: PolicyVersion,
    pub(crate) status: u16,
    pub(crate) record: Record,
}

impl Change for NoteRefused {
    type Outcome = ();

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO device_policy_refusal (device, policy, number, status, refused) VALUES (?, ?, ?, ?, ?)
             ON CONFLICT (device) DO UPDATE SET policy = excluded.policy, number = excluded.number,
             status = excluded.status, refused = excluded.refused",
        )
        .bind(blob(self.device.0))
        .bind(blob(self.version.policy.0))
        .bind(self.version.number)
        .bind(self.status)
        .bind(ticks(self.record.time))
        .execute(&mut *transaction.connection)
        .await?;
        transaction.audit(&self.record).await
    }
}
