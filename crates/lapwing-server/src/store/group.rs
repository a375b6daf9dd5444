//! Groups come and go, get policies, and get devices by their tags.

use std::collections::BTreeSet;

use lapwing_core::types::{DeviceId, GroupId, PolicyId};

use super::{
    Change, GroupRow, Transaction,
    directory::audit_found,
    row::{blob, ticks},
};
use crate::rules::{
    audit::Record,
    policy_assignment::{Group, Tag},
};

/// Adds a group.
#[derive(Debug)]
pub(crate) struct CreateGroup {
    pub(crate) row: GroupRow,
    pub(crate) record: Record,
}

impl Change for CreateGroup {
    type Outcome = ();

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<(), sqlx::Error> {
        sqlx::query("INSERT INTO device_group (id, name, rule, created) VALUES (?, ?, ?, ?)")
            .bind(blob(self.row.id.0))
            .bind(&self.row.name)
            .bind(self.row.group.to_string())
            .bind(ticks(self.row.created))
            .execute(&mut *transaction.connection)
            .await?;
        self.record.detail = self.row.group.to_string();
        transaction.audit(&self.record).await
    }
}

/// Gives a group another name or rule.
#[derive(Debug)]
pub(crate) struct ChangeGroup {
    pub(crate) id: GroupId,
    pub(crate) name: String,
    pub(crate) group: Group,
    pub(crate) record: Record,
}

impl Change for ChangeGroup {
    /// Whether there is such a group.
    type Outcome = bool;

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<bool, sqlx::Error> {
        let result = sqlx::query("UPDATE device_group SET name = ?, rule = ? WHERE id = ?")
            .bind(&self.name)
            .bind(self.group.to_string())
            .bind(blob(self.id.0))
            .execute(&mut *transaction.connection)
            .await?;
        self.record.detail = self.group.to_string();
        audit_found(transaction, &mut self.record, result.rows_affected() > 0).await
    }
}

/// Removes a group that no policy is for.
#[derive(Debug)]
pub(crate) struct DeleteGroup {
    pub(crate) id: GroupId,
    pub(crate) record: Record,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeleteGroupOutcome {
    Deleted,
    Unknown,
    /// Its devices would lose their policy unseen.
    InUse,
}

impl Change for DeleteGroup {
    type Outcome = DeleteGroupOutcome;

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<DeleteGroupOutcome, sqlx::Error> {
        let uses: i64 = sqlx::query_scalar("SELECT count(*) FROM assignment WHERE device_group = ?")
            .bind(blob(self.id.0))
            .fetch_one(&mut *transaction.connection)
            .await?;
        if uses > 0 {
            self.record.refusal = Some("a policy is for the group".to_owned());
            transaction.audit(&self.record).await?;
            return Ok(DeleteGroupOutcome::InUse);
        }
        let result = sqlx::query("DELETE FROM device_group WHERE id = ?")
            .bind(blob(self.id.0))
            .execute(&mut *transaction.connection)
            .await?;
        let found = audit_found(transaction, &mut self.record, result.rows_affected() > 0).await?;
        Ok(if found { DeleteGroupOutcome::Deleted } else { DeleteGroupOutcome::Unknown })
    }
}

/// Says for which groups a policy is, in place of those before.
#[derive(Debug)]
pub(crate) struct AssignPolicy {
    pub(crate) policy: PolicyId,
    pub(crate) groups: BTreeSet<GroupId>,
    pub(crate) record: Record,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AssignOutcome {
    Assigned,
    UnknownPolicy,
    UnknownGroup(GroupId),
}

impl Change for AssignPolicy {
    type Outcome = AssignOutcome;

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<AssignOutcome, sqlx::Error> {
        let outcome = self.check(transaction).await?;
        match outcome {
            AssignOutcome::Assigned => self.write(transaction).await?,
            AssignOutcome::UnknownPolicy => self.record.refusal = Some("not found".to_owned()),
            AssignOutcome::UnknownGroup(group) => {
                self.record.refusal = Some(format!("the group {group} is unknown"));
            }
        }
        transaction.audit(&self.record).await?;
        Ok(outcome)
    }
}

impl AssignPolicy {
    async fn check(&self, transaction: &mut Transaction<'_>) -> Result<AssignOutcome, sqlx::Error> {
        let policies: i64 =
            sqlx::query_scalar("SELECT count(*) FROM policy WHERE id = ? AND deleted IS NULL")
                .bind(blob(self.policy.0))
                .fetch_one(&mut *transaction.connection)
                .await?;
        if policies == 0 {
            return Ok(AssignOutcome::UnknownPolicy);
        }
        for group in &self.groups {
            let groups: i64 = sqlx::query_scalar("SELECT count(*) FROM device_group WHERE id = ?")
                .bind(blob(group.0))
                .fetch_one(&mut *transaction.connection)
                .await?;
            if groups == 0 {
                return Ok(AssignOutcome::UnknownGroup(*group));
            }
        }
        Ok(AssignOutcome::Assigned)
    }

    async fn write(&mut self, transaction: &mut Transaction<'_>) -> Result<(), sqlx::Error> {
        sqlx::query("DELETE FROM assignment WHERE policy = ?")
            .bind(blob(self.policy.0))
            .execute(&mut *transaction.connection)
            .await?;
        for group in &self.groups {
            sqlx::query("INSERT INTO assignment (policy, device_group) VALUES (?, ?)")
                .bind(blob(self.policy.0))
                .bind(blob(group.0))
                .execute(&mut *transaction.connection)
                .await?;
        }
        let groups: Vec<String> = self.groups.iter().map(ToString::to_string).collect();
        self.record.detail = format!("groups: {}", groups.join(", "));
        Ok(())
    }
}

/// Gives a device these tags in place of those before.
#[derive(Debug)]
pub(crate) struct TagDevice {
    pub(crate) device: DeviceId,
    pub(crate) tags: BTreeSet<Tag>,
    pub(crate) record: Record,
}

impl Change for TagDevice {
    /// Whether there is such a device.
    type Outcome = bool;

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<bool, sqlx::Error> {
        let devices: i64 = sqlx::query_scalar("SELECT count(*) FROM device WHERE id = ? AND deleted IS NULL")
            .bind(blob(self.device.0))
            .fetch_one(&mut *transaction.connection)
            .await?;
        if devices > 0 {
            sqlx::query("DELETE FROM device_tag WHERE device = ?")
                .bind(blob(self.device.0))
                .execute(&mut *transaction.connection)
                .await?;
            for tag in &self.tags {
                sqlx::query("INSERT INTO device_tag (device, tag) VALUES (?, ?)")
                    .bind(blob(self.device.0))
                    .bind(tag.to_string())
                    .execute(&mut *transaction.connection)
                    .await?;
            }
            let tags: Vec<String> = self.tags.iter().map(ToString::to_string).collect();
            self.record.detail = format!("tags: {}", tags.join(", "));
        }
        audit_found(transaction, &mut self.record, devices > 0).await
    }
}
