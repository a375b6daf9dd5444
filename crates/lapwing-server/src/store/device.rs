//! Devices come, change and go.

use lapwing_core::types::{DeviceId, Guid};

use super::{
    Change, DeviceRow, Transaction,
    action::cancel_pending,
    row::{blob, guid, ticks},
    turns,
};
use crate::rules::audit::Record;

/// A device as it joins.
#[derive(Debug, Clone)]
pub(crate) struct NewDevice {
    pub(crate) id: DeviceId,
    pub(crate) object_id: Guid,
    pub(crate) display_name: String,
    pub(crate) os: String,
    pub(crate) os_version: String,
    /// SHA-256 of its subject public key info.
    pub(crate) key_sha256: [u8; 32],
}

/// Adds a device by an enrolment token, and counts the token's use.
#[derive(Debug)]
pub(crate) struct JoinDevice {
    pub(crate) secret_sha256: [u8; 32],
    pub(crate) device: NewDevice,
    /// The device asks for the id that its key had before, as after a lost answer; this counts no use.
    pub(crate) reuse: bool,
    pub(crate) record: Record,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JoinOutcome {
    Joined {
        device: DeviceId,
        token: Guid,
    },
    /// Unknown, ended or used up; which one is in the audit log alone.
    TokenRefused,
}

impl Change for JoinDevice {
    type Outcome = JoinOutcome;

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<JoinOutcome, sqlx::Error> {
        let outcome = self.join(transaction).await?;
        match outcome {
            JoinOutcome::Joined { device, .. } => self.record.target = device.to_string(),
            JoinOutcome::TokenRefused => {
                self.record.refusal = Some("the enrolment token is unknown, ended or used up".to_owned());
            }
        }
        transaction.audit(&self.record).await?;
        Ok(outcome)
    }
}

impl JoinDevice {
    async fn join(&self, transaction: &mut Transaction<'_>) -> Result<JoinOutcome, sqlx::Error> {
        let token =
            sqlx::query("SELECT id, uses_left FROM enrolment_token WHERE secret_sha256 = ? AND expires > ?")
                .bind(&self.secret_sha256[..])
                .bind(ticks(self.record.time))
                .fetch_optional(&mut *transaction.connection)
                .await?;
        let Some(token) = token else { return Ok(JoinOutcome::TokenRefused) };
        let uses_left: u32 = sqlx::Row::try_get(&token, "uses_left")?;
        let token = guid(&token, "id")?;
        if self.reuse
            && let Some(device) = self.device_with_same_key(transaction).await?
        {
            return Ok(JoinOutcome::Joined { device, token });
        }
        if uses_left == 0 {
            return Ok(JoinOutcome::TokenRefused);
        }
        sqlx::query("UPDATE enrolment_token SET uses_left = uses_left - 1 WHERE id = ?")
            .bind(blob(token))
            .execute(&mut *transaction.connection)
            .await?;
        self.insert(transaction).await?;
        Ok(JoinOutcome::Joined { device: self.device.id, token })
    }

    async fn device_with_same_key(
        &self,
        transaction: &mut Transaction<'_>,
    ) -> Result<Option<DeviceId>, sqlx::Error> {
        let row =
            sqlx::query("SELECT id FROM device WHERE key_sha256 = ? AND deleted IS NULL AND enabled = 1")
                .bind(&self.device.key_sha256[..])
                .fetch_optional(&mut *transaction.connection)
                .await?;
        row.map(|row| guid(&row, "id").map(DeviceId)).transpose()
    }

    async fn insert(&self, transaction: &mut Transaction<'_>) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO device (id, object_id, display_name, os, os_version, key_sha256, enabled, created)
             VALUES (?, ?, ?, ?, ?, ?, 1, ?)",
        )
        .bind(blob(self.device.id.0))
        .bind(blob(self.device.object_id))
        .bind(&self.device.display_name)
        .bind(&self.device.os)
        .bind(&self.device.os_version)
        .bind(&self.device.key_sha256[..])
        .bind(ticks(self.record.time))
        .execute(&mut *transaction.connection)
        .await
        .map(drop)
    }
}

/// Removes a device; its passwords stay.
#[derive(Debug)]
pub(crate) struct DeleteDevice {
    pub(crate) device: DeviceId,
    pub(crate) record: Record,
}

impl Change for DeleteDevice {
    /// Whether there was one.
    type Outcome = bool;

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<bool, sqlx::Error> {
        let deleted =
            sqlx::query("UPDATE device SET deleted = ?, enabled = 0 WHERE id = ? AND deleted IS NULL")
                .bind(ticks(self.record.time))
                .bind(blob(self.device.0))
                .execute(&mut *transaction.connection)
                .await?
                .rows_affected()
                > 0;
        cancel_pending(transaction, self.device, self.record.time).await?;
        self.record.refusal = (!deleted).then(|| "the device is unknown".to_owned());
        transaction.audit(&self.record).await?;
        Ok(deleted)
    }
}

/// Lets a device in or keeps it out.
#[derive(Debug)]
pub(crate) struct EnableDevice {
    pub(crate) device: DeviceId,
    pub(crate) enabled: bool,
    pub(crate) record: Record,
}

impl Change for EnableDevice {
    /// The device, if there is one.
    type Outcome = Option<DeviceRow>;

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<Option<DeviceRow>, sqlx::Error> {
        let row = sqlx::query("UPDATE device SET enabled = ?1, shared = iif(?1, NULL, shared) WHERE id = ?2 AND deleted IS NULL RETURNING *")
            .bind(self.enabled)
            .bind(blob(self.device.0))
            .fetch_optional(&mut *transaction.connection)
            .await?;
        if self.enabled {
            // Whoever lets it in has looked who it is.
            turns::forget(transaction, self.device).await?;
        } else {
            cancel_pending(transaction, self.device, self.record.time).await?;
        }
        self.record.refusal = row.is_none().then(|| "the device is unknown".to_owned());
        transaction.audit(&self.record).await?;
        row.map(|row| DeviceRow::from_row(&row)).transpose()
    }
}
