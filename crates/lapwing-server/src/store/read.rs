//! Reading. What a reader may see is decided elsewhere, and recorded before it is answered.

use lapwing_core::types::{DeviceId, Guid, TenantId};
use sqlx::Row as _;

use super::{
    ClientRow, CredentialRow, DeviceRow, HeldRow, MetaRow, PasswordRow, Store, StoreError, TokenRow,
    row::{blob, bytes, guid, time},
};
use crate::{
    keys::StoredKey,
    rules::audit::{Entry, Verifier},
};

/// How many audit entries are held in memory at once.
const AUDIT_PAGE: usize = 1000;

/// A part of a collection in the order of its key, so that one page of a million costs one page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    /// The last key before it.
    pub(crate) after: Option<Guid>,
    /// The most rows; all if none is given.
    pub(crate) len_max: Option<u32>,
}

impl Window {
    pub(crate) const ALL: Self = Self { after: None, len_max: None };

    /// As a column: no key is shorter than the empty one.
    pub(super) fn after(&self) -> Vec<u8> {
        self.after.map(blob).unwrap_or_default()
    }

    /// As `LIMIT` takes it: a negative one is none.
    pub(super) fn limit(&self) -> i64 {
        self.len_max.map_or(-1, i64::from)
    }
}

impl Store {
    /// The tenant; none before set-up.
    pub(crate) async fn meta(&self) -> Result<Option<MetaRow>, StoreError> {
        let rows = sqlx::query("SELECT name, value FROM meta").fetch_all(&self.readers).await?;
        let value = |name: &str| {
            rows.iter()
                .find(|row| row.try_get::<&str, _>("name").is_ok_and(|found| found == name))
                .and_then(|row| row.try_get::<String, _>("value").ok())
        };
        let guid_of = |name: &str| value(name).and_then(|text| text.parse::<Guid>().ok());
        Ok(match (guid_of("tenant").map(TenantId), value("tenant_name"), guid_of("kek")) {
            (Some(tenant), Some(tenant_name), Some(kek)) => Some(MetaRow { tenant, tenant_name, kek }),
            _ => None,
        })
    }

    /// The registration policy as JSON.
    pub(crate) async fn policy(&self) -> Result<String, StoreError> {
        Ok(sqlx::query_scalar("SELECT value FROM meta WHERE name = 'policy'")
            .fetch_one(&self.readers)
            .await?)
    }

    pub(crate) async fn keys(&self) -> Result<Vec<StoredKey>, StoreError> {
        let rows =
            sqlx::query("SELECT name, id, public, wrapped FROM server_key").fetch_all(&self.readers).await?;
        let key = |row: &sqlx::sqlite::SqliteRow| {
            Ok(StoredKey {
                name: row.try_get("name")?,
                id: guid(row, "id")?,
                public: row.try_get("public")?,
                wrapped: row.try_get("wrapped")?,
            })
        };
        Ok(rows.iter().map(key).collect::<Result<_, sqlx::Error>>()?)
    }

    /// Also one that was deleted.
    pub(crate) async fn device(&self, id: DeviceId) -> Result<Option<DeviceRow>, StoreError> {
        let row = sqlx::query("SELECT * FROM device WHERE id = ?")
            .bind(blob(id.0))
            .fetch_optional(&self.readers)
            .await?;
        Ok(row.map(|row| DeviceRow::from_row(&row)).transpose()?)
    }

    /// By the id that Graph knows it by; also one that was deleted.
    pub(crate) async fn device_of_object(&self, object_id: Guid) -> Result<Option<DeviceRow>, StoreError> {
        let row = sqlx::query("SELECT * FROM device WHERE object_id = ?")
            .bind(blob(object_id))
            .fetch_optional(&self.readers)
            .await?;
        Ok(row.map(|row| DeviceRow::from_row(&row)).transpose()?)
    }

    /// Those that were not deleted, by object id.
    pub(crate) async fn devices(&self, window: Window) -> Result<Vec<DeviceRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM device WHERE deleted IS NULL AND object_id > ? ORDER BY object_id LIMIT ?",
        )
        .bind(window.after())
        .bind(window.limit())
        .fetch_all(&self.readers)
        .await?;
        Ok(rows.iter().map(DeviceRow::from_row).collect::<Result<_, _>>()?)
    }

    /// The newest password of each device that has one, deleted devices too, by device id.
    pub(crate) async fn credentials(&self, window: Window) -> Result<Vec<CredentialRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT p.device, d.display_name, p.stored, p.expiry
             FROM password p JOIN device d ON d.id = p.device
             WHERE p.device > ? AND p.sequence = (SELECT max(sequence) FROM password WHERE device = p.device)
             ORDER BY p.device LIMIT ?",
        )
        .bind(window.after())
        .bind(window.limit())
        .fetch_all(&self.readers)
        .await?;
        Ok(rows.iter().map(CredentialRow::from_row).collect::<Result<_, _>>()?)
    }

    /// All passwords of a device, newest first.
    pub(crate) async fn passwords(&self, device: DeviceId) -> Result<Vec<PasswordRow>, StoreError> {
        let rows = sqlx::query("SELECT * FROM password WHERE device = ? ORDER BY sequence DESC")
            .bind(blob(device.0))
            .fetch_all(&self.readers)
            .await?;
        Ok(rows.iter().map(PasswordRow::from_row).collect::<Result<_, _>>()?)
    }

    /// The newest password of a device, without the password.
    pub(crate) async fn newest(&self, device: DeviceId) -> Result<Option<HeldRow>, StoreError> {
        let row = sqlx::query(
            "SELECT sequence, version, sealed_sha256, receipt, account, stored, expiry
             FROM password WHERE device = ? ORDER BY sequence DESC LIMIT 1",
        )
        .bind(blob(device.0))
        .fetch_optional(&self.readers)
        .await?;
        Ok(row.map(|row| HeldRow::from_row(&row)).transpose()?)
    }

    pub(crate) async fn tokens(&self) -> Result<Vec<TokenRow>, StoreError> {
        let rows =
            sqlx::query("SELECT * FROM enrolment_token ORDER BY created").fetch_all(&self.readers).await?;
        Ok(rows.iter().map(TokenRow::from_row).collect::<Result<_, _>>()?)
    }

    pub(crate) async fn clients(&self) -> Result<Vec<ClientRow>, StoreError> {
        let rows = sqlx::query("SELECT * FROM client ORDER BY created").fetch_all(&self.readers).await?;
        Ok(rows.iter().map(ClientRow::from_row).collect::<Result<_, _>>()?)
    }

    pub(crate) async fn client(&self, id: Guid) -> Result<Option<ClientRow>, StoreError> {
        let row = sqlx::query("SELECT * FROM client WHERE id = ?")
            .bind(blob(id))
            .fetch_optional(&self.readers)
            .await?;
        Ok(row.map(|row| ClientRow::from_row(&row)).transpose()?)
    }

    /// Entries after the one numbered `after`, at most `limit`.
    pub(crate) async fn audit(&self, after: u64, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let rows = sqlx::query("SELECT * FROM audit WHERE sequence > ? ORDER BY sequence LIMIT ?")
            .bind(i64::try_from(after).unwrap_or(i64::MAX))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(&self.readers)
            .await?;
        Ok(rows.iter().map(entry).collect::<Result<_, _>>()?)
    }

    /// The newest entries, newest first, at most `limit`.
    pub(crate) async fn newest_audit(&self, limit: u32) -> Result<Vec<Entry>, StoreError> {
        let rows = sqlx::query("SELECT * FROM audit ORDER BY sequence DESC LIMIT ?")
            .bind(limit)
            .fetch_all(&self.readers)
            .await?;
        Ok(rows.iter().map(entry).collect::<Result<_, _>>()?)
    }

    /// Checks the whole audit log.
    pub(crate) async fn verify_audit(&self) -> Result<Verifier, StoreError> {
        let mut verifier = Verifier::new();
        let mut after = 0;
        loop {
            let page = self.audit(after, AUDIT_PAGE).await?;
            let Some(last) = page.last() else { return Ok(verifier) };
            after = last.sequence;
            page.iter().for_each(|entry| verifier.check(entry));
        }
    }
}

fn entry(row: &sqlx::sqlite::SqliteRow) -> Result<Entry, sqlx::Error> {
    Ok(Entry {
        sequence: u64::try_from(row.try_get::<i64, _>("sequence")?).unwrap_or(0),
        time: time(row, "time")?,
        actor: row.try_get("actor")?,
        activity: row.try_get("activity")?,
        target: row.try_get("target")?,
        success: row.try_get("success")?,
        detail: row.try_get("detail")?,
        hash: bytes(row, "hash")?,
    })
}
