//! The button, for one device or for many. Graph beta, `managedDevice: rotateLocalAdminPassword`; docs/protocol.md,
//! "Administration".

use hyper::Method;
use lapwing_core::types::{ActionId, BulkRotationId, DeviceId};
use lapwing_proto::{
    admin::{
        ActionInfo, RotationDevice, RotationDryRun, RotationInfo, RotationRequest, RotationResume, Values,
    },
    graph::ManagedDevice,
};

use super::Administrator;
use crate::{
    caller::Call,
    percent,
    refusal::{CallError, MalformedAnswer},
};

/// Each error is a [`CallError`].
impl Administrator {
    /// The managed devices with exactly this name, without their actions.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn managed_devices_named(&mut self, name: &str) -> Result<Vec<ManagedDevice>, CallError> {
        // OData writes a quote within a text twice.
        let filter = percent::encode(&format!("deviceName eq '{}'", name.replace('\'', "''")));
        self.list("find the device", &format!("beta/deviceManagement/managedDevices?$filter={filter}")).await
    }

    /// A managed device, with what it was asked to do.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn managed_device(&mut self, device: DeviceId) -> Result<ManagedDevice, CallError> {
        let url = self.server.join(&format!("beta/deviceManagement/managedDevices/{device}"))?;
        self.caller.read(Call::new("show the device", Method::GET, &url).bearer(&self.token)).await
    }

    /// Presses the button: the device is asked to rotate now.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn rotate_local_admin_password(&mut self, device: DeviceId) -> Result<(), CallError> {
        let path = format!("beta/deviceManagement/managedDevices/{device}/rotateLocalAdminPassword");
        let url = self.server.join(&path)?;
        self.caller.succeed(Call::new("rotate the password", Method::POST, &url).bearer(&self.token)).await?;
        Ok(())
    }

    /// What a device was asked to do, newest first.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn actions(&mut self, device: DeviceId) -> Result<Vec<ActionInfo>, CallError> {
        self.values("list the actions", &format!("devices/{device}/actions")).await
    }

    /// Takes an action back that the device has not accepted.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn cancel_action(
        &mut self,
        device: DeviceId,
        action: ActionId,
    ) -> Result<ActionInfo, CallError> {
        let url = self.admin(&format!("devices/{device}/actions/{action}"))?;
        self.caller.read(Call::new("cancel the action", Method::DELETE, &url).bearer(&self.token)).await
    }

    /// Tells what a rotation of many would be for, whatever `request` says of dry runs.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn dry_run_rotation(&mut self, request: &RotationRequest) -> Result<RotationDryRun, CallError> {
        let request = RotationRequest { dry_run: true, ..request.clone() };
        self.send("select the devices", Method::POST, "rotations", &request).await
    }

    /// Begins a rotation of many.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn create_rotation(&mut self, request: &RotationRequest) -> Result<RotationInfo, CallError> {
        let request = RotationRequest { dry_run: false, ..request.clone() };
        self.send("begin the rotation", Method::POST, "rotations", &request).await
    }

    /// The rotations of many, newest first.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn rotations(&mut self) -> Result<Vec<RotationInfo>, CallError> {
        self.values("list the rotations", "rotations").await
    }

    /// One of them.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn rotation(&mut self, id: BulkRotationId) -> Result<RotationInfo, CallError> {
        let url = self.admin(&format!("rotations/{id}"))?;
        self.caller.read(Call::new("show the rotation", Method::GET, &url).bearer(&self.token)).await
    }

    /// Pauses it: no more devices are asked.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn pause_rotation(&mut self, id: BulkRotationId) -> Result<RotationInfo, CallError> {
        let nothing = RotationResume::default();
        self.send("pause the rotation", Method::POST, &format!("rotations/{id}/pause"), &nothing).await
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn resume_rotation(
        &mut self,
        id: BulkRotationId,
        resume: RotationResume,
    ) -> Result<RotationInfo, CallError> {
        self.send("resume the rotation", Method::POST, &format!("rotations/{id}/resume"), &resume).await
    }

    /// Ends it, and takes back what no device has accepted.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn cancel_rotation(&mut self, id: BulkRotationId) -> Result<RotationInfo, CallError> {
        let nothing = RotationResume::default();
        self.send("cancel the rotation", Method::POST, &format!("rotations/{id}/cancel"), &nothing).await
    }

    /// How each of its devices stands.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn rotation_report(&mut self, id: BulkRotationId) -> Result<Vec<RotationDevice>, CallError> {
        let url = self.admin(&format!("rotations/{id}/report"))?;
        let call = Call::new("report on the rotation", Method::GET, &url).bearer(&self.token);
        let values: Values<RotationDevice> = self.caller.read(call).await?;
        Ok(values.value)
    }

    /// The same as a table in CSV, safe to open in a spreadsheet.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn rotation_report_csv(&mut self, id: BulkRotationId) -> Result<String, CallError> {
        let what = "report on the rotation";
        let url = self.admin(&format!("rotations/{id}/report?format=csv"))?;
        let answer = self.caller.succeed(Call::new(what, Method::GET, &url).bearer(&self.token)).await?;
        let text = core::str::from_utf8(answer.body.expose_secret()).map(str::to_owned);
        text.map_err(|_| CallError::Malformed { peer: url.authority(), what, source: MalformedAnswer::Text })
    }
}
