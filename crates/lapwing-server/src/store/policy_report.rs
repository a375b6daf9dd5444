//! The policy in effect on each device, as the device told it last.

use lapwing_core::types::{DeviceId, FileTime};
use lapwing_proto::policy_report::PolicyReport;
use sqlx::Row as _;

use super::{
    Change, Store, StoreError, Transaction,
    row::{blob, damaged, ticks, time},
};

/// Takes note of what a device tells, in place of what it told before.
#[derive(Debug)]
pub(crate) struct TellPolicy {
    pub(crate) device: DeviceId,
    pub(crate) at: FileTime,
    pub(crate) report: PolicyReport,
}

impl Change for TellPolicy {
    /// Whether the device is known and enabled.
    type Outcome = bool;

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<bool, sqlx::Error> {
        let body =
            serde_json::to_string(&self.report).map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
        let result = sqlx::query(
            "INSERT INTO device_policy_report (device, told, body)
             SELECT id, ?, ? FROM device WHERE id = ? AND enabled = 1 AND deleted IS NULL
             ON CONFLICT (device) DO UPDATE SET told = excluded.told, body = excluded.body",
        )
        .bind(ticks(self.at))
        .bind(body)
        .bind(blob(self.device.0))
        .execute(&mut *transaction.connection)
        .await?;
        Ok(result.rows_affected() > 0)
    }
}

impl Store {
    /// What a device told last, and when.
    pub(crate) async fn policy_report(
        &self,
        device: DeviceId,
    ) -> Result<Option<(FileTime, PolicyReport)>, StoreError> {
        let row = sqlx::query("SELECT told, body FROM device_policy_report WHERE device = ?")
            .bind(blob(device.0))
            .fetch_optional(&self.readers)
            .await?;
        let report = row.map(|row| {
            let report = serde_json::from_str(row.try_get("body")?).map_err(|_| damaged("body"))?;
            Ok::<_, sqlx::Error>((time(&row, "told")?, report))
        });
        Ok(report.transpose()?)
    }
}
