//! `$batch`: up to twenty readings in one request, each authorised, counted and recorded as if it came alone.

use std::sync::Arc;

use axum::{
    body::{Body, Bytes},
    http::{Method, Request, header},
    response::{IntoResponse as _, Response},
};
use http_body_util::BodyExt as _;
use lapwing_proto::json;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::body;
use crate::{
    app::App,
    call::Call,
    http::{
        fault::{Fault, Kind},
        path,
        request::Context,
    },
    rules::audit::{Activity, Actor},
    token::bearer,
};

/// As many as Graph takes.
const PARTS_MAX: usize = 20;

#[derive(Deserialize)]
struct Batch {
    requests: Vec<Part>,
}

#[derive(Deserialize)]
struct Part {
    id: String,
    method: String,
    /// Relative to the version's root.
    url: String,
}

#[derive(Serialize)]
struct Answer {
    id: String,
    status: u16,
    headers: Value,
    body: Value,
}

pub(super) async fn batch(call: Call, request: Bytes) -> Result<Response, Fault> {
    // Each part is authorised by itself; who may do nothing at all is told so at once.
    if let Err(fault) = bearer::caller(&call.app, &call.context, &call.headers).await {
        let at = call.context.at;
        return Err(call.app.refuse(at, Actor::Anonymous, Activity::RefuseRequest, "", fault).await);
    }
    let Batch { requests } = json::parse(&request).map_err(|error| Fault::bad_request(error.to_string()))?;
    if requests.len() > PARTS_MAX {
        return Err(Fault::bad_request(format!("A batch has at most {PARTS_MAX} requests.")));
    }
    let mut responses = Vec::with_capacity(requests.len());
    for part in requests {
        let response = match to_request(&call, &part) {
            Ok(request) => dispatch(&call.app, request).await,
            Err(fault) => fault.into_response(),
        };
        responses.push(answer(part.id, response, &call.context).await?);
    }
    body(&json!({ "responses": responses }))
}

fn to_request(call: &Call, part: &Part) -> Result<Request<Body>, Fault> {
    if !part.method.eq_ignore_ascii_case("GET") {
        return Err(Fault::new(Kind::MethodNotAllowed, "A batch may only read."));
    }
    call.app.rates.take_request(&call.context.peer)?;
    let root = call.uri.path().trim_end_matches("/$batch");
    let (path, query) = part.url.split_once('?').map_or((part.url.as_str(), None), |(p, q)| (p, Some(q)));
    let path = path::normalise(&format!("{root}/{}", path.trim_start_matches('/')));
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    let mut request = Request::builder().method(Method::GET).uri(format!("{path}{query}"));
    if let Some(authorization) = call.headers.get(header::AUTHORIZATION) {
        request = request.header(header::AUTHORIZATION, authorization);
    }
    request
        .extension(Context { method: Method::GET, ..call.context.clone() })
        .body(Body::empty())
        .map_err(|_| Fault::bad_request("The address is malformed."))
}

async fn dispatch(app: &Arc<App>, request: Request<Body>) -> Response {
    use tower_service::Service as _;
    let unknown = async || Fault::not_found("There is nothing at this address.");
    let mut router = super::routes().fallback(unknown).with_state(Arc::clone(app));
    match router.call(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

async fn answer(id: String, mut response: Response, context: &Context) -> Result<Answer, Fault> {
    if let Some(fault) = response.extensions_mut().remove::<Fault>() {
        response = fault.render(context);
    }
    let status = response.status().as_u16();
    let bytes = response.into_body().collect().await.map_err(|_| Fault::unavailable())?.to_bytes();
    Ok(Answer {
        id,
        status,
        headers: json!({ "Content-Type": "application/json" }),
        body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
    })
}
