//! The description of the HTTP interfaces, in OpenAPI 3.1: `/openapi.json`, and `docs/openapi.json`.
//!
//! INVARIANT: every route of the router but the console's pages has its row in `table`, and every row its route.

mod table;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::{
    Router,
    http::{HeaderValue, header},
    response::IntoResponse as _,
    routing::get,
};
use lapwing_proto::syncml;
use serde_json::{Map, Value, json};

use self::table::{GRAPH, GRAPH_BETA, OTHERS};
use crate::app::App;

/// What the bodies look like, by name.
const SCHEMAS: &str = include_str!("schemas.json");

/// Of the messages of SOAP 1.2. RFC 3902.
const SOAP: &str = "application/soap+xml";

/// Faults that every operation may end in.
const FAULTS: [(u16, &str); 6] = [
    (400, "The request is malformed, or asks for what does not exist in this form"),
    (404, "There is nothing of that name"),
    (408, "The body took too long"),
    (413, "The body or the address is too long"),
    (429, "Too many requests: the time to wait is in `Retry-After`"),
    (503, "Not at the moment: the time to wait is in `Retry-After`"),
];
/// Faults that some may end in.
const OTHER_FAULTS: [(u16, &str); 4] = [
    (401, "The credentials are missing, wrong or have expired"),
    (403, "The credentials do not allow this"),
    (409, "The state of things does not allow this"),
    (415, "The body has not the right media type"),
];

/// Who may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Auth {
    Anyone,
    /// A client with a role that allows it.
    Client,
    DeviceToken,
    EnrolmentToken,
    /// A device, by its certificate at the devices' listener.
    Certificate,
}

/// What is sent, with the name of its schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Body {
    Empty,
    Json(&'static str),
    /// It may be left out.
    Maybe(&'static str),
    Form(&'static str),
    SyncMl,
    Soap,
}

/// What is answered where nothing is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answers {
    /// 204.
    Nothing,
    /// 200, without a body.
    Bare,
    /// 200, an object.
    Object,
    /// 200, of this schema.
    Of(&'static str),
    Other(u16, &'static str),
}

/// The query options of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Query {
    None,
    /// Those of a collection of Graph.
    List,
    Select,
    Expand,
    Report,
    Audit,
}

/// A row of the table.
#[derive(Debug)]
struct Operation {
    method: &'static str,
    path: &'static str,
    auth: Auth,
    body: Body,
    answers: Answers,
    query: Query,
    /// Statuses beside those that follow from the rest.
    also: &'static [u16],
    summary: &'static str,
}

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().route(
        "/openapi.json",
        get(async || {
            let kind = HeaderValue::from_static("application/json");
            ([(header::CONTENT_TYPE, kind)], document().to_string()).into_response()
        }),
    )
}

/// Each operation with its whole path.
fn operations() -> impl Iterator<Item = (String, &'static Operation)> {
    let below = |root: &'static str, rows: &'static [Operation]| {
        rows.iter().map(move |operation| (format!("{root}{}", operation.path), operation))
    };
    below("", OTHERS)
        .chain(below("/v1.0", GRAPH))
        .chain(below("/beta", GRAPH))
        .chain(below("/beta", GRAPH_BETA))
}

fn document() -> Value {
    let mut paths = Map::new();
    for (path, operation) in operations() {
        let item = paths.entry(path.clone()).or_insert_with(|| json!({}));
        if let Some(item) = item.as_object_mut() {
            item.insert(operation.method.to_lowercase(), describe(&path, operation));
        }
    }
    let fault = |what: &str| json!({ "description": what, "content": { "application/json": { "schema": { "type": "object" } } } });
    let faults: Map<String, Value> =
        FAULTS.iter().chain(&OTHER_FAULTS).map(|(status, what)| (status.to_string(), fault(what))).collect();
    let bearer = |what: &str| json!({ "type": "http", "scheme": "bearer", "description": what });
    // Ours, and checked by a test.
    let schemas: Value = serde_json::from_str(SCHEMAS).unwrap_or_default();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "lapwing-server",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Registration and password upload of devices, tokens, reading in the shapes of Microsoft \
                            Graph, administration. Paths are taken in any case. docs/protocol.md says more.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "paths": paths,
        "components": {
            "securitySchemes": {
                "client": bearer("A token that `oauth2/v2.0/token` gave to a client"),
                "deviceToken": bearer("A token that `oauth2/token` gave to a device"),
                "enrolmentToken": bearer("The secret of an enrolment token"),
                "certificate": { "type": "mutualTLS", "description": "The device's certificate, at the devices' listener" },
            },
            "responses": faults,
            "schemas": schemas,
        },
    })
}

fn describe(path: &str, operation: &Operation) -> Value {
    let schema = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    let mut described = json!({
        "operationId": format!("{} {path}", operation.method),
        "summary": operation.summary,
        "parameters": parameters(path, operation.query),
        "responses": responses(operation),
        "security": security(operation.auth),
    });
    let body = match operation.body {
        Body::Empty => None,
        Body::Json(name) => Some(("application/json", schema(name), true)),
        Body::Maybe(name) => Some(("application/json", schema(name), false)),
        Body::Form(name) => Some(("application/x-www-form-urlencoded", schema(name), true)),
        Body::SyncMl => Some((syncml::MEDIA_TYPE, schema("SyncMl"), true)),
        Body::Soap => Some((SOAP, schema("Soap"), true)),
    };
    if let (Some((kind, schema, required)), Some(members)) = (body, described.as_object_mut()) {
        let body = json!({ "required": required, "content": { kind: { "schema": schema } } });
        members.insert("requestBody".to_owned(), body);
    }
    described
}

fn security(auth: Auth) -> Value {
    match auth {
        Auth::Anyone => json!([]),
        Auth::Client => json!([{ "client": [] }]),
        Auth::DeviceToken => json!([{ "deviceToken": [] }]),
        Auth::EnrolmentToken => json!([{ "enrolmentToken": [] }]),
        Auth::Certificate => json!([{ "certificate": [] }]),
    }
}

fn parameters(path: &str, query: Query) -> Value {
    let in_path = path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
    let in_path = in_path.map(|name| {
        let schema = match name {
            "tenant" => json!({ "type": "string", "pattern": "^[0-9A-Za-z.-]+$" }),
            _ => json!({ "type": "string", "format": "uuid" }),
        };
        json!({ "name": name, "in": "path", "required": true, "schema": schema })
    });
    let option = |name: &str, schema: Value| json!({ "name": name, "in": "query", "schema": schema });
    let text = || json!({ "type": "string" });
    let options = match query {
        Query::None => Vec::new(),
        Query::List => vec![
            option("$filter", text()),
            option("$orderby", text()),
            option("$top", json!({ "type": "integer", "minimum": 1, "maximum": 999 })),
            option("$count", json!({ "type": "boolean" })),
            option("$skiptoken", text()),
        ],
        Query::Select => vec![option("$select", text())],
        Query::Expand => vec![option("$expand", text())],
        Query::Report => vec![option("format", json!({ "enum": ["csv", "json"] }))],
        Query::Audit => vec![option("after", json!({ "type": "integer", "minimum": 0 }))],
    };
    in_path.chain(options).collect()
}

fn responses(operation: &Operation) -> Value {
    let of = |schema: Value, kind: &str| json!({ "description": "Done", "content": { kind: { "schema": schema } } });
    let named = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    let answer = |name: &str| match name {
        "Text" => of(named(name), "text/plain"),
        "SyncMl" => of(named(name), syncml::MEDIA_TYPE),
        "Soap" => of(named(name), SOAP),
        _ => of(named(name), "application/json"),
    };
    let (status, mut answer) = match operation.answers {
        Answers::Nothing => (204, json!({ "description": "Done" })),
        Answers::Bare => (200, json!({ "description": "Done" })),
        Answers::Object => (200, of(json!({ "type": "object" }), "application/json")),
        Answers::Of(name) => (200, answer(name)),
        Answers::Other(status, name) => (status, answer(name)),
    };
    if operation.query == Query::Report {
        answer["content"]["text/csv"] = json!({ "schema": named("Text") });
    }
    let mut responses = Map::from_iter([(status.to_string(), answer)]);
    let credentials: &[u16] = if operation.auth == Auth::Anyone { &[] } else { &[401, 403] };
    let faults = FAULTS.iter().map(|(status, _)| *status);
    for status in faults.chain(credentials.iter().copied()).chain(operation.also.iter().copied()) {
        let fault = if status == 200 {
            of(json!({ "type": "object" }), "application/json")
        } else {
            json!({ "$ref": format!("#/components/responses/{status}") })
        };
        responses.insert(status.to_string(), fault);
    }
    Value::Object(responses)
}
