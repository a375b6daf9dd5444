//! `group`: devices that policies can be for.

use serde::{Deserialize, Serialize};

/// A group of devices. Graph: `group`. Its members are those that its rule is for at any moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// A GUID; the server's own choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its name.
    pub display_name: String,
    /// `DynamicMembership`.
    #[serde(default)]
    pub group_types: Vec<String>,
    /// Ours: `tag:` with a tag, or `name:` with a pattern of display names in which `*` stands for any run of characters.
    pub membership_rule: String,
    /// `On`.
    #[serde(default)]
    pub membership_rule_processing_state: Option<String>,
    /// Always false.
    #[serde(default)]
    pub mail_enabled: bool,
    /// Always true.
    #[serde(default)]
    pub security_enabled: bool,
    /// RFC 3339, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_date_time: Option<String>,
}
