//! The device's certificate is renewed in time, whenever this host calls home: at its start and every eight hours at
//! least. docs/protocol.md, "The device's certificate".
//!
//! The moment is told by this host's clock. One that is ahead renews too early, which costs nothing; one that is behind is
//! put right by the server, which refuses all but the renewal once the certificate has ended.

use std::sync::Arc;

use lapwing_client::{
    CallError,
    cloud::{self, CertificateRefused},
    identity::{Identity, IdentityError, KeyError, Root, renewal},
    transport::{CertificateDer, Limits},
};
use lapwing_core::{event::Event, types::FileTime};
use lapwing_proto::register::ManagementService;

use crate::{exec::chain, failpoint, log, os};

/// What is remembered from one call home to the next.
#[derive(Debug, Default)]
pub(crate) struct Renewal {
    /// The certificate that the server takes for nothing but its renewal.
    refused: Option<CertificateDer<'static>>,
    /// The one that has ended for good: it is told of once, and not asked for again.
    ended: Option<CertificateDer<'static>>,
}

/// Why there is no next certificate.
#[derive(Debug, thiserror::Error)]
enum NotRenewed {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl Renewal {
    /// The identity to go on with: the next one if it is time for that, else the one before. What goes wrong is told, and
    /// keeps nobody from using the certificate that there is.
    pub(crate) async fn renew(
        &mut self,
        root: &Root,
        identity: Arc<Identity>,
        service: &ManagementService,
    ) -> Arc<Identity> {
        if self.ended.as_ref() == Some(&identity.certificate) || !self.is_due(&identity) {
            return identity;
        }
        match replace(root, &identity, service).await {
            Ok(next) => {
                self.refused = None;
                log::raise(&Event::CertificateRenewed { until: until(&next) });
                Arc::new(next)
            }
            Err(error) => {
                self.tell(&identity, &error);
                identity
            }
        }
    }

    /// Learns from what the server has refused in a session, for the next one.
    pub(crate) fn hear(&mut self, root: &Root, error: &anyhow::Error) {
        let Some(CallError::Refused(refusal)) = error.downcast_ref() else { return };
        let Ok(identity) = Identity::load(root) else { return };
        match CertificateRefused::of(refusal) {
            Some(CertificateRefused::RenewalRequired) => self.refused = Some(identity.certificate),
            Some(CertificateRefused::Ended) => self.end(&identity),
            None => {}
        }
    }

    fn is_due(&self, identity: &Identity) -> bool {
        let is_old = identity.renewal_due().is_ok_and(|due| due <= os::now().wall.0);
        is_old || self.refused.as_ref() == Some(&identity.certificate)
    }

    fn tell(&mut self, identity: &Identity, error: &NotRenewed) {
        if let NotRenewed::Call(CallError::Refused(refusal)) = error {
            if CertificateRefused::of(refusal) == Some(CertificateRefused::Ended) {
                return self.end(identity);
            }
            // A server from before there were renewals.
            if refusal.status == 404 {
                return;
            }
        }
        log::raise(&Event::CertificateNotRenewed { until: until(identity), reason: chain(error) });
    }

    fn end(&mut self, identity: &Identity) {
        if self.ended.as_ref() != Some(&identity.certificate) {
            self.ended = Some(identity.certificate.clone());
            log::raise(&Event::CertificateEnded { until: until(identity) });
        }
    }
}

fn until(identity: &Identity) -> FileTime {
    identity.certificate_life().map_or(FileTime::UNIX_EPOCH, |life| life.ends)
}

/// Each step is on the disk before the next one is made: [`renewal`].
async fn replace(
    root: &Root,
    identity: &Identity,
    service: &ManagementService,
) -> Result<Identity, NotRenewed> {
    renewal::finish(root)?;
    let key = renewal::key_for_renewal(root)?;
    failpoint::hit("agent.before_renewal");
    let certificate = cloud::renew(identity, service, &key, Limits::default()).await;
    if let Err(CallError::Refused(refusal)) = &certificate
        && refusal.status == 400
    {
        // The server has seen this key somewhere else: the next one is drawn anew.
        renewal::forget_key(root)?;
    }
    let certificate = certificate?;
    failpoint::hit("agent.after_renewal");
    renewal::take(root, &identity.certificate, &certificate)?;
    Ok(Identity::load(root)?)
}
