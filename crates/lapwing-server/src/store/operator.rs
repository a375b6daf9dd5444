//! Operators: who they are, what they may do, and what they prove themselves with.

use lapwing_core::types::FileTime;
use sqlx::{Row as _, sqlite::SqliteRow};

use super::{
    Change, Store, StoreError, Transaction,
    row::{damaged, roles_from_column, roles_to_column, ticks, time},
};
use crate::{
    keys::operator_password::OperatorHash,
    rules::{
        access::Role,
        audit::Record,
        operator::{OperatorName, Standing, may_change},
    },
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OperatorRow {
    pub(crate) name: OperatorName,
    pub(crate) roles: Vec<Role>,
    pub(crate) created: FileTime,
    pub(crate) enabled: bool,
    /// None until set up; then so is the next.
    pub(crate) password: Option<OperatorHash>,
    /// The authenticator's secret under the key-encryption key.
    pub(crate) totp: Option<Vec<u8>>,
}

impl OperatorRow {
    pub(super) fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        let name: &str = row.try_get("name")?;
        Ok(Self {
            name: name.parse().map_err(|_| damaged("name"))?,
            roles: roles_from_column(row.try_get("roles")?)?,
            created: time(row, "created")?,
            enabled: row.try_get("enabled")?,
            password: row.try_get::<Option<String>, _>("password")?.map(OperatorHash::from_column),
            totp: row.try_get("totp")?,
        })
    }

    pub(crate) fn standing(&self) -> Standing<'_> {
        Standing { roles: &self.roles, enabled: self.enabled, is_set_up: self.password.is_some() }
    }
}

impl Store {
    pub(crate) async fn operators(&self) -> Result<Vec<OperatorRow>, StoreError> {
        let rows = sqlx::query("SELECT * FROM operator ORDER BY name").fetch_all(&self.readers).await?;
        Ok(rows.iter().map(OperatorRow::from_row).collect::<Result<_, _>>()?)
    }

    pub(crate) async fn operator(&self, name: OperatorName) -> Result<Option<OperatorRow>, StoreError> {
        let row = sqlx::query("SELECT * FROM operator WHERE name = ?")
            .bind(name.as_str())
            .fetch_optional(&self.readers)
            .await?;
        Ok(row.map(|row| OperatorRow::from_row(&row)).transpose()?)
    }

    /// How many recovery codes an operator has left.
    pub(crate) async fn recovery_codes_left(&self, name: OperatorName) -> Result<u32, StoreError> {
        Ok(sqlx::query_scalar("SELECT count(*) FROM recovery_code WHERE operator = ?")
            .bind(name.as_str())
            .fetch_one(&self.readers)
            .await?)
    }
}

/// Adds an operator, who cannot sign in before being set up.
#[derive(Debug)]
pub(crate) struct CreateOperator {
    pub(crate) name: OperatorName,
    pub(crate) roles: Vec<Role>,
    pub(crate) record: Record,
}

impl Change for CreateOperator {
    /// False if the name is taken.
    type Outcome = bool;

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<bool, sqlx::Error> {
        let added = sqlx::query(
            "INSERT INTO operator (name, roles, created, enabled) VALUES (?, ?, ?, 1) ON CONFLICT DO NOTHING",
        )
        .bind(self.name.as_str())
        .bind(roles_to_column(&self.roles))
        .bind(ticks(self.record.time))
        .execute(&mut *transaction.connection)
        .await?
        .rows_affected()
            > 0;
        self.record.refusal = (!added).then(|| "the name is taken".to_owned());
        transaction.audit(&self.record).await?;
        Ok(added)
    }
}

/// What came of a change of an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OperatorOutcome {
    Done,
    Unknown,
    /// Nobody could give rights any more.
    LastAdministrator,
}

impl OperatorOutcome {
    const fn refusal(self) -> Option<&'static str> {
        match self {
            Self::Done => None,
            Self::Unknown => Some("the operator is unknown"),
            Self::LastAdministrator => Some("the operator is the last administrator"),
        }
    }
}

/// What becomes of an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OperatorChange {
    Roles(Vec<Role>),
    /// Disabling ends the operator's sessions.
    Enabled(bool),
    /// Takes password, second factors, recovery codes and sessions away.
    Reset,
    Delete,
}

/// Changes an operator, unless it is the last one who administers.
#[derive(Debug)]
pub(crate) struct ChangeOperator {
    pub(crate) name: OperatorName,
    pub(crate) change: OperatorChange,
    pub(crate) record: Record,
}

impl Change for ChangeOperator {
    type Outcome = OperatorOutcome;

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<OperatorOutcome, sqlx::Error> {
        let outcome = self.decide(transaction).await?;
        if outcome == OperatorOutcome::Done {
            self.write(transaction).await?;
        }
        self.record.refusal = outcome.refusal().map(str::to_owned);
        transaction.audit(&self.record).await?;
        Ok(outcome)
    }
}

impl ChangeOperator {
    async fn decide(&self, transaction: &mut Transaction<'_>) -> Result<OperatorOutcome, sqlx::Error> {
        let rows = sqlx::query("SELECT * FROM operator").fetch_all(&mut *transaction.connection).await?;
        let operators: Vec<OperatorRow> = rows.iter().map(OperatorRow::from_row).collect::<Result<_, _>>()?;
        let Some(operator) = operators.iter().find(|operator| operator.name == self.name) else {
            return Ok(OperatorOutcome::Unknown);
        };
        let before = operator.standing();
        let after = match &self.change {
            OperatorChange::Roles(roles) => Some(Standing { roles, ..before }),
            OperatorChange::Enabled(enabled) => Some(Standing { enabled: *enabled, ..before }),
            OperatorChange::Reset => Some(Standing { is_set_up: false, ..before }),
            OperatorChange::Delete => None,
        };
        let others = operators.iter().filter(|other| other.name != self.name);
        let others = others.filter(|other| other.standing().administers()).count();
        let others = u64::try_from(others).unwrap_or(u64::MAX);
        if may_change(&before, after.as_ref(), others) {
            Ok(OperatorOutcome::Done)
        } else {
            Ok(OperatorOutcome::LastAdministrator)
        }
    }

    async fn write(&self, transaction: &mut Transaction<'_>) -> Result<(), sqlx::Error> {
        let name = self.name.as_str();
        let (statement, ends_sessions) = match &self.change {
            OperatorChange::Roles(roles) => (
                sqlx::query("UPDATE operator SET roles = ? WHERE name = ?").bind(roles_to_column(roles)),
                false,
            ),
            OperatorChange::Enabled(enabled) => {
                (sqlx::query("UPDATE operator SET enabled = ? WHERE name = ?").bind(*enabled), !enabled)
            }
            OperatorChange::Reset => {
                (sqlx::query("UPDATE operator SET password = NULL, totp = NULL WHERE name = ?"), true)
            }
            OperatorChange::Delete => (sqlx::query("DELETE FROM operator WHERE name = ?"), false),
        };
        statement.bind(name).execute(&mut *transaction.connection).await?;
        if self.change == OperatorChange::Reset {
            forget_proofs(transaction, self.name).await?;
        }
        if ends_sessions {
            super::session::end_sessions(transaction, self.name).await?;
        }
        Ok(())
    }
}

/// Takes recovery codes and passkeys away.
pub(super) async fn forget_proofs(
    transaction: &mut Transaction<'_>,
    name: OperatorName,
) -> Result<(), sqlx::Error> {
    for statement in
        ["DELETE FROM recovery_code WHERE operator = ?", "DELETE FROM passkey WHERE operator = ?"]
    {
        sqlx::query(statement).bind(name.as_str()).execute(&mut *transaction.connection).await?;
    }
    Ok(())
}
