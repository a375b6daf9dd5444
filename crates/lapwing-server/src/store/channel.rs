//! Where Windows devices are woken.

use lapwing_core::types::DeviceId;
use lapwing_proto::wns::ChannelUri;
use sqlx::Row as _;

use super::{
    Change, Store, StoreError, Transaction,
    row::{blob, damaged},
};
use crate::rules::audit::Record;

impl Store {
    /// The channel that a device has told, if it is enabled.
    pub(crate) async fn channel(&self, device: DeviceId) -> Result<Option<ChannelUri>, StoreError> {
        let row = sqlx::query(
            "SELECT push_channel FROM device
             WHERE id = ? AND enabled = 1 AND deleted IS NULL AND push_channel IS NOT NULL",
        )
        .bind(blob(device.0))
        .fetch_optional(&self.readers)
        .await?;
        let channel = row.map(|row| {
            let text: &str = row.try_get("push_channel")?;
            ChannelUri::parse(text).map_err(|_| damaged("push_channel"))
        });
        Ok(channel.transpose()?)
    }
}

/// Replaces the channel of a device.
#[derive(Debug)]
pub(crate) struct SetChannel {
    pub(crate) device: DeviceId,
    pub(crate) channel: ChannelUri,
    pub(crate) record: Record,
}

impl Change for SetChannel {
    type Outcome = ();

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<(), sqlx::Error> {
        sqlx::query("UPDATE device SET push_channel = ? WHERE id = ?")
            .bind(self.channel.to_string())
            .bind(blob(self.device.0))
            .execute(&mut *transaction.connection)
            .await?;
        transaction.audit(&self.record).await
    }
}

/// Forgets a channel, unless the device has told of another meanwhile.
#[derive(Debug)]
pub(crate) struct ForgetChannel {
    pub(crate) device: DeviceId,
    pub(crate) channel: ChannelUri,
    pub(crate) record: Record,
}

impl Change for ForgetChannel {
    type Outcome = ();

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<(), sqlx::Error> {
        let done = sqlx::query("UPDATE device SET push_channel = NULL WHERE id = ? AND push_channel = ?")
            .bind(blob(self.device.0))
            .bind(self.channel.to_string())
            .execute(&mut *transaction.connection)
            .await?;
        if done.rows_affected() > 0 { transaction.audit(&self.record).await } else { Ok(()) }
    }
}
