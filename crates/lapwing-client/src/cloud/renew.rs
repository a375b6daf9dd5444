//! Renewing this device's certificate. docs/protocol.md, "The device's certificate".

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hyper::Method;
use lapwing_proto::register::{
    CODE_CERTIFICATE_ENDED, CODE_RENEWAL_REQUIRED, CSR_SUBJECT, CertificateRequest, ManagementService,
    RenewalAnswer, RenewalRequest,
};

use super::enrol::{device_id, issued};
use crate::{
    caller::{Call, Caller},
    identity::{DeviceKey, Identity, KeyError},
    refusal::{CallError, Refusal},
    transport::{CertificateDer, HttpsUrl, Limits},
};

/// What a refusal says of this device's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateRefused {
    /// It is good for nothing but its renewal.
    RenewalRequired,
    /// It is good for nothing any more: this host has to be enrolled anew.
    Ended,
}

impl CertificateRefused {
    /// What `refusal` says of it, if anything.
    #[must_use]
    pub fn of(refusal: &Refusal) -> Option<Self> {
        match refusal.code.as_str() {
            CODE_RENEWAL_REQUIRED => Some(Self::RenewalRequired),
            CODE_CERTIFICATE_ENDED => Some(Self::Ended),
            _ => None,
        }
    }
}

/// Asks for the next certificate, for `key`, by the one that `identity` has. Nothing is saved by this, and it may be asked
/// any number of times: the old certificate is good until the new one is first used.
///
/// # Errors
/// [`CallError`]. A server from before there were renewals answers with status 404.
pub async fn renew(
    identity: &Identity,
    service: &ManagementService,
    key: &DeviceKey,
    limits: Limits,
) -> Result<CertificateDer<'static>, CallError> {
    let mut caller = Caller::new(identity.dialer(Some(identity.client_certificate()), limits)?);
    let url = service.endpoint.parse::<HttpsUrl>()?.join("certificate")?;
    let request = RenewalRequest {
        certificate_request: CertificateRequest {
            kind: "pkcs10".to_owned(),
            data: STANDARD.encode(key.certificate_request(CSR_SUBJECT, None)?),
        },
    };
    let call = Call::new("renew this device's certificate", Method::POST, &url).json(&request)?;
    let answer: RenewalAnswer = caller.read(call).await?;
    let certificate = issued(&answer.certificate, key)?;
    if device_id(&certificate)? != identity.settings.device {
        return Err(KeyError::Certificate("that the server issued is for another device").into());
    }
    Ok(certificate)
}
