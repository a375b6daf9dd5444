//! A call sequence: its calls share one fresh connection for as long as they go to one host.

use hyper::Method;
use lapwing_core::secret::SecretBytes;
use lapwing_proto::{json, secret_text::SecretText};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    percent,
    refusal::{CallError, MalformedAnswer, success},
    transport::{Answer, Connection, Dialer, HttpsUrl, Request, TransportError},
};

pub(crate) const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// One call sequence.
#[derive(Debug)]
pub(crate) struct Caller {
    dialer: Dialer,
    connection: Option<Connection>,
}

/// One call, in words for errors and in bytes.
pub(crate) struct Call<'a> {
    /// What it asks, such as `store the password`.
    pub(crate) what: &'static str,
    pub(crate) method: Method,
    pub(crate) url: &'a HttpsUrl,
    pub(crate) bearer: Option<&'a SecretText>,
    pub(crate) headers: &'a [(&'static str, &'a str)],
    pub(crate) content: Option<(&'static str, SecretBytes)>,
}

impl<'a> Call<'a> {
    pub(crate) const fn new(what: &'static str, method: Method, url: &'a HttpsUrl) -> Self {
        Self { what, method, url, bearer: None, headers: &[], content: None }
    }

    pub(crate) const fn bearer(mut self, token: &'a SecretText) -> Self {
        self.bearer = Some(token);
        self
    }

    pub(crate) const fn headers(mut self, headers: &'a [(&'static str, &'a str)]) -> Self {
        self.headers = headers;
        self
    }

    pub(crate) fn body(mut self, media_type: &'static str, content: SecretBytes) -> Self {
        self.content = Some((media_type, content));
        self
    }

    /// A body of JSON without a secret in it.
    pub(crate) fn json(self, body: &impl Serialize) -> Result<Self, CallError> {
        let malformed = |error: serde_json::Error| CallError::Malformed {
            peer: self.url.authority(),
            what: self.what,
            source: MalformedAnswer::Json(error.into()),
        };
        let content = serde_json::to_vec(body).map_err(malformed)?;
        Ok(self.body(JSON, SecretBytes::new(content)))
    }

    /// A body of `application/x-www-form-urlencoded`.
    pub(crate) fn form(self, fields: &[(&str, &str)]) -> Self {
        self.body(FORM, percent::form(fields))
    }
}

impl Caller {
    pub(crate) const fn new(dialer: Dialer) -> Self {
        Self { dialer, connection: None }
    }

    /// The connection of the last call, if it is open.
    pub(crate) const fn connection(&self) -> Option<&Connection> {
        self.connection.as_ref()
    }

    /// Whether the last call's connection is open and leads to `url`.
    pub(crate) async fn is_open_to(&mut self, url: &HttpsUrl) -> bool {
        match &mut self.connection {
            Some(connection) => connection.reaches(url) && connection.is_open().await,
            None => false,
        }
    }

    /// One request and its answer, whatever its status. After an error the connection is gone.
    pub(crate) async fn call(&mut self, call: Call<'_>) -> Result<Answer, TransportError> {
        if !self.is_open_to(call.url).await {
            // The old one ends first: a peer may serve one at a time.
            self.connection = None;
            self.connection = Some(self.dialer.connect(call.url).await?);
        }
        self.call_again(call).await
    }

    /// As [`Self::call`], but over the last call's connection or not at all.
    pub(crate) async fn call_again(&mut self, call: Call<'_>) -> Result<Answer, TransportError> {
        let Call { method, url, bearer, headers, content, .. } = call;
        let not_kept = || TransportError::NotKept { peer: url.authority() };
        let mut connection = self.connection.take().filter(|open| open.reaches(url)).ok_or_else(not_kept)?;
        let answer = connection.call(Request { method, url, bearer, headers, content }).await?;
        self.connection = Some(connection);
        Ok(answer)
    }

    /// A call that must succeed.
    pub(crate) async fn succeed(&mut self, call: Call<'_>) -> Result<Answer, CallError> {
        let (peer, what) = (call.url.authority(), call.what);
        Ok(success(&peer, what, self.call(call).await?)?)
    }

    /// A call that must succeed with the JSON of `T`.
    pub(crate) async fn read<T: DeserializeOwned>(&mut self, call: Call<'_>) -> Result<T, CallError> {
        let (peer, what) = (call.url.authority(), call.what);
        let answer = self.succeed(call).await?;
        json::parse(answer.body.expose_secret()).map_err(|error| CallError::Malformed {
            peer,
            what,
            source: error.into(),
        })
    }
}
