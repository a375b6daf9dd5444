//! `run`: from the configuration to a serving program, and its end.

use std::{
    io::{self, Write as _},
    sync::Arc,
};

use sd_notify::NotifyState;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

use crate::{
    config::Config,
    directory::{Keyring, Keys, READ_EVERY},
    os,
    serve::{self, Service},
    start::{self, Listeners, StartError},
};

/// The most threads on which Kerberos and the keys are worked at: enough that a slow disk stalls nobody.
const WORKERS_MAX: usize = 8;

/// Serves until SIGTERM or SIGINT.
pub(crate) fn run(config: &Config) -> Result<(), StartError> {
    let system = |what| move |source| StartError::System { what, source };
    os::forbid_dumps().map_err(system("keep its memory out of dumps"))?;
    if let Err(error) = os::lock_memory() {
        tracing::warn!(
            %error,
            next = "give it the limit MEMLOCK=infinity, or this host no swap",
            "Could not lock memory: root keys may be swapped out"
        );
    }
    let listeners = Listeners::bind(config)?;
    // Before there are threads.
    os::drop_capabilities().map_err(system("give up its privileges"))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(WORKERS_MAX)
        .build()
        .map_err(system("start"))?;
    runtime.block_on(serve_until_stopped(config, listeners))
}

async fn serve_until_stopped(config: &Config, listeners: Listeners) -> Result<(), StartError> {
    let (acceptor, machine) = start::acceptor(&config.keytab)?;
    let keys = start::keys(&config.ldapi).await?;
    tell_of(&keys);
    let system = |source| StartError::System { what: "serve", source };
    let own = TcpListener::from_std(listeners.keys).map_err(system)?;
    let mapper = listeners.mapper.map(TcpListener::from_std).transpose().map_err(system)?;
    let address = own.local_addr().map_err(system)?;
    let keyring = Arc::new(Keyring::new(config.ldapi.clone(), keys));
    let service = Arc::new(Service {
        acceptor,
        keytab: config.keytab.clone(),
        keyring: Arc::clone(&keyring),
        port: address.port(),
    });
    let mut terminate = signal(SignalKind::terminate()).map_err(system)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(system)?;
    let mut tasks = JoinSet::new();
    tasks.spawn(serve::keys(own, service));
    if let Some(mapper) = mapper {
        tasks.spawn(serve::mapper(mapper, address.port()));
    }
    tasks.spawn(read_again(keyring));
    announce(&format!("listening {address}")).map_err(system)?;
    tracing::info!(%address, service = machine.principal(), "Serving");
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        // None of them ends by itself: then something is broken, and a new start mends it.
        _ended = tasks.join_next() => {
            return Err(system(io::Error::other("a task has ended")));
        }
    }
    tracing::info!("Stopped");
    Ok(())
}

/// On standard output for people and tests, to the service manager for systemd.
fn announce(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()?;
    if let Err(error) = sd_notify::notify(&[NotifyState::Ready]) {
        tracing::warn!(%error, "Could not tell the service manager");
    }
    Ok(())
}

fn tell_of(keys: &Keys) {
    for key in &keys.keys {
        if let Err(error) = &key.key {
            tracing::warn!(id = %key.id, %error, next = error.next_step(), "A root key cannot be used");
        }
    }
    if keys.keys.is_empty() {
        tracing::warn!(
            next = "run `lapwing add-kds-root-key`",
            "The forest has no root key: no group key can be given before it has one"
        );
    } else {
        tracing::info!(root_keys = keys.keys.len(), domain = %keys.names.domain, "Read the root keys");
    }
}

async fn read_again(keyring: Arc<Keyring>) {
    let mut ticks = interval(READ_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first is at once, and they were just read.
    ticks.tick().await;
    loop {
        ticks.tick().await;
        keyring.read().await;
    }
}
