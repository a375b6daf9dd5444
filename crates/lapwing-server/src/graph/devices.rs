//! `devices`: from a name to an id.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{OriginalUri, Path, State},
    http::HeaderMap,
    response::Response,
};
use lapwing_proto::graph::{Device, Entity, List};

use super::{authorise, body, filter::Fields, metadata, page::Query};
use crate::{
    app::{App, record},
    http::{fault::Fault, request::Context},
    rules::{
        access::Act,
        audit::{Activity, Actor},
    },
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

fn device(row: &DeviceRow) -> Device {
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

pub(super) async fn list(
    State(app): State<Arc<App>>,
    Extension(context): Extension<Context>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let activity = Activity::ReadDevices;
    let caller = authorise(&app, &context, &headers, Act::ReadDevices, activity, "").await?;
    let query = Query::parse(uri.query());
    let page = query.page(app.store.devices(query.window()?).await?)?;
    app.note(record(context.at, Actor::Client(caller.id), activity, "")).await?;
    body(&List {
        context: metadata(&app, "devices"),
        count: page.count,
        next_link: page.next.map(|query| format!("{}{}?{query}", app.url, uri.path())),
        value: page.items.iter().map(device).collect(),
    })
}

/// By object id, or by `deviceId=…` in parentheses.
pub(super) async fn get(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Extension(context): Extension<Context>,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let activity = Activity::ReadDevices;
    let caller = authorise(&app, &context, &headers, Act::ReadDevices, activity, &id).await?;
    let found = match id.strip_prefix("deviceid=") {
        Some(device) => match device.parse() {
            Ok(device) => app.store.device(device).await?,
            Err(_) => None,
        },
        None => match id.parse() {
            Ok(object) => app.store.device_of_object(object).await?,
            Err(_) => None,
        },
    };
    let actor = Actor::Client(caller.id);
    let Some(row) = found.filter(|row| !row.is_deleted) else {
        let fault = Fault::not_found("The device does not exist.");
        return Err(app.refuse(context.at, actor, activity, &id, fault).await);
    };
    app.note(record(context.at, actor, activity, &row.id.to_string())).await?;
    body(&Entity { context: metadata(&app, "devices/$entity"), entity: device(&row) })
}
