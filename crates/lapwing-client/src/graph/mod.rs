//! The directory as an administrator sees it: Microsoft Graph's reading calls on `lapwing-server` or Microsoft's own
//! service, and the administration of `lapwing-server` (docs/protocol.md, "Administration").
//!
//! INVARIANT: the access token goes to the server of the profile alone; a paging address elsewhere is refused.

mod admin;
mod policy;
mod rotation;

use hyper::Method;
use lapwing_core::types::{DeviceId, Guid, TenantId};
use lapwing_proto::{
    admin::Credentials,
    graph::{Device, DeviceLocalCredentialInfo, List},
    secret_text::{self, SecretText},
};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    caller::{Call, Caller},
    percent,
    refusal::{CallError, MalformedAnswer},
    transport::{
        Dialer, DigestError, HttpsUrl, Limits, Proxy, ProxyCredentials, ProxyCredentialsError, ProxyError,
        Trust, UrlError,
    },
};

/// How many pages of one list are read: of 100 devices each, a hundred thousand devices.
pub const PAGES_MAX: usize = 1000;

/// What the cmdlet of Windows sends here. Microsoft Graph, "Get deviceLocalCredentialInfo", Request headers.
const CLIENT_NAME: &str = "Get-LapsAADPassword Lapwing";
const CLIENT_VERSION: &str = env!("CARGO_PKG_VERSION");

/// Microsoft's Graph hosts and where their tokens come from; every other server gives its tokens itself.
const LOGIN_HOSTS: [(&str, &str); 3] = [
    ("graph.microsoft.com", "https://login.microsoftonline.com"),
    ("graph.microsoft.us", "https://login.microsoftonline.us"),
    ("microsoftgraph.chinacloudapi.cn", "https://login.partner.microsoftonline.cn"),
];

/// Whom to ask, as whom: an administrator's profile, understood.
#[derive(Debug)]
pub struct Profile {
    /// The server's origin.
    pub server: HttpsUrl,
    /// The tenant.
    pub tenant: TenantId,
    /// What the server's certificate must lead to.
    pub trust: Trust,
    /// The client's id.
    pub client_id: String,
    /// The client's secret.
    pub client_secret: SecretText,
    /// The proxy that every connection goes through.
    pub proxy: Option<Proxy>,
}

/// Why a profile cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// The server's address is none.
    #[error("the profile's server is not an address")]
    Server(#[from] UrlError),
    /// The tenant is no GUID.
    #[error("the profile's tenant is not a GUID")]
    Tenant(#[from] lapwing_core::types::GuidError),
    /// The authority is no digest.
    #[error("the profile's authority is not a digest")]
    Authority(#[from] DigestError),
    /// The proxy is none.
    #[error("the profile's proxy is not one")]
    Proxy(#[from] ProxyError),
    /// What the proxy is to be told is no user and password.
    #[error("the profile's credentials for the proxy are none")]
    ProxyCredentials(#[from] ProxyCredentialsError),
}

impl ProfileError {
    /// What to do about it.
    #[must_use]
    pub const fn next_step(&self) -> &'static str {
        match self {
            Self::Proxy(_) | Self::ProxyCredentials(_) => {
                "correct it in the profile: docs/configuration.md, \"Proxies\""
            }
            Self::Server(_) | Self::Tenant(_) | Self::Authority(_) => {
                "copy the profile again from the file that `lapwing-server setup` wrote"
            }
        }
    }
}

impl TryFrom<Credentials> for Profile {
    type Error = ProfileError;

    fn try_from(credentials: Credentials) -> Result<Self, ProfileError> {
        let Credentials { server, tenant, authority, client_id, client_secret, .. } = credentials;
        let proxy: Option<Proxy> = credentials.proxy.map(|proxy| proxy.parse()).transpose()?;
        let proxy_credentials = credentials.proxy_credentials.as_ref();
        let told = proxy_credentials.map(|told| ProxyCredentials::parse(told.expose_secret())).transpose()?;
        let except = credentials.no_proxy.iter().map(String::as_str);
        Ok(Self {
            server: server.parse()?,
            tenant: tenant.parse()?,
            trust: match authority {
                Some(digest) => Trust::Pinned(digest.parse()?),
                None => Trust::System,
            },
            client_id,
            client_secret,
            proxy: proxy.map(|proxy| proxy.with_credentials(told).except(except)),
        })
    }
}

/// One call sequence as an administrator, with its token.
#[derive(Debug)]
pub struct Administrator {
    caller: Caller,
    server: HttpsUrl,
    tenant: TenantId,
    token: SecretText,
}

#[derive(Deserialize)]
struct TokenAnswer {
    #[serde(with = "secret_text")]
    access_token: SecretText,
}

impl Administrator {
    /// Connects and gets a token by the profile's client credentials. RFC 6749 section 4.4.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn open(profile: &Profile, limits: Limits) -> Result<Self, CallError> {
        let server = profile.server.clone();
        let login = match LOGIN_HOSTS.iter().find(|(graph, _)| *graph == server.host()) {
            Some((_, login)) => login.parse()?,
            None => server.clone(),
        };
        let dialer = Dialer::new(profile.trust.clone(), None, limits)?;
        let mut caller = Caller::new(dialer.through(profile.proxy.clone()));
        let url = login.join(&format!("{}/oauth2/v2.0/token", profile.tenant))?;
        let call = Call::new("give a token", Method::POST, &url).form(&[
            ("grant_type", "client_credentials"),
            ("client_id", &profile.client_id),
            ("client_secret", profile.client_secret.expose_secret()),
            ("scope", &format!("https://{}/.default", server.authority())),
        ]);
        let TokenAnswer { access_token } = caller.read(call).await?;
        Ok(Self { caller, server, tenant: profile.tenant, token: access_token })
    }

    /// What is stored for one device; the passwords too, if asked for, which is recorded in the directory's audit log.
    /// `request` is a fresh GUID that finds the call there.
    ///
    /// # Errors
    /// [`CallError`]; a refusal with status 404 means that the device has no stored password.
    pub async fn credentials(
        &mut self,
        device: DeviceId,
        passwords: bool,
        request: Guid,
    ) -> Result<DeviceLocalCredentialInfo, CallError> {
        let select = if passwords { "?$select=credentials" } else { "" };
        let url = self.server.join(&format!("v1.0/directory/deviceLocalCredentials/{device}{select}"))?;
        let id = request.to_string();
        let headers = [
            ("ocp-client-name", CLIENT_NAME),
            ("ocp-client-version", CLIENT_VERSION),
            ("client-request-id", id.as_str()),
        ];
        let what = if passwords { "show the password" } else { "show what is stored" };
        self.caller.read(Call::new(what, Method::GET, &url).bearer(&self.token).headers(&headers)).await
    }

    /// What is stored for all devices; never with passwords.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn all_credentials(&mut self) -> Result<Vec<DeviceLocalCredentialInfo>, CallError> {
        self.list("list what is stored", "v1.0/directory/deviceLocalCredentials").await
    }

    /// The devices with exactly this display name.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn devices_named(&mut self, name: &str) -> Result<Vec<Device>, CallError> {
        // OData writes a quote within a text twice.
        let filter = format!("displayName eq '{}'", name.replace('\'', "''"));
        self.list("find the device", &format!("v1.0/devices?$filter={}", percent::encode(&filter))).await
    }

    async fn list<T: DeserializeOwned>(
        &mut self,
        what: &'static str,
        path: &str,
    ) -> Result<Vec<T>, CallError> {
        let mut url = self.server.join(path)?;
        let mut all = Vec::new();
        for _ in 0..PAGES_MAX {
            let call = Call::new(what, Method::GET, &url).bearer(&self.token);
            let page: List<T> = self.caller.read(call).await?;
            all.extend(page.value);
            match page.next_link {
                None => return Ok(all),
                Some(next) => url = self.next_page(what, &next)?,
            }
        }
        Err(CallError::Malformed { peer: self.server.authority(), what, source: MalformedAnswer::Paging })
    }

    fn next_page(&self, what: &'static str, next: &str) -> Result<HttpsUrl, CallError> {
        let next: HttpsUrl = next.parse()?;
        if next.same_origin(&self.server) {
            Ok(next)
        } else {
            Err(CallError::Malformed { peer: self.server.authority(), what, source: MalformedAnswer::Paging })
        }
    }
}
