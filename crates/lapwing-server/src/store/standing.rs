//! How devices stand to LAPS policies: what went wrong with the delivery, and all devices of one policy.

use std::collections::BTreeMap;

use lapwing_core::types::{DeviceId, FileTime, PolicyId};
use lapwing_proto::syncml::StatusCode;
use sqlx::{Row as _, SqliteConnection, sqlite::SqliteRow};

use super::{
    Change, Store, StoreError, Transaction,
    assignment::{MEMBERS, assigned, members, policy_version},
    row::{blob, damaged, guid, ticks, time, time_or_null},
};
use crate::rules::{
    audit::Record,
    policy_assignment::{PolicyVersion, effective},
    policy_standing::{Said, Standing, standing},
};

/// A version that a device did not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RefusedVersion {
    pub(crate) version: PolicyVersion,
    pub(crate) status: u16,
    pub(crate) at: FileTime,
}

/// What went wrong with a device's policy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// The version that it last refused, unless it holds another by now.
    pub(crate) refused: Option<RefusedVersion>,
    /// When it last held something else than it had said.
    pub(crate) drifted: Option<FileTime>,
}

/// A device that a policy concerns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StandingRow {
    pub(crate) device: DeviceId,
    pub(crate) display_name: String,
    pub(crate) standing: Standing,
    /// The version of this policy that it holds whole by its own word, and since when.
    pub(crate) told: Option<(u32, FileTime)>,
    pub(crate) trouble: Trouble,
}

fn trouble(row: &SqliteRow) -> Result<Trouble, sqlx::Error> {
    let refused = time_or_null(row, "refused")?.map(|at| {
        let policy = PolicyId(guid(row, "refused_policy")?);
        let number: Option<u32> = row.try_get("refused_number")?;
        let version = PolicyVersion { policy, number: number.ok_or_else(|| damaged("refused_number"))? };
        Ok::<_, sqlx::Error>(RefusedVersion { version, status: row.try_get("refused_status")?, at })
    });
    Ok(Trouble { refused: refused.transpose()?, drifted: time_or_null(row, "drifted")? })
}

/// The last version that a device holds whole by its own word, and since when; and what went wrong.
type Story = (Option<(PolicyVersion, FileTime)>, Trouble);

/// That of every device that said anything of its policy.
async fn stories(connection: &mut SqliteConnection) -> Result<BTreeMap<DeviceId, Story>, sqlx::Error> {
    let mut stories = BTreeMap::<DeviceId, Story>::new();
    for row in &sqlx::query("SELECT * FROM device_policy").fetch_all(&mut *connection).await? {
        let told = (policy_version(row)?, time(row, "told")?);
        stories.entry(DeviceId(guid(row, "device")?)).or_default().0 = Some(told);
    }
    for row in &sqlx::query("SELECT * FROM device_policy_trouble").fetch_all(connection).await? {
        stories.entry(DeviceId(guid(row, "device")?)).or_default().1 = trouble(row)?;
    }
    Ok(stories)
}

fn said((told, trouble): Story) -> Said {
    Said { told: told.map(|(version, _)| version), refused: trouble.refused.map(|refused| refused.version) }
}

impl Store {
    /// What went wrong with the policy of a device.
    pub(crate) async fn policy_trouble(&self, device: DeviceId) -> Result<Trouble, StoreError> {
        let row = sqlx::query("SELECT * FROM device_policy_trouble WHERE device = ?")
            .bind(blob(device.0))
            .fetch_optional(&self.readers)
            .await?;
        Ok(row.map(|row| trouble(&row)).transpose()?.unwrap_or_default())
    }

    /// What every device that said anything of its policy has said.
    pub(crate) async fn policies_said(&self) -> Result<BTreeMap<DeviceId, Said>, StoreError> {
        let stories = stories(&mut *self.readers.begin().await?).await?;
        Ok(stories.into_iter().map(|(device, story)| (device, said(story))).collect())
    }

    /// Every device that a policy concerns, whoever needs to be looked at first, then by name.
    pub(crate) async fn policy_standings(&self, policy: PolicyId) -> Result<Vec<StandingRow>, StoreError> {
        // One look at the database, so that policies and devices are those of one moment.
        let mut moment = self.readers.begin().await?;
        let policies = assigned(&mut moment, None).await?;
        let stories = stories(&mut moment).await?;
        let query = sqlx::AssertSqlSafe(format!("{MEMBERS} ORDER BY d.id"));
        let mut found = Vec::new();
        for member in members(&sqlx::query(query).fetch_all(&mut *moment).await?)? {
            let story = stories.get(&member.device).copied().unwrap_or_default();
            let Said { told: version, refused } = said(story);
            let (told, trouble) = story;
            if let Some(standing) = standing(policy, &effective(&member, &policies), version, refused) {
                let told = told.filter(|(version, _)| version.policy == policy);
                found.push(StandingRow {
                    device: member.device,
                    display_name: member.display_name,
                    standing,
                    told: told.map(|(version, since)| (version.number, since)),
                    trouble,
                });
            }
        }
        found.sort_by(|a, b| (a.standing, &a.display_name).cmp(&(b.standing, &b.display_name)));
        Ok(found)
    }
}

/// Notes that a device does not hold what it was to take.
#[derive(Debug)]
pub(crate) struct NoteRefused {
    pub(crate) device: DeviceId,
    /// None if it was to give up a policy.
    pub(crate) version: Option<PolicyVersion>,
    pub(crate) status: StatusCode,
    pub(crate) record: Record,
}

impl Change for NoteRefused {
    type Outcome = ();

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<(), sqlx::Error> {
        if let Some(version) = self.version {
            sqlx::query(
                "INSERT INTO device_policy_trouble
                     (device, refused_policy, refused_number, refused_status, refused) VALUES (?, ?, ?, ?, ?)
                 ON CONFLICT (device) DO UPDATE
                 SET refused_policy = excluded.refused_policy, refused_number = excluded.refused_number,
                     refused_status = excluded.refused_status, refused = excluded.refused",
            )
            .bind(blob(self.device.0))
            .bind(blob(version.policy.0))
            .bind(version.number)
            .bind(self.status.0)
            .bind(ticks(self.record.time))
            .execute(&mut *transaction.connection)
            .await?;
        }
        transaction.audit(&self.record).await
    }
}

/// Notes that a device held something else than it had said.
#[derive(Debug)]
pub(crate) struct NoteDrift {
    pub(crate) device: DeviceId,
    pub(crate) record: Record,
}

impl Change for NoteDrift {
    type Outcome = ();

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO device_policy_trouble (device, drifted) VALUES (?, ?)
             ON CONFLICT (device) DO UPDATE SET drifted = excluded.drifted",
        )
        .bind(blob(self.device.0))
        .bind(ticks(self.record.time))
        .execute(&mut *transaction.connection)
        .await?;
        transaction.audit(&self.record).await
    }
}

/// Forgets what a device has refused: it holds by now what it should.
pub(super) async fn forget_refused(
    transaction: &mut Transaction<'_>,
    device: DeviceId,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE device_policy_trouble SET refused_policy = NULL, refused_number = NULL, refused_status = NULL,
             refused = NULL WHERE device = ?",
    )
    .bind(blob(device.0))
    .execute(&mut *transaction.connection)
    .await
    .map(drop)
}
