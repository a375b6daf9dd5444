//! The administration of `lapwing-server`. docs/protocol.md, "Administration".

use hyper::Method;
use lapwing_core::types::Guid;
use lapwing_proto::admin::{
    AuditEntry, AuditVerification, ClientCreated, ClientInfo, ClientPatch, ClientRequest, DeviceInfo,
    DevicePatch, EnrolmentTokenCreated, EnrolmentTokenInfo, EnrolmentTokenRequest, FlowInfo, Values,
};
use serde::{Serialize, de::DeserializeOwned};

use super::Administrator;
use crate::{caller::Call, refusal::CallError, transport::HttpsUrl};

/// Each call needs the role `Lapwing.Administer`; each error is a [`CallError`].
impl Administrator {
    /// Makes an enrolment token: the only time it is shown.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn create_enrolment_token(
        &mut self,
        request: &EnrolmentTokenRequest,
    ) -> Result<EnrolmentTokenCreated, CallError> {
        self.send("make an enrolment token", Method::POST, "enrolmentTokens", request).await
    }

    /// The enrolment tokens that are good for something.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn enrolment_tokens(&mut self) -> Result<Vec<EnrolmentTokenInfo>, CallError> {
        self.values("list the enrolment tokens", "enrolmentTokens").await
    }

    /// Revokes an enrolment token.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn revoke_enrolment_token(&mut self, id: Guid) -> Result<(), CallError> {
        self.delete("revoke the enrolment token", &format!("enrolmentTokens/{id}")).await
    }

    /// Makes a client: the only time its secret is shown.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn create_client(&mut self, request: &ClientRequest) -> Result<ClientCreated, CallError> {
        self.send("make a client", Method::POST, "clients", request).await
    }

    /// All clients.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn clients(&mut self) -> Result<Vec<ClientInfo>, CallError> {
        self.values("list the clients", "clients").await
    }

    /// Changes a client.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn patch_client(&mut self, id: Guid, patch: &ClientPatch) -> Result<ClientInfo, CallError> {
        self.send("change the client", Method::PATCH, &format!("clients/{id}"), patch).await
    }

    /// Deletes a client.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn delete_client(&mut self, id: Guid) -> Result<(), CallError> {
        self.delete("delete the client", &format!("clients/{id}")).await
    }

    /// The way of a rotation, by its own name, that of an action or that of a version.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn flow(&mut self, id: Guid) -> Result<FlowInfo, CallError> {
        let url = self.admin(&format!("traces/{id}"))?;
        self.caller
            .read(Call::new("tell the way of the rotation", Method::GET, &url).bearer(&self.token))
            .await
    }

    /// All devices.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn devices(&mut self) -> Result<Vec<DeviceInfo>, CallError> {
        self.values("list the devices", "devices").await
    }

    /// Lets a device in, or keeps it out.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn patch_device(&mut self, id: Guid, patch: &DevicePatch) -> Result<DeviceInfo, CallError> {
        self.send("change the device", Method::PATCH, &format!("devices/{id}"), patch).await
    }

    /// Deletes a device; its passwords stay readable by administrators.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn delete_device(&mut self, id: Guid) -> Result<(), CallError> {
        self.delete("delete the device", &format!("devices/{id}")).await
    }

    /// The audit log's entries after `sequence`, as many as the server gives at once; none are left if it gives none.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn audit_after(&mut self, sequence: u64) -> Result<Vec<AuditEntry>, CallError> {
        self.values("show the audit log", &format!("audit?after={sequence}")).await
    }

    /// Has the server check the audit log's chain of hashes.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn verify_audit(&mut self) -> Result<AuditVerification, CallError> {
        let url = self.admin("audit/verify")?;
        self.caller.read(Call::new("verify the audit log", Method::GET, &url).bearer(&self.token)).await
    }

    pub(super) async fn values<T: DeserializeOwned>(
        &mut self,
        what: &'static str,
        path: &str,
    ) -> Result<Vec<T>, CallError> {
        let url = self.admin(path)?;
        let values: Values<T> =
            self.caller.read(Call::new(what, Method::GET, &url).bearer(&self.token)).await?;
        Ok(values.value)
    }

    pub(super) async fn send<T: DeserializeOwned>(
        &mut self,
        what: &'static str,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, CallError> {
        let url = self.admin(path)?;
        self.caller.read(Call::new(what, method, &url).bearer(&self.token).json(body)?).await
    }

    async fn delete(&mut self, what: &'static str, path: &str) -> Result<(), CallError> {
        let url = self.admin(path)?;
        self.caller.succeed(Call::new(what, Method::DELETE, &url).bearer(&self.token)).await?;
        Ok(())
    }

    pub(super) fn admin(&self, path: &str) -> Result<HttpsUrl, CallError> {
        Ok(self.server.join(&format!("lapwing/v1/{}/{path}", self.tenant))?)
    }
}
