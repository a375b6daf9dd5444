//! The next certificate of a device, by the one that it has. docs/protocol.md, "The device's certificate".

use tokio_rustls::rustls::pki_types::CertificateDer;

use super::{denied, join::sha256};
use crate::{
    app::{App, record},
    http::{fault::Fault, request::Context},
    keys::authority::{DeviceLife, DeviceNames},
    os,
    register::device_certificate::DeviceCertificate,
    rules::audit::{Activity, Actor},
    store::{OfferKey, OfferOutcome},
    token::bearer,
};

/// A certificate that may be renewed.
pub(crate) struct Renewing {
    pub(crate) old: DeviceCertificate,
    /// What is unusual about it.
    remark: &'static str,
}

impl Renewing {
    /// By the certificate that was shown in TLS.
    pub(crate) async fn of(app: &App, context: &Context) -> Result<Self, Fault> {
        let judged = bearer::judged(app, context).await?;
        let device = judged.certificate.device;
        app.rates.take_device(device)?;
        match judged.for_renewal(app, context.at).await {
            Ok((old, remark)) => Ok(Self { old, remark }),
            Err(fault) => {
                let actor = Actor::Device(device);
                let target = device.to_string();
                Err(app.refuse(context.at, actor, Activity::RenewCertificate, &target, fault).await)
            }
        }
    }

    /// Issues the next one for the key in `spki` (DER), whose possession was proved. Asked again with the same key, it
    /// answers with another certificate for it.
    pub(crate) async fn issue(
        &self,
        app: &App,
        context: &Context,
        spki: &[u8],
    ) -> Result<CertificateDer<'static>, Fault> {
        let DeviceCertificate { device, joined_by, .. } = self.old;
        let mut record =
            record(context.at, Actor::Device(device), Activity::RenewCertificate, &device.to_string());
        self.remark.clone_into(&mut record.detail);
        let offer = OfferKey { device, key_sha256: sha256(spki), record };
        match app.store.change(offer).await? {
            OfferOutcome::Offered => {}
            OfferOutcome::Refused => return Err(denied()),
            OfferOutcome::Known => return Err(Fault::bad_request("The key is that of a device already.")),
        }
        let names = DeviceNames { tenant: app.meta.tenant, device, joined_by };
        let life = DeviceLife::Renewed;
        Ok(app.keys.authority.issue_device(&names, spki, life, context.at, &mut os::rng())?)
    }
}
