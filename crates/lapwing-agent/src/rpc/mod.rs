//! The local socket: Varlink, with callers known by their peer credentials.
//!
//! Our own loop and not a library's: those for Varlink serve one call at a time, so that a status would wait behind a
//! rotation, and they log message bodies.

mod authority;
mod frame;
mod service;

use std::{fs, io, os::unix::fs::PermissionsExt as _, path::Path};

use anyhow::Context as _;
use lapwing_client::identity::Root;
use lapwing_core::{
    agent::{Answer, Request},
    local::agent::SOCKET_PATH,
};
use lapwing_proto::trace::TraceInfo;
use listenfd::ListenFd;
use tokio::{
    net::{UnixListener, UnixStream},
    sync::{mpsc, oneshot},
    task::JoinSet,
};

use crate::run::Known;

/// The most callers at a time; one more waits until another has ended.
const CONNECTIONS_MAX: usize = 16;

/// What a caller wants of the loop.
#[derive(Debug)]
pub(crate) enum Call {
    /// What the agent knows of itself.
    Report(oneshot::Sender<Known>),
    /// What became of the last rotations.
    Traces(oneshot::Sender<Vec<TraceInfo>>),
    /// A rotation or a cycle.
    Request(Request, oneshot::Sender<Answer>),
}

/// The socket that systemd passed, or one of our own making.
///
/// # Errors
/// If neither is to be had.
pub(crate) fn listener(passed: &mut ListenFd, root: &Root) -> anyhow::Result<UnixListener> {
    for at in 0..passed.len() {
        // The others are of another kind.
        if let Ok(Some(listener)) = passed.take_unix_listener(at) {
            listener.set_nonblocking(true)?;
            return Ok(UnixListener::from_std(listener)?);
        }
    }
    let path = root.path(SOCKET_PATH.trim_start_matches('/'));
    bind(&path).with_context(|| format!("the socket {} cannot be made", path.display()))
}

fn bind(path: &Path) -> io::Result<UnixListener> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(path)?;
    // Anybody may ask for the status; who may ask for more is decided per call.
    fs::set_permissions(path, fs::Permissions::from_mode(0o666))?;
    Ok(listener)
}

/// Serves callers for ever.
pub(crate) async fn serve(listener: UnixListener, root: Root, calls: mpsc::Sender<Call>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.len() >= CONNECTIONS_MAX {
            connections.join_next().await;
        }
        match listener.accept().await {
            Ok((stream, _)) => {
                connections.spawn(converse(stream, root.clone(), calls.clone()));
            }
            Err(error) => {
                // Out of descriptors, most likely: a caller that ends gives one back.
                tracing::warn!(%error, "A caller could not be accepted");
                tokio::time::sleep(core::time::Duration::from_secs(1)).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn converse(stream: UnixStream, root: Root, calls: mpsc::Sender<Call>) {
    if let Err(error) = service::converse(stream, &root, &calls).await {
        tracing::debug!(%error, "A caller's connection ended");
    }
}
