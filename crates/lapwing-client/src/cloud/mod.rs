//! The client of Entra ID and of `lapwing-server`: one client serves both, told apart by discovery.
//!
//! A [`Session`] is one call sequence: discovery, device token, then a store or a question for the state. The store goes
//! out on a connection that has just answered, so that most failures come before it and are "not sent".
//!
//! Against the real Entra ID this is not verified live. The members that nobody has seen stand in
//! `lapwing_proto::register` alone, so that one capture can correct them.
//!
//! INVARIANT: a password is sent at most once per call of [`Session::store`], and in clear only over a connection that has
//! just answered another request.

mod backoff;
mod discovery;
mod enrol;
mod renew;
mod store;
mod token;
mod wake;

use std::sync::Arc;

use hyper::Method;
use lapwing_core::types::{DirectoryId, Guid};
use lapwing_proto::{
    register::{Announcement, HeldState, ManagementService, StateAnswer},
    secret_text::SecretText,
};

use crate::{
    caller::{Call, Caller},
    identity::Identity,
    percent,
    refusal::{CallError, MalformedAnswer},
    transport::{HttpsUrl, Limits},
};

pub use self::{
    backoff::Backoff,
    discovery::Directory,
    enrol::{EnrolError, Enrolment, NewDevice, enrol},
    renew::{CertificateRefused, renew},
    store::{Material, Store, StoreOutcome, Unanswered},
    wake::{Pulse, WakeUps, WakeUpsEnded, wake_up_endpoint},
};

/// Constants of the wire that no message carries, in one place. [MS-DVRD], [MS-DVRJ]; the upload's as public samples
/// of event 10030 show them.
mod wire {
    pub(super) const DISCOVERY_VERSION: &str = "1.9";
    pub(super) const NONCE_VERSION: &str = "1.0";
    pub(super) const JOIN_VERSION: &str = "2.0";
    pub(super) const LEAVE_VERSION: &str = "1.0";
    pub(super) const UPLOAD_VERSION: &str = "1.0";
    pub(super) const UPLOAD_PATH: &str = "lapsdevicepasswordupdate";
    pub(super) const DEVICE_TYPE: &str = "Linux";
    pub(super) const WINDOWS_API_VERSION: &str = "2.2";
}

/// One call sequence as this device, with its token.
#[derive(Debug)]
pub struct Session {
    caller: Caller,
    identity: Arc<Identity>,
    directory: Directory,
    token: SecretText,
}

impl Session {
    /// Connects, discovers, and gets a device token. Nothing is stored by this.
    ///
    /// # Errors
    /// [`CallError`]; to the commit protocol each of them means "not sent".
    pub async fn open(identity: Arc<Identity>, limits: Limits) -> Result<Self, CallError> {
        let mut caller = Caller::new(identity.dialer(None, limits)?);
        let directory =
            Directory::discover(&mut caller, &identity.settings.server, identity.settings.tenant).await?;
        let token = token::device_token(&mut caller, &identity, &directory).await?;
        Ok(Self { caller, identity, directory, token })
    }

    /// Makes sure that the connection to the management service has just answered: tokens may come from another host,
    /// and the peer may have closed the connection meanwhile.
    async fn knock(&mut self) -> Result<(), CallError> {
        if !self.caller.is_open_to(&self.directory.management).await {
            let settings = &self.identity.settings;
            Directory::discover(&mut self.caller, &settings.server, settings.tenant).await?;
        }
        Ok(())
    }

    /// Which directory this is, by what it announced.
    #[must_use]
    pub const fn directory(&self) -> &DirectoryId {
        &self.directory.id
    }

    /// The address that passwords are sent to, without what names the request.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("{}{}/{}", self.directory.management, wire::UPLOAD_PATH, self.identity.settings.device)
    }

    /// What a `lapwing-server` announced; none on Entra ID. Its keys are not those to trust: the pinned ones are.
    #[must_use]
    pub const fn announcement(&self) -> Option<&Announcement> {
        self.directory.announcement.as_ref()
    }

    /// Stores a password: one request, sent once. `request` is a fresh GUID that finds the request in the server's log.
    pub async fn store(&mut self, store: &Store<'_>, request: Guid) -> StoreOutcome {
        store::store(self, store, request).await
    }

    /// Asks what the directory holds. Only a `lapwing-server` answers.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn state(&mut self, request: Guid) -> Result<HeldState, CallError> {
        let url = self.record(request)?;
        let call = Call::new("tell which password version it holds", Method::GET, &url).bearer(&self.token);
        let what = call.what;
        let answer = self.caller.succeed(call).await?;
        StateAnswer::parse(answer.body.expose_secret()).map_err(|error| CallError::Malformed {
            peer: url.authority(),
            what,
            source: MalformedAnswer::Answer(error),
        })
    }

    /// This device's record, with the query as Windows writes it: both values are the request's GUID in braces.
    fn record(&self, request: Guid) -> Result<HttpsUrl, CallError> {
        let (path, version, device) =
            (wire::UPLOAD_PATH, wire::UPLOAD_VERSION, self.identity.settings.device);
        let braced = percent::encode(&format!("{{{request}}}"));
        Ok(self.directory.management.join(&format!(
            "{path}/{device}?api-version={version}&client-request-id={braced}&return-client-request-id={braced}"
        ))?)
    }
}

/// Where the tenant's server manages its devices; none if it does not.
///
/// # Errors
/// [`CallError`].
pub async fn management(identity: &Identity, limits: Limits) -> Result<Option<ManagementService>, CallError> {
    let mut caller = Caller::new(identity.dialer(None, limits)?);
    let settings = &identity.settings;
    let directory = Directory::discover(&mut caller, &settings.server, settings.tenant).await?;
    Ok(directory.announcement.and_then(|announcement| announcement.management))
}

/// Leaves the tenant: the directory forgets the device, which shows its certificate in TLS. The identity's files are
/// the caller's to remove.
///
/// # Errors
/// [`CallError`]; a refusal with status 404 means that the device is gone already.
pub async fn leave(identity: &Identity, limits: Limits) -> Result<(), CallError> {
    let mut caller = Caller::new(identity.dialer(Some(identity.client_certificate()), limits)?);
    let directory =
        Directory::discover(&mut caller, &identity.settings.server, identity.settings.tenant).await?;
    let url =
        directory.join.join(&format!("{}?api-version={}", identity.settings.device, wire::LEAVE_VERSION))?;
    caller.succeed(Call::new("let this device leave", Method::DELETE, &url)).await?;
    Ok(())
}
