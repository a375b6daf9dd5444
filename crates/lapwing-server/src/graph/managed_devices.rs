//! `deviceManagement/managedDevices`: the fleet as Intune shows it, and the button.

use axum::{extract::Path, http::StatusCode, response::Response};
use lapwing_core::{
    management::{ACTION_LIFE, ActionState},
    types::{ActionId, DeviceId},
};
use lapwing_proto::graph::{
    DeviceActionResult, DeviceActionState, Entity, ManagedDevice, ROTATE_LOCAL_ADMIN_PASSWORD,
};

use super::{
    body,
    filter::{Demand, Fields},
    metadata,
    page::Query,
};
use crate::{
    call::Call,
    http::fault::{Fault, Kind},
    os,
    rules::{access::Act, audit::Activity},
    store::{ActionRow, Among, DeviceRow, RequestAction, RequestOutcome},
};

/// How Graph writes that there is no time.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// A device, its fields named as here.
#[derive(Debug, Clone)]
struct Managed(DeviceRow);

impl Fields for Managed {
    const NAMES: &'static [&'static str] = &[
        "id",
        "azureaddeviceid",
        "devicename",
        "operatingsystem",
        "osversion",
        "lastsyncdatetime",
        "enrolleddatetime",
    ];

    fn field(&self, at: usize) -> String {
        match at {
            0 | 1 => self.0.id.to_string(),
            2 => self.0.display_name.to_lowercase(),
            3 => self.0.os.to_lowercase(),
            4 => self.0.os_version.to_lowercase(),
            5 => self.last_sync().to_lowercase(),
            _ => self.0.created.to_string().to_lowercase(),
        }
    }
}

impl Managed {
    fn last_sync(&self) -> String {
        self.0.last_contact.map_or_else(|| NEVER.to_owned(), |at| at.to_string())
    }

    fn entity(&self, actions: &[ActionRow]) -> ManagedDevice {
        ManagedDevice {
            id: self.0.id.to_string(),
            azure_ad_device_id: self.0.id.to_string(),
            device_name: self.0.display_name.clone(),
            managed_device_owner_type: "company".to_owned(),
            enrolled_date_time: self.0.created.to_string(),
            last_sync_date_time: self.last_sync(),
            operating_system: self.0.os.clone(),
            os_version: self.0.os_version.clone(),
            management_agent: "mdm".to_owned(),
            compliance_state: "unknown".to_owned(),
            device_action_results: actions.iter().map(result).collect(),
        }
    }
}

fn result(row: &ActionRow) -> DeviceActionResult {
    DeviceActionResult {
        action_name: ROTATE_LOCAL_ADMIN_PASSWORD.to_owned(),
        action_state: match row.action.state {
            ActionState::Pending => DeviceActionState::Pending,
            ActionState::Accepted => DeviceActionState::Active,
            ActionState::Failing { .. } | ActionState::Expired => DeviceActionState::Failed,
            ActionState::Done { .. } => DeviceActionState::Done,
            ActionState::Refused { .. } => DeviceActionState::NotSupported,
            ActionState::Cancelled => DeviceActionState::Canceled,
        },
        start_date_time: row.action.requested.to_string(),
        last_updated_date_time: row.action.since.to_string(),
    }
}

/// Without the actions of each, which Graph leaves out of lists too.
pub(super) async fn list(call: Call) -> Result<Response, Fault> {
    let allowed = call.authorise(Act::ReadManagedDevices, Activity::ReadDevices, "").await?;
    let query = Query::parse(call.uri.query());
    let rows = call.app.store.devices_among(&among(&query)?).await?;
    let page = query.page(rows.into_iter().map(Managed).collect())?;
    allowed.note("").await?;
    super::list(&call, "deviceManagement/managedDevices", &page, |managed: &Managed| managed.entity(&[]))
}

/// The devices that the filter is to look at: those that an index finds for it, else all.
fn among(query: &Query) -> Result<Among, Fault> {
    let window = query.window()?;
    let filter = query.parse_filter::<Managed>()?;
    let demands = filter.as_ref().map(|filter| filter.demands()).unwrap_or_default();
    Ok(demands.iter().find_map(looked_up).unwrap_or(Among::Window(window)))
}

fn looked_up(demand: &Demand<'_>) -> Option<Among> {
    let Demand { field, text, is_whole } = *demand;
    match (field, is_whole) {
        (0 | 1, true) => text.parse().ok().map(Among::Device),
        // The index knows the two cases of ASCII alone.
        (2, _) if !text.is_ascii() => None,
        (2, true) => Some(Among::Named(text.to_owned())),
        (2, false) => Some(Among::NamedFrom(text.to_owned())),
        _ => None,
    }
}

pub(super) async fn get(call: Call, Path(id): Path<String>) -> Result<Response, Fault> {
    let allowed = call.authorise(Act::ReadManagedDevices, Activity::ReadDevices, &id).await?;
    let store = &call.app.store;
    let found = match id.parse::<DeviceId>() {
        Ok(device) => store.device(device).await?.filter(|row| !row.is_deleted),
        Err(_) => None,
    };
    let Some(row) = found else { return Err(allowed.refuse(&id, unknown()).await) };
    let actions = store.actions(row.id, call.context.at).await?;
    allowed.note(&row.id.to_string()).await?;
    let entity = Managed(row).entity(&actions);
    body(&Entity { context: metadata(&call.app, "deviceManagement/managedDevices/$entity"), entity })
}

// DEVIATION(7): the documented permissions for this are those for reading.
/// The button. Graph beta: `managedDevice: rotateLocalAdminPassword`.
pub(super) async fn rotate(call: Call, Path(id): Path<String>) -> Result<StatusCode, Fault> {
    let allowed = call.authorise(Act::Rotate, Activity::RequestRotation, &id).await?;
    let Ok(device) = id.parse::<DeviceId>() else { return Err(allowed.refuse(&id, unknown()).await) };
    let record = allowed.record(&id);
    let id = ActionId::random(&mut os::rng());
    let change = RequestAction { device, id, life: ACTION_LIFE, record };
    match call.app.store.change(change).await? {
        RequestOutcome::Queued => {
            call.app.wake.wake(device);
            Ok(StatusCode::NO_CONTENT)
        }
        RequestOutcome::UnknownDevice => Err(unknown()),
        RequestOutcome::Disabled => Err(Fault::bad_request("The device is disabled.")),
        RequestOutcome::Full => {
            Err(Fault::new(Kind::Conflict, "Too many rotations wait for the device already."))
        }
    }
}

fn unknown() -> Fault {
    Fault::not_found("The managed device does not exist.")
}
