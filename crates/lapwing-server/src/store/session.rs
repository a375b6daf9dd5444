//! Signing in: sessions, second factors, and forms that are good once.

use lapwing_core::types::FileTime;
use sqlx::Row as _;

use super::{
    Change, OperatorRow, Store, StoreError, Transaction,
    passkey::spend_challenge,
    row::{ticks, time, time_or_null},
};
use crate::rules::{
    audit::Record,
    operator::OperatorName,
    sign_in::{AGE_MAX, IDLE_MAX, Times},
};

/// SHA-256 of a random text; nobody can search for 160 bits.
pub(crate) type Sha256 = [u8; 32];

/// A session with its operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SessionRow {
    pub(crate) times: Times,
    pub(crate) operator: OperatorRow,
    pub(crate) has_passkeys: bool,
}

impl Store {
    /// The session of a token, with its operator, who may sign in.
    pub(crate) async fn session(&self, token: &Sha256) -> Result<Option<SessionRow>, StoreError> {
        let row = sqlx::query(
            "SELECT s.created AS since, s.last_seen, s.second_factor,
                    EXISTS (SELECT 1 FROM passkey WHERE operator = o.name) AS has_passkeys, o.*
             FROM operator_session s JOIN operator o ON o.name = s.operator
             WHERE s.token_sha256 = ? AND o.enabled = 1 AND o.password IS NOT NULL",
        )
        .bind(&token[..])
        .fetch_optional(&self.readers)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let times = Times {
            created: time(&row, "since")?,
            last_seen: time(&row, "last_seen")?,
            second_factor: time_or_null(&row, "second_factor")?,
        };
        let has_passkeys = row.try_get("has_passkeys")?;
        Ok(Some(SessionRow { times, operator: OperatorRow::from_row(&row)?, has_passkeys }))
    }

    /// How many sessions of an operator have not ended.
    pub(crate) async fn sessions(&self, operator: OperatorName, now: FileTime) -> Result<u32, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT count(*) FROM operator_session
             WHERE operator = ? AND second_factor IS NOT NULL AND last_seen >= ? AND created >= ?",
        )
        .bind(operator.as_str())
        .bind(ticks(now).saturating_sub(ticks_of(IDLE_MAX)))
        .bind(ticks(now).saturating_sub(ticks_of(AGE_MAX)))
        .fetch_one(&self.readers)
        .await?)
    }
}

fn ticks_of(duration: core::time::Duration) -> i64 {
    i64::try_from(duration.as_nanos() / 100).unwrap_or(i64::MAX)
}

pub(super) async fn end_sessions(
    transaction: &mut Transaction<'_>,
    operator: OperatorName,
) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM operator_session WHERE operator = ?")
        .bind(operator.as_str())
        .execute(&mut *transaction.connection)
        .await
        .map(drop)
}

pub(super) async fn open(
    transaction: &mut Transaction<'_>,
    operator: OperatorName,
    token: &Sha256,
    times: Times,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO operator_session (token_sha256, operator, created, last_seen, second_factor)
         VALUES (?, ?, ?, ?, ?)",
    )
    .bind(&token[..])
    .bind(operator.as_str())
    .bind(ticks(times.created))
    .bind(ticks(times.last_seen))
    .bind(times.second_factor.map(ticks))
    .execute(&mut *transaction.connection)
    .await
    .map(drop)
}

/// Opens a session after the right password: good for the second factor alone.
#[derive(Debug)]
pub(crate) struct OpenSession {
    pub(crate) operator: OperatorName,
    pub(crate) token: Sha256,
    pub(crate) at: FileTime,
}

impl Change for OpenSession {
    type Outcome = ();

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<(), sqlx::Error> {
        // Those that have ended are of no use to anyone.
        sqlx::query("DELETE FROM operator_session WHERE last_seen < ? OR created < ?")
            .bind(ticks(self.at).saturating_sub(ticks_of(IDLE_MAX)))
            .bind(ticks(self.at).saturating_sub(ticks_of(AGE_MAX)))
            .execute(&mut *transaction.connection)
            .await?;
        let times = Times { created: self.at, last_seen: self.at, second_factor: None };
        open(transaction, self.operator, &self.token, times).await
    }
}

/// What was given as a second factor.
#[derive(Debug, Clone)]
pub(crate) enum Proof {
    /// A code of the authenticator, by its step.
    Totp {
        step: u64,
    },
    RecoveryCode(Sha256),
    /// A passkey's answer to `challenge`, checked; the counter only rises, or stays 0.
    Passkey {
        id: Vec<u8>,
        counter: u32,
        challenge: Vec<u8>,
    },
}

/// Takes a second factor, once.
#[derive(Debug)]
pub(crate) struct PassSecondFactor {
    pub(crate) operator: OperatorName,
    pub(crate) proof: Proof,
    pub(crate) token: Sha256,
    /// The first one of a session gives it another token: whoever knew the old one has no part in what follows.
    pub(crate) next_token: Option<Sha256>,
    pub(crate) record: Record,
}

impl Change for PassSecondFactor {
    /// False if the proof is not the operator's or was used before.
    type Outcome = bool;

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<bool, sqlx::Error> {
        let proved = self.prove(transaction).await?;
        if proved {
            self.renew(transaction).await?;
        }
        self.record.refusal = (!proved).then(|| "the code is wrong or was used before".to_owned());
        transaction.audit(&self.record).await?;
        Ok(proved)
    }
}

impl PassSecondFactor {
    /// Spends the proof; false if it was spent before.
    async fn prove(&self, transaction: &mut Transaction<'_>) -> Result<bool, sqlx::Error> {
        let operator = self.operator.as_str();
        let proved = match &self.proof {
            Proof::Totp { step } => {
                sqlx::query("UPDATE operator SET totp_step = ?1 WHERE name = ?2 AND totp_step < ?1")
                    .bind(i64::try_from(*step).unwrap_or(i64::MAX))
                    .bind(operator)
            }
            Proof::RecoveryCode(sha256) => {
                sqlx::query("DELETE FROM recovery_code WHERE sha256 = ? AND operator = ?")
                    .bind(&sha256[..])
                    .bind(operator)
            }
            Proof::Passkey { id, counter, challenge } => {
                if !spend_challenge(transaction, &self.token, challenge).await? {
                    return Ok(false);
                }
                sqlx::query(
                    "UPDATE passkey SET counter = ?1 WHERE id = ?2 AND operator = ?3
                     AND (counter < ?1 OR counter = 0 AND ?1 = 0)",
                )
                .bind(*counter)
                .bind(id)
                .bind(operator)
            }
        };
        Ok(proved.execute(&mut *transaction.connection).await?.rows_affected() > 0)
    }

    async fn renew(&self, transaction: &mut Transaction<'_>) -> Result<(), sqlx::Error> {
        let now = ticks(self.record.time);
        sqlx::query(
            "UPDATE operator_session SET token_sha256 = ?, second_factor = ?, last_seen = ? WHERE token_sha256 = ?",
        )
        .bind(self.next_token.unwrap_or(self.token).to_vec())
        .bind(now)
        .bind(now)
        .bind(&self.token[..])
        .execute(&mut *transaction.connection)
        .await
        .map(drop)
    }
}

/// Writes down that a session was used.
#[derive(Debug)]
pub(crate) struct TouchSession {
    pub(crate) token: Sha256,
    pub(crate) at: FileTime,
}

impl Change for TouchSession {
    type Outcome = ();

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<(), sqlx::Error> {
        sqlx::query("UPDATE operator_session SET last_seen = ? WHERE token_sha256 = ?")
            .bind(ticks(self.at))
            .bind(&self.token[..])
            .execute(&mut *transaction.connection)
            .await
            .map(drop)
    }
}

/// Ends one session, or all of the operator.
#[derive(Debug)]
pub(crate) struct EndSessions {
    pub(crate) operator: OperatorName,
    pub(crate) only: Option<Sha256>,
    pub(crate) record: Record,
}

impl Change for EndSessions {
    type Outcome = ();

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<(), sqlx::Error> {
        match self.only {
            Some(token) => {
                sqlx::query("DELETE FROM operator_session WHERE token_sha256 = ?")
                    .bind(token.to_vec())
                    .execute(&mut *transaction.connection)
                    .await?;
            }
            None => end_sessions(transaction, self.operator).await?,
        }
        transaction.audit(&self.record).await
    }
}

/// Spends a form whose answer may be given once; the change that follows brings its own entry.
#[derive(Debug)]
pub(crate) struct SpendForm {
    pub(crate) token: Sha256,
    pub(crate) form: Vec<u8>,
}

impl Change for SpendForm {
    /// False if it was spent before.
    type Outcome = bool;

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<bool, sqlx::Error> {
        spend(transaction, &self.token, &self.form).await
    }
}

/// Spends a form; false if it was spent before.
pub(super) async fn spend(
    transaction: &mut Transaction<'_>,
    token: &Sha256,
    form: &[u8],
) -> Result<bool, sqlx::Error> {
    let spent = sqlx::query(
        "INSERT INTO spent_form (session, form)
         SELECT token_sha256, ? FROM operator_session WHERE token_sha256 = ? ON CONFLICT DO NOTHING",
    )
    .bind(form)
    .bind(&token[..])
    .execute(&mut *transaction.connection)
    .await?;
    Ok(spent.rows_affected() > 0)
}
