//! Rows of devices that never joined, for benchmarks. Never in a shipped build.

use core::ops::Range;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use lapwing_core::{
    secret::Password,
    types::{AccountName, DeviceId, FileTime, Guid, PasswordVersion, TenantId},
};

use super::{
    Change, Transaction,
    row::{blob, ticks},
};
use crate::{
    app::record,
    keys::{Keyring, envelope::Binding},
    os,
    rules::audit::{Activity, Actor},
};

/// How many devices one commit brings.
pub const BATCH: u32 = 5000;

/// Adds the devices of some numbers. What a store would have computed from the device's own secrets, its seal's digest
/// and its receipt, is a stand-in of the same length; the password is under its real keys.
pub(crate) struct Generated {
    pub(crate) tenant: TenantId,
    pub(crate) keys: Arc<Keyring>,
    pub(crate) account: AccountName,
    /// Of the key that all of them have; none if each has one that nobody knows.
    pub(crate) key_sha256: Option<[u8; 32]>,
    pub(crate) numbers: Range<u32>,
    pub(crate) now: FileTime,
}

/// The id of the device of that number: as spread as random ones.
pub(crate) fn device_id(number: u32) -> DeviceId {
    DeviceId(guid(b"device", number))
}

/// The version that the device holds at first.
pub(crate) fn version_of(number: u32) -> PasswordVersion {
    PasswordVersion(guid(b"version", number))
}

fn guid(kind: &[u8], number: u32) -> Guid {
    let hash = digest(&SHA256, &[kind, &number.to_be_bytes()].concat());
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(hash.as_ref()).for_each(|(byte, hashed)| *byte = *hashed);
    Guid::from_random_bytes(bytes)
}

impl Change for Generated {
    type Outcome = ();

    async fn apply(&mut self, transaction: &mut Transaction<'_>) -> Result<(), sqlx::Error> {
        for number in self.numbers.clone() {
            self.add_device(transaction, number).await?;
            self.add_password(transaction, number).await?;
            let device = device_id(number);
            let stored =
                record(self.now, Actor::Device(device), Activity::StorePassword, &device.to_string());
            transaction.audit(&stored).await?;
        }
        Ok(())
    }
}

impl Generated {
    async fn add_device(&self, transaction: &mut Transaction<'_>, number: u32) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO device (id, object_id, display_name, os, os_version, key_sha256, enabled, created, in_force)
             VALUES (?, ?, ?, 'Linux', '13', ?, 1, ?, ?)",
        )
        .bind(blob(device_id(number).0))
        .bind(blob(guid(b"object", number)))
        .bind(format!("host-{number:07}"))
        .bind(self.key_sha256.map_or_else(
            || digest(&SHA256, &number.to_be_bytes()).as_ref().to_vec(),
            |key_sha256| key_sha256.to_vec(),
        ))
        .bind(ticks(self.now))
        .bind(blob(version_of(number).0))
        .execute(&mut *transaction.connection)
        .await
        .map(drop)
    }

    async fn add_password(&self, transaction: &mut Transaction<'_>, number: u32) -> Result<(), sqlx::Error> {
        let (device, version) = (device_id(number), version_of(number));
        let binding =
            Binding::Password { tenant: self.tenant, device, version: Some(version), account: &self.account };
        let password = Password::new(format!("correct horse {number:07}"));
        let sealed = self
            .keys
            .kek
            .seal_password(&mut os::rng(), &password, binding)
            .map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
        sqlx::query(
            "INSERT INTO password (device, sequence, version, sealed_sha256, receipt, account, stored, expiry,
                                   wrapped_key, ciphertext)
             VALUES (?, 1, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(blob(device.0))
        .bind(blob(version.0))
        .bind(vec![0x5a; 32])
        .bind(vec![0xa5; 64])
        .bind(self.account.as_str())
        .bind(ticks(self.now))
        .bind(ticks(self.now.saturating_add(core::time::Duration::from_secs(30 * 86_400))))
        .bind(&sealed.wrapped_key)
        .bind(&sealed.ciphertext)
        .execute(&mut *transaction.connection)
        .await
        .map(drop)
    }
}
