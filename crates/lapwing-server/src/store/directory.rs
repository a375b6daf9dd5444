//! The tenant itself, its clients, enrolment tokens, policy, and entries of the audit log alone.

use lapwing_core::types::Guid;

use super::{
    Change, ClientRow, MetaRow, TokenRow, Transaction,
    row::{blob, roles_to_column, ticks},
};
use crate::{
    keys::StoredKey,
    rules::{access::Role, audit::Record},
};

/// Adds nothing but an entry to the audit log.
#[derive(Debug)]
pub(crate) struct Note(pub(crate) Record);

impl Change for Note {
    type Outcome = ();

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<(), sqlx::Error> {
        transaction.audit(&self.0).await
    }
}

/// Makes the tenant, once.
#[derive(Debug)]
pub(crate) struct Initialise {
    pub(crate) meta: MetaRow,
    pub(crate) keys: Vec<StoredKey>,
    pub(crate) policy: String,
}

impl Change for Initialise {
    /// False if there was a tenant already: nothing was changed.
    type Outcome = bool;

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<bool, sqlx::Error> {
        let tenants: i64 = sqlx::query_scalar("SELECT count(*) FROM meta WHERE name = 'tenant'")
            .fetch_one(&mut *transaction.connection)
            .await?;
        if tenants > 0 {
            return Ok(false);
        }
        set_meta(transaction, "tenant", &self.meta.tenant.to_string()).await?;
        set_meta(transaction, "tenant_name", &self.meta.tenant_name).await?;
        set_meta(transaction, "kek", &self.meta.kek.to_string()).await?;
        set_meta(transaction, "policy", &self.policy).await?;
        set_meta(transaction, "laps_enabled", "true").await?;
        for key in &self.keys {
            sqlx::query("INSERT INTO server_key (name, id, public, wrapped) VALUES (?, ?, ?, ?)")
                .bind(&key.name)
                .bind(blob(key.id))
                .bind(&key.public)
                .bind(&key.wrapped)
                .execute(&mut *transaction.connection)
                .await?;
        }
        Ok(true)
    }
}

pub(super) async fn set_meta(
    transaction: &mut Transaction<'_>,
    name: &str,
    value: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value")
        .bind(name)
        .bind(value)
        .execute(&mut *transaction.connection)
        .await
        .map(drop)
}

/// Replaces the tenant's registration policy.
#[derive(Debug)]
pub(crate) struct SetPolicy {
    /// JSON, as it is answered.
    pub(crate) policy: String,
    pub(crate) laps_enabled: bool,
    pub(crate) record: Record,
}

impl Change for SetPolicy {
    type Outcome = ();

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<(), sqlx::Error> {
        set_meta(transaction, "policy", &self.policy).await?;
        set_meta(transaction, "laps_enabled", if self.laps_enabled { "true" } else { "false" }).await?;
        transaction.audit(&self.record).await
    }
}

/// Adds an enrolment token.
#[derive(Debug)]
pub(crate) struct CreateToken {
    pub(crate) token: TokenRow,
    pub(crate) record: Record,
}

impl Change for CreateToken {
    type Outcome = ();

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO enrolment_token (id, secret_sha256, description, created, expires, uses_left)
             VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(blob(self.token.id))
        .bind(&self.token.secret_sha256[..])
        .bind(&self.token.description)
        .bind(ticks(self.token.created))
        .bind(ticks(self.token.expires))
        .bind(self.token.uses_left)
        .execute(&mut *transaction.connection)
        .await?;
        transaction.audit(&self.record).await
    }
}

/// Ends an enrolment token.
#[derive(Debug)]
pub(crate) struct DeleteToken {
    pub(crate) id: Guid,
    pub(crate) record: Record,
}

impl Change for DeleteToken {
    /// Whether there was one.
    type Outcome = bool;

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<bool, sqlx::Error> {
        let result = sqlx::query("DELETE FROM enrolment_token WHERE id = ?")
            .bind(blob(self.id))
            .execute(&mut *transaction.connection)
            .await?;
        audit_found(transaction, &mut self.record, result.rows_affected() > 0).await
    }
}

/// Adds a client.
#[derive(Debug)]
pub(crate) struct CreateClient {
    pub(crate) client: ClientRow,
    pub(crate) record: Record,
}

impl Change for CreateClient {
    type Outcome = ();

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO client (id, secret_sha256, display_name, roles, created, enabled) VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(blob(self.client.id))
        .bind(&self.client.secret_sha256[..])
        .bind(&self.client.display_name)
        .bind(roles_to_column(&self.client.roles))
        .bind(ticks(self.client.created))
        .bind(self.client.enabled)
        .execute(&mut *transaction.connection)
        .await?;
        transaction.audit(&self.record).await
    }
}

/// Changes what a client may do.
#[derive(Debug)]
pub(crate) struct ChangeClient {
    pub(crate) id: Guid,
    pub(crate) roles: Option<Vec<Role>>,
    pub(crate) enabled: Option<bool>,
    pub(crate) record: Record,
}

impl Change for ChangeClient {
    /// The client, if there is one.
    type Outcome = Option<ClientRow>;

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<Option<ClientRow>, sqlx::Error> {
        let row = sqlx::query(
            "UPDATE client SET roles = coalesce(?, roles), enabled = coalesce(?, enabled) WHERE id = ? RETURNING *",
        )
        .bind(self.roles.as_deref().map(roles_to_column))
        .bind(self.enabled)
        .bind(blob(self.id))
        .fetch_optional(&mut *transaction.connection)
        .await?;
        audit_found(transaction, &mut self.record, row.is_some()).await?;
        row.map(|row| ClientRow::from_row(&row)).transpose()
    }
}

/// Removes a client.
#[derive(Debug)]
pub(crate) struct DeleteClient {
    pub(crate) id: Guid,
    pub(crate) record: Record,
}

impl Change for DeleteClient {
    /// Whether there was one.
    type Outcome = bool;

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<bool, sqlx::Error> {
        let result = sqlx::query("DELETE FROM client WHERE id = ?")
            .bind(blob(self.id))
            .execute(&mut *transaction.connection)
            .await?;
        audit_found(transaction, &mut self.record, result.rows_affected() > 0).await
    }
}

pub(super) async fn audit_found(
    transaction: &mut Transaction<'_>,
    record: &mut Record,
    found: bool,
) -> Result<bool, sqlx::Error> {
    record.refusal = (!found).then(|| "not found".to_owned());
    transaction.audit(record).await?;
    Ok(found)
}
