//! LAPS policies on their way to devices: what a message of a device is answered.

use lapwing_core::types::DeviceId;
use lapwing_proto::syncml::Command;

use crate::{
    app::{App, record},
    http::{fault::Fault, request::Context},
    rules::{
        audit::{Activity, Actor},
        policy_delivery::deliver,
        session::Heard,
    },
    store::{NoteDrift, NoteRefused, NoteTold, WantedPolicy},
};

/// Takes note of what a device says of its policy, and finds what to send it of that.
pub(super) async fn answer(
    app: &App,
    context: &Context,
    device: DeviceId,
    heard: &Heard,
) -> Result<Vec<Command>, Fault> {
    if heard.aborts || heard.unenrols || !heard.starts && heard.policy.is_empty() {
        return Ok(Vec::new());
    }
    let Some(wanted) = app.store.wanted_policy(device).await? else { return Ok(Vec::new()) };
    note(app, context, device, heard, &wanted).await?;
    Ok(deliver(heard.starts, &heard.policy, &wanted.tree))
}

async fn note(
    app: &App,
    context: &Context,
    device: DeviceId,
    heard: &Heard,
    wanted: &WantedPolicy,
) -> Result<(), Fault> {
    let mut record =
        record(context.at, Actor::Device(device), Activity::DeliverLapsPolicy, &device.to_string());
    record.detail = wanted.version.map_or("no policy".to_owned(), |version| version.to_string());
    if heard.policy.holds(&wanted.tree) {
        let is_news =
            wanted.version != wanted.told || app.store.policy_trouble(device).await?.refused.is_some();
        if is_news {
            app.store.change(NoteTold { device, told: wanted.version, record }).await?;
        }
    } else if let Some(status) = heard.policy.atomic {
        record.refusal =
            Some(format!("{}: the device answered {status} and holds something else", record.detail));
        app.store.change(NoteRefused { device, version: wanted.version, status, record }).await?;
    } else if wanted.version.is_some() && wanted.version == wanted.told && heard.policy.differs(&wanted.tree)
    {
        record.detail += ": the device holds something else than it had said, which is put right";
        app.store.change(NoteDrift { device, record }).await?;
    }
    Ok(())
}
