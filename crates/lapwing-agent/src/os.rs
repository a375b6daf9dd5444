//! The operating system's clocks, random source and process limits: the only file of this program that reads them.

use core::time::Duration;
use std::{io, os::fd::OwnedFd, time::SystemTime};

use lapwing_core::{
    agent::Deadline,
    types::{BootId, BootTime, FileTime, Guid, InstanceId, Now, RunId, WallTime},
};
use rustix::{
    io::Errno,
    mm::{MlockAllFlags, mlockall},
    process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit},
    time::{
        ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
        timerfd_create, timerfd_settime,
    },
};
use tokio::io::unix::{AsyncFd, AsyncFdReadyGuard};

use crate::sys;

/// Both clocks, now.
#[expect(clippy::disallowed_methods, reason = "this file is where the clocks are read")]
pub(crate) fn now() -> Now {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let boot = clock_gettime(ClockId::Boottime);
    Now {
        // A clock beyond the year 9999 is as wrong as one at its start, and both are reported by the directory's.
        wall: WallTime(FileTime::from_unix(since_1970).unwrap_or(FileTime::UNIX_EPOCH)),
        boot: BootTime(Duration::new(
            u64::try_from(boot.tv_sec).unwrap_or_default(),
            u32::try_from(boot.tv_nsec).unwrap_or_default(),
        )),
    }
}

/// Wakes at a deadline of either clock, after a suspend, and when the wall clock is set. The runtime's own timers are
/// no use for this: they stand still during suspend and know nothing of the wall clock.
#[derive(Debug)]
pub(crate) struct Alarm {
    boot: AsyncFd<OwnedFd>,
    wall: AsyncFd<OwnedFd>,
}

impl Alarm {
    /// Creates both timers.
    ///
    /// # Errors
    /// If the kernel has none to give.
    pub(crate) fn new() -> io::Result<Self> {
        let timer = |clock| -> io::Result<AsyncFd<OwnedFd>> {
            let timer = timerfd_create(clock, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
            sys::watch(timer)
        };
        Ok(Self { boot: timer(TimerfdClockId::Boottime)?, wall: timer(TimerfdClockId::Realtime)? })
    }

    /// Returns once `deadline` has come, or a clock has jumped: then the deadline is to be looked at anew. Without one
    /// never.
    ///
    /// # Errors
    /// If the kernel refuses a timer.
    pub(crate) async fn wait(&self, deadline: Option<Deadline>) -> io::Result<()> {
        let Some(deadline) = deadline else { return core::future::pending().await };
        let at = |since: Duration| Timespec {
            tv_sec: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
            // Never zero, which would switch the timer off.
            tv_nsec: i64::from(since.subsec_nanos().max(1)),
        };
        let once = |since: Duration| Itimerspec { it_interval: Timespec::default(), it_value: at(since) };
        // An alarm for the wall clock is set in any case: its cancellation tells of jumps and of waking up.
        let wall = deadline.wall.map_or(FAR_AWAY, |wall| wall.0.since_unix());
        timerfd_settime(&self.boot, TimerfdTimerFlags::ABSTIME, &once(deadline.boot.0))?;
        timerfd_settime(
            &self.wall,
            TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET,
            &once(wall),
        )?;
        tokio::select! {
            fired = fired(&self.boot) => fired,
            fired = fired(&self.wall) => fired,
        }
    }
}

/// The year 2200, for a wall clock that nothing is waited for on.
const FAR_AWAY: Duration = Duration::from_secs(7_258_118_400);

async fn fired(timer: &AsyncFd<OwnedFd>) -> io::Result<()> {
    loop {
        let mut ready = timer.readable().await?;
        match rustix::io::read(timer, &mut [0_u8; 8]) {
            Ok(_) | Err(Errno::CANCELED) => return Ok(()),
            Err(Errno::AGAIN) => ready.clear_ready(),
            Err(error) => return Err(error.into()),
        }
    }
}

/// How long to wait for what comes right after the first of a burst: an editor's renames, a cable's routes.
const BURST: Duration = Duration::from_millis(500);

/// Waits until there is something to read, and until what belongs to it has come too. The caller reads all of it, and
/// then clears the guard.
///
/// # Errors
/// If the runtime's poller ends.
pub(crate) async fn burst(descriptor: &AsyncFd<OwnedFd>) -> io::Result<AsyncFdReadyGuard<'_, OwnedFd>> {
    drop(descriptor.readable().await?);
    tokio::time::sleep(BURST).await;
    descriptor.readable().await
}

/// Draws the name of this run.
pub(crate) fn run_id() -> RunId {
    RunId(Guid::from_random_bytes(random()))
}

/// Draws the name of this run for its directory.
pub(crate) fn instance_id() -> InstanceId {
    InstanceId(Guid::from_random_bytes(random()))
}

/// Names this boot. A kernel that names none gives each run of this program one of its own, so that what must outlast a
/// restart is counted by the wall clock.
pub(crate) fn boot_id() -> BootId {
    let told = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    let parsed = told.ok().and_then(|text| text.trim().parse().ok());
    BootId(parsed.unwrap_or_else(|| Guid::from_random_bytes(random())))
}

/// Draws the name of a request.
pub(crate) fn request_id() -> Guid {
    Guid::from_random_bytes(random())
}

/// Draws the number of a session.
pub(crate) fn session_number() -> u16 {
    u16::from_ne_bytes(random())
}

/// Draws a seed for jitter.
pub(crate) fn seed() -> u64 {
    u64::from_ne_bytes(random())
}

fn random<const LEN: usize>() -> [u8; LEN] {
    let mut bytes = [0; LEN];
    getrandom::fill(&mut bytes).expect("without random names nothing may go on");
    bytes
}

/// Keeps what passes through this process out of core dumps, debuggers and swap. Each step that the system refuses is
/// logged: on a host with less protection the rotation is still better than none.
pub(crate) fn harden() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let steps = [
        ("forbid dumps", set_dumpable_behavior(DumpableBehavior::NotDumpable)),
        ("forbid core files", setrlimit(Resource::Core, none)),
        ("lock memory", mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT)),
    ];
    for (step, outcome) in steps {
        if let Err(error) = outcome {
            tracing::warn!(step, %error, "A protection of this process is not to be had");
        }
    }
}
