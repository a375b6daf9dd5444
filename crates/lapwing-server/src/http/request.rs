//! One request, from its bytes to its answer.

use core::time::Duration;
use std::{net::IpAddr, sync::Arc};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header},
    response::{IntoResponse as _, Response},
};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use lapwing_core::types::{FileTime, Guid};
use tokio_rustls::rustls::pki_types::CertificateDer;

use super::{
    fault::{Fault, Kind},
    path,
};
use crate::{app::App, console::HEADERS, mdm::enrolment, os};

/// The longest body, in bytes.
pub(crate) const BODY_LEN_MAX: usize = 64 << 10;
/// How long a body may take to arrive.
const BODY_TIME_MAX: Duration = Duration::from_secs(20);
/// How long an answer may take to be made.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(60);
/// The longest path and query, in bytes.
const URI_LEN_MAX: usize = 8 << 10;

/// Whose shapes a client expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Surface {
    Registration,
    Token,
    /// Also our administration.
    Graph,
    /// People with browsers.
    Console,
}

impl Surface {
    fn of(path: &str) -> Self {
        if path == "/console" || path.starts_with("/console/") || path.eq_ignore_ascii_case(enrolment::PAGE) {
            Self::Console
        } else if ["/v1.0", "/beta", "/lapwing/"].iter().any(|start| path.starts_with(start)) {
            Self::Graph
        } else if path.contains("/oauth2/") {
            Self::Token
        } else {
            Self::Registration
        }
    }
}

/// Who is at the other end of a connection.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    pub(crate) address: IpAddr,
    /// A certificate of our authority, its key proved by the handshake.
    pub(crate) certificate: Option<CertificateDer<'static>>,
}

/// What is known of a request beside its contents.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    pub(crate) request_id: Guid,
    pub(crate) client_request_id: String,
    pub(crate) at: FileTime,
    pub(crate) method: Method,
    pub(crate) surface: Surface,
    pub(crate) peer: Peer,
}

/// Answers one request. It never fails and never panics: what goes wrong within has its shape.
pub(crate) async fn answer(
    app: Arc<App>,
    router: Router,
    peer: Peer,
    request: Request<Incoming>,
) -> Response {
    let path = path::normalise(request.uri().path());
    let request_id = Guid::random(&mut os::rng());
    let context = Context {
        request_id,
        client_request_id: client_request_id(request.headers()).unwrap_or_else(|| request_id.to_string()),
        at: os::now(),
        method: request.method().clone(),
        surface: Surface::of(&path),
        peer,
    };
    let mut response = match prepare(&app, &context, path, request).await {
        Ok(request) => dispatch(router, request).await,
        Err(fault) => fault.into_response(),
    };
    if let Some(fault) = response.extensions_mut().remove::<Fault>() {
        response = fault.render(&context);
    } else if context.surface != Surface::Console
        && (response.status().is_client_error() || response.status().is_server_error())
    {
        response = Fault::from_status(response.status()).render(&context);
    }
    tracing::debug!(
        request = %context.request_id, method = %context.method, status = response.status().as_u16(), "Answered"
    );
    add_headers(response.headers_mut(), &context);
    response
}

fn client_request_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get("client-request-id")?.to_str().ok()?;
    id.parse::<Guid>().ok().map(|id| id.to_string())
}

/// Counts the request, reads its body whole, and gives it its one spelling.
async fn prepare(
    app: &App,
    context: &Context,
    path: String,
    request: Request<Incoming>,
) -> Result<Request<Body>, Fault> {
    app.rates.take_request(&context.peer)?;
    let (mut parts, body) = request.into_parts();
    let query = parts.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let uri = format!("{path}{query}");
    if uri.len() > URI_LEN_MAX {
        return Err(Fault::new(Kind::TooLarge, "The address is too long."));
    }
    parts.uri = uri.parse::<Uri>().map_err(|_| Fault::bad_request("The address is malformed."))?;
    let body = tokio::time::timeout(BODY_TIME_MAX, Limited::new(body, BODY_LEN_MAX).collect())
        .await
        .map_err(|_| Fault::new(Kind::Timeout, "The body took too long."))?
        .map_err(|_| Fault::new(Kind::TooLarge, "The body is too long or broke off."))?;
    parts.extensions.insert(context.clone());
    Ok(Request::from_parts(parts, Body::from(body.to_bytes())))
}

/// Runs the handler in a task of its own: it then ends what it began even if the client goes away, and a panic in it
/// harms no other request.
async fn dispatch(mut router: Router, request: Request<Body>) -> Response {
    use tower_service::Service as _;
    let handler = tokio::spawn(async move { router.call(request).await });
    match tokio::time::timeout(ANSWER_TIME_MAX, handler).await {
        Ok(Ok(Ok(response))) => response,
        Ok(Ok(Err(never))) => match never {},
        Ok(Err(error)) => {
            // The panic's message was logged by the hook; it names a place, not a value.
            tracing::error!(panicked = error.is_panic(), "A handler ended without an answer");
            Fault::unavailable().into_response()
        }
        Err(_) => Fault::unavailable().into_response(),
    }
}

fn add_headers(headers: &mut HeaderMap, context: &Context) {
    // Only what is named after its content says so itself.
    let cached = headers.contains_key(header::CACHE_CONTROL);
    let has_policy = headers.contains_key(header::CONTENT_SECURITY_POLICY);
    let mut add = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    add("request-id", &context.request_id.to_string());
    add("client-request-id", &context.client_request_id);
    if !cached {
        add("cache-control", "no-store");
    }
    add("x-content-type-options", "nosniff");
    add("strict-transport-security", "max-age=31536000");
    match context.surface {
        Surface::Graph => add("odata-version", "4.0"),
        // A page that sends its form elsewhere says so itself.
        Surface::Console => HEADERS
            .into_iter()
            .filter(|(name, _)| !(has_policy && *name == header::CONTENT_SECURITY_POLICY.as_str()))
            .for_each(|(name, value)| add(name, value)),
        Surface::Registration | Surface::Token => {}
    }
}
