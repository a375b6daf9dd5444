//! `directoryAudit`.

use serde::{Deserialize, Serialize};

/// One entry of the audit log. Graph: `directoryAudit`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DirectoryAudit {
    /// Names the entry.
    pub id: String,
    /// When.
    pub activity_date_time: String,
    /// What, such as `Recover device local administrator password`.
    pub activity_display_name: String,
    /// `Device` for all of ours.
    pub category: String,
    /// The request's id.
    pub correlation_id: String,
    /// `success` or `failure`.
    pub result: String,
    /// Why it failed.
    #[serde(default)]
    pub result_reason: String,
    /// `Device Registration Service`.
    pub logged_by_service: String,
    /// Such as `Update`.
    #[serde(default)]
    pub operation_type: String,
    /// Who.
    pub initiated_by: InitiatedBy,
    /// Whom it concerned.
    pub target_resources: Vec<TargetResource>,
    /// More.
    pub additional_details: Vec<KeyValue>,
}

/// Who did it: one of the two.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct InitiatedBy {
    /// A program or device.
    pub app: Option<App>,
    /// A person.
    pub user: Option<User>,
}

/// A program or device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct App {
    /// Its client id or device id.
    pub app_id: Option<String>,
    /// Its name.
    pub display_name: Option<String>,
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// Object id; that of an operator is the name.
    pub id: Option<String>,
    /// Name, for people.
    #[serde(default)]
    pub display_name: Option<String>,
    /// Name.
    pub user_principal_name: Option<String>,
}

/// What was acted upon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetResource {
    /// Object id.
    pub id: String,
    /// Name.
    pub display_name: Option<String>,
    /// `Device`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// One detail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyValue {
    /// Its name.
    pub key: String,
    /// Its value.
    pub value: String,
}
