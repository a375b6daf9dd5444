//! `devices`: from a name to an id.

use axum::{extract::Path, response::Response};
use lapwing_proto::graph::{Device, Entity};

use super::{body, filter::Fields, metadata, page::Query};
use crate::{
    call::Call,
    http::fault::Fault,
    rules::{access::Act, audit::Activity},
    store::DeviceRow,
};

impl Fields for DeviceRow {
    const NAMES: &'static [&'static str] =
        &["id", "deviceid", "displayname", "accountenabled", "operatingsystem", "operatingsystemversion"];

    fn field(&self, at: usize) -> String {
        match at {
            0 => self.object_id.to_string(),
            1 => self.id.to_string(),
            2 => self.display_name.to_lowercase(),
            3 => self.enabled.to_string(),
            4 => self.os.to_lowercase(),
            _ => self.os_version.to_lowercase(),
        }
    }
}

pub(super) fn device(row: &DeviceRow) -> Device {
    Device {
        id: row.object_id.to_string(),
        device_id: row.id.to_string(),
        display_name: row.display_name.clone(),
        account_enabled: row.enabled,
        operating_system: Some(row.os.clone()),
        operating_system_version: Some(row.os_version.clone()),
        trust_type: Some("AzureAd".to_owned()),
    }
}

pub(super) async fn list(call: Call) -> Result<Response, Fault> {
    let allowed = call.authorise(Act::ReadDevices, Activity::ReadDevices, "").await?;
    let query = Query::parse(call.uri.query());
    let page = query.page(call.app.store.devices(query.window()?).await?)?;
    allowed.note("").await?;
    super::list(&call, "devices", &page, device)
}

/// By object id, or by `deviceId=…` in parentheses.
pub(super) async fn get(call: Call, Path(id): Path<String>) -> Result<Response, Fault> {
    let allowed = call.authorise(Act::ReadDevices, Activity::ReadDevices, &id).await?;
    let store = &call.app.store;
    let found = match id.strip_prefix("deviceid=") {
        Some(device) => match device.parse() {
            Ok(device) => store.device(device).await?,
            Err(_) => None,
        },
        None => match id.parse() {
            Ok(object) => store.device_of_object(object).await?,
            Err(_) => None,
        },
    };
    let Some(row) = found.filter(|row| !row.is_deleted) else {
        let fault = Fault::not_found("The device does not exist.");
        return Err(allowed.refuse(&id, fault).await);
    };
    allowed.note(&row.id.to_string()).await?;
    body(&Entity { context: metadata(&call.app, "devices/$entity"), entity: device(&row) })
}
