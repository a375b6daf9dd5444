//! Accepting connections: how many, how slow, and how they end. All tasks of the server start here.

use core::{convert::Infallible, net::SocketAddr, pin::pin, time::Duration};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use axum::Router;
use hyper::{service::service_fn, upgrade::Parts};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig, server::TlsStream};

use super::{
    request::{Peer, answer},
    tls::Identity,
};
use crate::{
    app::App,
    bulk, due, os,
    wake::{Line, connection::Idle},
};

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
        let (stopping, stopped) = watch::channel(());
        let mut tasks = JoinSet::new();
        // What goes on for ever, apart from what answers requests, holds more and ends sooner.
        let mut idle = JoinSet::new();
        let app = Arc::clone(&self.app);
        idle.spawn(async move { app.wake.pace().await });
        let app = Arc::clone(&self.app);
        idle.spawn(async move { bulk::keep(&app).await });
        let app = Arc::clone(&self.app);
        idle.spawn(async move { due::keep(&app).await });
        if let Some((identity, hosts)) = self.renewed {
            let (app, issued) = (Arc::clone(&self.app), os::now());
            idle.spawn(async move {
                identity.renew(&app.keys.authority, &hosts, issued).await;
            });
        }
        let mut stop = core::pin::pin!(stop);
        loop {
            let accepted = tokio::select! {
                () = &mut stop => break,
                accepted = one.accept() => accepted,
                accepted = other.accept() => accepted,
                Some(ended) = tasks.join_next(), if !tasks.is_empty() => {
                    if let Ok(Some(upgraded)) = ended {
                        idle.spawn(Idle::keep(upgraded));
                    }
                    continue;
                }
                Some(_) = idle.join_next() => continue,
            };
            let Some(accepted) = accepted else { continue };
            let connection = Connection {
                app: Arc::clone(&self.app),
                router: self.router.clone(),
                stopped: stopped.clone(),
            };
            tasks.spawn(connection.serve(accepted));
        }
        drop((one, other, idle, stopping));
        drain(tasks).await;
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

/// Lets requests under way end, and then ends what is left.
async fn drain<T: 'static>(mut tasks: JoinSet<T>) {
    let ended = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN_TIME_MAX, ended).await.is_err() {
        tracing::warn!("Ended connections that did not end by themselves");
    }
    tasks.shutdown().await;
}

struct Connection {
    app: Arc<App>,
    router: Router,
    stopped: watch::Receiver<()>,
}

impl Connection {
    /// Answers requests; returns a connection that one of them has upgraded.
    async fn serve(mut self, accepted: Accepted) -> Option<Idle<TlsStream<TcpStream>>> {
        let Accepted { stream, address, acceptor, permit } = accepted;
        // Small answers should not wait for more.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "Could not set TCP_NODELAY");
        }
        let handshake = tokio::time::timeout(HANDSHAKE_TIME_MAX, acceptor.accept(stream));
        let Ok(Ok(stream)) = handshake.await else {
            tracing::debug!(%address, "A TLS handshake failed or took too long");
            return None;
        };
        let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first).cloned();
        let peer = Peer { address: address.ip(), certificate: certificate.map(|c| c.into_owned()) };
        let upgraded = Mutex::new(None);
        let service = service_fn(|mut request| {
            let upgrade = hyper::upgrade::on(&mut request);
            let answer = answer(Arc::clone(&self.app), self.router.clone(), peer.clone(), request);
            async {
                let mut response = answer.await;
                if let Some(line) = response.extensions_mut().remove::<Arc<Line>>() {
                    *upgraded.lock().unwrap_or_else(PoisonError::into_inner) = Some((upgrade, line));
                }
                Ok::<_, Infallible>(response)
            }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIME_MAX)
            .max_buf_size(HEAD_LEN_MAX)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            // Nothing is ever sent: the sender is dropped.
            _ = self.stopped.changed() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "A connection ended with an error");
        }
        let (upgrade, line) = upgraded.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        let Parts { io, read_buf, .. } =
            upgrade.await.ok()?.downcast::<TokioIo<TlsStream<TcpStream>>>().ok()?;
        // A copy of the few bytes, for the buffer is HTTP's.
        Some(Idle { stream: io.into_inner(), early: read_buf.to_vec(), line, permit })
    }
}
