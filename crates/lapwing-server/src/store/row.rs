//! What the database holds, in domain types, and how columns become them.

use lapwing_core::types::{AccountName, DeviceId, FileTime, Guid, PasswordVersion, TenantId};
use sqlx::{Row as _, sqlite::SqliteRow};

use crate::{keys::envelope::SealedRecord, rules::access::Role};

/// The tenant and the key-encryption key in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MetaRow {
    pub(crate) tenant: TenantId,
    pub(crate) tenant_name: String,
    pub(crate) kek: Guid,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeviceRow {
    pub(crate) id: DeviceId,
    pub(crate) object_id: Guid,
    pub(crate) display_name: String,
    pub(crate) os: String,
    pub(crate) os_version: String,
    pub(crate) enabled: bool,
    pub(crate) created: FileTime,
    pub(crate) is_deleted: bool,
    pub(crate) last_contact: Option<FileTime>,
    /// When it last showed that two hosts have this identity.
    pub(crate) shared: Option<FileTime>,
}

/// A password held, without the password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HeldRow {
    pub(crate) sequence: i64,
    pub(crate) version: Option<PasswordVersion>,
    pub(crate) sealed_sha256: Option<[u8; 32]>,
    pub(crate) receipt: Option<[u8; 64]>,
    pub(crate) account: AccountName,
    pub(crate) stored: FileTime,
    pub(crate) expiry: FileTime,
}

/// A password held, under its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PasswordRow {
    pub(crate) held: HeldRow,
    pub(crate) record: SealedRecord,
}

/// The newest password of a device, without the password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CredentialRow {
    pub(crate) device: DeviceId,
    pub(crate) display_name: String,
    pub(crate) stored: FileTime,
    pub(crate) expiry: FileTime,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TokenRow {
    pub(crate) id: Guid,
    pub(crate) secret_sha256: [u8; 32],
    pub(crate) description: String,
    pub(crate) created: FileTime,
    pub(crate) expires: FileTime,
    pub(crate) uses_left: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClientRow {
    pub(crate) id: Guid,
    pub(crate) secret_sha256: [u8; 32],
    pub(crate) display_name: String,
    pub(crate) roles: Vec<Role>,
    pub(crate) created: FileTime,
    pub(crate) enabled: bool,
}

/// A column does not hold what only we write there.
#[derive(Debug, thiserror::Error)]
#[error("column {0} is damaged")]
struct Damaged(&'static str);

pub(super) fn damaged(column: &'static str) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(Damaged(column)))
}

pub(super) fn bytes<const N: usize>(row: &SqliteRow, column: &'static str) -> Result<[u8; N], sqlx::Error> {
    row.try_get::<&[u8], _>(column)?.try_into().map_err(|_| damaged(column))
}

pub(super) fn bytes_or_null<const N: usize>(
    row: &SqliteRow,
    column: &'static str,
) -> Result<Option<[u8; N]>, sqlx::Error> {
    let found: Option<&[u8]> = row.try_get(column)?;
    found.map(|bytes| bytes.try_into().map_err(|_| damaged(column))).transpose()
}

pub(super) fn guid(row: &SqliteRow, column: &'static str) -> Result<Guid, sqlx::Error> {
    bytes(row, column).map(Guid::from_bytes)
}

pub(super) fn version_or_null(
    row: &SqliteRow,
    column: &'static str,
) -> Result<Option<PasswordVersion>, sqlx::Error> {
    Ok(bytes_or_null(row, column)?.map(|bytes| PasswordVersion(Guid::from_bytes(bytes))))
}

pub(super) fn time(row: &SqliteRow, column: &'static str) -> Result<FileTime, sqlx::Error> {
    let ticks: i64 = row.try_get(column)?;
    u64::try_from(ticks)
        .ok()
        .and_then(|ticks| FileTime::from_ticks(ticks).ok())
        .ok_or_else(|| damaged(column))
}

pub(super) fn time_or_null(row: &SqliteRow, column: &'static str) -> Result<Option<FileTime>, sqlx::Error> {
    match row.try_get::<Option<i64>, _>(column)? {
        Some(_) => time(row, column).map(Some),
        None => Ok(None),
    }
}

/// A time, of which 0 is none.
pub(super) fn time_or_zero(row: &SqliteRow, column: &'static str) -> Result<Option<FileTime>, sqlx::Error> {
    Ok(Some(time(row, column)?).filter(|time| time.ticks() > 0))
}

/// A time as a column: its range fits.
pub(super) fn ticks(time: FileTime) -> i64 {
    i64::try_from(time.ticks()).unwrap_or(i64::MAX)
}

/// A GUID as a column.
pub(super) fn blob(guid: Guid) -> Vec<u8> {
    guid.to_bytes().to_vec()
}

impl DeviceRow {
    pub(super) fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: DeviceId(guid(row, "id")?),
            object_id: guid(row, "object_id")?,
            display_name: row.try_get("display_name")?,
            os: row.try_get("os")?,
            os_version: row.try_get("os_version")?,
            enabled: row.try_get("enabled")?,
            created: time(row, "created")?,
            last_contact: time_or_null(row, "last_contact")?,
            shared: time_or_null(row, "shared")?,
            is_deleted: row.try_get::<Option<i64>, _>("deleted")?.is_some(),
        })
    }
}

impl HeldRow {
    pub(super) fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        let account: &str = row.try_get("account")?;
        Ok(Self {
            sequence: row.try_get("sequence")?,
            version: version_or_null(row, "version")?,
            sealed_sha256: bytes_or_null(row, "sealed_sha256")?,
            receipt: bytes_or_null(row, "receipt")?,
            account: account.parse().map_err(|_| damaged("account"))?,
            stored: time(row, "stored")?,
            expiry: time(row, "expiry")?,
        })
    }
}

impl PasswordRow {
    pub(super) fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            held: HeldRow::from_row(row)?,
            record: SealedRecord {
                wrapped_key: row.try_get("wrapped_key")?,
                ciphertext: row.try_get("ciphertext")?,
            },
        })
    }
}

impl CredentialRow {
    pub(super) fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            device: DeviceId(guid(row, "device")?),
            display_name: row.try_get("display_name")?,
            stored: time(row, "stored")?,
            expiry: time(row, "expiry")?,
        })
    }
}

impl TokenRow {
    pub(super) fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: guid(row, "id")?,
            secret_sha256: bytes(row, "secret_sha256")?,
            description: row.try_get("description")?,
            created: time(row, "created")?,
            expires: time(row, "expires")?,
            uses_left: row.try_get("uses_left")?,
        })
    }
}

impl ClientRow {
    pub(super) fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        let roles: &str = row.try_get("roles")?;
        Ok(Self {
            id: guid(row, "id")?,
            secret_sha256: bytes(row, "secret_sha256")?,
            display_name: row.try_get("display_name")?,
            roles: roles_from_column(roles)?,
            created: time(row, "created")?,
            enabled: row.try_get("enabled")?,
        })
    }
}

pub(super) fn roles_from_column(text: &str) -> Result<Vec<Role>, sqlx::Error> {
    text.split_ascii_whitespace().map(|role| role.parse().map_err(|_| damaged("roles"))).collect()
}

/// Roles as a column: separated by blanks.
pub(super) fn roles_to_column(roles: &[Role]) -> String {
    roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(" ")
}
