//! Device certificates as they come back: issued by us, for this tenant, and good for what is asked with them.
//!
//! TLS has proved that the peer has the key, and that we issued the certificate. It has not looked at the date: that is
//! judged here, for a certificate that has ended may still be good for its renewal.

use lapwing_core::{
    management::{CertificateLife, LifeState},
    types::{DeviceId, FileTime, Guid, TenantId},
};
use lapwing_proto::register::{
    CODE_CERTIFICATE_ENDED, CODE_RENEWAL_REQUIRED, OID_DEVICE_ID, OID_OBJECT_ID, OID_TENANT_ID,
    parse_guid_extension,
};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::join::sha256;
use crate::{
    app::{App, record},
    http::fault::{Fault, Kind},
    keys::authority::told_time,
    rules::{
        audit::{Activity, Actor},
        certificate::{Key, Use, good_for},
    },
    store::ReplaceDeviceKey,
};

/// A certificate that this server has issued to a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeviceCertificate {
    pub(crate) device: DeviceId,
    /// By what the device joined.
    pub(crate) joined_by: Guid,
    /// PKCS#1 DER.
    pub(crate) public_key: Vec<u8>,
    /// Of its subject public key info.
    key_sha256: [u8; 32],
    pub(crate) life: CertificateLife,
}

/// What a certificate is good for now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Judged {
    pub(crate) certificate: DeviceCertificate,
    key: Key,
    state: LifeState,
}

/// Why it is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DeviceCertificateError {
    #[error("the certificate is malformed")]
    Malformed,
    #[error("the certificate was not issued by this server")]
    Issuer,
    #[error("the certificate is not a device's of this tenant")]
    Names,
}

/// Checks signature and purpose, and that name, device id and tenant agree.
pub(crate) fn parse(app: &App, der: &[u8]) -> Result<DeviceCertificate, DeviceCertificateError> {
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
    let device = named_device(&certificate, app.meta.tenant).ok_or(DeviceCertificateError::Names)?;
    let joined_by = guid_of(&certificate, OID_OBJECT_ID).ok_or(DeviceCertificateError::Names)?;
    let validity = certificate.validity();
    let life = told_time(validity.not_before).zip(told_time(validity.not_after));
    let (begins, ends) = life.ok_or(DeviceCertificateError::Malformed)?;
    Ok(DeviceCertificate {
        device,
        joined_by,
        public_key: certificate.public_key().subject_public_key.data.to_vec(),
        key_sha256: sha256(certificate.public_key().raw),
        life: CertificateLife { begins, ends },
    })
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

/// Asks what is known of the certificate's key.
pub(crate) async fn judge(app: &App, certificate: DeviceCertificate, at: FileTime) -> Result<Judged, Fault> {
    let keys = app.store.device_keys(certificate.device).await?;
    // A device that is not there has nothing to lose: whoever asks on its behalf is told so by the handler.
    let key = keys.map_or(Key::Current, |keys| keys.find(&certificate.key_sha256));
    let state = certificate.life.at(at);
    Ok(Judged { certificate, key, state })
}

impl Judged {
    /// Lets the certificate be used for everything. The first use of a renewed one replaces the one before.
    pub(crate) async fn for_everything(self, app: &App, at: FileTime) -> Result<DeviceCertificate, Fault> {
        match good_for(self.key, self.state) {
            Use::Everything => {}
            Use::Renewal => {
                let message =
                    "The certificate of the device has ended or was replaced: it can only be renewed.";
                return Err(Fault::new(Kind::Unauthenticated, message).with_subcode(CODE_RENEWAL_REQUIRED));
            }
            Use::Nothing => return Err(self.of_no_use()),
        }
        self.replace_older(app, at).await?;
        Ok(self.certificate)
    }

    /// Lets the certificate be used for its renewal; what is unusual about that is for the audit log.
    pub(crate) async fn for_renewal(
        self,
        app: &App,
        at: FileTime,
    ) -> Result<(DeviceCertificate, &'static str), Fault> {
        let remark = match (good_for(self.key, self.state), self.key) {
            (Use::Nothing, _) => return Err(self.of_no_use()),
            (Use::Everything, _) => "",
            (Use::Renewal, Key::Other) => "by a certificate that is not the device's newest",
            (Use::Renewal, Key::Current | Key::Next) => "by a certificate that has ended",
        };
        self.replace_older(app, at).await?;
        Ok((self.certificate, remark))
    }

    fn of_no_use(&self) -> Fault {
        match self.state {
            LifeState::Renewable | LifeState::Over => {
                let message = "The certificate of the device has ended and cannot be renewed any more.";
                Fault::new(Kind::Unauthenticated, message).with_subcode(CODE_CERTIFICATE_ENDED)
            }
            LifeState::NotYet | LifeState::InForce => {
                Fault::new(Kind::Unauthenticated, "The certificate of the device is not in force.")
            }
        }
    }

    async fn replace_older(&self, app: &App, at: FileTime) -> Result<(), Fault> {
        if self.key != Key::Next {
            return Ok(());
        }
        let device = self.certificate.device;
        let record = record(at, Actor::Device(device), Activity::ReplaceCertificate, &device.to_string());
        let key_sha256 = self.certificate.key_sha256;
        if app.store.change(ReplaceDeviceKey { device, key_sha256, record }).await? {
            // A connection that waits for wake-ups was opened with the one before.
            app.wake.end(device);
        }
        Ok(())
    }
}
