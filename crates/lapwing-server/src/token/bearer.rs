//! Access tokens of this server: their claims, and who a request's token makes it.

use axum::http::{HeaderMap, header};
use lapwing_core::types::{DeviceId, FileTime, Guid};
use lapwing_proto::secret_text::SecretText;
use serde::{Deserialize, Serialize};

use super::TOKEN_SECONDS;
use crate::{
    app::App,
    http::{
        fault::{Fault, Kind},
        request::Context,
    },
    register::device_certificate::{self, DeviceCertificate, Judged},
    rules::access::{Act, Role, may},
    store::{ClientRow, DeviceRow},
};

/// How far a clock of another of our servers may differ.
const SKEW_SECONDS: u64 = 60;

/// The claims of an access token, named as Entra ID names them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Claims {
    aud: String,
    iss: String,
    tid: String,
    /// Object id of the device or client.
    oid: String,
    appid: String,
    /// `device` or `app`.
    idtyp: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deviceid: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    roles: Vec<String>,
    iat: u64,
    nbf: u64,
    exp: u64,
}

/// A token that was just signed.
pub(crate) struct Issued {
    pub(crate) token: SecretText,
    pub(super) expires_on: u64,
}

/// A client whose token was accepted.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) id: Guid,
    roles: Vec<Role>,
}

impl Caller {
    /// Refuses what the roles of the token do not allow.
    pub(crate) fn require(&self, act: Act) -> Result<(), Fault> {
        if may(&self.roles, act) {
            Ok(())
        } else {
            Err(Fault::new(Kind::Forbidden, "Insufficient privileges to complete the operation."))
        }
    }
}

fn seconds(at: FileTime) -> u64 {
    at.since_unix().as_secs()
}

fn issuer(app: &App) -> String {
    format!("{}/{}/", app.url, app.meta.tenant)
}

/// Issues a token for a device.
pub(crate) fn issue_device(
    app: &App,
    at: FileTime,
    device: &DeviceRow,
    appid: &str,
) -> Result<Issued, Fault> {
    let iat = seconds(at);
    let exp = iat.saturating_add(TOKEN_SECONDS);
    let claims = Claims {
        aud: app.origin.resource(),
        iss: issuer(app),
        tid: app.meta.tenant.to_string(),
        oid: device.object_id.to_string(),
        appid: appid.chars().take(64).collect(),
        idtyp: "device".to_owned(),
        deviceid: Some(device.id.to_string()),
        roles: Vec::new(),
        iat,
        nbf: iat,
        exp,
    };
    Ok(Issued { token: app.keys.signing.sign(&claims)?, expires_on: exp })
}

/// Issues a token for a client.
pub(crate) fn issue_client(app: &App, at: FileTime, client: &ClientRow) -> Result<Issued, Fault> {
    let iat = seconds(at);
    let exp = iat.saturating_add(TOKEN_SECONDS);
    let claims = Claims {
        aud: app.url.clone(),
        iss: issuer(app),
        tid: app.meta.tenant.to_string(),
        oid: client.id.to_string(),
        appid: client.id.to_string(),
        idtyp: "app".to_owned(),
        deviceid: None,
        roles: client.roles.iter().map(ToString::to_string).collect(),
        iat,
        nbf: iat,
        exp,
    };
    Ok(Issued { token: app.keys.signing.sign(&claims)?, expires_on: exp })
}

pub(crate) fn unauthenticated() -> Fault {
    Fault::new(Kind::Unauthenticated, "Access token is missing, invalid or has expired.")
}

/// The bearer token of a request. RFC 6750 section 2.1.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn claims(app: &App, at: FileTime, token: &str, audience: &str) -> Result<Claims, Fault> {
    let claims: Claims = app.keys.signing.verify(token).map_err(|_| unauthenticated())?;
    let now = seconds(at);
    let good = claims.aud == audience
        && claims.iss == issuer(app)
        && claims.tid == app.meta.tenant.to_string()
        && claims.nbf <= now.saturating_add(SKEW_SECONDS)
        && now < claims.exp.saturating_add(SKEW_SECONDS);
    if good { Ok(claims) } else { Err(unauthenticated()) }
}

/// The client that a request comes from. Its roles are those of the token; its being enabled is asked for each time.
pub(crate) async fn caller(app: &App, context: &Context, headers: &HeaderMap) -> Result<Caller, Fault> {
    let token = bearer(headers).ok_or_else(unauthenticated)?;
    let claims = claims(app, context.at, token, &app.url)?;
    let id: Guid = claims.appid.parse().map_err(|_| unauthenticated())?;
    let client = app.store.client(id).await?;
    if claims.idtyp != "app" || !client.is_some_and(|client| client.enabled) {
        return Err(unauthenticated());
    }
    Ok(Caller { id, roles: claims.roles.iter().filter_map(|role| role.parse().ok()).collect() })
}

/// The device that a request comes from: by its token, else by its certificate in TLS.
pub(crate) async fn device(app: &App, context: &Context, headers: &HeaderMap) -> Result<DeviceId, Fault> {
    if let Some(token) = bearer(headers) {
        let claims = claims(app, context.at, token, &app.origin.resource())?;
        let device = claims.deviceid.and_then(|id| id.parse().ok());
        return device.filter(|_| claims.idtyp == "device").ok_or_else(unauthenticated);
    }
    certified(app, context).await
}

/// The device that a request comes from, by its certificate in TLS alone.
pub(crate) async fn certified(app: &App, context: &Context) -> Result<DeviceId, Fault> {
    Ok(own_certificate(app, context).await?.device)
}

/// The certificate of the device that a request comes from, good for everything.
pub(crate) async fn own_certificate(app: &App, context: &Context) -> Result<DeviceCertificate, Fault> {
    judged(app, context).await?.for_everything(app, context.at).await
}

/// The certificate of a device that was shown in TLS, whatever it is good for.
pub(crate) async fn judged(app: &App, context: &Context) -> Result<Judged, Fault> {
    let certificate = context.peer.certificate.as_ref().ok_or_else(|| {
        Fault::new(
            Kind::Unauthenticated,
            "The device's certificate is missing, or this is not the devices' listener.",
        )
    })?;
    let certificate = device_certificate::parse(app, certificate).map_err(|_| unauthenticated())?;
    device_certificate::judge(app, certificate, context.at).await
}
