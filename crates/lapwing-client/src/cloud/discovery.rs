//! What a tenant's discovery answer says, understood.

use hyper::Method;
use lapwing_core::types::{DirectoryId, TenantId};
use lapwing_proto::register::{Announcement, Discovery};

use super::wire;
use crate::{
    caller::{Call, Caller},
    refusal::{CallError, MalformedAnswer},
    transport::HttpsUrl,
};

/// A tenant's directory, and where its services are.
#[derive(Debug, Clone)]
pub struct Directory {
    /// `lapwing:…` if it announces our extension, else `entra:…`.
    pub id: DirectoryId,
    /// The extension, understood.
    pub announcement: Option<Announcement>,
    pub(super) token: HttpsUrl,
    pub(super) join: HttpsUrl,
    pub(super) nonce: Option<HttpsUrl>,
    pub(super) management: HttpsUrl,
    /// The audience of the device token that the management service takes.
    pub(super) audience: String,
}

impl Directory {
    pub(super) async fn discover(
        caller: &mut Caller,
        server: &HttpsUrl,
        tenant: TenantId,
    ) -> Result<Self, CallError> {
        let url = server.join(&format!("{tenant}/Discover?api-version={}", wire::DISCOVERY_VERSION))?;
        let call = Call::new("tell its services", Method::GET, &url);
        let what = call.what;
        let answer: Discovery = caller.read(call).await?;
        let announcement =
            answer.lapwing_service.as_ref().map(|service| service.parse()).transpose().map_err(|error| {
                CallError::Malformed {
                    peer: url.authority(),
                    what,
                    source: MalformedAnswer::Announcement(error),
                }
            })?;
        Ok(Self {
            id: match announcement {
                Some(_) => DirectoryId::LapwingServer(tenant),
                None => DirectoryId::EntraId(tenant),
            },
            announcement,
            token: answer.authentication_service.oauth2.token_endpoint.parse()?,
            join: answer.device_join_service.join_endpoint.parse()?,
            nonce: answer.nonce_service.map(|service| service.endpoint.parse()).transpose()?,
            management: answer.device_management_service.device_management_endpoint.parse()?,
            audience: answer.device_management_service.device_management_resource_id,
        })
    }
}
