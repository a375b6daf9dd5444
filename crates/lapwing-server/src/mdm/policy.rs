//! LAPS policies on their way to devices: what a message of a device is answered, and whom a change calls.

use std::sync::Arc;

use lapwing_core::types::DeviceId;
use lapwing_proto::syncml::Command;

use crate::{
    app::{App, record},
    http::{fault::Fault, request::Context},
    rules::{
        audit::{Activity, Actor},
        policy_assignment::{Policies, differences},
        policy_delivery::deliver,
        session::Heard,
    },
    store::{NoteDrift, NoteRefused, NoteTold, StoreError, WantedPolicy},
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

/// The policies before a change, by which the devices are found that it touches.
pub(crate) struct Before(Policies);

impl Before {
    pub(crate) async fn look(app: &App) -> Result<Self, Fault> {
        Ok(Self(app.store.assigned().await?))
    }

    /// Calls the devices that the change since then touches. It is made already: what goes wrong here costs them time
    /// alone, until they call by themselves.
    pub(crate) async fn call(self, app: &Arc<App>) {
        if let Err(error) = self.find_and_call(app).await {
            tracing::warn!(%error, "Could not call the devices that a change of policies touches");
        }
    }

    async fn find_and_call(self, app: &Arc<App>) -> Result<(), StoreError> {
        let (after, members) = (app.store.assigned().await?, app.store.members().await?);
        let touched = differences(&self.0, &after, &members).into_iter().map(|found| found.device);
        app.wake.wake_many(touched.collect());
        Ok(())
    }
}
