//! Accepting connections: how many, how slow, and how they end. All tasks of the server start here.

use core::{net::SocketAddr, time::Duration};
use std::{collections::BTreeSet, sync::Arc};

use axum::Router;
use hyper::service::service_fn;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};

use super::{
    request::{Peer, answer},
    tls::Identity,
};
use crate::{app::App, os};

const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(10);
const HEADER_TIME_MAX: Duration = Duration::from_secs(15);
/// How long requests under way may take to end after SIGTERM.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(20);
/// The longest head of a request, in bytes: a device's signed request is a body, but tokens are headers.
const HEAD_LEN_MAX: usize = 32 << 10;
/// After an accept failed for want of descriptors, others need time to be closed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Everything a running server needs.
pub(crate) struct Server {
    pub(crate) app: Arc<App>,
    pub(crate) router: Router,
    /// What is to be renewed for which hosts, if our own authority issued it.
    pub(crate) renewed: Option<(Arc<Identity>, BTreeSet<String>)>,
}

/// One of the server's listeners.
pub(crate) struct Door {
    pub(crate) listener: TcpListener,
    pub(crate) tls: ServerConfig,
    pub(crate) connections_max: u32,
}

impl Server {
    /// Serves until `stop` resolves, then lets requests under way end.
    pub(crate) async fn run(self, doors: [Door; 2], stop: impl Future<Output = ()>) {
        let [one, other] = doors.map(OpenDoor::new);
        let graceful = GracefulShutdown::new();
        let mut tasks = JoinSet::new();
        if let Some((identity, hosts)) = self.renewed {
            let (app, issued) = (Arc::clone(&self.app), os::now());
            tasks.spawn(async move {
                identity.renew(&app.keys.authority, &hosts, issued).await;
            });
        }
        let mut stop = core::pin::pin!(stop);
        loop {
            let accepted = tokio::select! {
                () = &mut stop => break,
                accepted = one.accept() => accepted,
                accepted = other.accept() => accepted,
                Some(_) = tasks.join_next(), if !tasks.is_empty() => continue,
            };
            let Some(accepted) = accepted else { continue };
            let connection = Connection {
                app: Arc::clone(&self.app),
                router: self.router.clone(),
                watcher: graceful.watcher(),
            };
            tasks.spawn(connection.serve(accepted));
        }
        drop((one, other));
        drain(tasks, graceful).await;
    }
}

struct OpenDoor {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    permits: Arc<Semaphore>,
}

/// A connection before its TLS.
struct Accepted {
    stream: TcpStream,
    address: SocketAddr,
    acceptor: TlsAcceptor,
    permit: OwnedSemaphorePermit,
}

impl OpenDoor {
    fn new(door: Door) -> Self {
        let permits = usize::try_from(door.connections_max).unwrap_or(usize::MAX);
        Self {
            listener: door.listener,
            acceptor: TlsAcceptor::from(Arc::new(door.tls)),
            permits: Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS))),
        }
    }

    /// A full house waits in the kernel's queue, which is bounded too.
    async fn accept(&self) -> Option<Accepted> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.ok()?;
        match self.listener.accept().await {
            Ok((stream, address)) => {
                Some(Accepted { stream, address, acceptor: self.acceptor.clone(), permit })
            }
            Err(error) => {
                tracing::warn!(%error, "Could not accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                None
            }
        }
    }
}

async fn drain(mut tasks: JoinSet<()>, graceful: GracefulShutdown) {
    if tokio::time::timeout(DRAIN_TIME_MAX, graceful.shutdown()).await.is_err() {
        tracing::warn!("Ended connections that did not end by themselves");
    }
    tasks.shutdown().await;
}

struct Connection {
    app: Arc<App>,
    router: Router,
    watcher: Watcher,
}

impl Connection {
    async fn serve(self, accepted: Accepted) {
        let Accepted { stream, address, acceptor, permit: _permit } = accepted;
        // Small answers should not wait for more.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "Could not set TCP_NODELAY");
        }
        let handshake = tokio::time::timeout(HANDSHAKE_TIME_MAX, acceptor.accept(stream));
        let Ok(Ok(stream)) = handshake.await else {
            tracing::debug!(%address, "A TLS handshake failed or took too long");
            return;
        };
        let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first).cloned();
        let peer = Peer { address: address.ip(), certificate: certificate.map(|c| c.into_owned()) };
        let service = service_fn(|request| {
            let answer = answer(Arc::clone(&self.app), self.router.clone(), peer.clone(), request);
            async { Ok::<_, core::convert::Infallible>(answer.await) }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIME_MAX)
            .max_buf_size(HEAD_LEN_MAX)
            .serve_connection(TokioIo::new(stream), service);
        let watched = self.watcher.watch(connection);
        if let Err(error) = watched.await {
            tracing::debug!(%error, "A connection ended with an error");
        }
    }
}
