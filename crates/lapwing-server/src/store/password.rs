//! Storing a password.

use lapwing_core::types::{AccountName, DeviceId, FileTime, PasswordVersion};
use sqlx::{Row as _, sqlite::SqliteRow};

use super::{
    Change, Transaction,
    reveal::void_answered,
    row::{HeldRow, blob, ticks, version_or_null},
    turns::{self, Seen},
};
use crate::{
    keys::envelope::SealedRecord,
    rules::{
        audit::Record,
        history::{self, Decision, Held, Offer},
    },
};

/// Stores a password if the device may and the directory holds what the device expects.
#[derive(Debug)]
pub(crate) struct StorePassword {
    pub(crate) device: DeviceId,
    pub(crate) account: AccountName,
    pub(crate) expiry: FileTime,
    pub(crate) form: Form,
    /// Which run of the agent stores, if it says so.
    pub(crate) seen: Option<Seen>,
    pub(crate) sealed: SealedRecord,
    pub(crate) record: Record,
}

/// The two forms of an upload.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Form {
    /// Windows': no version, no comparison.
    Plain,
    /// Ours, with the receipt that is good once this is durable.
    Sealed { offer: Offer, receipt: [u8; 64] },
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StoreOutcome {
    /// Held durably, now or already before.
    Held(HeldRow),
    /// Something else is held.
    Mismatch(Option<HeldRow>),
    Reused,
    Full,
    UnknownDevice,
    Disabled,
    SwitchedOff,
}

impl StoreOutcome {
    const fn refusal(&self) -> Option<&'static str> {
        match self {
            Self::Held(_) => None,
            Self::Mismatch(_) => Some("another version is held"),
            Self::Reused => Some("the version was used for another password"),
            Self::Full => Some("too many passwords since the one in force"),
            Self::UnknownDevice => Some("the device is unknown"),
            Self::Disabled => Some("the device is disabled"),
            Self::SwitchedOff => Some("the tenant's switch is off"),
        }
    }
}

impl Change for StorePassword {
    type Outcome = StoreOutcome;

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<StoreOutcome, sqlx::Error> {
        let outcome = self.store(transaction).await?;
        self.record.refusal = outcome.refusal().map(str::to_owned);
        transaction.audit(&self.record).await?;
        Ok(outcome)
    }
}

impl StorePassword {
    async fn store(&self, transaction: &mut Transaction<'_>) -> Result<StoreOutcome, sqlx::Error> {
        let found = device_and_held(transaction, self.device).await?;
        let Some(device) = found.first() else { return Ok(StoreOutcome::UnknownDevice) };
        if device.try_get::<Option<&str>, _>("switch")? != Some("true") {
            return Ok(StoreOutcome::SwitchedOff);
        }
        if !device.try_get::<bool, _>("enabled")? {
            return Ok(StoreOutcome::Disabled);
        }
        let in_force = version_or_null(device, "in_force")?;
        let rows = held(&found)?;
        let held: Vec<Held> = rows
            .iter()
            .map(|row| Held {
                sequence: row.sequence,
                version: row.version,
                sealed_sha256: row.sealed_sha256,
            })
            .collect();
        let decision = match &self.form {
            Form::Plain => history::decide_plain(&held, in_force),
            Form::Sealed { offer, .. } => history::decide(&held, offer),
        };
        match decision {
            Decision::Store { drop } => {
                let next = rows.last().map_or(1, |row| row.sequence.saturating_add(1));
                self.insert(transaction, next, &drop).await.map(StoreOutcome::Held)
            }
            Decision::Repeat { sequence } => {
                let same = rows.into_iter().find(|row| row.sequence == sequence);
                Ok(same.map_or(StoreOutcome::Reused, StoreOutcome::Held))
            }
            Decision::Mismatch => Ok(StoreOutcome::Mismatch(rows.into_iter().next_back())),
            Decision::Reused => Ok(StoreOutcome::Reused),
            Decision::Full => Ok(StoreOutcome::Full),
        }
    }

    async fn insert(
        &self,
        transaction: &mut Transaction<'_>,
        sequence: i64,
        drop: &[i64],
    ) -> Result<HeldRow, sqlx::Error> {
        let (offer, receipt) = match self.form {
            Form::Plain => (None, None),
            Form::Sealed { offer, receipt } => (Some(offer), Some(receipt)),
        };
        for sequence in drop {
            sqlx::query("DELETE FROM password WHERE device = ? AND sequence = ?")
                .bind(blob(self.device.0))
                .bind(sequence)
                .execute(&mut *transaction.connection)
                .await?;
        }
        let row = HeldRow {
            sequence,
            version: offer.map(|offer| offer.version),
            sealed_sha256: offer.map(|offer| offer.sealed_sha256),
            receipt,
            account: self.account.clone(),
            stored: self.record.time,
            expiry: self.expiry,
        };
        sqlx::query(
            "INSERT INTO password (device, sequence, version, sealed_sha256, receipt, account, stored, expiry,
                                   wrapped_key, ciphertext)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(blob(self.device.0))
        .bind(row.sequence)
        .bind(row.version.map(|version| blob(version.0)))
        .bind(row.sealed_sha256.map(|digest| digest.to_vec()))
        .bind(row.receipt.map(|receipt| receipt.to_vec()))
        .bind(row.account.as_str())
        .bind(ticks(row.stored))
        .bind(ticks(row.expiry))
        .bind(&self.sealed.wrapped_key)
        .bind(&self.sealed.ciphertext)
        .execute(&mut *transaction.connection)
        .await?;
        void_answered(transaction, self.device, row.sequence, row.stored).await?;
        if let Some(seen) = self.seen {
            turns::note(transaction, self.device, seen, self.record.time).await?;
        }
        if let Some(offer) = offer {
            set_in_force(transaction, self.device, offer.in_force).await?;
        }
        Ok(row)
    }
}

async fn set_in_force(
    transaction: &mut Transaction<'_>,
    device: DeviceId,
    in_force: Option<PasswordVersion>,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE device SET in_force = ?1 WHERE id = ?2 AND in_force IS NOT ?1")
        .bind(in_force.map(|version| blob(version.0)))
        .bind(blob(device.0))
        .execute(&mut *transaction.connection)
        .await
        .map(drop)
}

/// The device and the passwords it holds, oldest first, in one statement: one row with nothing held if it holds none, and
/// no row without a device.
async fn device_and_held(
    transaction: &mut Transaction<'_>,
    device: DeviceId,
) -> Result<Vec<SqliteRow>, sqlx::Error> {
    sqlx::query(
        "SELECT d.enabled, d.in_force, (SELECT value FROM meta WHERE name = 'laps_enabled') AS switch,
                p.sequence, p.version, p.sealed_sha256, p.receipt, p.account, p.stored, p.expiry
         FROM device d LEFT JOIN password p ON p.device = d.id
         WHERE d.id = ? AND d.deleted IS NULL ORDER BY p.sequence",
    )
    .bind(blob(device.0))
    .fetch_all(&mut *transaction.connection)
    .await
}

fn held(found: &[SqliteRow]) -> Result<Vec<HeldRow>, sqlx::Error> {
    let is_held = |row: &&SqliteRow| !matches!(row.try_get::<Option<i64>, _>("sequence"), Ok(None));
    found.iter().filter(is_held).map(HeldRow::from_row).collect()
}
