//! One-time links, from being made to being spent.

use lapwing_core::types::FileTime;

use super::{
    Change, Sha256, Store, StoreError, Transaction,
    operator::forget_proofs,
    row::{damaged, ticks},
    session::{end_sessions, open},
};
use crate::{
    keys::operator_password::OperatorHash,
    rules::{audit::Record, operator::OperatorName, sign_in::Times},
};

impl Store {
    /// The operator of a link that is still good.
    pub(crate) async fn link(
        &self,
        code: &Sha256,
        now: FileTime,
    ) -> Result<Option<OperatorName>, StoreError> {
        let name: Option<String> =
            sqlx::query_scalar("SELECT operator FROM sign_in_link WHERE code_sha256 = ? AND expires > ?")
                .bind(&code[..])
                .bind(ticks(now))
                .fetch_optional(&self.readers)
                .await?;
        Ok(name.map(|name| name.parse().map_err(|_| damaged("operator"))).transpose()?)
    }
}

/// Makes a one-time link good; an earlier one of the operator is not any more.
#[derive(Debug)]
pub(crate) struct CreateLink {
    pub(crate) operator: OperatorName,
    pub(crate) code_sha256: [u8; 32],
    pub(crate) expires: FileTime,
    pub(crate) record: Record,
}

impl Change for CreateLink {
    /// Whether there is such an operator.
    type Outcome = bool;

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<bool, sqlx::Error> {
        let made = sqlx::query(
            "INSERT INTO sign_in_link (code_sha256, operator, expires)
             SELECT ?, name, ? FROM operator WHERE name = ?
             ON CONFLICT (operator) DO UPDATE SET code_sha256 = excluded.code_sha256, expires = excluded.expires",
        )
        .bind(&self.code_sha256[..])
        .bind(ticks(self.expires))
        .bind(self.operator.as_str())
        .execute(&mut *transaction.connection)
        .await?
        .rows_affected()
            > 0;
        self.record.refusal = (!made).then(|| "the operator is unknown".to_owned());
        transaction.audit(&self.record).await?;
        Ok(made)
    }
}

/// Spends a one-time link: what the operator signs in with from now on, and a session. All earlier ones end.
#[derive(Debug)]
pub(crate) struct FinishSetUp {
    pub(crate) operator: OperatorName,
    pub(crate) code: Sha256,
    pub(crate) password: OperatorHash,
    /// The authenticator's secret under the key-encryption key, and the step of the code that proved it.
    pub(crate) totp: Vec<u8>,
    pub(crate) step: u64,
    pub(crate) recovery_codes: Vec<Sha256>,
    pub(crate) token: Sha256,
    pub(crate) record: Record,
}

impl Change for FinishSetUp {
    /// False if the link is spent, has ended, or was replaced.
    type Outcome = bool;

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<bool, sqlx::Error> {
        let now = self.record.time;
        let spent =
            sqlx::query("DELETE FROM sign_in_link WHERE code_sha256 = ? AND operator = ? AND expires > ?")
                .bind(&self.code[..])
                .bind(self.operator.as_str())
                .bind(ticks(now))
                .execute(&mut *transaction.connection)
                .await?
                .rows_affected()
                > 0;
        if spent {
            self.replace_proofs(transaction).await?;
            end_sessions(transaction, self.operator).await?;
            let times = Times { created: now, last_seen: now, second_factor: Some(now) };
            open(transaction, self.operator, &self.token, times).await?;
        }
        self.record.refusal = (!spent).then(|| "the link is unknown or has ended".to_owned());
        transaction.audit(&self.record).await?;
        Ok(spent)
    }
}

impl FinishSetUp {
    async fn replace_proofs(&self, transaction: &mut Transaction<'_>) -> Result<(), sqlx::Error> {
        sqlx::query("UPDATE operator SET password = ?, totp = ?, totp_step = ? WHERE name = ?")
            .bind(self.password.as_column())
            .bind(&self.totp)
            .bind(i64::try_from(self.step).unwrap_or(i64::MAX))
            .bind(self.operator.as_str())
            .execute(&mut *transaction.connection)
            .await?;
        forget_proofs(transaction, self.operator).await?;
        for code in &self.recovery_codes {
            sqlx::query("INSERT INTO recovery_code (operator, sha256) VALUES (?, ?)")
                .bind(self.operator.as_str())
                .bind(&code[..])
                .execute(&mut *transaction.connection)
                .await?;
        }
        Ok(())
    }
}
