//! Reading in the shapes of Microsoft Graph, v1.0 and beta alike.

mod audits;
mod batch;
mod credentials;
mod devices;
mod filter;
mod page;
mod policy;

use std::sync::Arc;

use axum::{
    Router,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use serde::Serialize;

use crate::{
    app::App,
    http::{fault::Fault, request::Context},
    rules::{
        access::Act,
        audit::{Activity, Actor},
    },
    token::bearer::{self, Caller},
};

const CONTENT_TYPE: &str =
    "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8";

pub(crate) fn routes() -> Router<Arc<App>> {
    let mut version = Router::new()
        .route("/$batch", post(batch::batch))
        .route("/devices", get(devices::list))
        .route("/devices/{id}", get(devices::get))
        .route("/auditlogs/directoryaudits", get(audits::list))
        .route("/policies/deviceregistrationpolicy", get(policy::read).put(policy::write));
    for collection in ["/directory/devicelocalcredentials", "/devicelocalcredentials"] {
        version = version
            .route(collection, get(credentials::list))
            .route(&format!("{collection}/$count"), get(credentials::count))
            .route(&format!("{collection}/{{id}}"), get(credentials::get));
    }
    Router::new().nest("/v1.0", version.clone()).nest("/beta", version)
}

/// Who asks, if the roles allow it; a refusal is recorded.
async fn authorise(
    app: &App,
    context: &Context,
    headers: &HeaderMap,
    act: Act,
    activity: Activity,
    target: &str,
) -> Result<Caller, Fault> {
    match bearer::caller(app, context, headers).await {
        Ok(caller) => match caller.require(act) {
            Ok(()) => Ok(caller),
            Err(fault) => {
                Err(app.refuse(context.at, Actor::Client(caller.id), activity, target, fault).await)
            }
        },
        Err(fault) => Err(app.refuse(context.at, Actor::Anonymous, activity, target, fault).await),
    }
}

/// A body with Graph's content type.
fn body(value: &impl Serialize) -> Result<Response, Fault> {
    let json = serde_json::to_vec(value).map_err(|_| Fault::unavailable())?;
    let mut response = json.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
    Ok(response)
}

/// The absolute URL of a shape's description.
fn metadata(app: &App, fragment: &str) -> Option<String> {
    Some(format!("{}/v1.0/$metadata#{fragment}", app.url))
}
