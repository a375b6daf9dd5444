//! `deviceManagementConfigurationPolicy`: a LAPS policy as the settings catalog writes it. Graph beta reference, "Device
//! configuration v2"; the definitions are those of the template "Local admin password solution (Windows LAPS)".
//!
//! Reading goes by definition ids and values alone: types and template references may be missing or null, as exports
//! have them. A setting that is not of LAPS is an error and not left out, for a policy must not lose a part unseen.

mod assignment;
mod catalog;
mod error;
mod read;
mod write;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::{
    assignment::{AssignmentTarget, PolicyAssignment, PolicyAssignments},
    error::CatalogError,
    read::read_settings,
    write::{misplaced, write_settings},
};

/// The most hours between the showing of a password and its rotation: a week.
pub const ROTATE_AFTER_REVEAL_HOURS_MAX: u16 = 168;

/// A policy. Ids and times are the server's; a body that makes or changes one may carry them and they mean nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigurationPolicy {
    /// A GUID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its name.
    pub name: String,
    /// What it is for.
    #[serde(default)]
    pub description: Option<String>,
    /// `windows10` in every LAPS policy.
    #[serde(default = "platforms")]
    pub platforms: String,
    /// `mdm` in every LAPS policy.
    #[serde(default = "technologies")]
    pub technologies: String,
    /// Kept, and without a meaning here.
    #[serde(default = "role_scope_tag_ids")]
    pub role_scope_tag_ids: Vec<String>,
    /// The template.
    #[serde(default)]
    pub template_reference: Option<TemplateReference>,
    /// RFC 3339, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_date_time: Option<String>,
    /// RFC 3339, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified_date_time: Option<String>,
    /// How many settings stand at the top.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setting_count: Option<usize>,
    /// Whether any group has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_assigned: Option<bool>,
    /// Ours: how many hours after a password was shown its device is asked to rotate, from 1 to
    /// [`ROTATE_AFTER_REVEAL_HOURS_MAX`]; 0 and left out are never. The server acts on it, and no device is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotate_after_reveal_hours: Option<u16>,
    /// What it sets, for [`read_settings`]; left out of answers that were not asked to expand it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<Vec<Value>>,
}

fn platforms() -> String {
    "windows10".to_owned()
}

fn technologies() -> String {
    "mdm".to_owned()
}

fn role_scope_tag_ids() -> Vec<String> {
    vec!["0".to_owned()]
}

impl ConfigurationPolicy {
    /// A LAPS policy of this name that sets nothing.
    #[must_use]
    pub fn new(name: String) -> Self {
        Self {
            id: None,
            name,
            description: Some(String::new()),
            platforms: platforms(),
            technologies: technologies(),
            role_scope_tag_ids: role_scope_tag_ids(),
            template_reference: Some(TemplateReference::laps()),
            created_date_time: None,
            last_modified_date_time: None,
            setting_count: None,
            is_assigned: None,
            rotate_after_reveal_hours: None,
            settings: Some(Vec::new()),
        }
    }
}

/// Which template a policy was made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TemplateReference {
    /// Its id with its version; empty if there is no template.
    #[serde(default)]
    pub template_id: String,
    /// Its family.
    #[serde(default = "no_family")]
    pub template_family: String,
    /// Its name.
    #[serde(default)]
    pub template_display_name: Option<String>,
    /// Its version, in words.
    #[serde(default)]
    pub template_display_version: Option<String>,
}

fn no_family() -> String {
    "none".to_owned()
}

impl TemplateReference {
    /// That of LAPS policies.
    #[must_use]
    pub fn laps() -> Self {
        Self {
            template_id: "adc46e5a-f4aa-4ff6-aeff-4f27bc525796_1".to_owned(),
            template_family: "endpointSecurityAccountProtection".to_owned(),
            template_display_name: Some("Local admin password solution (Windows LAPS)".to_owned()),
            template_display_version: Some("Version 1".to_owned()),
        }
    }
}
