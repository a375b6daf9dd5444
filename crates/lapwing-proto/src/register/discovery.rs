//! The discovery answer: where a tenant's services are, and whether the server is ours.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lapwing_core::types::Guid;
use serde::{Deserialize, Serialize};

/// The answer to `GET /{tenant}/Discover`. Members that no device needs may be left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Discovery {
    /// This service itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discovery_service: Option<DiscoveryService>,
    /// The SOAP form of registration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_registration_service: Option<DeviceRegistrationService>,
    /// Where tokens come from.
    pub authentication_service: AuthenticationService,
    /// Whether log-ons are federated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity_provider_service: Option<IdentityProviderService>,
    /// Where a device joins.
    pub device_join_service: DeviceJoinService,
    /// Windows Hello keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_provisioning_service: Option<KeyProvisioningService>,
    /// Where a device stores its password.
    pub device_management_service: DeviceManagementService,
    /// Where the nonce of a join comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce_service: Option<NonceService>,
    /// The tenant's names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_info: Option<TenantInfo>,
    /// Our extension; absent on Entra ID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lapwing_service: Option<LapwingService>,
}

macro_rules! service {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "PascalCase")]
        pub struct $name {
            $($(#[$field_doc])* pub $field: String,)+
        }
    };
}

service!(
    /// Where discovery answers.
    DiscoveryService {
        /// Absolute URL.
        discovery_endpoint,
        /// `1.0`.
        service_version,
    }
);
service!(
    /// The SOAP registration service.
    DeviceRegistrationService {
        /// Absolute URL.
        registration_endpoint,
        /// The audience of its tokens.
        registration_resource_id,
        /// `1.0`.
        service_version,
    }
);
service!(
    /// The OAuth 2 endpoints, version 1.
    OAuth2Endpoints {
        /// Absolute URL.
        auth_code_endpoint,
        /// Absolute URL: challenge and device token.
        token_endpoint,
    }
);
service!(
    /// The JSON join service.
    DeviceJoinService {
        /// Absolute URL, ending in a slash.
        join_endpoint,
        /// The audience of its tokens.
        join_resource_id,
        /// `2.0`.
        service_version,
    }
);
service!(
    /// The service for Windows Hello keys.
    KeyProvisioningService {
        /// Absolute URL.
        key_provision_endpoint,
        /// The audience of its tokens.
        key_provision_resource_id,
        /// `1.0`.
        service_version,
    }
);
service!(
    /// The service a LAPS device stores its password with.
    DeviceManagementService {
        /// Absolute URL, ending in a slash.
        device_management_endpoint,
        /// The audience of its tokens.
        device_management_resource_id,
        /// `1.0`.
        service_version,
    }
);
service!(
    /// The service that gives the nonce of a join.
    NonceService {
        /// Absolute URL.
        endpoint,
        /// The audience of its tokens.
        resource_id,
        /// `1.0`.
        service_version,
    }
);
service!(
    /// Where a `lapwing-server` manages devices, by their certificates in TLS.
    ManagementService {
        /// Absolute URL: OMA-DM sessions.
        endpoint,
        /// Absolute URL: the wake-up connection.
        wake_up,
    }
);
service!(
    /// The tenant.
    TenantInfo {
        /// For people.
        display_name,
        /// GUID.
        tenant_id,
        /// Its primary domain.
        tenant_name,
    }
);

/// Where tokens come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthenticationService {
    /// The OAuth 2 endpoints.
    #[serde(rename = "OAuth2")]
    pub oauth2: OAuth2Endpoints,
}

/// Whether log-ons are federated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct IdentityProviderService {
    /// True if another provider authenticates.
    pub federated: bool,
    /// Absolute URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passive_auth_endpoint: Option<String>,
}

/// The version of the extension that this crate speaks.
pub const EXTENSION_VERSION: u32 = 1;
/// The only algorithm of a seal key. RFC 9180.
pub const SEAL_ALGORITHM: &str = "HPKE-X25519-HKDF-SHA256-AES-256-GCM";
/// The only algorithm of a receipt key. RFC 8032.
pub const RECEIPT_ALGORITHM: &str = "Ed25519";

/// What `lapwing-server` announces of itself. docs/protocol.md, "Announcement".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LapwingService {
    /// [`EXTENSION_VERSION`].
    pub version: u32,
    /// The least password age that this server accepts, in days.
    pub minimum_password_age_days: u32,
    /// What passwords are sealed to.
    pub seal_key: KeyAnnouncement,
    /// What receipts are signed with.
    pub receipt_key: KeyAnnouncement,
    /// Where devices are managed; absent on servers from before there was management.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub management: Option<ManagementService>,
}

/// One public key of the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeyAnnouncement {
    /// GUID.
    pub id: String,
    /// [`SEAL_ALGORITHM`] or [`RECEIPT_ALGORITHM`].
    pub algorithm: String,
    /// 32 bytes in standard Base64.
    pub public_key: String,
}

/// The announcement, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// The least password age that this server accepts, in days.
    pub password_age_days_min: u32,
    /// X25519, what passwords are sealed to.
    pub seal_key: PinnedKey,
    /// Ed25519, what receipts are signed with.
    pub receipt_key: PinnedKey,
    /// Where devices are managed, if they are.
    pub management: Option<ManagementService>,
}

/// A public key as a device pins it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PinnedKey {
    /// Names it.
    pub id: Guid,
    /// The key.
    pub public_key: [u8; 32],
}

/// Why an announcement cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnnouncementError {
    /// A version of the extension that we do not speak.
    #[error("the server speaks version {0} of the extension, this program version {EXTENSION_VERSION}")]
    Version(u32),
    /// A key of another algorithm.
    #[error("the server's {key} has an algorithm that this program does not know; expected {expected}")]
    Algorithm {
        /// Which of the two.
        key: &'static str,
        /// The one known.
        expected: &'static str,
    },
    /// A key that is none.
    #[error("the server's {key} is malformed: expected a GUID and 32 bytes in Base64")]
    Key {
        /// Which of the two.
        key: &'static str,
    },
}

impl LapwingService {
    /// Checks version, algorithms and lengths.
    ///
    /// # Errors
    /// [`AnnouncementError`] if the extension or a key is not one we can use.
    pub fn parse(&self) -> Result<Announcement, AnnouncementError> {
        if self.version != EXTENSION_VERSION {
            return Err(AnnouncementError::Version(self.version));
        }
        Ok(Announcement {
            password_age_days_min: self.minimum_password_age_days,
            seal_key: self.seal_key.parse("seal key", SEAL_ALGORITHM)?,
            receipt_key: self.receipt_key.parse("receipt key", RECEIPT_ALGORITHM)?,
            management: self.management.clone(),
        })
    }
}

impl KeyAnnouncement {
    /// The announcement of a key.
    #[must_use]
    pub fn new(key: &PinnedKey, algorithm: &str) -> Self {
        Self {
            id: key.id.to_string(),
            algorithm: algorithm.to_owned(),
            public_key: STANDARD.encode(key.public_key),
        }
    }

    fn parse(&self, key: &'static str, expected: &'static str) -> Result<PinnedKey, AnnouncementError> {
        if self.algorithm != expected {
            return Err(AnnouncementError::Algorithm { key, expected });
        }
        let error = AnnouncementError::Key { key };
        let id = self.id.parse().map_err(|_| error.clone())?;
        let public_key = STANDARD.decode(&self.public_key).ok().and_then(|bytes| bytes.try_into().ok());
        Ok(PinnedKey { id, public_key: public_key.ok_or(error)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn announcement() -> LapwingService {
        let key = PinnedKey { id: Guid::from_bytes([7; 16]), public_key: [9; 32] };
        LapwingService {
            version: EXTENSION_VERSION,
            minimum_password_age_days: 1,
            seal_key: KeyAnnouncement::new(&key, SEAL_ALGORITHM),
            receipt_key: KeyAnnouncement::new(&key, RECEIPT_ALGORITHM),
            management: None,
        }
    }

    #[test]
    fn management_is_announced_or_left_out() {
        let old = serde_json::to_string(&announcement()).unwrap();
        assert!(!old.contains("Management"), "{old}");
        let endpoint = "https://h:8444/lapwing/v1/t/manage".to_owned();
        let management = ManagementService { endpoint, wake_up: "https://h:8444/wake".to_owned() };
        let new = LapwingService { management: Some(management.clone()), ..announcement() };
        let json = serde_json::to_string(&new).unwrap();
        assert!(json.ends_with(
            r#""Management":{"Endpoint":"https://h:8444/lapwing/v1/t/manage","WakeUp":"https://h:8444/wake"}}"#
        ), "{json}");
        let read: LapwingService = crate::json::parse(json.as_bytes()).unwrap();
        assert_eq!(read.parse().unwrap().management, Some(management));
    }

    #[test]
    fn an_announcement_is_understood_or_refused_whole() {
        assert_eq!(announcement().parse().unwrap().seal_key.public_key, [9; 32]);
        let other_version = LapwingService { version: 2, ..announcement() };
        assert_eq!(other_version.parse(), Err(AnnouncementError::Version(2)));
        let swapped = LapwingService { seal_key: announcement().receipt_key, ..announcement() };
        assert!(matches!(swapped.parse(), Err(AnnouncementError::Algorithm { key: "seal key", .. })));
        let mut short = announcement();
        short.receipt_key.public_key = STANDARD.encode([9; 31]);
        assert_eq!(short.parse(), Err(AnnouncementError::Key { key: "receipt key" }));
    }

    #[test]
    fn an_answer_of_entra_has_no_announcement() {
        let answer = br#"{
            "AuthenticationService":{"OAuth2":{"AuthCodeEndpoint":"https://l/t/oauth2/authorize",
                "TokenEndpoint":"https://l/t/oauth2/token"}},
            "DeviceJoinService":{"JoinEndpoint":"https://h/EnrollmentServer/device/","JoinResourceId":"urn:ms-drs:h",
                "ServiceVersion":"2.0"},
            "DeviceManagementService":{"DeviceManagementEndpoint":"https://h/manage/t/",
                "DeviceManagementResourceId":"urn:ms-drs:h","ServiceVersion":"1.0"},
            "WebAuthNService":{"ServiceVersion":"1.0"}}"#;
        let answer: Discovery = crate::json::parse(answer).unwrap();
        assert_eq!(answer.lapwing_service, None);
        assert_eq!(answer.device_management_service.device_management_endpoint, "https://h/manage/t/");
    }
}
