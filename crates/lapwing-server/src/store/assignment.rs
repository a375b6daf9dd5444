//! Whom policies are for, and what each device was told of that.

use std::collections::{BTreeMap, BTreeSet};

use lapwing_core::{
    csp::Tree,
    types::{DeviceId, FileTime, GroupId, PolicyId},
};
use sqlx::{Row as _, SqliteConnection, sqlite::SqliteRow};

use super::{
    Change, Store, StoreError, Transaction,
    policy::leaves,
    row::{blob, damaged, guid, ticks, time},
    standing::forget_refused,
};
use crate::rules::{
    audit::Record,
    policy_assignment::{
        Assigned, Effective, Group, Member, Policies, PolicyVersion, Tag, Target, effective, target,
    },
};

/// A group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GroupRow {
    pub(crate) id: GroupId,
    pub(crate) name: String,
    pub(crate) group: Group,
    pub(crate) created: FileTime,
}

/// How a device stands to the policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DevicePolicy {
    /// What is for it.
    pub(crate) effective: Effective,
    /// The last policy that it holds whole by its own word, and since when.
    pub(crate) told: Option<(PolicyVersion, FileTime)>,
    /// What it is to hold.
    pub(crate) target: Target,
}

/// What a device is to be told, if anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WantedPolicy {
    /// The version; none to take away what it holds of ours.
    pub(crate) version: Option<PolicyVersion>,
    /// What it holds by its own word.
    pub(crate) told: Option<PolicyVersion>,
    /// What it is to hold, and nothing else.
    pub(crate) tree: Tree,
}

/// The version that a row names.
pub(super) fn policy_version(row: &SqliteRow) -> Result<PolicyVersion, sqlx::Error> {
    Ok(PolicyVersion { policy: PolicyId(guid(row, "policy")?), number: row.try_get("number")? })
}

fn group(row: &SqliteRow) -> Result<GroupRow, sqlx::Error> {
    let rule: &str = row.try_get("rule")?;
    Ok(GroupRow {
        id: GroupId(guid(row, "id")?),
        name: row.try_get("name")?,
        group: rule.parse().map_err(|_| damaged("rule"))?,
        created: time(row, "created")?,
    })
}

/// Rows of devices with one tag each, or none, those of one device side by side.
pub(super) fn members(rows: &[SqliteRow]) -> Result<Vec<Member>, sqlx::Error> {
    let mut members: Vec<Member> = Vec::new();
    for row in rows {
        let device = DeviceId(guid(row, "id")?);
        let tag: Option<&str> = row.try_get("tag")?;
        let tag = tag.map(|tag| tag.parse().map_err(|_| damaged("tag"))).transpose()?;
        match members.last_mut() {
            Some(last) if last.device == device => last.tags.extend(tag),
            _ => {
                let display_name = row.try_get("display_name")?;
                members.push(Member { device, display_name, tags: tag.into_iter().collect() });
            }
        }
    }
    Ok(members)
}

pub(super) const MEMBERS: &str = "SELECT d.id, d.display_name, t.tag FROM device d
    LEFT JOIN device_tag t ON t.device = d.id WHERE d.deleted IS NULL";

/// All policies with their groups; one group may have another rule instead of its own.
pub(super) async fn assigned(
    connection: &mut SqliteConnection,
    instead: Option<(GroupId, &Group)>,
) -> Result<Policies, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT p.id, p.version, v.leaves, g.rule, g.id AS group_id FROM policy p
         JOIN policy_version v ON v.policy = p.id AND v.number = p.version
         LEFT JOIN assignment a ON a.policy = p.id LEFT JOIN device_group g ON g.id = a.device_group
         WHERE p.deleted IS NULL",
    )
    .fetch_all(connection)
    .await?;
    let mut policies = Policies::new();
    for row in &rows {
        let rule: Option<&str> = row.try_get("rule")?;
        let group = match (rule, instead) {
            (None, _) => None,
            (Some(_), Some((id, group))) if guid(row, "group_id")? == id.0 => Some(group.clone()),
            (Some(rule), _) => Some(rule.parse().map_err(|_| damaged("rule"))?),
        };
        let assigned = Assigned {
            version: row.try_get("version")?,
            sets_anything: leaves(row)?.values().next().is_some(),
            groups: Vec::new(),
        };
        policies.entry(PolicyId(guid(row, "id")?)).or_insert(assigned).groups.extend(group);
    }
    Ok(policies)
}

/// How a device stands to the policies, in a transaction; none if there is no such device.
pub(super) async fn device_policy(
    connection: &mut SqliteConnection,
    device: DeviceId,
) -> Result<Option<DevicePolicy>, sqlx::Error> {
    let query = sqlx::AssertSqlSafe(format!("{MEMBERS} AND d.id = ?"));
    let rows = sqlx::query(query).bind(blob(device.0)).fetch_all(&mut *connection).await?;
    let Some(member) = members(&rows)?.pop() else { return Ok(None) };
    let row = sqlx::query("SELECT policy, number, told FROM device_policy WHERE device = ?")
        .bind(blob(device.0))
        .fetch_optional(&mut *connection)
        .await?;
    let told = row.map(|row| Ok::<_, sqlx::Error>((policy_version(&row)?, time(&row, "told")?)));
    let told = told.transpose()?;
    let effective = effective(&member, &assigned(connection, None).await?);
    let target = target(&effective, told.map(|(version, _)| version));
    Ok(Some(DevicePolicy { effective, told, target }))
}

impl Store {
    /// By id.
    pub(crate) async fn groups(&self) -> Result<Vec<GroupRow>, StoreError> {
        let rows = sqlx::query("SELECT * FROM device_group ORDER BY id").fetch_all(&self.readers).await?;
        Ok(rows.iter().map(group).collect::<Result<_, _>>()?)
    }

    /// The groups that a policy is for, by id.
    pub(crate) async fn groups_of(&self, policy: PolicyId) -> Result<Vec<GroupRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT g.* FROM device_group g JOIN assignment a ON a.device_group = g.id
             WHERE a.policy = ? ORDER BY g.id",
        )
        .bind(blob(policy.0))
        .fetch_all(&self.readers)
        .await?;
        Ok(rows.iter().map(group).collect::<Result<_, _>>()?)
    }

    /// All policies, as far as it matters whom they are for.
    pub(crate) async fn assigned(&self) -> Result<Policies, StoreError> {
        Ok(assigned(&mut *self.readers.acquire().await?, None).await?)
    }

    /// The same, as if this group had this rule.
    pub(crate) async fn assigned_if(&self, id: GroupId, group: &Group) -> Result<Policies, StoreError> {
        Ok(assigned(&mut *self.readers.acquire().await?, Some((id, group))).await?)
    }

    /// For each policy the groups that it is for, by id.
    pub(crate) async fn groups_of_all(&self) -> Result<BTreeMap<PolicyId, Vec<GroupRow>>, StoreError> {
        let rows = sqlx::query(
            "SELECT g.*, a.policy FROM device_group g JOIN assignment a ON a.device_group = g.id ORDER BY g.id",
        )
        .fetch_all(&self.readers)
        .await?;
        let mut groups = BTreeMap::<PolicyId, Vec<GroupRow>>::new();
        for row in &rows {
            groups.entry(PolicyId(guid(row, "policy")?)).or_default().push(group(row)?);
        }
        Ok(groups)
    }

    /// All devices that were not deleted, as groups see them, by id.
    pub(crate) async fn members(&self) -> Result<Vec<Member>, StoreError> {
        let query = sqlx::AssertSqlSafe(format!("{MEMBERS} ORDER BY d.id"));
        Ok(members(&sqlx::query(query).fetch_all(&self.readers).await?)?)
    }

    /// The tags of a device; none if there is no such device.
    pub(crate) async fn tags(&self, device: DeviceId) -> Result<Option<BTreeSet<Tag>>, StoreError> {
        let query = sqlx::AssertSqlSafe(format!("{MEMBERS} AND d.id = ?"));
        let rows = sqlx::query(query).bind(blob(device.0)).fetch_all(&self.readers).await?;
        Ok(members(&rows)?.pop().map(|member| member.tags))
    }

    /// How a device stands to the policies; none if there is no such device.
    pub(crate) async fn device_policy(&self, device: DeviceId) -> Result<Option<DevicePolicy>, StoreError> {
        // One look at the database, so that policies and devices are those of one moment.
        Ok(device_policy(&mut *self.readers.begin().await?, device).await?)
    }

    /// What a device is to be told; none if it is to be left as it is.
    pub(crate) async fn wanted_policy(&self, device: DeviceId) -> Result<Option<WantedPolicy>, StoreError> {
        let Some(DevicePolicy { told, target, .. }) = self.device_policy(device).await? else {
            return Ok(None);
        };
        let told = told.map(|(version, _)| version);
        Ok(match target {
            Target::Untouched => None,
            Target::Nothing => Some(WantedPolicy { version: None, told, tree: Tree::default() }),
            Target::Version(version) => {
                let tree = self.policy_tree(version).await?;
                tree.map(|tree| WantedPolicy { version: Some(version), told, tree })
            }
        })
    }

    /// The leaves that a version sets; none if there is no such version.
    pub(super) async fn policy_tree(&self, version: PolicyVersion) -> Result<Option<Tree>, StoreError> {
        let row = sqlx::query("SELECT leaves FROM policy_version WHERE policy = ? AND number = ?")
            .bind(blob(version.policy.0))
            .bind(version.number)
            .fetch_optional(&self.readers)
            .await?;
        Ok(row.map(|row| leaves(&row)).transpose()?)
    }
}

/// Notes what a device holds whole by its own word: a version, or no policy of ours.
#[derive(Debug)]
pub(crate) struct NoteTold {
    pub(crate) device: DeviceId,
    pub(crate) told: Option<PolicyVersion>,
    pub(crate) record: Record,
}

impl Change for NoteTold {
    type Outcome = ();

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<(), sqlx::Error> {
        match self.told {
            None => {
                sqlx::query("DELETE FROM device_policy WHERE device = ?")
                    .bind(blob(self.device.0))
                    .execute(&mut *transaction.connection)
                    .await?;
            }
            Some(version) => {
                sqlx::query(
                    "INSERT INTO device_policy (device, policy, number, told) VALUES (?, ?, ?, ?)
                     ON CONFLICT (device) DO UPDATE
                     SET policy = excluded.policy, number = excluded.number, told = excluded.told",
                )
                .bind(blob(self.device.0))
                .bind(blob(version.policy.0))
                .bind(version.number)
                .bind(ticks(self.record.time))
                .execute(&mut *transaction.connection)
                .await?;
            }
        }
        forget_refused(transaction, self.device).await?;
        transaction.audit(&self.record).await
    }
}
