//! `deviceLocalCredentials`: metadata for many, passwords for few, all recorded.

use axum::{
    extract::Path,
    response::{IntoResponse as _, Response},
};
use lapwing_core::types::{ActionId, DeviceId};
use lapwing_proto::graph::{DeviceLocalCredential, DeviceLocalCredentialInfo, Entity};

use super::{body, filter::Fields, metadata, page::Query};
use crate::{
    app::App,
    call::Call,
    http::fault::Fault,
    os,
    rules::{access::Act, audit::Activity},
    store::{CredentialRow, PasswordRow, Reveal, Window},
};

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

pub(super) async fn list(call: Call) -> Result<Response, Fault> {
    let allowed = call.authorise(Act::ReadMetadata, Activity::ReadMetadata, "").await?;
    let query = Query::parse(call.uri.query());
    let page = query.page(call.app.store.credentials(query.window()?).await?)?;
    allowed.note("").await?;
    super::list(&call, "directory/deviceLocalCredentials", &page, info)
}

pub(super) async fn count(call: Call) -> Result<Response, Fault> {
    let allowed = call.authorise(Act::ReadMetadata, Activity::ReadMetadata, "").await?;
    let credentials = call.app.store.credentials(Window::ALL).await?;
    let found = Query::parse(call.uri.query()).filter(credentials)?;
    allowed.note("").await?;
    Ok(found.len().to_string().into_response())
}

pub(super) async fn get(call: Call, Path(id): Path<String>) -> Result<Response, Fault> {
    let with_passwords = Query::parse(call.uri.query()).selects("credentials");
    let (act, activity) = if with_passwords {
        (Act::ReadPassword, Activity::ReadPassword)
    } else {
        (Act::ReadMetadata, Activity::ReadMetadata)
    };
    let allowed = call.authorise(act, activity, &id).await?;
    let app = &call.app;
    let (device, rows) = match find(app, &id).await? {
        Ok(found) => found,
        Err(fault) => return Err(allowed.refuse(&id, fault).await),
    };
    let mut info = info(&device);
    let record = allowed.record(&device.device.to_string());
    // Recorded durably before it is shown.
    if with_passwords {
        let opened = rows.iter().map(|row| open(app, device.device, row));
        info.credentials = Some(opened.collect::<Result<_, _>>()?);
        let shown = rows.first().map_or(0, |newest| newest.held.sequence);
        let action = ActionId::random(&mut os::rng());
        app.store.change(Reveal { device: device.device, shown, action, record }).await?;
    } else {
        app.note(record).await?;
    }
    let fragment = if with_passwords {
        "deviceLocalCredentials(credentials)/$entity"
    } else {
        "deviceLocalCredentials/$entity"
    };
    body(&Entity { context: metadata(app, fragment), entity: info })
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
    let password = app.open_password(device, row)?;
    Ok(DeviceLocalCredential {
        account_name: row.held.account.to_string(),
        // Linux accounts have no SID; the schema wants a text.
        account_sid: Some(String::new()),
        backup_date_time: row.held.stored.to_string(),
        password_base64: DeviceLocalCredential::encode(&password),
    })
}
