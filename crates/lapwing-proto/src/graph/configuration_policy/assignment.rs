//! Whom a policy is for.

use serde::{Deserialize, Serialize};

const GROUP_TARGET: &str = "#microsoft.graph.groupAssignmentTarget";

/// The body of `assign`: all assignments that the policy has from then on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyAssignments {
    /// All of them.
    pub assignments: Vec<PolicyAssignment>,
}

/// `deviceManagementConfigurationPolicyAssignment`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyAssignment {
    /// The policy's id and the group's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// `direct`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The policy's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_id: Option<String>,
    /// The group.
    pub target: AssignmentTarget,
}

/// `deviceAndAppManagementAssignmentTarget`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AssignmentTarget {
    /// Which kind of target.
    #[serde(rename = "@odata.type", default)]
    pub odata_type: Option<String>,
    /// A GUID.
    #[serde(default)]
    pub group_id: Option<String>,
}

impl PolicyAssignment {
    /// That of a policy to a group.
    #[must_use]
    pub fn new(policy: &str, group: &str) -> Self {
        Self {
            id: Some(format!("{policy}_{group}")),
            source: Some("direct".to_owned()),
            source_id: Some(policy.to_owned()),
            target: AssignmentTarget {
                odata_type: Some(GROUP_TARGET.to_owned()),
                group_id: Some(group.to_owned()),
            },
        }
    }
}

impl AssignmentTarget {
    /// The group that is meant, unless the target is of another kind: all devices, all users, or an exclusion.
    #[must_use]
    pub fn group(&self) -> Option<&str> {
        let is_group = self.odata_type.as_deref().is_none_or(|kind| kind.eq_ignore_ascii_case(GROUP_TARGET));
        self.group_id.as_deref().filter(|_| is_group)
    }
}
