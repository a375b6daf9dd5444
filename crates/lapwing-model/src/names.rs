//! The few values that the model needs of the core's types.

use core::time::Duration;

use lapwing_core::{
    agent::{Plan, PlanRules, Target},
    policy::{DsrmBackup, PassphraseLength, PasswordAgeDays, PasswordComplexity, PasswordLength},
    types::{
        AccountName, BootId, BootTime, FileTime, Guid, Now, PasswordVersion, RecordId, Replica, WallTime,
    },
};

/// How long a password lives. Nothing comes near it.
pub(crate) const AGE: Duration = Duration::from_secs(30 * 86_400);
/// The model has one boot; that ages outlive reboots is tested where they are defined.
pub(crate) const BOOT: BootId = BootId(Guid::from_bytes([0xb0; 16]));

/// The version of that number.
pub(crate) fn version(number: u8) -> PasswordVersion {
    PasswordVersion(Guid::from_bytes([number; 16]))
}

/// The number of a version.
pub(crate) fn number(version: PasswordVersion) -> u8 {
    version.0.to_bytes()[0]
}

/// The name of a server.
pub(crate) fn replica(server: usize) -> Replica {
    let name = if server == 0 { "dc1" } else { "dc2" };
    name.parse().expect("it is a DNS name")
}

/// The server of that name.
pub(crate) fn server(replica: &Replica) -> usize {
    usize::from(*replica == self::replica(1))
}

pub(crate) fn account() -> AccountName {
    "lapadmin".parse().expect("it is a name")
}

pub(crate) fn record() -> RecordId {
    RecordId("device".to_owned())
}

pub(crate) fn start() -> Now {
    let wall = FileTime::from_unix(Duration::from_secs(1_800_000_000)).expect("it is in range");
    Now { wall: WallTime(wall), boot: BootTime(Duration::from_secs(10)) }
}

pub(crate) fn plan() -> Plan {
    const VALID: &str = "it is in range";
    Plan {
        encryption: None,
        dsrm: DsrmBackup::Off,
        target: Target::ActiveDirectory,
        account: Some(account()),
        own: None,
        age: PasswordAgeDays::parse(30).expect(VALID),
        rules: PlanRules {
            complexity: PasswordComplexity::parse(4).expect(VALID),
            password_length: PasswordLength::parse(14).expect(VALID),
            passphrase_length: PassphraseLength::parse(6).expect(VALID),
            word_list: None,
        },
        expiry_protected: true,
        activation_grace: Duration::ZERO,
        post_authentication: None,
    }
}
