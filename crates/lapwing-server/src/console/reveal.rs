//! Showing a password: with a reason, recorded before it is shown, and once for each form.

use askama::Template;
use axum::response::Response;
use lapwing_core::types::{ActionId, DeviceId};

use super::{
    device,
    page::{Moment, Shell},
    phonetic::{self, Spelled},
    visit::{Visit, see_other},
};
use crate::{
    http::fault::Fault,
    os,
    rules::audit::Activity,
    store::{DeviceRow, PasswordRow, Reveal},
};

#[derive(Template)]
#[template(path = "reveal.html")]
struct Page<'a> {
    shell: Shell,
    device: DeviceRow,
    account: String,
    stored: Moment,
    is_newest: bool,
    /// When the device is asked to rotate because of this.
    rotates: Option<Moment>,
    /// Whether that is over, and it waits for the device.
    is_due: bool,
    password: &'a str,
    spelled: Vec<Spelled>,
    reason: String,
}

/// A reload, or an address that was kept: there is nothing to see any more.
pub(super) async fn back(visit: Visit) -> Result<Response, Fault> {
    let device: DeviceId = visit.param("id")?;
    Ok(see_other(&format!("/console/devices/{device}")))
}

pub(super) async fn reveal(visit: Visit) -> Result<Response, Fault> {
    let device = device::find(&visit).await?;
    let reason = visit.line("reason");
    if reason.is_empty() {
        return Err(Fault::bad_request("A reason is needed. Nothing was shown. Go back and give one."));
    }
    let target = device.id.to_string();
    let rows = visit.app.store.passwords(device.id).await?;
    let newest = rows.first().map(|row| row.held.sequence);
    let Some(row) = chosen(&visit, &rows) else {
        let fault = Fault::not_found("This password is not held any more. Open the device's page again.");
        let (at, actor) = (visit.context.at, visit.actor());
        return Err(visit.app.refuse(at, actor, Activity::ReadPassword, &target, fault).await);
    };
    let password = visit.app.open_password(device.id, row)?;
    let mut record = visit.record(Activity::ReadPassword, &target);
    record.detail = format!("{}, stored {}: {reason}", row.held.account, row.held.stored);
    let action = ActionId::random(&mut os::rng());
    let reveal = Reveal { device: device.id, shown: row.held.sequence, action, record };
    // Recorded durably before it is shown, and not shown again for the same form.
    let Some(rotates) = visit.reveal(reveal).await? else {
        return Ok(see_other(&format!("/console/devices/{target}")));
    };
    visit.page(&Page {
        shell: visit.shell("Password"),
        account: row.held.account.to_string(),
        stored: Moment { at: row.held.stored, now: visit.context.at },
        is_newest: newest == Some(row.held.sequence),
        rotates: rotates.map(|at| Moment { at, now: visit.context.at }),
        is_due: rotates.is_some_and(|at| at <= visit.context.at),
        password: password.expose_secret(),
        spelled: phonetic::spell(password.expose_secret()),
        device,
        reason,
    })
}

fn chosen<'a>(visit: &Visit, rows: &'a [PasswordRow]) -> Option<&'a PasswordRow> {
    let sequence: i64 = visit.form.get("entry")?.parse().ok()?;
    rows.iter().find(|row| row.held.sequence == sequence)
}
