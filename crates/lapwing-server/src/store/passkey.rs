//! Passkeys: an operator's second factor beside the authenticator, each with a name.

use lapwing_core::types::FileTime;
use sqlx::{Row as _, sqlite::SqliteRow};

use super::{
    Change, Sha256, Store, StoreError, Transaction,
    row::{ticks, time},
};
use crate::{
    keys::passkey::NewPasskey,
    rules::{audit::Record, operator::OperatorName},
};

/// The most of one operator.
pub(crate) const PASSKEYS_MAX: usize = 10;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PasskeyRow {
    pub(crate) id: Vec<u8>,
    pub(crate) label: String,
    pub(crate) public_key: Vec<u8>,
    pub(crate) created: FileTime,
}

impl PasskeyRow {
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            label: row.try_get("label")?,
            public_key: row.try_get("public_key")?,
            created: time(row, "created")?,
        })
    }
}

impl Store {
    pub(crate) async fn passkeys(&self, operator: OperatorName) -> Result<Vec<PasskeyRow>, StoreError> {
        let rows = sqlx::query("SELECT * FROM passkey WHERE operator = ? ORDER BY created")
            .bind(operator.as_str())
            .fetch_all(&self.readers)
            .await?;
        Ok(rows.iter().map(PasskeyRow::from_row).collect::<Result<_, _>>()?)
    }

    /// What a session's passkeys were asked last; empty if nothing, or if it was answered.
    pub(crate) async fn challenge(&self, token: &Sha256) -> Result<Vec<u8>, StoreError> {
        let found = sqlx::query_scalar("SELECT challenge FROM operator_session WHERE token_sha256 = ?")
            .bind(&token[..])
            .fetch_optional(&self.readers)
            .await?;
        Ok(found.flatten().unwrap_or_default())
    }
}

/// Notes what a session's passkeys are asked; an earlier question ends.
#[derive(Debug)]
pub(crate) struct AskPasskey {
    pub(crate) token: Sha256,
    pub(crate) challenge: Vec<u8>,
}

impl Change for AskPasskey {
    type Outcome = ();

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<(), sqlx::Error> {
        sqlx::query("UPDATE operator_session SET challenge = ? WHERE token_sha256 = ?")
            .bind(&self.challenge)
            .bind(&self.token[..])
            .execute(&mut *transaction.connection)
            .await
            .map(drop)
    }
}

/// Takes an answer's question back: whether it was still open.
pub(super) async fn spend_challenge(
    transaction: &mut Transaction<'_>,
    token: &Sha256,
    challenge: &[u8],
) -> Result<bool, sqlx::Error> {
    let spent =
        sqlx::query("UPDATE operator_session SET challenge = NULL WHERE token_sha256 = ? AND challenge = ?")
            .bind(&token[..])
            .bind(challenge)
            .execute(&mut *transaction.connection)
            .await?;
    Ok(spent.rows_affected() > 0)
}

/// Adds a passkey.
#[derive(Debug)]
pub(crate) struct AddPasskey {
    pub(crate) operator: OperatorName,
    pub(crate) token: Sha256,
    pub(crate) challenge: Vec<u8>,
    pub(crate) passkey: NewPasskey,
    pub(crate) label: String,
    pub(crate) record: Record,
}

impl Change for AddPasskey {
    /// False if the question was answered before, the passkey is known, or there are too many.
    type Outcome = bool;

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<bool, sqlx::Error> {
        let is_open = spend_challenge(transaction, &self.token, &self.challenge).await?;
        let added = is_open && self.add(transaction).await?;
        self.record.refusal = (!added).then(|| "the passkey is known, or there are too many".to_owned());
        transaction.audit(&self.record).await?;
        Ok(added)
    }
}

impl AddPasskey {
    async fn add(&self, transaction: &mut Transaction<'_>) -> Result<bool, sqlx::Error> {
        let added = sqlx::query(
            "INSERT INTO passkey (operator, id, label, public_key, counter, created)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE (SELECT count(*) FROM passkey WHERE operator = ?1) < ?7
             ON CONFLICT DO NOTHING",
        );
        let added = added
            .bind(self.operator.as_str())
            .bind(&self.passkey.id)
            .bind(&self.label)
            .bind(&self.passkey.public_key)
            .bind(self.passkey.counter)
            .bind(ticks(self.record.time))
            .bind(i64::try_from(PASSKEYS_MAX).unwrap_or(i64::MAX));
        Ok(added.execute(&mut *transaction.connection).await?.rows_affected() > 0)
    }
}

/// Removes a passkey.
#[derive(Debug)]
pub(crate) struct DeletePasskey {
    pub(crate) operator: OperatorName,
    pub(crate) id: Vec<u8>,
    pub(crate) record: Record,
}

impl Change for DeletePasskey {
    /// Whether there was one.
    type Outcome = bool;

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<bool, sqlx::Error> {
        let deleted = sqlx::query("DELETE FROM passkey WHERE id = ? AND operator = ?")
            .bind(&self.id)
            .bind(self.operator.as_str())
            .execute(&mut *transaction.connection)
            .await?
            .rows_affected()
            > 0;
        self.record.refusal = (!deleted).then(|| "not found".to_owned());
        transaction.audit(&self.record).await?;
        Ok(deleted)
    }
}
