//! LAPS policies and the groups they are for. Graph beta, "Device configuration v2"; docs/protocol.md, "Policies".

use hyper::Method;
use lapwing_core::types::DeviceId;
use lapwing_proto::{
    admin::{
        Counted, DevicePolicyInfo, DeviceTags, PolicyDevices, PolicyDifference, PolicyDryRun, PolicyRestore,
        PolicyVersionInfo,
    },
    graph::{ConfigurationPolicy, Device, Group, List, PolicyAssignment, PolicyAssignments},
};
use serde::{Serialize, de::DeserializeOwned};

use super::Administrator;
use crate::{caller::Call, percent, refusal::CallError};

const POLICIES: &str = "beta/deviceManagement/configurationPolicies";

/// Reading needs the role `DeviceManagementConfiguration.Read.All`, everything else
/// `DeviceManagementConfiguration.ReadWrite.All`; each error is a [`CallError`].
impl Administrator {
    /// All policies, without what they set.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn policies(&mut self) -> Result<Vec<ConfigurationPolicy>, CallError> {
        self.list("list the policies", POLICIES).await
    }

    /// A policy, with what it sets.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn policy(&mut self, id: &str) -> Result<ConfigurationPolicy, CallError> {
        let url = self.server.join(&format!("{POLICIES}/{}?$expand=settings", percent::encode(id)))?;
        self.caller.read(Call::new("show the policy", Method::GET, &url).bearer(&self.token)).await
    }

    /// Makes a policy, for nobody yet.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn create_policy(
        &mut self,
        policy: &ConfigurationPolicy,
    ) -> Result<ConfigurationPolicy, CallError> {
        self.graph("make the policy", Method::POST, POLICIES, policy).await
    }

    /// Replaces the members of a policy that `change` has: a new version, unless nothing changes.
    ///
    /// # Errors
    /// [`CallError`]; a refusal with status 409 means that somebody else has changed it meanwhile.
    pub async fn change_policy(
        &mut self,
        id: &str,
        change: &(impl Serialize + Sync),
    ) -> Result<ConfigurationPolicy, CallError> {
        let path = format!("{POLICIES}/{}", percent::encode(id));
        self.graph("change the policy", Method::PATCH, &path, change).await
    }

    /// Deletes a policy; its versions stay.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn delete_policy(&mut self, id: &str) -> Result<(), CallError> {
        let url = self.server.join(&format!("{POLICIES}/{}", percent::encode(id)))?;
        let call = Call::new("delete the policy", Method::DELETE, &url).bearer(&self.token);
        self.caller.succeed(call).await?;
        Ok(())
    }

    /// The ids of the groups that a policy is for.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn policy_groups(&mut self, id: &str) -> Result<Vec<String>, CallError> {
        let path = format!("{POLICIES}/{}/assignments", percent::encode(id));
        let found: Vec<PolicyAssignment> = self.list("list the assignments", &path).await?;
        Ok(found.into_iter().filter_map(|assignment| assignment.target.group_id).collect())
    }

    /// Says for which groups a policy is, in place of those before.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn assign_policy(&mut self, id: &str, groups: &[String]) -> Result<(), CallError> {
        let path = format!("{POLICIES}/{}/assign", percent::encode(id));
        let assignments = groups.iter().map(|group| PolicyAssignment::new(id, group)).collect();
        let body = PolicyAssignments { assignments };
        let _all: List<PolicyAssignment> =
            self.graph("assign the policy", Method::POST, &path, &body).await?;
        Ok(())
    }

    /// All versions of a policy, the newest first; also of one that was deleted.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn policy_versions(&mut self, id: &str) -> Result<Vec<PolicyVersionInfo>, CallError> {
        self.values("list the versions", &format!("policies/{}/versions", percent::encode(id))).await
    }

    /// Makes a new version of what an earlier one says; its number.
    ///
    /// # Errors
    /// [`CallError`]; a refusal with status 409 means that somebody else has changed the policy meanwhile.
    pub async fn restore_policy(&mut self, id: &str, version: u32) -> Result<u32, CallError> {
        let path = format!("policies/{}/restore", percent::encode(id));
        let restore = PolicyRestore { version };
        let made: PolicyRestore = self.send("restore the version", Method::POST, &path, &restore).await?;
        Ok(made.version)
    }

    /// The devices for which a change of a policy would make a difference. Changes nothing.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn dry_run_policy(
        &mut self,
        id: &str,
        change: &PolicyDryRun,
    ) -> Result<Counted<PolicyDifference>, CallError> {
        let path = format!("policies/{}/dryRun", percent::encode(id));
        self.send("try the change", Method::POST, &path, change).await
    }

    /// How the devices that a policy concerns stand to it.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn policy_devices(&mut self, id: &str) -> Result<PolicyDevices, CallError> {
        let url = self.admin(&format!("policies/{}/devices", percent::encode(id)))?;
        let what = "show how devices stand to the policy";
        self.caller.read(Call::new(what, Method::GET, &url).bearer(&self.token)).await
    }

    /// How a device stands to the policies.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn device_policy(&mut self, device: DeviceId) -> Result<DevicePolicyInfo, CallError> {
        let url = self.admin(&format!("devices/{device}/policy"))?;
        let what = "show the policy of the device";
        self.caller.read(Call::new(what, Method::GET, &url).bearer(&self.token)).await
    }

    /// All groups of devices.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn groups(&mut self) -> Result<Vec<Group>, CallError> {
        self.list("list the groups", "v1.0/groups").await
    }

    /// Makes a group of the devices that a rule is for.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn create_group(&mut self, group: &Group) -> Result<Group, CallError> {
        self.graph("make the group", Method::POST, "v1.0/groups", group).await
    }

    /// Deletes a group.
    ///
    /// # Errors
    /// [`CallError`]; a refusal with status 409 means that a policy is for it.
    pub async fn delete_group(&mut self, id: &str) -> Result<(), CallError> {
        let url = self.server.join(&format!("v1.0/groups/{}", percent::encode(id)))?;
        let call = Call::new("delete the group", Method::DELETE, &url).bearer(&self.token);
        self.caller.succeed(call).await?;
        Ok(())
    }

    /// The devices that a group's rule is for now.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn group_members(&mut self, id: &str) -> Result<Vec<Device>, CallError> {
        self.list("list the members", &format!("v1.0/groups/{}/members", percent::encode(id))).await
    }

    /// The tags of a device.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn device_tags(&mut self, device: DeviceId) -> Result<DeviceTags, CallError> {
        let url = self.admin(&format!("devices/{device}/tags"))?;
        let call = Call::new("show the tags of the device", Method::GET, &url).bearer(&self.token);
        self.caller.read(call).await
    }

    /// Gives a device these tags, in place of those before.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn tag_device(&mut self, device: DeviceId, tags: &DeviceTags) -> Result<DeviceTags, CallError> {
        self.send("tag the device", Method::PUT, &format!("devices/{device}/tags"), tags).await
    }

    async fn graph<T: DeserializeOwned>(
        &mut self,
        what: &'static str,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, CallError> {
        let url = self.server.join(path)?;
        self.caller.read(Call::new(what, method, &url).bearer(&self.token).json(body)?).await
    }
}
