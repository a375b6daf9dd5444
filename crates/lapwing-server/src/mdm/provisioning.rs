//! What a Windows device takes home from its enrolment.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use lapwing_core::types::DeviceId;
use lapwing_proto::mde2::{Certificate, Enrol, Poll, Provisioning, Retries, Store};

use crate::{app::App, rules::push::PROVIDER};

/// How long before its end a certificate is to be renewed, in days: a third of its life, as our own devices do it.
pub(super) const RENEW_DAYS: u32 = 120;
const RENEW_RETRY_DAYS: u32 = 4;
/// Often at first, for policies to arrive; then every eight hours, as other management servers have it.
const POLL: Poll = Poll {
    first: Retries { count: 5, interval_minutes: 3 },
    second: Retries { count: 8, interval_minutes: 15 },
    remaining: Retries { count: 0, interval_minutes: 480 },
    on_login: true,
};

/// The document for a device with that certificate, which `user` says is its own.
pub(super) fn of(
    app: &App,
    device: DeviceId,
    own: &[u8],
    request: &Enrol,
    user: Option<String>,
) -> Provisioning {
    let authority = certificate(app.keys.authority.certificate());
    Provisioning {
        root: authority.clone(),
        issuer: authority,
        device: certificate(own),
        device_subject: format!("CN={device}"),
        store: store(request),
        renew_days: RENEW_DAYS,
        renew_retry_days: RENEW_RETRY_DAYS,
        device_id: device.to_string(),
        provider: PROVIDER.to_owned(),
        name: app.meta.tenant_name.clone(),
        address: app.management_url(),
        upn: user,
        device_name: None,
        poll: POLL,
    }
}

fn certificate(der: &[u8]) -> Certificate {
    let mut thumbprint = [0; 20];
    thumbprint.copy_from_slice(digest(&SHA1_FOR_LEGACY_USE_ONLY, der).as_ref());
    Certificate { thumbprint, der: der.to_vec() }
}

/// [MS-MDE2] 3.4.4.1.1.1: the device's own where it enrols as such, else that of the user who enrols it.
fn store(request: &Enrol) -> Store {
    match request.context("EnrollmentType") {
        Some(kind) if kind.eq_ignore_ascii_case("Device") => Store::System,
        Some(_) | None => Store::User,
    }
}
