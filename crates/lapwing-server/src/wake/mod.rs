//! Waking devices: each may keep one connection open, over which it is asked to call home and told nothing else.
//! docs/protocol.md, "Wake-up".
//!
//! INVARIANT: a wake-up carries no work. What a device is to do waits in the database, so a wake-up that is lost costs
//! time and nothing else.

pub(crate) mod connection;
mod lines;
pub(crate) mod push;
pub(crate) mod wns;

use core::{fmt::Debug, future::Future, pin::Pin};
use std::sync::Arc;

use axum::{
    Extension, Router,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::Response,
    routing::get,
};
use lapwing_core::types::{DeviceId, FileTime};
use lapwing_proto::wake::PROTOCOL;

pub(crate) use self::lines::{Line, Lines};
use crate::{
    app::App,
    http::{fault::Fault, request::Context},
    register::{self, device_certificate::DeviceCertificate},
    token::bearer,
};

/// The one way to devices that wait to be woken, wherever they are connected.
///
/// [`Lines`] serves one server alone, and [`push::Push`] those devices too that Windows' push service reaches. Where several share a database, each keeps its own `Lines` and hears of `wake` and
/// `end` through the database (`LISTEN` and `NOTIFY`, say), and of the others' connections in the same way, so that no
/// method here waits. What is lost on that way is a wake-up, which may be lost.
pub(crate) trait Bus: Debug + Send + Sync {
    /// Asks the device to call home, now. One that cannot be reached is not asked.
    fn wake(&self, device: DeviceId);

    /// Asks each of them to call home, so many a second as the bus allows, lest all come at once.
    fn wake_many(&self, devices: Vec<DeviceId>);

    /// Ends the device's connection, now: it was disabled or deleted.
    fn end(&self, device: DeviceId);

    /// Whether the device is connected.
    fn connected(&self, device: DeviceId) -> bool;

    /// A connection of this server for the device, in place of an older one, which ends. `until` its certificate does.
    fn connect(&self, device: DeviceId, until: FileTime) -> Line;

    /// Does for ever what [`Self::wake_many`] asks for.
    fn pace(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().route("/lapwing/v1/{tenant}/wake", get(open))
}

/// Agrees to the upgrade; the connection then goes on as [`connection::Idle`].
async fn open(
    State(app): State<Arc<App>>,
    Path(tenant): Path<String>,
    Extension(context): Extension<Context>,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    register::check_tenant(&app, &tenant)?;
    let DeviceCertificate { device, life, .. } = bearer::own_certificate(&app, &context).await?;
    let names = |name: HeaderName, wanted: &str| {
        let values = headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        values.split(',').any(|value| value.trim().eq_ignore_ascii_case(wanted))
    };
    if !names(header::CONNECTION, "upgrade") || !names(header::UPGRADE, PROTOCOL) {
        return Err(Fault::bad_request(format!("This address takes only an upgrade to {PROTOCOL}.")));
    }
    // Before the device is looked at: whoever disables it later ends this line.
    let line = app.wake.connect(device, life.ends);
    match app.store.device(device).await? {
        Some(found) if found.is_deleted => return Err(register::missing_device(&app, device)),
        Some(found) if found.enabled => {}
        Some(_) => return Err(register::denied()),
        None => return Err(register::missing_device(&app, device)),
    }
    // After the device is connected: whatever is asked for later wakes this line.
    if on_connect(&app, &context, device).await? {
        line.wake();
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    response.headers_mut().insert(header::UPGRADE, HeaderValue::from_static(PROTOCOL));
    response.extensions_mut().insert(Arc::new(line));
    Ok(response)
}

/// Whether work waits for the device, so that it is to call home as soon as it is connected.
async fn on_connect(app: &App, context: &Context, device: DeviceId) -> Result<bool, Fault> {
    Ok(app.store.has_pending(device, context.at).await?)
}
