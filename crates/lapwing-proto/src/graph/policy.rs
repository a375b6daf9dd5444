//! `deviceRegistrationPolicy`: the tenant switch.

use serde::{Deserialize, Serialize};

/// The tenant's registration policy. A PUT replaces it whole: a quota left out becomes 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceRegistrationPolicy {
    /// `deviceRegistrationPolicy`.
    #[serde(default = "policy_id")]
    pub id: String,
    /// Fixed text.
    #[serde(default)]
    pub display_name: String,
    /// Fixed text.
    #[serde(default)]
    pub description: String,
    /// How many devices a person may join.
    #[serde(default)]
    pub user_device_quota: u32,
    /// `notRequired` or `required`.
    #[serde(default = "not_required")]
    pub multi_factor_auth_configuration: String,
    /// Who may register.
    #[serde(rename = "azureADRegistration", default)]
    pub azure_ad_registration: AzureAdRegistration,
    /// Who may join.
    #[serde(rename = "azureADJoin", default)]
    pub azure_ad_join: AzureAdJoin,
    /// The switch.
    #[serde(default)]
    pub local_admin_password: LocalAdminPassword,
}

fn policy_id() -> String {
    "deviceRegistrationPolicy".to_owned()
}

fn not_required() -> String {
    "notRequired".to_owned()
}

impl DeviceRegistrationPolicy {
    /// What a new tenant has; whether LAPS is on is the caller's choice.
    #[must_use]
    pub fn new(laps_enabled: bool) -> Self {
        Self {
            id: policy_id(),
            display_name: "Device Registration Policy".to_owned(),
            description:
                "Tenant-wide policy that manages initial provisioning controls using quota restrictions, \
                          additional authentication and authorization checks"
                    .to_owned(),
            user_device_quota: 50,
            multi_factor_auth_configuration: not_required(),
            azure_ad_registration: AzureAdRegistration::default(),
            azure_ad_join: AzureAdJoin::default(),
            local_admin_password: LocalAdminPassword { is_enabled: laps_enabled },
        }
    }
}

/// Who may register.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AzureAdRegistration {
    /// Whether an administrator may change it.
    pub is_admin_configurable: bool,
    /// Who.
    pub allowed_to_register: Option<Membership>,
}

/// Who may join.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AzureAdJoin {
    /// Whether an administrator may change it.
    pub is_admin_configurable: bool,
    /// Who.
    pub allowed_to_join: Option<Membership>,
    /// Who becomes a local administrator.
    pub local_admins: Option<LocalAdmins>,
}

/// Who becomes a local administrator of a joined device.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LocalAdmins {
    /// Global administrators.
    pub enable_global_admins: bool,
    /// Those who join.
    pub registering_users: Option<Membership>,
}

/// A set of people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "@odata.type")]
pub enum Membership {
    /// Everyone.
    #[serde(rename = "#microsoft.graph.allDeviceRegistrationMembership")]
    All,
    /// No one.
    #[serde(rename = "#microsoft.graph.noDeviceRegistrationMembership")]
    Nobody,
    /// Those listed.
    #[serde(rename = "#microsoft.graph.enumeratedDeviceRegistrationMembership")]
    Enumerated {
        /// Object ids.
        #[serde(default)]
        users: Vec<String>,
        /// Object ids.
        #[serde(default)]
        groups: Vec<String>,
    },
}

/// The tenant switch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LocalAdminPassword {
    /// Whether devices may store passwords.
    pub is_enabled: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_survives_being_read_changed_and_written_back() {
        let policy = DeviceRegistrationPolicy {
            azure_ad_join: AzureAdJoin {
                is_admin_configurable: true,
                allowed_to_join: Some(Membership::Enumerated {
                    users: vec!["u".to_owned()],
                    groups: Vec::new(),
                }),
                local_admins: Some(LocalAdmins {
                    enable_global_admins: true,
                    registering_users: Some(Membership::All),
                }),
            },
            ..DeviceRegistrationPolicy::new(true)
        };
        let body = serde_json::to_vec(&policy).unwrap();
        assert_eq!(crate::json::parse::<DeviceRegistrationPolicy>(&body).unwrap(), policy);
    }

    #[test]
    fn a_quota_left_out_becomes_zero() {
        let policy: DeviceRegistrationPolicy = crate::json::parse(b"{}").unwrap();
        assert_eq!(policy.user_device_quota, 0);
        assert!(!policy.local_admin_password.is_enabled);
    }
}
