//! Reading in the shapes of Microsoft Graph, v1.0 and beta alike.

mod audits;
mod batch;
pub(crate) mod configuration_policies;
mod credentials;
mod devices;
mod filter;
mod groups;
mod managed_devices;
mod page;
mod policy;
mod policy_assignments;

use std::sync::Arc;

use axum::{
    Router,
    http::{HeaderValue, header},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use lapwing_proto::graph::List;
use serde::Serialize;

use self::page::Page;
use crate::{app::App, call::Call, http::fault::Fault};

const CONTENT_TYPE: &str =
    "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8";

pub(crate) fn routes() -> Router<Arc<App>> {
    let mut version = Router::new()
        .route("/$batch", post(batch::batch))
        .route("/groups", get(groups::list).post(groups::create))
        .route("/groups/{id}", get(groups::get).delete(groups::delete))
        .route("/groups/{id}/members", get(groups::members))
        .route("/devices", get(devices::list))
        .route("/devices/{id}", get(devices::get))
        .route("/devicemanagement/manageddevices", get(managed_devices::list))
        .route("/devicemanagement/manageddevices/{id}", get(managed_devices::get))
        .route("/auditlogs/directoryaudits", get(audits::list))
        .route("/policies/deviceregistrationpolicy", get(policy::read).put(policy::write));
    for collection in ["/directory/devicelocalcredentials", "/devicelocalcredentials"] {
        version = version
            .route(collection, get(credentials::list))
            .route(&format!("{collection}/$count"), get(credentials::count))
            .route(&format!("{collection}/{{id}}"), get(credentials::get));
    }
    let beta = version.clone().route(
        "/devicemanagement/manageddevices/{id}/rotatelocaladminpassword",
        post(managed_devices::rotate),
    );
    Router::new().nest("/v1.0", version).nest("/beta", beta.merge(policies()))
}

/// The policies, which v1.0 does not have.
fn policies() -> Router<Arc<App>> {
    let one = "/devicemanagement/configurationpolicies/{id}";
    Router::new()
        .route(
            "/devicemanagement/configurationpolicies",
            get(configuration_policies::list).post(configuration_policies::create),
        )
        .route(
            one,
            get(configuration_policies::get)
                .patch(configuration_policies::change)
                .put(configuration_policies::change)
                .delete(configuration_policies::delete),
        )
        .route(&format!("{one}/settings"), get(configuration_policies::settings))
        .route(&format!("{one}/assignments"), get(policy_assignments::list))
        .route(&format!("{one}/assign"), post(policy_assignments::assign))
}

/// One page of a collection, with the link to the next.
fn list<T, U: Serialize>(
    call: &Call,
    fragment: &str,
    page: &Page<T>,
    entity: impl Fn(&T) -> U,
) -> Result<Response, Fault> {
    body(&List {
        context: metadata(&call.app, fragment),
        count: page.count,
        next_link: page.next.as_ref().map(|query| format!("{}{}?{query}", call.app.url, call.uri.path())),
        value: page.items.iter().map(entity).collect(),
    })
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
