//! LAPS policies and their versions. A version is written once and kept for ever.

use std::collections::BTreeMap;

use lapwing_core::{
    csp::Tree,
    policy::PolicyRoot,
    types::{FileTime, PolicyId},
};
use sqlx::{Row as _, sqlite::SqliteRow};

use super::{
    Change, Store, StoreError, Transaction,
    directory::audit_found,
    row::{blob, damaged, guid, ticks, time},
};
use crate::rules::{audit::Record, policy_assignment::PolicyVersion};

/// What a version says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PolicyContent {
    pub(crate) name: String,
    /// JSON, as it came in, without ids and times.
    pub(crate) document: String,
    /// What it comes to on a device.
    pub(crate) tree: Tree,
}

/// A policy with the content of its newest version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PolicyRow {
    pub(crate) id: PolicyId,
    pub(crate) version: u32,
    pub(crate) created: FileTime,
    pub(crate) changed: FileTime,
    pub(crate) is_assigned: bool,
    pub(crate) content: PolicyContent,
}

/// One version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PolicyVersionRow {
    pub(crate) number: u32,
    pub(crate) created: FileTime,
    pub(crate) actor: String,
    /// The version whose content came back.
    pub(crate) restores: Option<u32>,
    pub(crate) content: PolicyContent,
}

impl PolicyContent {
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self { name: row.try_get("name")?, document: row.try_get("document")?, tree: leaves(row)? })
    }
}

/// The leaves of the CSP out of their column.
pub(super) fn leaves(row: &SqliteRow) -> Result<Tree, sqlx::Error> {
    let leaves: BTreeMap<String, String> =
        serde_json::from_str(row.try_get("leaves")?).map_err(|_| damaged("leaves"))?;
    let known = leaves.into_iter().map(|(name, data)| Some((PolicyRoot::Csp.find(&name)?, data)));
    let known: Option<Vec<_>> = known.collect();
    known.and_then(|values| Tree::holding(values).ok()).ok_or_else(|| damaged("leaves"))
}

fn leaves_to_column(tree: &Tree) -> String {
    let leaves: BTreeMap<&str, &str> = tree.values().map(|(setting, data)| (setting.name(), data)).collect();
    serde_json::json!(leaves).to_string()
}

const NEWEST: &str = "SELECT p.id, p.version, p.created, v.created AS changed, v.name, v.document, v.leaves,
        EXISTS (SELECT 1 FROM assignment WHERE policy = p.id) AS is_assigned
    FROM policy p JOIN policy_version v ON v.policy = p.id AND v.number = p.version
    WHERE p.deleted IS NULL";

fn policy(row: &SqliteRow) -> Result<PolicyRow, sqlx::Error> {
    Ok(PolicyRow {
        id: PolicyId(guid(row, "id")?),
        version: row.try_get("version")?,
        created: time(row, "created")?,
        changed: time(row, "changed")?,
        is_assigned: row.try_get("is_assigned")?,
        content: PolicyContent::from_row(row)?,
    })
}

impl Store {
    /// Those that were not deleted, by id.
    pub(crate) async fn policies(&self) -> Result<Vec<PolicyRow>, StoreError> {
        let query = sqlx::AssertSqlSafe(format!("{NEWEST} ORDER BY p.id"));
        let rows = sqlx::query(query).fetch_all(&self.readers).await?;
        Ok(rows.iter().map(policy).collect::<Result<_, _>>()?)
    }

    /// Not one that was deleted.
    pub(crate) async fn policy_of(&self, id: PolicyId) -> Result<Option<PolicyRow>, StoreError> {
        let query = sqlx::AssertSqlSafe(format!("{NEWEST} AND p.id = ?"));
        let row = sqlx::query(query).bind(blob(id.0)).fetch_optional(&self.readers).await?;
        Ok(row.map(|row| policy(&row)).transpose()?)
    }

    /// All versions of a policy, the newest first; also of one that was deleted.
    pub(crate) async fn policy_versions(&self, id: PolicyId) -> Result<Vec<PolicyVersionRow>, StoreError> {
        let rows = sqlx::query("SELECT * FROM policy_version WHERE policy = ? ORDER BY number DESC")
            .bind(blob(id.0))
            .fetch_all(&self.readers)
            .await?;
        let version = |row: &SqliteRow| {
            Ok(PolicyVersionRow {
                number: row.try_get("number")?,
                created: time(row, "created")?,
                actor: row.try_get("actor")?,
                restores: row.try_get("restores")?,
                content: PolicyContent::from_row(row)?,
            })
        };
        Ok(rows.iter().map(version).collect::<Result<_, sqlx::Error>>()?)
    }
}

/// Adds a policy, for nobody yet.
#[derive(Debug)]
pub(crate) struct CreatePolicy {
    pub(crate) id: PolicyId,
    pub(crate) content: PolicyContent,
    pub(crate) record: Record,
}

impl Change for CreatePolicy {
    type Outcome = ();

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<(), sqlx::Error> {
        sqlx::query("INSERT INTO policy (id, version, created) VALUES (?, 1, ?)")
            .bind(blob(self.id.0))
            .bind(ticks(self.record.time))
            .execute(&mut *transaction.connection)
            .await?;
        let first = PolicyVersion { policy: self.id, number: 1 };
        write_version(transaction, first, &self.content, None, &self.record).await?;
        self.record.detail = self.content.name.clone();
        transaction.audit(&self.record).await
    }
}

async fn write_version(
    transaction: &mut Transaction<'_>,
    version: PolicyVersion,
    content: &PolicyContent,
    restores: Option<u32>,
    record: &Record,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO policy_version (policy, number, created, actor, name, document, leaves, restores)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(blob(version.policy.0))
    .bind(version.number)
    .bind(ticks(record.time))
    .bind(record.actor.to_string())
    .bind(&content.name)
    .bind(&content.document)
    .bind(leaves_to_column(&content.tree))
    .bind(restores)
    .execute(&mut *transaction.connection)
    .await
    .map(drop)
}

/// What a policy gets as its next version.
#[derive(Debug)]
pub(crate) enum Edit {
    /// This.
    Content(PolicyContent),
    /// What an earlier version said.
    Restore(u32),
}

/// Adds a version to a policy.
#[derive(Debug)]
pub(crate) struct EditPolicy {
    pub(crate) id: PolicyId,
    /// The version that the edit was made from.
    pub(crate) expected: u32,
    pub(crate) edit: Edit,
    pub(crate) record: Record,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EditOutcome {
    /// The newest version; the one before it too, if that says the same.
    Newest(u32),
    /// There is no such policy, or no such version to return to.
    Unknown,
    /// Somebody else has edited it meanwhile.
    Outdated,
}

impl Change for EditPolicy {
    type Outcome = EditOutcome;

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<EditOutcome, sqlx::Error> {
        let outcome = self.edit(transaction).await?;
        match outcome {
            EditOutcome::Newest(number) => self.record.detail += &format!("version {number}"),
            EditOutcome::Unknown => self.record.refusal = Some("not found".to_owned()),
            EditOutcome::Outdated => self.record.refusal = Some("edited meanwhile".to_owned()),
        }
        transaction.audit(&self.record).await?;
        Ok(outcome)
    }
}

impl EditPolicy {
    async fn edit(&self, transaction: &mut Transaction<'_>) -> Result<EditOutcome, sqlx::Error> {
        let newest: Option<u32> =
            sqlx::query_scalar("SELECT version FROM policy WHERE id = ? AND deleted IS NULL")
                .bind(blob(self.id.0))
                .fetch_optional(&mut *transaction.connection)
                .await?;
        let Some(newest) = newest else { return Ok(EditOutcome::Unknown) };
        if newest != self.expected {
            return Ok(EditOutcome::Outdated);
        }
        let Some(current) = self.read(transaction, newest).await? else { return Ok(EditOutcome::Unknown) };
        let (content, restores) = match &self.edit {
            Edit::Content(content) => (content.clone(), None),
            Edit::Restore(number) => match self.read(transaction, *number).await? {
                Some(content) => (content, Some(*number)),
                None => return Ok(EditOutcome::Unknown),
            },
        };
        if content == current {
            return Ok(EditOutcome::Newest(newest));
        }
        let next = PolicyVersion { policy: self.id, number: newest.saturating_add(1) };
        write_version(transaction, next, &content, restores, &self.record).await?;
        sqlx::query("UPDATE policy SET version = ? WHERE id = ?")
            .bind(next.number)
            .bind(blob(self.id.0))
            .execute(&mut *transaction.connection)
            .await?;
        Ok(EditOutcome::Newest(next.number))
    }

    async fn read(
        &self,
        transaction: &mut Transaction<'_>,
        number: u32,
    ) -> Result<Option<PolicyContent>, sqlx::Error> {
        let row = sqlx::query("SELECT * FROM policy_version WHERE policy = ? AND number = ?")
            .bind(blob(self.id.0))
            .bind(number)
            .fetch_optional(&mut *transaction.connection)
            .await?;
        row.map(|row| PolicyContent::from_row(&row)).transpose()
    }
}

/// Takes a policy from everybody it is for. Its versions stay.
#[derive(Debug)]
pub(crate) struct DeletePolicy {
    pub(crate) id: PolicyId,
    pub(crate) record: Record,
}

impl Change for DeletePolicy {
    /// Whether there was one.
    type Outcome = bool;

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<bool, sqlx::Error> {
        let result = sqlx::query("UPDATE policy SET deleted = ? WHERE id = ? AND deleted IS NULL")
            .bind(ticks(self.record.time))
            .bind(blob(self.id.0))
            .execute(&mut *transaction.connection)
            .await?;
        sqlx::query("DELETE FROM assignment WHERE policy = ?")
            .bind(blob(self.id.0))
            .execute(&mut *transaction.connection)
            .await?;
        audit_found(transaction, &mut self.record, result.rows_affected() > 0).await
    }
}

#[cfg(test)]
mod tests;
