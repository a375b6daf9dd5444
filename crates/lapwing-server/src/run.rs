//! `run`: from the data folder to a serving program, and its end.

use std::{
    io::Write as _,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::Arc,
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
        serve::Server,
        tls::{self, Identity},
    },
    keys::operator_password::Hasher,
    os, register, setup,
    token::{self, nonce::Nonces},
};

const PORT_DEFAULT: u16 = 443;

/// Serves until SIGTERM or SIGINT.
pub(crate) async fn run(data: &Data, listen: Option<SocketAddr>) -> anyhow::Result<()> {
    if let Err(error) = os::keep_memory_private() {
        tracing::warn!(%error, "Could not lock memory: a password in use may be swapped out");
    }
    let _lock = data.lock()?;
    let Opened { config, meta, keys, store, writer } = data.open().await?;
    let origin = Origin::parse(&config.url)?;
    let port = origin.port.unwrap_or(PORT_DEFAULT);
    let address =
        listen.or(config.listen).unwrap_or_else(|| SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port));
    let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
    let bound = listener.local_addr()?;
    let own_identity = match (&config.certificate, &config.key) {
        (Some(certificate), Some(key)) => Some(tls::read_identity(certificate, key)?),
        _ => None,
    };
    let own_authority = own_identity.is_none();
    let identity = match own_identity {
        Some(identity) => identity,
        None => keys.authority.issue_tls(&origin.host, os::now(), &mut os::rng())?,
    };
    let identity = Arc::new(Identity::new(identity)?);
    let tls = tls::server_config(Arc::clone(&identity), &keys.authority)?;
    // A port of 0 in the URL stands for the one bound, so that tests need not choose one.
    let url = origin.url_with_port(if port == 0 { bound.port() } else { port });
    let app = Arc::new(App {
        origin,
        url,
        meta,
        keys,
        own_authority,
        extension: config.extension,
        store,
        nonces: Nonces::new(&mut os::rng()),
        rates: Rates::new(&config.limits),
        hasher: Hasher::new(&mut os::rng())?,
    });
    let writer = writer.spawn();
    let stop = stop_signal()?;
    announce(&app.url, bound)?;
    let server = Server {
        router: router(Arc::clone(&app)),
        app,
        tls,
        identity: own_authority.then_some(identity),
        connections_max: config.limits.connections,
    };
    server.run(listener, stop).await;
    setup::end(writer).await;
    tracing::info!("Stopped");
    Ok(())
}

fn router(app: Arc<App>) -> Router {
    Router::new()
        .merge(register::routes())
        .merge(token::routes())
        .merge(graph::routes())
        .merge(admin::routes())
        .merge(console::routes())
        .fallback(async || Fault::not_found("There is nothing at this address."))
        .method_not_allowed_fallback(async || {
            Fault::new(Kind::MethodNotAllowed, "This address does not know this method.")
        })
        .with_state(app)
}

/// Says where the server listens: on standard output for people and tests, to the service manager for systemd.
fn announce(url: &str, bound: SocketAddr) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "listening {bound} {url}")?;
    out.flush()?;
    if let Err(error) = sd_notify::notify(&[NotifyState::Ready]) {
        tracing::warn!(%error, "Could not tell the service manager");
    }
    tracing::info!(%bound, url, "Serving");
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
