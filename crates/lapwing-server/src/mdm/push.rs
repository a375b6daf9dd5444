//! Windows devices on their way to being woken: what they are asked, and the channel that they tell.

use lapwing_core::types::DeviceId;
use lapwing_proto::syncml::Command;

use crate::{
    app::{App, record},
    http::{
        fault::{Fault, Kind},
        request::Context,
    },
    rules::{
        audit::{Activity, Actor},
        push::{Told, ask},
        session::Heard,
    },
    store::SetChannel,
};

/// Takes note of the channel that a device tells, and finds what to ask it; nothing where the service is not configured.
pub(super) async fn answer(
    app: &App,
    context: &Context,
    device: DeviceId,
    heard: &Heard,
) -> Result<Vec<Command>, Fault> {
    let Some(family) = &app.package_family else { return Ok(Vec::new()) };
    if heard.aborts || heard.unenrols {
        return Ok(Vec::new());
    }
    match heard.push.told(family) {
        Told::Nothing => {}
        Told::Channel(channel) if app.store.channel(device).await?.as_ref() == Some(&channel) => {}
        Told::Channel(channel) => {
            let record =
                record(context.at, Actor::Device(device), Activity::RegisterChannel, &device.to_string());
            app.store.change(SetChannel { device, channel, record }).await?;
        }
        Told::Foreign => {
            let fault = Fault::new(Kind::BadRequest, "The channel is not one of the push service.");
            let (actor, target) = (Actor::Device(device), device.to_string());
            // It is told of, and otherwise passed over: the device polls.
            drop(app.refuse(context.at, actor, Activity::RegisterChannel, &target, fault).await);
        }
    }
    Ok(ask(heard.starts, &heard.push, family))
}
