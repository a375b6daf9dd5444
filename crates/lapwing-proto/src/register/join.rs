//! Joining a device.

use serde::{Deserialize, Serialize};

/// The common name that every certificate request of a device carries.
pub const CSR_SUBJECT: &str = "7E980AD9-B86D-4306-9425-9AC066FB014A";
/// `JoinType` of a full join; 4 is a mere registration, 6 a hybrid join.
pub const JOIN_TYPE_JOIN: u32 = 0;

/// The body of `POST /EnrollmentServer/device/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct JoinRequest {
    /// What the device asks to have certified.
    pub certificate_request: CertificateRequest,
    /// The transport key: an RSA public blob in standard Base64, or a JWK from macOS and Android.
    #[serde(default)]
    pub transport_key: String,
    /// The domain of whoever joins.
    #[serde(default)]
    pub target_domain: String,
    /// `Linux`, `Windows`, …
    #[serde(default)]
    pub device_type: String,
    /// Version of the operating system.
    #[serde(rename = "OSVersion", default)]
    pub os_version: String,
    /// The host's name.
    #[serde(default)]
    pub device_display_name: String,
    /// [`JOIN_TYPE_JOIN`].
    pub join_type: u32,
    /// Flags as texts.
    #[serde(default, alias = "attributes")]
    pub attributes: JoinAttributes,
}

/// A certificate request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CertificateRequest {
    /// `pkcs10`.
    #[serde(rename = "Type")]
    pub kind: String,
    /// DER in standard Base64.
    pub data: String,
}

/// Flags of a join: `true` or `false` as texts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct JoinAttributes {
    /// Keep the device id that the key had before.
    pub reuse_device: Option<String>,
    /// Answer with the joining user's SID.
    pub return_client_sid: Option<String>,
    /// A device shared by many.
    pub shared_device: Option<String>,
}

/// The answer to a join.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct JoinAnswer {
    /// The device certificate.
    pub certificate: IssuedCertificate,
    /// Who joined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<JoiningUser>,
    /// Whom the device shall put into local groups.
    #[serde(default)]
    pub membership_changes: Vec<MembershipChange>,
}

/// The device certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct IssuedCertificate {
    /// SHA-1 of the DER, upper-case hexadecimal.
    pub thumbprint: String,
    /// DER in standard Base64.
    pub raw_body: String,
}

/// Who joined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct JoiningUser {
    /// User principal name; empty if no person joined the device.
    pub upn: String,
}

/// Members of one local group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MembershipChange {
    /// The local group.
    #[serde(rename = "LocalSID")]
    pub local_sid: String,
    /// Its new members.
    #[serde(rename = "AddSIDs")]
    pub add_sids: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_read_in_lower_case_too() {
        for name in ["Attributes", "attributes"] {
            let body = format!(
                r#"{{"CertificateRequest":{{"Type":"pkcs10","Data":"AA=="}},"JoinType":0,"{name}":{{"ReuseDevice":"true"}}}}"#
            );
            let request: JoinRequest = crate::json::parse(body.as_bytes()).unwrap();
            assert_eq!(request.attributes.reuse_device.as_deref(), Some("true"));
        }
    }
}
