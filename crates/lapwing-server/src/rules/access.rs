//! Who may do what: a client's roles against what it asks for. docs/threat-model.md, administrators.

use core::{fmt, str::FromStr};

macro_rules! roles {
    ($($(#[$doc:meta])* $name:ident = $text:literal),+ $(,)?) => {
        /// What a client or operator may do, named as Microsoft Graph names its permissions.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Role {
            $($(#[$doc])* $name,)+
        }

        impl Role {
            pub(crate) const ALL: &'static [Self] = &[$(Self::$name,)+];

            pub(crate) const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }
        }
    };
}

roles! {
    /// Names and times of passwords.
    CredentialReadBasic = "DeviceLocalCredential.ReadBasic.All",
    /// The passwords too.
    CredentialRead = "DeviceLocalCredential.Read.All",
    DeviceRead = "Device.Read.All",
    AuditRead = "AuditLog.Read.All",
    PolicyRead = "Policy.Read.DeviceConfiguration",
    PolicyWrite = "Policy.ReadWrite.DeviceConfiguration",
    /// The fleet and its actions.
    ManagedDevicesRead = "DeviceManagementManagedDevices.Read.All",
    /// To rotate a device's password now.
    ManagedDevicesOperate = "DeviceManagementManagedDevices.PrivilegedOperations.All",
    /// LAPS policies, the groups they are for, and the tags of devices.
    ConfigurationRead = "DeviceManagementConfiguration.Read.All",
    ConfigurationWrite = "DeviceManagementConfiguration.ReadWrite.All",
    /// To rotate many at once.
    BulkRotate = "Lapwing.BulkRotate",
    /// Enrolment tokens, clients, operators, devices, the audit log.
    Administer = "Lapwing.Administer",
}

/// The text names no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a role of this server")]
pub(crate) struct RoleError(String);

impl FromStr for Role {
    type Err = RoleError;

    fn from_str(text: &str) -> Result<Self, RoleError> {
        let known = Self::ALL.iter().copied().find(|role| role.as_str().eq_ignore_ascii_case(text));
        known.ok_or_else(|| RoleError(text.chars().take(64).collect()))
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a client or operator asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    ReadMetadata,
    ReadPassword,
    ReadDevices,
    ReadAudit,
    ReadPolicy,
    WritePolicy,
    ReadManagedDevices,
    Rotate,
    BulkRotate,
    ReadConfiguration,
    WriteConfiguration,
    Administer,
}

impl Act {
    pub(crate) const ALL: &'static [Self] = &[
        Self::ReadManagedDevices,
        Self::ReadMetadata,
        Self::ReadPassword,
        Self::Rotate,
        Self::BulkRotate,
        Self::ReadConfiguration,
        Self::WriteConfiguration,
        Self::ReadAudit,
        Self::Administer,
        Self::ReadDevices,
        Self::ReadPolicy,
        Self::WritePolicy,
    ];

    /// In words, for people.
    pub(crate) const fn describe(self) -> &'static str {
        match self {
            Self::ReadMetadata => "See when passwords were stored and expire",
            Self::ReadPassword => "Reveal passwords",
            Self::ReadDevices => "Read device objects (Graph)",
            Self::ReadAudit => "Read and verify the audit log",
            Self::ReadPolicy => "Read the registration policy (Graph)",
            Self::WritePolicy => "Change the registration policy (Graph)",
            Self::ReadManagedDevices => "See the fleet",
            Self::Rotate => "Rotate a device's password",
            Self::BulkRotate => "Rotate many at once",
            Self::ReadConfiguration => "Read LAPS policies",
            Self::WriteConfiguration => "Edit LAPS policies",
            Self::Administer => "Administer operators, clients, enrolment and devices",
        }
    }
}

/// Whether one of `roles` allows `act`.
pub(crate) fn may(roles: &[Role], act: Act) -> bool {
    let sufficient: &[Role] = match act {
        Act::ReadMetadata => &[Role::CredentialReadBasic, Role::CredentialRead],
        Act::ReadPassword => &[Role::CredentialRead],
        Act::ReadDevices => &[Role::DeviceRead],
        Act::ReadAudit => &[Role::AuditRead],
        Act::ReadPolicy => &[Role::PolicyRead, Role::PolicyWrite],
        Act::WritePolicy => &[Role::PolicyWrite],
        Act::ReadManagedDevices => &[Role::ManagedDevicesRead],
        Act::Rotate => &[Role::ManagedDevicesOperate],
        Act::BulkRotate => &[Role::BulkRotate],
        Act::ReadConfiguration => &[Role::ConfigurationRead, Role::ConfigurationWrite],
        Act::WriteConfiguration => &[Role::ConfigurationWrite],
        Act::Administer => &[Role::Administer],
    };
    sufficient.iter().any(|role| roles.contains(role))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_role_for_passwords_reads_passwords() {
        for &role in Role::ALL {
            assert_eq!(may(&[role], Act::ReadPassword), role == Role::CredentialRead, "{role}");
        }
        assert!(!may(&[], Act::ReadMetadata));
        assert!(may(&[Role::CredentialReadBasic], Act::ReadMetadata));
    }

    #[test]
    fn to_rotate_to_reveal_to_edit_policy_to_act_in_bulk_and_to_administer_are_apart() {
        let apart = [
            (Role::ManagedDevicesOperate, Act::Rotate),
            (Role::CredentialRead, Act::ReadPassword),
            (Role::ConfigurationWrite, Act::WriteConfiguration),
            (Role::BulkRotate, Act::BulkRotate),
            (Role::Administer, Act::Administer),
        ];
        for (role, own) in apart {
            for (_, act) in apart {
                assert_eq!(may(&[role], act), act == own, "{role}: {act:?}");
            }
        }
    }

    #[test]
    fn administration_includes_nothing_else() {
        for &act in Act::ALL {
            assert_eq!(may(&[Role::Administer], act), act == Act::Administer, "{act:?}");
        }
    }

    #[test]
    fn a_role_reads_as_it_prints() {
        for &role in Role::ALL {
            assert_eq!(role.to_string().parse(), Ok(role));
        }
        assert!("DeviceLocalCredential.Write.All".parse::<Role>().is_err());
    }
}
