//! What went wrong, and its body for each kind of client.
//!
//! INVARIANT: a message never repeats a body, a token or a secret.

use core::time::Duration;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use lapwing_proto::{
    graph::{GraphError, GraphErrorBody, InnerError},
    register::{DrsError, LapwingConflict, TokenError},
};

use super::request::{Context, Surface};
use crate::{console, keys::KeyError, store::StoreError};

/// The class of a failure: decides the status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    BadRequest,
    Unauthenticated,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    Timeout,
    Conflict,
    TooLarge,
    UnsupportedMediaType,
    TooManyRequests,
    Unavailable,
}

/// A request that failed. Boxed, because every handler returns one or none.
#[derive(Debug, Clone)]
pub(crate) struct Fault(Box<Parts>);

#[derive(Debug, Clone)]
struct Parts {
    kind: Kind,
    message: String,
    /// The registration service's `subcode`.
    subcode: Option<&'static str>,
    /// The token endpoint's `error` and number.
    oauth: Option<(&'static str, u32)>,
    retry_after: Option<Duration>,
    conflict: Option<LapwingConflict>,
}

impl Fault {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        let message = message.into();
        Self(Box::new(Parts { kind, message, subcode: None, oauth: None, retry_after: None, conflict: None }))
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(Kind::BadRequest, message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(Kind::NotFound, message)
    }

    pub(crate) fn too_many_requests(wait: Duration) -> Self {
        Self::new(Kind::TooManyRequests, "Too many requests. Try again later.").with_retry_after(wait)
    }

    pub(crate) fn unavailable() -> Self {
        Self::new(Kind::Unavailable, "The service cannot do this at the moment.")
            .with_retry_after(Duration::from_secs(5))
    }

    fn with_retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    pub(crate) fn with_subcode(mut self, subcode: &'static str) -> Self {
        self.0.subcode = Some(subcode);
        self
    }

    pub(crate) fn with_oauth(mut self, error: &'static str, number: u32) -> Self {
        self.0.oauth = Some((error, number));
        self
    }

    pub(crate) fn with_conflict(mut self, conflict: LapwingConflict) -> Self {
        self.0.conflict = Some(conflict);
        self
    }

    pub(crate) fn message(&self) -> &str {
        &self.0.message
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self.0.kind {
            Kind::BadRequest => StatusCode::BAD_REQUEST,
            Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
            Kind::Forbidden => StatusCode::FORBIDDEN,
            Kind::NotFound => StatusCode::NOT_FOUND,
            Kind::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Kind::Timeout => StatusCode::REQUEST_TIMEOUT,
            Kind::Conflict => StatusCode::CONFLICT,
            Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Kind::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Kind::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The class of a status that a library answered by itself.
    pub(crate) fn from_status(status: StatusCode) -> Self {
        let kind = match status {
            StatusCode::NOT_FOUND => Kind::NotFound,
            StatusCode::METHOD_NOT_ALLOWED => Kind::MethodNotAllowed,
            StatusCode::PAYLOAD_TOO_LARGE => Kind::TooLarge,
            status if status.is_server_error() => return Self::unavailable(),
            _ => Kind::BadRequest,
        };
        Self::new(kind, status.canonical_reason().unwrap_or("The request is not understood."))
    }

    /// The answer in the shape of the surface that was asked.
    pub(crate) fn render(&self, context: &Context) -> Response {
        let body = match context.surface {
            Surface::Console => return console::fault_page(self),
            Surface::Registration => serde_json::to_string(&self.to_drs(context)),
            Surface::Token => serde_json::to_string(&self.to_token_error(context)),
            Surface::Graph => serde_json::to_string(&self.to_graph(context)),
        };
        // Texts in a struct always make JSON.
        let mut response = (self.status(), body.unwrap_or_default()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        if self.0.kind == Kind::Unauthenticated {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        self.with_headers(response)
    }

    /// Says when to come back.
    pub(crate) fn with_headers(&self, mut response: Response) -> Response {
        if let Some(wait) = self.0.retry_after {
            let seconds = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }

    fn to_drs(&self, context: &Context) -> DrsError {
        let (code, subcode) = match self.0.kind {
            Kind::BadRequest | Kind::TooLarge | Kind::UnsupportedMediaType | Kind::MethodNotAllowed => {
                ("invalid_request", "error_fail")
            }
            Kind::Unauthenticated => ("authentication_error", "error_authentication_failed"),
            Kind::Forbidden => ("authorization_error", "error_authorization_request_denied"),
            Kind::NotFound => ("invalid_request", "error_not_found"),
            Kind::Timeout => ("invalid_request", "error_timeout"),
            Kind::Conflict => ("invalid_request", "error_conflict"),
            Kind::TooManyRequests => ("throttled", "error_too_many_requests"),
            Kind::Unavailable => ("server_error", "error_unavailable"),
        };
        let subcode = self.0.subcode.unwrap_or(subcode);
        let error = DrsError::new(
            code,
            subcode,
            context.method.as_str(),
            self.0.message.clone(),
            context.request_id,
            context.at,
        );
        DrsError { lapwing: self.0.conflict.clone(), ..error }
    }

    fn to_token_error(&self, context: &Context) -> TokenError {
        let (error, number) = self.0.oauth.unwrap_or(match self.0.kind {
            Kind::TooManyRequests | Kind::Unavailable | Kind::Timeout => ("temporarily_unavailable", 90_033),
            Kind::Unauthenticated => ("invalid_client", 70_002),
            Kind::Forbidden => ("unauthorized_client", 700_016),
            Kind::BadRequest
            | Kind::NotFound
            | Kind::MethodNotAllowed
            | Kind::Conflict
            | Kind::TooLarge
            | Kind::UnsupportedMediaType => ("invalid_request", 90_014),
        });
        TokenError {
            error: error.to_owned(),
            error_description: format!("AADSTS{number}: {}", self.0.message),
            error_codes: vec![number],
            timestamp: context.at.to_string(),
            trace_id: context.request_id.to_string(),
            correlation_id: context.client_request_id.clone(),
        }
    }

    fn to_graph(&self, context: &Context) -> GraphError {
        let code = match self.0.kind {
            Kind::BadRequest => "BadRequest",
            Kind::Unauthenticated => "InvalidAuthenticationToken",
            Kind::Forbidden => "Authorization_RequestDenied",
            Kind::NotFound => "Request_ResourceNotFound",
            Kind::MethodNotAllowed => "Request_MethodNotAllowed",
            Kind::Timeout => "RequestTimeout",
            Kind::Conflict => "Conflict",
            Kind::TooLarge => "RequestEntityTooLarge",
            Kind::UnsupportedMediaType => "UnsupportedMediaType",
            Kind::TooManyRequests => "TooManyRequests",
            Kind::Unavailable => "ServiceUnavailable",
        };
        GraphError {
            error: GraphErrorBody {
                code: self.0.subcode.unwrap_or(code).to_owned(),
                message: self.0.message.clone(),
                inner_error: Some(InnerError {
                    date: context.at.to_string(),
                    request_id: context.request_id.to_string(),
                    client_request_id: context.client_request_id.clone(),
                }),
            },
        }
    }
}

/// A handler's fault travels in the response's extensions to where the request is known.
impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, next_step = error.next_step(), "Could not use the database");
        Self::unavailable()
    }
}

impl From<KeyError> for Fault {
    fn from(error: KeyError) -> Self {
        tracing::error!(%error, "Could not use a key");
        Self::unavailable()
    }
}
