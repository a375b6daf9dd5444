//! Reading. What a reader may see is decided elsewhere, and recorded before it is answered.

use lapwing_core::types::{DeviceId, FileTime, Guid, PasswordVersion, TenantId};
use sqlx::{QueryBuilder, Row as _, Sqlite};

use super::{
    ClientRow, CredentialRow, DeviceRow, HeldRow, MetaRow, PasswordRow, Store, StoreError, TokenRow,
    fleet::contains,
    row::{blob, bytes, guid, ticks, time, version_or_null},
};
use crate::{
    keys::StoredKey,
    rules::audit::{Activity, Entry, Verifier},
};

/// How many audit entries are held in memory at once.
const AUDIT_PAGE: usize = 1000;

/// How far a search for text goes at a time, in entries.
pub(crate) const AUDIT_STRETCH: u64 = 50_000;

/// Which entries of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AuditQuery {
    /// Only entries before the one numbered so.
    pub(crate) before: u64,
    /// In whatever part of an entry; empty for all.
    pub(crate) text: String,
    /// The whole target; empty for all.
    pub(crate) target: String,
    pub(crate) success: Option<bool>,
    /// Without these activities.
    pub(crate) except: &'static [Activity],
    pub(crate) len_max: u32,
}

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

    /// All passwords of a device, newest first, without the passwords.
    pub(crate) async fn held(&self, device: DeviceId) -> Result<Vec<HeldRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT sequence, version, sealed_sha256, receipt, account, stored, expiry
             FROM password WHERE device = ? ORDER BY sequence DESC",
        )
        .bind(blob(device.0))
        .fetch_all(&self.readers)
        .await?;
        Ok(rows.iter().map(HeldRow::from_row).collect::<Result<_, _>>()?)
    }

    /// The version that a device named as the one in force.
    pub(crate) async fn in_force(&self, device: DeviceId) -> Result<Option<PasswordVersion>, StoreError> {
        let row = sqlx::query("SELECT in_force FROM device WHERE id = ?")
            .bind(blob(device.0))
            .fetch_optional(&self.readers)
            .await?;
        Ok(row.map(|row| version_or_null(&row, "in_force")).transpose()?.flatten())
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

    /// Whether there is an enrolment token with that secret. It may be used up: a device may repeat itself.
    pub(crate) async fn knows_token(
        &self,
        secret_sha256: &[u8; 32],
        now: FileTime,
    ) -> Result<bool, StoreError> {
        let found: Option<i64> =
            sqlx::query_scalar("SELECT 1 FROM enrolment_token WHERE secret_sha256 = ? AND expires > ?")
                .bind(&secret_sha256[..])
                .bind(ticks(now))
                .fetch_optional(&self.readers)
                .await?;
        Ok(found.is_some())
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

    /// Entries that match, newest first, of a bounded stretch of the log.
    pub(crate) async fn search_audit(&self, query: &AuditQuery) -> Result<Vec<Entry>, StoreError> {
        let mut sql: QueryBuilder<Sqlite> = QueryBuilder::new("SELECT * FROM audit WHERE sequence < ");
        sql.push_bind(i64::try_from(query.before).unwrap_or(i64::MAX));
        if !query.target.is_empty() {
            sql.push(" AND target = ").push_bind(&query.target);
        }
        if !query.text.is_empty() {
            // Without an index: only the stretch is looked at, however rare the text.
            let start = query.before.saturating_sub(AUDIT_STRETCH);
            sql.push(" AND sequence >= ").push_bind(i64::try_from(start).unwrap_or(i64::MAX));
            let pattern = contains(&query.text);
            for (at, column) in ["actor", "activity", "target", "detail"].into_iter().enumerate() {
                sql.push(if at == 0 { " AND (" } else { " OR " }).push(column).push(" LIKE ");
                sql.push_bind(pattern.clone()).push(" ESCAPE '\\'");
            }
            sql.push(")");
        }
        if let Some(success) = query.success {
            sql.push(" AND success = ").push_bind(success);
        }
        for except in query.except {
            sql.push(" AND activity <> ").push_bind(except.as_str());
        }
        sql.push(" ORDER BY sequence DESC LIMIT ").push_bind(query.len_max);
        let rows = sql.build().fetch_all(&self.readers).await?;
        Ok(rows.iter().map(entry).collect::<Result<_, _>>()?)
    }

    /// The number of the newest entry; 0 if there is none.
    pub(crate) async fn audit_len(&self) -> Result<u64, StoreError> {
        let newest: i64 = sqlx::query_scalar("SELECT coalesce(max(sequence), 0) FROM audit")
            .fetch_one(&self.readers)
            .await?;
        Ok(u64::try_from(newest).unwrap_or(0))
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
