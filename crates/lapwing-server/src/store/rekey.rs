//! Replacing the key-encryption key: every record's key and every private key is wrapped anew, in one transaction.

use lapwing_core::types::{DeviceId, TenantId};

use super::{
    Change, OperatorRow, Transaction,
    directory::set_meta,
    row::{HeldRow, blob, guid},
};
use crate::{
    keys::{
        KeyError,
        envelope::{Binding, Kek},
    },
    rules::audit::Record,
};

/// Replaces the key-encryption key.
#[derive(Debug)]
pub(crate) struct Rekey {
    pub(crate) tenant: TenantId,
    pub(crate) old: Kek,
    pub(crate) new: Kek,
    pub(crate) record: Record,
}

impl Change for Rekey {
    /// How many passwords were wrapped anew.
    type Outcome = u64;

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<u64, sqlx::Error> {
        self.rewrap_server_keys(transaction).await?;
        self.rewrap_authenticators(transaction).await?;
        let count = self.rewrap_passwords(transaction).await?;
        set_meta(transaction, "kek", &self.new.id().to_string()).await?;
        self.record.detail = format!("{count} passwords, new key {}", self.new.id());
        transaction.audit(&self.record).await?;
        Ok(count)
    }
}

impl Rekey {
    fn rewrap(&self, wrapped: &[u8], binding: Binding<'_>) -> Result<Vec<u8>, sqlx::Error> {
        let damaged = |error: KeyError| sqlx::Error::Decode(Box::new(error));
        let key = self.old.unwrap(wrapped, binding).map_err(damaged)?;
        self.new.wrap(&key, binding).map_err(damaged)
    }

    async fn rewrap_server_keys(&self, transaction: &mut Transaction<'_>) -> Result<(), sqlx::Error> {
        let rows = sqlx::query("SELECT name, wrapped FROM server_key")
            .fetch_all(&mut *transaction.connection)
            .await?;
        for row in rows {
            let name: &str = sqlx::Row::try_get(&row, "name")?;
            let wrapped = self
                .rewrap(sqlx::Row::try_get(&row, "wrapped")?, Binding::Key { tenant: self.tenant, name })?;
            sqlx::query("UPDATE server_key SET wrapped = ? WHERE name = ?")
                .bind(wrapped)
                .bind(name)
                .execute(&mut *transaction.connection)
                .await?;
        }
        Ok(())
    }

    async fn rewrap_authenticators(&self, transaction: &mut Transaction<'_>) -> Result<(), sqlx::Error> {
        let rows = sqlx::query("SELECT * FROM operator WHERE totp IS NOT NULL")
            .fetch_all(&mut *transaction.connection)
            .await?;
        for row in rows {
            let operator = OperatorRow::from_row(&row)?;
            let binding = Binding::Totp { tenant: self.tenant, operator: operator.name };
            let wrapped = self.rewrap(&operator.totp.unwrap_or_default(), binding)?;
            sqlx::query("UPDATE operator SET totp = ? WHERE name = ?")
                .bind(wrapped)
                .bind(operator.name.as_str())
                .execute(&mut *transaction.connection)
                .await?;
        }
        Ok(())
    }

    async fn rewrap_passwords(&self, transaction: &mut Transaction<'_>) -> Result<u64, sqlx::Error> {
        let devices = sqlx::query("SELECT id FROM device").fetch_all(&mut *transaction.connection).await?;
        let mut count = 0_u64;
        for row in devices {
            let device = DeviceId(guid(&row, "id")?);
            let rows = sqlx::query(
                "SELECT sequence, version, sealed_sha256, receipt, account, stored, expiry, wrapped_key
                 FROM password WHERE device = ?",
            )
            .bind(blob(device.0))
            .fetch_all(&mut *transaction.connection)
            .await?;
            for row in rows {
                let held = HeldRow::from_row(&row)?;
                let binding = Binding::Password {
                    tenant: self.tenant,
                    device,
                    version: held.version,
                    account: &held.account,
                };
                let wrapped = self.rewrap(sqlx::Row::try_get(&row, "wrapped_key")?, binding)?;
                sqlx::query("UPDATE password SET wrapped_key = ? WHERE device = ? AND sequence = ?")
                    .bind(wrapped)
                    .bind(blob(device.0))
                    .bind(held.sequence)
                    .execute(&mut *transaction.connection)
                    .await?;
                count = count.saturating_add(1);
            }
        }
        Ok(count)
    }
}
