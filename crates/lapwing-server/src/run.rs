//! `run`: from the data folder to a serving program, and its end.

use std::{
    collections::BTreeSet,
    io::Write as _,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex},
};

use anyhow::Context as _;
use axum::Router;
use sd_notify::NotifyState;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

use crate::{
    admin,
    app::{App, Rates},
    config::Origin,
    console,
    data::{Data, Opened},
    graph,
    http::{
        fault::{Fault, Kind},
        serve::{Door, Server},
        tls::{self, Identity},
    },
    keys::operator_password::Hasher,
    mdm, openapi, os, register, setup,
    store::Store,
    token::{self, nonce::Nonces},
    wake::{
        self, Bus, Lines,
        push::Push,
        wns::{self, Wns},
    },
};

/// Serves until SIGTERM or SIGINT.
pub(crate) async fn run(
    data: &Data,
    listen: Option<SocketAddr>,
    device_listen: Option<SocketAddr>,
) -> anyhow::Result<()> {
    if let Err(error) = os::keep_memory_private() {
        tracing::warn!(%error, "Could not lock memory: a password in use may be swapped out");
    }
    if let Err(error) = os::allow_descriptors() {
        tracing::warn!(%error, "Could not raise the limit of open connections");
    }
    let _lock = data.lock()?;
    let Opened { config, meta, keys, store, writer } = data.open().await?;
    let wns = data.wns()?;
    let (origin, device_origin) = config.origins()?;
    let anywhere = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    let everybody = Bound::new(&origin, listen.or(config.listen), anywhere).await?;
    let devices =
        Bound::new(&device_origin, device_listen.or(config.device_listen), everybody.address.ip()).await?;
    let hosts = BTreeSet::from([origin.host.clone(), device_origin.host]);
    let own_identity = match (&config.certificate, &config.key) {
        (Some(certificate), Some(key)) => Some(tls::read_identity(certificate, key)?),
        _ => None,
    };
    let own_authority = own_identity.is_none();
    let identity = match own_identity {
        Some(identity) => identity,
        None => keys.authority.issue_tls(&hosts, os::now(), &mut os::rng())?,
    };
    let identity = Arc::new(Identity::new(identity)?);
    let tls = tls::for_everybody(Arc::clone(&identity))?;
    let device_tls = tls::for_devices(Arc::clone(&identity), &keys.authority)?;
    let app = Arc::new(App {
        origin,
        url: everybody.url.clone(),
        device_url: devices.url.clone(),
        meta,
        keys,
        own_authority,
        extension: config.extension,
        store: store.clone(),
        nonces: Nonces::new(&mut os::rng()),
        rates: Rates::new(&config.limits),
        hasher: Hasher::new(&mut os::rng())?,
        package_family: wns.as_ref().map(|wns| wns.package_family_name.clone()),
        wake: bus(Lines::new(config.limits.wake_ups_per_second), wns, store)?,
        sessions: Mutex::default(),
    });
    let writer = writer.spawn();
    let stop = stop_signal()?;
    announce(&everybody, &devices)?;
    let server =
        Server { router: router(Arc::clone(&app)), app, renewed: own_authority.then_some((identity, hosts)) };
    let everybody = Door { listener: everybody.listener, tls, connections_max: config.limits.connections };
    let devices = Door {
        listener: devices.listener,
        tls: device_tls,
        connections_max: config.limits.device_connections,
    };
    server.run([everybody, devices], stop).await;
    setup::end(writer).await;
    tracing::info!("Stopped");
    Ok(())
}

/// The way to devices: our own connections, and the push service where it is configured.
fn bus(lines: Lines, wns: Option<wns::Credentials>, store: Store) -> anyhow::Result<Arc<dyn Bus>> {
    Ok(match wns {
        Some(credentials) => Arc::new(Push::new(lines, Wns::new(credentials)?, store)),
        None => Arc::new(lines),
    })
}

/// A listener, and what clients call it.
struct Bound {
    listener: TcpListener,
    address: SocketAddr,
    url: String,
}

impl Bound {
    /// Listens at `address`, by default on `ip` at the port of `origin`.
    async fn new(origin: &Origin, address: Option<SocketAddr>, ip: IpAddr) -> anyhow::Result<Self> {
        let port = origin.port();
        let address = address.unwrap_or(SocketAddr::new(ip, port));
        let listener =
            TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
        let address = listener.local_addr()?;
        // A port of 0 in the URL stands for the one bound, so that tests need not choose one.
        let url = origin.url_with_port(if port == 0 { address.port() } else { port });
        Ok(Self { listener, address, url })
    }
}

/// Everything that the server answers to.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .merge(register::routes())
        .merge(token::routes())
        .merge(graph::routes())
        .merge(admin::routes())
        .merge(console::routes())
        .merge(mdm::routes())
        .merge(wake::routes())
        .merge(openapi::routes())
}

fn router(app: Arc<App>) -> Router {
    routes()
        .fallback(async || Fault::not_found("There is nothing at this address."))
        .method_not_allowed_fallback(async || {
            Fault::new(Kind::MethodNotAllowed, "This address does not know this method.")
        })
        .with_state(app)
}

/// Says where the server listens: on standard output for people and tests, to the service manager for systemd.
fn announce(everybody: &Bound, devices: &Bound) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "listening {} {} {} {}", everybody.address, everybody.url, devices.address, devices.url)?;
    out.flush()?;
    if let Err(error) = sd_notify::notify(&[NotifyState::Ready]) {
        tracing::warn!(%error, "Could not tell the service manager");
    }
    for Bound { address, url, .. } in [everybody, devices] {
        tracing::info!(%address, url, "Serving");
    }
    Ok(())
}

/// Resolves at the first SIGTERM or SIGINT.
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        if let Err(error) = sd_notify::notify(&[NotifyState::Stopping]) {
            tracing::debug!(%error, "Could not tell the service manager");
        }
    })
}
