//! Device certificates as they come back: issued by us, in force, for this tenant.

use lapwing_core::types::{DeviceId, FileTime, Guid, TenantId};
use lapwing_proto::register::{OID_DEVICE_ID, OID_TENANT_ID, parse_guid_extension};
use x509_parser::prelude::{ASN1Time, FromDer as _, X509Certificate};

use crate::app::App;

/// A device certificate whose checks all passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeviceCertificate {
    pub(crate) device: DeviceId,
    /// PKCS#1 DER.
    pub(crate) public_key: Vec<u8>,
}

/// Why it is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DeviceCertificateError {
    #[error("the certificate is malformed")]
    Malformed,
    #[error("the certificate was not issued by this server")]
    Issuer,
    #[error("the certificate is not in force")]
    Validity,
    #[error("the certificate is not a device's of this tenant")]
    Names,
}

/// Checks signature, validity, purpose, and that name, device id and tenant agree.
pub(crate) fn parse(
    app: &App,
    der: &[u8],
    now: FileTime,
) -> Result<DeviceCertificate, DeviceCertificateError> {
    let (rest, certificate) =
        X509Certificate::from_der(der).map_err(|_| DeviceCertificateError::Malformed)?;
    let authority = app.keys.authority.certificate();
    let (_, authority) =
        X509Certificate::from_der(authority).map_err(|_| DeviceCertificateError::Malformed)?;
    if !rest.is_empty() {
        return Err(DeviceCertificateError::Malformed);
    }
    if certificate.issuer() != authority.subject()
        || certificate.verify_signature(Some(authority.public_key())).is_err()
    {
        return Err(DeviceCertificateError::Issuer);
    }
    let seconds = i64::try_from(now.since_unix().as_secs()).unwrap_or(i64::MAX);
    let at = ASN1Time::from_timestamp(seconds).map_err(|_| DeviceCertificateError::Validity)?;
    if !certificate.validity().is_valid_at(at) {
        return Err(DeviceCertificateError::Validity);
    }
    let device = named_device(&certificate, app.meta.tenant).ok_or(DeviceCertificateError::Names)?;
    Ok(DeviceCertificate { device, public_key: certificate.public_key().subject_public_key.data.to_vec() })
}

fn named_device(certificate: &X509Certificate<'_>, tenant: TenantId) -> Option<DeviceId> {
    let name: DeviceId = certificate.subject().iter_common_name().next()?.as_str().ok()?.parse().ok()?;
    let purposes = certificate.extended_key_usage().ok()??.value;
    let is_device = purposes.client_auth
        && guid_of(certificate, OID_DEVICE_ID) == Some(name.0)
        && guid_of(certificate, OID_TENANT_ID) == Some(tenant.0);
    is_device.then_some(name)
}

fn guid_of(certificate: &X509Certificate<'_>, oid: &[u64]) -> Option<Guid> {
    let extension = certificate.extensions().iter().find(|extension| {
        extension.oid.iter().is_some_and(|mut arcs| arcs.by_ref().eq(oid.iter().copied()))
    })?;
    parse_guid_extension(extension.value).ok()
}
