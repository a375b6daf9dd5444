//! The keys of devices' certificates: the one in use, and the one that a renewal has brought.

use lapwing_core::types::DeviceId;

use super::{
    Change, Store, StoreError, Transaction,
    row::{blob, bytes, bytes_or_null},
};
use crate::rules::{audit::Record, certificate::Key};

/// SHA-256 of subject public key infos.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DeviceKeys {
    current: [u8; 32],
    next: Option<[u8; 32]>,
}

impl DeviceKeys {
    /// Whose a key is.
    pub(crate) fn find(&self, key: &[u8; 32]) -> Key {
        if self.current == *key {
            Key::Current
        } else if self.next == Some(*key) {
            Key::Next
        } else {
            Key::Other
        }
    }
}

impl Store {
    /// The keys of a device that was not deleted.
    pub(crate) async fn device_keys(&self, device: DeviceId) -> Result<Option<DeviceKeys>, StoreError> {
        let row =
            sqlx::query("SELECT key_sha256, next_key_sha256 FROM device WHERE id = ? AND deleted IS NULL")
                .bind(blob(device.0))
                .fetch_optional(&self.readers)
                .await?;
        let keys = row.map(|row| {
            Ok::<_, sqlx::Error>(DeviceKeys {
                current: bytes(&row, "key_sha256")?,
                next: bytes_or_null(&row, "next_key_sha256")?,
            })
        });
        Ok(keys.transpose()?)
    }
}

/// Writes down the key that a device asks to have certified, in place of an earlier one that was never used.
#[derive(Debug)]
pub(crate) struct OfferKey {
    pub(crate) device: DeviceId,
    pub(crate) key_sha256: [u8; 32],
    pub(crate) record: Record,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OfferOutcome {
    Offered,
    /// The device is unknown or disabled.
    Refused,
    /// The key is that of a device already, be it this one's.
    Known,
}

impl Change for OfferKey {
    type Outcome = OfferOutcome;

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<OfferOutcome, sqlx::Error> {
        let known: Option<i64> =
            sqlx::query_scalar("SELECT 1 FROM device WHERE key_sha256 = ? AND deleted IS NULL")
                .bind(&self.key_sha256[..])
                .fetch_optional(&mut *transaction.connection)
                .await?;
        let outcome = if known.is_some() {
            OfferOutcome::Known
        } else {
            let offered = sqlx::query(
                "UPDATE device SET next_key_sha256 = ? WHERE id = ? AND enabled = 1 AND deleted IS NULL",
            )
            .bind(&self.key_sha256[..])
            .bind(blob(self.device.0))
            .execute(&mut *transaction.connection)
            .await?;
            if offered.rows_affected() > 0 { OfferOutcome::Offered } else { OfferOutcome::Refused }
        };
        self.record.refusal = match outcome {
            OfferOutcome::Offered => None,
            OfferOutcome::Refused => Some("the device is unknown or disabled".to_owned()),
            OfferOutcome::Known => Some("the key is that of a device already".to_owned()),
        };
        transaction.audit(&self.record).await?;
        Ok(outcome)
    }
}

/// Makes the next key the device's, for it was used: the certificate before is replaced.
#[derive(Debug)]
pub(crate) struct ReplaceDeviceKey {
    pub(crate) device: DeviceId,
    pub(crate) key_sha256: [u8; 32],
    pub(crate) record: Record,
}

impl Change for ReplaceDeviceKey {
    /// Whether this did it: of two first uses at once one does.
    type Outcome = bool;

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<bool, sqlx::Error> {
        let replaced = sqlx::query(
            "UPDATE device SET key_sha256 = next_key_sha256, next_key_sha256 = NULL
             WHERE id = ? AND next_key_sha256 = ? AND enabled = 1 AND deleted IS NULL",
        )
        .bind(blob(self.device.0))
        .bind(&self.key_sha256[..])
        .execute(&mut *transaction.connection)
        .await?
        .rows_affected()
            > 0;
        if replaced {
            transaction.audit(&self.record).await?;
        }
        Ok(replaced)
    }
}
