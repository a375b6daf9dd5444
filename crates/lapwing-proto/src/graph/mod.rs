//! Microsoft Graph, as far as reading local passwords and LAPS policies needs it. Sources: Graph reference and CSDL, v1.0;
//! beta for policies.

mod configuration_policy;
mod credential;
mod device;
mod directory_audit;
mod error;
mod group;
mod managed_device;
mod policy;

use serde::{Deserialize, Serialize};

pub use configuration_policy::{
    AssignmentTarget, CatalogError, ConfigurationPolicy, PolicyAssignment, PolicyAssignments,
    ROTATE_AFTER_REVEAL_HOURS_MAX, TemplateReference, misplaced, read_settings, write_settings,
};
pub use credential::{DeviceLocalCredential, DeviceLocalCredentialInfo};
pub use device::Device;
pub use directory_audit::{App, DirectoryAudit, InitiatedBy, KeyValue, TargetResource, User};
pub use error::{GraphError, GraphErrorBody, InnerError};
pub use group::Group;
pub use managed_device::{DeviceActionResult, DeviceActionState, ManagedDevice, ROTATE_LOCAL_ADMIN_PASSWORD};
pub use policy::{
    AzureAdJoin, AzureAdRegistration, DeviceRegistrationPolicy, LocalAdminPassword, LocalAdmins, Membership,
};

/// One page of a collection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct List<T> {
    /// Where the shape is described.
    #[serde(rename = "@odata.context", default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// How many there are on all pages, if asked for.
    #[serde(rename = "@odata.count", default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// The next page's absolute URL; none on the last.
    #[serde(rename = "@odata.nextLink", default, skip_serializing_if = "Option::is_none")]
    pub next_link: Option<String>,
    /// This page.
    pub value: Vec<T>,
}

/// One entity with its context.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entity<T> {
    /// Where the shape is described.
    #[serde(rename = "@odata.context", default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// The entity's members.
    #[serde(flatten)]
    pub entity: T,
}
