//! The vocabulary: values that, once they exist, are valid.

mod encrypted;
mod file_time;
mod guid;
mod ids;
mod names;
pub mod security;
mod sid;
mod time;

pub use encrypted::EncryptedTo;
pub use file_time::{FileTime, FileTimeError};
pub use guid::{Guid, GuidError};
pub use ids::{
    ActionId, BulkRotationId, DeviceId, DirectoryId, DirectoryIdError, GroupId, InstanceId, PasswordVersion,
    PolicyId, RecordId, Replica, ReplicaError, RunId, TenantId, TraceId, Uid,
};
pub use names::{ACCOUNT_NAME_LEN_MAX, AccountName, AccountNameError};
pub use security::SecurityDescriptor;
pub use sid::{DOMAIN_ADMINS, DOMAIN_COMPUTERS, SUB_AUTHORITIES_MAX, Sid, SidError};
pub use time::{Age, BootId, BootTime, Now, WallTime};
