//! Both ways to devices behind one interface: our own connections, and Windows' push service for devices that have none.
//!
//! INVARIANT: a device is forgotten here once it was woken or cannot be; what waits is bounded by the devices there are.

#[cfg(test)]
mod tests;

use core::{future::Future, pin::Pin, time::Duration};
use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use lapwing_core::types::{DeviceId, FileTime};
use lapwing_proto::wns::Delivery;
use tokio::sync::Notify;

use super::{Bus, Line, Lines, wns::Wns};
use crate::{
    app::record,
    os,
    rules::audit::{Activity, Actor},
    store::{ForgetChannel, Store, StoreError},
};

/// How long nothing is sent after an answer that says to wait and not how long, or after none; doubled each time.
const HOLD_MIN: Duration = Duration::from_secs(30);
const HOLD_MAX: Duration = Duration::from_secs(3600);

/// Our connections, and the push service beside them.
#[derive(Debug)]
pub(crate) struct Push {
    lines: Lines,
    wns: Wns,
    store: Store,
    /// Those without a connection that are to be woken; each once.
    queue: Mutex<BTreeSet<DeviceId>>,
    queued: Notify,
}

/// How long to hold back, by the answers in a row.
#[derive(Debug, Default)]
struct Hold {
    failures: u32,
}

impl Hold {
    /// The wait after an answer, if the notification is to be sent again; it is for the service as a whole.
    fn after(&mut self, delivery: Delivery) -> Option<Duration> {
        match delivery {
            Delivery::Throttled(wait) => Some(wait.unwrap_or_else(|| self.longer())),
            Delivery::Unavailable => Some(self.longer()),
            Delivery::Queued | Delivery::TokenRefused | Delivery::ChannelGone | Delivery::Failed => {
                self.failures = 0;
                None
            }
        }
    }

    fn longer(&mut self) -> Duration {
        let wait = HOLD_MIN.saturating_mul(2_u32.saturating_pow(self.failures.min(16))).min(HOLD_MAX);
        self.failures = self.failures.saturating_add(1);
        wait
    }
}

impl Push {
    pub(crate) fn new(lines: Lines, wns: Wns, store: Store) -> Self {
        Self { lines, wns, store, queue: Mutex::default(), queued: Notify::new() }
    }

    fn queue(&self) -> MutexGuard<'_, BTreeSet<DeviceId>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send_later(&self, devices: impl IntoIterator<Item = DeviceId>) {
        self.queue().extend(devices);
        self.queued.notify_one();
    }

    /// Sends notifications for ever, one at a time.
    async fn deliver(&self) {
        let mut hold = Hold::default();
        loop {
            let next = self.queue().pop_first();
            let Some(device) = next else {
                self.queued.notified().await;
                continue;
            };
            let sent = self.send(device).await.unwrap_or_else(|error| {
                tracing::warn!(%error, "Could not look up where a Windows device is woken");
                None
            });
            if let Some(wait) = sent.and_then(|delivery| hold.after(delivery)) {
                self.queue().insert(device);
                tokio::time::sleep(wait).await;
            }
        }
    }

    /// None if there is nowhere to send it: the device polls.
    async fn send(&self, device: DeviceId) -> Result<Option<Delivery>, StoreError> {
        let Some(channel) = self.store.channel(device).await? else { return Ok(None) };
        let delivery = self.wns.wake(&channel).await;
        if delivery == Delivery::ChannelGone {
            let mut record = record(os::now(), Actor::Server, Activity::RegisterChannel, &device.to_string());
            "the push service has forgotten the channel".clone_into(&mut record.detail);
            self.store.change(ForgetChannel { device, channel, record }).await?;
        }
        Ok(Some(delivery))
    }
}

impl Bus for Push {
    fn wake(&self, device: DeviceId) {
        if self.lines.connected(device) { self.lines.wake(device) } else { self.send_later([device]) }
    }

    fn wake_many(&self, devices: Vec<DeviceId>) {
        let (connected, others): (Vec<_>, Vec<_>) =
            devices.into_iter().partition(|device| self.lines.connected(*device));
        self.lines.wake_many(connected);
        self.send_later(others);
    }

    fn end(&self, device: DeviceId) {
        self.lines.end(device);
    }

    fn connected(&self, device: DeviceId) -> bool {
        self.lines.connected(device)
    }

    fn connect(&self, device: DeviceId, until: FileTime) -> Line {
        self.lines.connect(device, until)
    }

    fn pace(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            tokio::join!(self.lines.pace(), self.deliver());
        })
    }
}
