//! Messages over HTTPS. [MS-MDM] 2.1.

use hyper::Method;
use lapwing_core::secret::SecretBytes;
use lapwing_proto::{
    policy_report::PolicyReport, syncml::MEDIA_TYPE, trace::TraceUpload, xml::MESSAGE_LEN_MAX,
};

use crate::{
    caller::{Call, Caller},
    identity::Identity,
    refusal::CallError,
    transport::{HttpsUrl, Limits, TransportError},
};

/// Carries the messages of one session, over one connection for as long as the server keeps it.
#[derive(Debug)]
pub struct Channel {
    caller: Caller,
    url: HttpsUrl,
}

impl Channel {
    /// A channel to the management server at `url`, which sees the device's certificate. Nothing is sent by this.
    ///
    /// # Errors
    /// [`TransportError::Configuration`] if a certificate or key does not fit.
    pub fn new(identity: &Identity, url: HttpsUrl, limits: Limits) -> Result<Self, TransportError> {
        let limits = Limits { answer_len: MESSAGE_LEN_MAX, ..limits };
        let dialer = identity.dialer(Some(identity.client_certificate()), limits)?;
        Ok(Self { caller: Caller::new(dialer), url })
    }

    /// Tells the server what became of rotations, once. docs/protocol.md, "Traces".
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn tell_traces(&mut self, upload: &TraceUpload) -> Result<(), CallError> {
        let url = self.url.join("traces")?;
        let call = Call::new("take what became of rotations", Method::POST, &url).json(upload)?;
        self.caller.succeed(call).await.map(drop)
    }

    /// Tells the server which policy is in effect, once. docs/protocol.md, "Policies in effect".
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn tell_policy(&mut self, report: &PolicyReport) -> Result<(), CallError> {
        let url = self.url.join("policy")?;
        let call = Call::new("take the policy in effect", Method::POST, &url).json(report)?;
        self.caller.succeed(call).await.map(drop)
    }

    /// Sends one message, once, and gives the server's answer.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn post(&mut self, message: Vec<u8>) -> Result<SecretBytes, CallError> {
        let headers = [("accept", MEDIA_TYPE)];
        let call = Call::new("manage this device", Method::POST, &self.url)
            .headers(&headers)
            .body(MEDIA_TYPE, SecretBytes::new(message));
        Ok(self.caller.succeed(call).await?.body)
    }
}
