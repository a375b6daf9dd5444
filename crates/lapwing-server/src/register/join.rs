//! Devices join by an enrolment token and leave by themselves.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use axum::{
    Extension, Json,
    body::Bytes,
    extract::{Path, State},
    http::HeaderMap,
    response::{IntoResponse as _, Response},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use lapwing_core::types::{DeviceId, Guid};
use lapwing_proto::{
    hex, json,
    register::{
        CSR_SUBJECT, CertificateRequest, IssuedCertificate, JoinAnswer, JoinRequest, JoiningUser,
        OID_JOIN_NONCE,
    },
};
use tokio_rustls::rustls::pki_types::CertificateDer;
use x509_parser::{certification_request::X509CertificationRequest, cri_attributes::ParsedCriAttribute};
use zeroize::Zeroizing;

use super::{
    certificate_request::{self, CertificateRequestError},
    denied,
};
use crate::{
    app::{App, record},
    http::{
        fault::{Fault, Kind},
        request::Context,
    },
    keys::authority::{DeviceLife, DeviceNames},
    os,
    rules::audit::{Activity, Actor},
    store::{DeleteDevice, JoinDevice, JoinOutcome, NewDevice},
    token::bearer,
};

/// The longest name or version that a device may give itself, in characters.
const TEXT_LEN_MAX: usize = 256;

/// Why a request to join is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RequestError {
    #[error(transparent)]
    Certificate(#[from] CertificateRequestError),
    #[error("The subject of the certificate request is not the one required.")]
    Subject,
    #[error("The nonce of the certificate request is unknown or has expired.")]
    Nonce,
}

pub(super) async fn join(
    State(app): State<Arc<App>>,
    Extension(context): Extension<Context>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<JoinAnswer>, Fault> {
    let secret = bearer::bearer(&headers).ok_or_else(bearer::unauthenticated)?;
    let secret = Zeroizing::new(URL_SAFE_NO_PAD.decode(secret).map_err(|_| bearer::unauthenticated())?);
    let request: JoinRequest = json::parse(&body).map_err(|error| Fault::bad_request(error.to_string()))?;
    let spki =
        check_request(&app, &context, &request).map_err(|error| Fault::bad_request(error.to_string()))?;
    let reuse = request.attributes.reuse_device.as_deref().is_some_and(|t| t.eq_ignore_ascii_case("true"));
    let names = [&request.device_display_name, &request.device_type, &request.os_version];
    let joining = Joining {
        secret_sha256: sha256(&secret),
        device: new_device(names.map(String::as_str), &spki),
        reuse,
        life: if app.extension { DeviceLife::Renewed } else { DeviceLife::Unrenewed },
    };
    let Joined { certificate, .. } = admit(&app, &context, joining, &spki).await?;
    Ok(Json(JoinAnswer {
        certificate: answer(&certificate),
        user: Some(JoiningUser { upn: String::new() }),
        membership_changes: Vec::new(),
    }))
}

/// A certificate as a device is given it.
pub(crate) fn answer(certificate: &CertificateDer<'_>) -> IssuedCertificate {
    let thumbprint = digest(&SHA1_FOR_LEGACY_USE_ONLY, certificate);
    IssuedCertificate {
        thumbprint: hex::encode(thumbprint.as_ref()).to_uppercase(),
        raw_body: STANDARD.encode(certificate),
    }
}

/// A device that may join.
pub(crate) struct Joining {
    /// Of the enrolment token's secret.
    pub(crate) secret_sha256: [u8; 32],
    pub(crate) device: NewDevice,
    /// See [`JoinDevice::reuse`].
    pub(crate) reuse: bool,
    pub(crate) life: DeviceLife,
}

/// A device that has joined.
pub(crate) struct Joined {
    pub(crate) device: DeviceId,
    pub(crate) certificate: CertificateDer<'static>,
}

/// Lets a device join if its enrolment token is good, and issues its certificate for the key in `spki` (DER).
pub(crate) async fn admit(
    app: &App,
    context: &Context,
    joining: Joining,
    spki: &[u8],
) -> Result<Joined, Fault> {
    let Joining { secret_sha256, device, reuse, life } = joining;
    let record = record(context.at, Actor::Anonymous, Activity::JoinDevice, &device.id.to_string());
    match app.store.change(JoinDevice { secret_sha256, device, reuse, record }).await? {
        JoinOutcome::Joined { device, token } => {
            let names = DeviceNames { tenant: app.meta.tenant, device, joined_by: token };
            let certificate =
                app.keys.authority.issue_device(&names, spki, life, context.at, &mut os::rng())?;
            Ok(Joined { device, certificate })
        }
        JoinOutcome::TokenRefused => Err(token_refused()),
    }
}

/// It may be unknown, used up or ended: which, only the audit log says.
pub(crate) fn token_refused() -> Fault {
    Fault::new(Kind::Unauthenticated, "The enrolment token is unknown, used up or has ended.")
}

/// A device that calls itself so: its name, its system and that system's version.
pub(crate) fn new_device(names: [&str; 3], spki: &[u8]) -> NewDevice {
    let [display_name, os, os_version] =
        names.map(|text| text.chars().filter(|c| !c.is_control()).take(TEXT_LEN_MAX).collect());
    NewDevice {
        id: DeviceId::random(&mut os::rng()),
        object_id: Guid::random(&mut os::rng()),
        display_name,
        os,
        os_version,
        key_sha256: sha256(spki),
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(digest(&SHA256, bytes).as_ref());
    sha256
}

/// The subject public key info of a certificate request that passed all checks.
fn check_request(app: &App, context: &Context, request: &JoinRequest) -> Result<Vec<u8>, RequestError> {
    let der = request_der(&request.certificate_request)?;
    let csr = own_request(&der)?;
    check_nonce(app, context, &csr)?;
    Ok(csr.certification_request_info.subject_pki.raw.to_vec())
}

/// A certificate request in DER.
pub(crate) fn request_der(request: &CertificateRequest) -> Result<Vec<u8>, RequestError> {
    let is_known = request.kind.eq_ignore_ascii_case("pkcs10");
    let der = is_known.then(|| STANDARD.decode(&request.data).ok()).flatten();
    Ok(der.ok_or(CertificateRequestError::Malformed)?)
}

/// A request whose key, signature and subject are good.
pub(crate) fn own_request(der: &[u8]) -> Result<X509CertificationRequest<'_>, RequestError> {
    let csr = certificate_request::parse(der)?;
    let subject = &csr.certification_request_info.subject;
    let name = subject.iter_common_name().next().and_then(|name| name.as_str().ok());
    let is_ours = name.is_some_and(|name| name.eq_ignore_ascii_case(CSR_SUBJECT));
    if is_ours { Ok(csr) } else { Err(RequestError::Subject) }
}

/// Older clients send no nonce; one that is sent must be ours.
fn check_nonce(app: &App, context: &Context, csr: &X509CertificationRequest<'_>) -> Result<(), RequestError> {
    let nonce = csr.certification_request_info.iter_attributes().find_map(|attribute| {
        let ParsedCriAttribute::ExtensionRequest(request) = attribute.parsed_attribute() else { return None };
        let is_nonce = |oid: &x509_parser::der_parser::Oid<'_>| {
            oid.iter().is_some_and(|mut arcs| arcs.by_ref().eq(OID_JOIN_NONCE.iter().copied()))
        };
        request.extensions.iter().find(|extension| is_nonce(&extension.oid)).map(|extension| extension.value)
    });
    let Some(nonce) = nonce else { return Ok(()) };
    // The value is the text itself, perhaps within an ASN.1 string whose header is not Base64.
    let start = nonce.iter().rposition(|byte| !is_base64url(*byte)).map_or(0, |at| at + 1);
    let text =
        nonce.get(start..).and_then(|text| core::str::from_utf8(text).ok()).ok_or(RequestError::Nonce)?;
    app.nonces.check(text, context.at).map_err(|_| RequestError::Nonce)
}

const fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

pub(super) async fn leave(
    State(app): State<Arc<App>>,
    Path(device): Path<String>,
    Extension(context): Extension<Context>,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let caller = bearer::device(&app, &context, &headers).await?;
    let actor = Actor::Device(caller);
    if device.parse() != Ok(caller) {
        return Err(app.refuse(context.at, actor, Activity::LeaveDevice, &device, denied()).await);
    }
    let record = record(context.at, actor, Activity::LeaveDevice, &device);
    if app.store.change(DeleteDevice { device: caller, record }).await? {
        app.wake.end(caller);
        Ok(axum::http::StatusCode::OK.into_response())
    } else {
        Err(super::upload::missing_device(&app, caller))
    }
}
