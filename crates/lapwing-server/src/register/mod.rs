//! Device registration and the password upload, in the shapes of Entra ID's registration service.

pub(crate) mod certificate_request;
pub(crate) mod device_certificate;
mod discovery;
pub(crate) mod join;
pub(crate) mod renewal;
mod upload;

use std::sync::Arc;

use axum::{
    Router,
    routing::{delete, get, post},
};

pub(crate) use self::upload::missing_device;
use crate::{
    app::App,
    http::fault::{Fault, Kind},
};

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/", get(async || "lapwing-server: endpoint not found"))
        .route("/{tenant}/discover", get(discovery::discover))
        .route("/enrollmentserver/nonce/{tenant}", get(discovery::nonce))
        .route("/enrollmentserver/device", post(join::join))
        .route("/enrollmentserver/device/{device}", delete(join::leave))
        .route("/manage/{tenant}/lapsdevicepasswordupdate/{device}", post(upload::store).get(upload::state))
}

pub(crate) fn check_tenant(app: &App, tenant: &str) -> Result<(), Fault> {
    if app.is_tenant(tenant) {
        Ok(())
    } else {
        Err(Fault::bad_request("The tenant is unknown.").with_subcode("error_missing_tenant"))
    }
}

pub(crate) fn denied() -> Fault {
    Fault::new(Kind::Forbidden, "The request is not allowed for this device.")
}
