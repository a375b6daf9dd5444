//! `deviceLocalCredentials`: metadata for many, passwords for few, all recorded.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{OriginalUri, Path, RawQuery, State},
    http::HeaderMap,
    response::{IntoResponse as _, Response},
};
use lapwing_core::types::DeviceId;
use lapwing_proto::graph::{DeviceLocalCredential, DeviceLocalCredentialInfo, Entity, List};

use super::{authorise, body, filter::Fields, metadata, page::Query};
use crate::{
    app::{App, record},
    http::{fault::Fault, request::Context},
    keys::envelope::Binding,
    rules::{
        access::Act,
        audit::{Activity, Actor},
    },
    store::{CredentialRow, PasswordRow, Window},
};

/// How many passwords are shown: the newest and two older ones, and always the one that may be in force.
const SHOWN_MAX: usize = crate::rules::history::ENTRIES_MAX;

impl Fields for CredentialRow {
    const NAMES: &'static [&'static str] = &["id", "devicename", "lastbackupdatetime", "refreshdatetime"];

    fn field(&self, at: usize) -> String {
        match at {
            0 => self.device.to_string(),
            1 => self.display_name.to_lowercase(),
            2 => self.stored.to_string().to_lowercase(),
            _ => self.expiry.to_string().to_lowercase(),
        }
    }
}

fn info(row: &CredentialRow) -> DeviceLocalCredentialInfo {
    DeviceLocalCredentialInfo {
        id: row.device.to_string(),
        device_name: Some(row.display_name.clone()),
        last_backup_date_time: row.stored.to_string(),
        refresh_date_time: row.expiry.to_string(),
        credentials: None,
    }
}

pub(super) async fn list(
    State(app): State<Arc<App>>,
    Extension(context): Extension<Context>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let activity = Activity::ReadMetadata;
    let caller = authorise(&app, &context, &headers, Act::ReadMetadata, activity, "").await?;
    let query = Query::parse(uri.query());
    let page = query.page(app.store.credentials(query.window()?).await?)?;
    app.note(record(context.at, Actor::Client(caller.id), activity, "")).await?;
    body(&List {
        context: metadata(&app, "directory/deviceLocalCredentials"),
        count: page.count,
        next_link: page.next.map(|query| format!("{}{}?{query}", app.url, uri.path())),
        value: page.items.iter().map(info).collect(),
    })
}

pub(super) async fn count(
    State(app): State<Arc<App>>,
    Extension(context): Extension<Context>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let activity = Activity::ReadMetadata;
    let caller = authorise(&app, &context, &headers, Act::ReadMetadata, activity, "").await?;
    let found = Query::parse(query.as_deref()).filter(app.store.credentials(Window::ALL).await?)?;
    app.note(record(context.at, Actor::Client(caller.id), activity, "")).await?;
    Ok(found.len().to_string().into_response())
}

pub(super) async fn get(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Extension(context): Extension<Context>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let with_passwords = Query::parse(query.as_deref()).selects("credentials");
    let (act, activity) = if with_passwords {
        (Act::ReadPassword, Activity::ReadPassword)
    } else {
        (Act::ReadMetadata, Activity::ReadMetadata)
    };
    let caller = authorise(&app, &context, &headers, act, activity, &id).await?;
    let actor = Actor::Client(caller.id);
    let (device, rows) = match find(&app, &id).await? {
        Ok(found) => found,
        Err(fault) => return Err(app.refuse(context.at, actor, activity, &id, fault).await),
    };
    let mut info = info(&device);
    if with_passwords {
        let opened = rows.iter().take(SHOWN_MAX).map(|row| open(&app, device.device, row));
        info.credentials = Some(opened.collect::<Result<_, _>>()?);
    }
    // Recorded durably before it is shown.
    app.note(record(context.at, actor, activity, &device.device.to_string())).await?;
    let fragment = if with_passwords {
        "deviceLocalCredentials(credentials)/$entity"
    } else {
        "deviceLocalCredentials/$entity"
    };
    body(&Entity { context: metadata(&app, fragment), entity: info })
}

/// A device's passwords, newest first, of which there is at least one.
async fn find(app: &App, id: &str) -> Result<Result<(CredentialRow, Vec<PasswordRow>), Fault>, Fault> {
    let Ok(device) = id.parse::<DeviceId>() else {
        return Ok(Err(Fault::bad_request("The device id is not a GUID.")));
    };
    let unknown =
        || Fault::not_found(format!("Resource '{device}' does not exist or has no local credentials."));
    let rows = app.store.passwords(device).await?;
    let (Some(row), Some(newest)) = (app.store.device(device).await?, rows.first()) else {
        return Ok(Err(unknown()));
    };
    let credential = CredentialRow {
        device,
        display_name: row.display_name,
        stored: newest.held.stored,
        expiry: newest.held.expiry,
    };
    Ok(Ok((credential, rows)))
}

fn open(app: &App, device: DeviceId, row: &PasswordRow) -> Result<DeviceLocalCredential, Fault> {
    let binding = Binding::Password {
        tenant: app.keys.tenant,
        device,
        version: row.held.version,
        account: &row.held.account,
    };
    let password = app.keys.kek.open_password(&row.record, binding)?;
    Ok(DeviceLocalCredential {
        account_name: row.held.account.to_string(),
        // Linux accounts have no SID; the schema wants a text.
        account_sid: Some(String::new()),
        backup_date_time: row.held.stored.to_string(),
        password_base64: DeviceLocalCredential::encode(&password),
    })
}
