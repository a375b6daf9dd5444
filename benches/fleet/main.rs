//! Devices by the thousand, in a process of their own; started by the benchmark of the directory, which measures the
//! server that they are connected to.
//!
//! Each keeps its wake-up connection by the agent's own rules and client. Woken, it calls home, stores a password and tells
//! of it. They share one key, because drawing ten thousand of RSA would take
//! minutes; each has its own certificate. Standard output gets the key's public half, then an answer to each line.

mod device;
#[path = "../device/management.rs"]
mod management;
mod os;
#[path = "../device/seal.rs"]
mod seal;
mod words;

use core::time::Duration;
use std::{
    io::Write as _,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context as _, Result};
use lapwing_client::{cloud::Pulse, identity::DeviceKey, transport::HttpsUrl};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::sync::Semaphore;

use self::{
    device::Device,
    words::{Roster, State},
};

/// Devices that connect for the first time at once: a fleet does not appear in one second.
const FIRST_AT_ONCE: usize = 64;

/// All devices.
pub(crate) struct Fleet {
    state: Mutex<State>,
    pub(crate) pulse: Pulse,
}

impl Fleet {
    pub(crate) fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

fn main() -> Result<()> {
    if std::env::args().nth(1).as_deref() != Some("run") {
        // Cargo's own test and bench runners start every target without a name.
        println!("usage: fleet run <LINES\nStarted by the benchmark of the directory.");
        return Ok(());
    }
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    let key = DeviceKey::generate()?;
    println!("{}", serde_json::json!(key.public_key_info()?));
    std::io::stdout().flush()?;
    let mut lines = std::io::stdin().lines();
    let roster: Roster = serde_json::from_str(&lines.next().context("there is no roster")??)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let pulse = Pulse { interval: Duration::from_millis(roster.heartbeat), ..Pulse::default() };
    let fleet = Arc::new(Fleet { state: Mutex::default(), pulse });
    let devices: Vec<Device> =
        roster.devices.iter().map(|member| Device::new(&roster, member, &key)).collect::<Result<_>>()?;
    let echo = roster.echo.as_deref().map(str::parse).transpose()?;
    let theirs = Arc::clone(&fleet);
    std::thread::spawn(move || runtime.block_on(appear(devices, echo, theirs)));
    for line in lines {
        line?;
        let state = fleet.state.lock().unwrap_or_else(PoisonError::into_inner).clone();
        println!("{}", serde_json::to_string(&state)?);
        std::io::stdout().flush()?;
    }
    Ok(())
}

/// Lets them connect for the first time, not all at once, and then be there for ever.
async fn appear(devices: Vec<Device>, echo: Option<HttpsUrl>, fleet: Arc<Fleet>) {
    let gate = Arc::new(Semaphore::new(FIRST_AT_ONCE));
    for mut device in devices {
        let Ok(permit) = Arc::clone(&gate).acquire_owned().await else { return };
        let (echo, fleet) = (echo.clone(), Arc::clone(&fleet));
        tokio::spawn(async move {
            let endpoint = match echo {
                Some(echo) => Ok(echo),
                None => device.discover().await,
            };
            match endpoint {
                Ok(endpoint) => device.keep(endpoint, &fleet, permit).await,
                Err(error) => fleet.change(|state| state.failures.push(format!("{error:#}"))),
            }
        });
    }
    core::future::pending().await
}
