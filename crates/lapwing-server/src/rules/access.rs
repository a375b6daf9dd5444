//! Who may do what: a client's roles against what it asks for. docs/threat-model.md, administrators.

use core::{fmt, str::FromStr};

macro_rules! roles {
    ($($(#[$doc:meta])* $name:ident = $text:literal),+ $(,)?) => {
        /// What a client may do, named as Microsoft Graph names its permissions.
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
    ConfigurationRead = "DeviceManagementConfiguration.Read.All",
    /// LAPS policies, the groups they are for, and the tags of devices.
    ConfigurationWrite = "DeviceManagementConfiguration.ReadWrite.All",
    /// Enrolment tokens, clients, devices, the audit log.
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

/// What a client asks for.
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
    ReadLapsPolicies,
    WriteLapsPolicies,
    Administer,
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
        Act::ReadLapsPolicies => &[Role::ConfigurationRead, Role::ConfigurationWrite],
        Act::WriteLapsPolicies => &[Role::ConfigurationWrite],
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
    fn administration_does_not_include_reading() {
        for act in [
            Act::ReadMetadata,
            Act::ReadPassword,
            Act::ReadAudit,
            Act::WritePolicy,
            Act::ReadDevices,
            Act::WriteLapsPolicies,
        ] {
            assert!(!may(&[Role::Administer], act), "{act:?}");
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
