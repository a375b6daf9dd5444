//! The wake-up connections of this server.

use core::{future::Future, num::NonZeroU32, pin::Pin, time::Duration};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use lapwing_core::types::{DeviceId, FileTime};
use tokio::{sync::Notify, time::MissedTickBehavior};

use super::Bus;

/// The connections of this server, by device.
#[derive(Debug)]
pub(crate) struct Lines {
    bells: Arc<Mutex<Bells>>,
    /// Time between two wake-ups of many.
    pace: Duration,
    /// Those of many that still wait for theirs.
    queue: Mutex<BTreeSet<DeviceId>>,
    queued: Notify,
}

type Bells = BTreeMap<DeviceId, Arc<Bell>>;

/// What a connection waits for. Rung several times before it is heard, it is heard once.
#[derive(Debug, Default)]
struct Bell {
    woken: Notify,
    ended: Notify,
}

/// One connection's place among the [`Lines`]; dropping it gives the place up.
#[derive(Debug)]
pub(crate) struct Line {
    device: DeviceId,
    until: FileTime,
    bell: Arc<Bell>,
    bells: Arc<Mutex<Bells>>,
}

impl Lines {
    pub(crate) fn new(wake_ups_per_second: NonZeroU32) -> Self {
        Self {
            bells: Arc::default(),
            pace: Duration::from_secs(1) / wake_ups_per_second.get(),
            queue: Mutex::default(),
            queued: Notify::new(),
        }
    }

    fn bell(&self, device: DeviceId) -> Option<Arc<Bell>> {
        lock(&self.bells).get(&device).map(Arc::clone)
    }
}

impl Bus for Lines {
    fn wake(&self, device: DeviceId) {
        if let Some(bell) = self.bell(device) {
            bell.woken.notify_one();
        }
    }

    fn wake_many(&self, devices: Vec<DeviceId>) {
        lock(&self.queue).extend(devices);
        self.queued.notify_one();
    }

    fn end(&self, device: DeviceId) {
        if let Some(bell) = self.bell(device) {
            bell.ended.notify_one();
        }
    }

    fn connected(&self, device: DeviceId) -> bool {
        self.bell(device).is_some()
    }

    fn connect(&self, device: DeviceId, until: FileTime) -> Line {
        let bell = Arc::<Bell>::default();
        if let Some(older) = lock(&self.bells).insert(device, Arc::clone(&bell)) {
            older.ended.notify_one();
        }
        Line { device, until, bell, bells: Arc::clone(&self.bells) }
    }

    fn pace(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            let mut turns = tokio::time::interval(self.pace);
            turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                let next = lock(&self.queue).pop_first();
                let Some(device) = next else {
                    self.queued.notified().await;
                    continue;
                };
                turns.tick().await;
                self.wake(device);
            }
        })
    }
}

impl Line {
    /// Resolves once for each time that the device is to call home, or for several at once.
    pub(super) async fn woken(&self) {
        self.bell.woken.notified().await;
    }

    /// Resolves once the connection is to end.
    pub(super) async fn ended(&self) {
        self.bell.ended.notified().await;
    }

    /// When the certificate ends by which the device has opened it.
    pub(super) const fn until(&self) -> FileTime {
        self.until
    }

    /// Asks the device to call home over this very connection.
    pub(super) fn wake(&self) {
        self.bell.woken.notify_one();
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let mut bells = lock(&self.bells);
        // A newer connection of the device has the place by now.
        if bells.get(&self.device).is_some_and(|bell| Arc::ptr_eq(bell, &self.bell)) {
            bells.remove(&self.device);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use core::future::ready;

    use lapwing_core::types::Guid;

    use super::*;

    const FOREVER: FileTime = FileTime::MAX;

    fn lines() -> Lines {
        Lines::new(NonZeroU32::new(100).unwrap())
    }

    fn device(byte: u8) -> DeviceId {
        DeviceId(Guid::from_bytes([byte; 16]))
    }

    /// Whether `work` is over without waiting.
    async fn is_ready(work: impl Future<Output = ()>) -> bool {
        tokio::select! {
            biased;
            () = work => true,
            () = ready(()) => false,
        }
    }

    #[tokio::test]
    async fn a_wake_up_reaches_its_device_once_and_no_other() {
        let lines = lines();
        let (one, other) = (lines.connect(device(1), FOREVER), lines.connect(device(2), FOREVER));
        lines.wake(device(1));
        lines.wake(device(1));
        lines.wake(device(3));
        assert!(is_ready(one.woken()).await);
        assert!(!is_ready(one.woken()).await && !is_ready(other.woken()).await);
        assert!(!is_ready(one.ended()).await);
    }

    #[tokio::test]
    async fn a_newer_connection_ends_the_older_and_keeps_its_place() {
        let lines = lines();
        let older = lines.connect(device(1), FOREVER);
        let newer = lines.connect(device(1), FOREVER);
        assert!(is_ready(older.ended()).await && !is_ready(newer.ended()).await);
        drop(older);
        assert!(lines.connected(device(1)));
        lines.wake(device(1));
        assert!(is_ready(newer.woken()).await);
        lines.end(device(1));
        assert!(is_ready(newer.ended()).await);
        drop(newer);
        assert!(!lines.connected(device(1)));
        assert!(lock(&lines.bells).is_empty());
    }

    // Paused, the runtime's clock jumps to its next timer.
    #[tokio::test(start_paused = true)]
    async fn many_are_woken_at_the_pace_and_each_once() {
        let lines = lines();
        let all: Vec<DeviceId> = (0..200).map(device).collect();
        let held: Vec<Line> = all.iter().map(|device| lines.connect(*device, FOREVER)).collect();
        let begun = tokio::time::Instant::now();
        lines.wake_many(all.clone());
        lines.wake_many(all);
        let woken = async {
            for line in &held {
                line.woken().await;
            }
        };
        tokio::select! {
            () = lines.pace() => {}
            () = woken => {}
        }
        let taken = begun.elapsed();
        assert!((Duration::from_millis(1990)..Duration::from_millis(2100)).contains(&taken), "{taken:?}");
        for line in &held {
            assert!(!is_ready(line.woken()).await);
        }
    }
}
