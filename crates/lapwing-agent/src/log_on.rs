//! What the PAM module tells, and whether it is to protect the account's password.
//!
//! Root alone can write to the socket that systemd made: its mode is the proof that a report comes from a program that asked PAM.

use core::{pin::pin, time::Duration};
use std::{convert::Infallible, fs, io, os::unix::fs::PermissionsExt as _, path::Path};

use lapwing_client::identity::Root;
use lapwing_core::log_on::{Observer, PROTECT_PATH, REPORT_LEN_MAX, Report, SOCKET_PATH, Seen, Use};
use listenfd::ListenFd;
use tokio::{net::UnixDatagram, sync::mpsc};

use crate::{os, run::News};

/// The socket that systemd passed, or one of our own making.
///
/// # Errors
/// If neither is to be had.
pub(crate) fn socket(passed: &mut ListenFd, root: &Root) -> io::Result<UnixDatagram> {
    for at in 0..passed.len() {
        if let Ok(Some(socket)) = passed.take_unix_datagram(at) {
            socket.set_nonblocking(true)?;
            return UnixDatagram::from_std(socket);
        }
    }
    let path = root.path(SOCKET_PATH);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let socket = UnixDatagram::bind(&path)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    Ok(socket)
}

/// Tells of uses of managed accounts for ever.
pub(crate) async fn watch(socket: UnixDatagram, news: mpsc::Sender<News>) {
    let Err(error) = follow(&socket, &news).await;
    tracing::warn!(%error, "Log-ons are not heard of any more");
    core::future::pending().await
}

async fn follow(socket: &UnixDatagram, news: &mpsc::Sender<News>) -> io::Result<Infallible> {
    let mut observer = Observer::default();
    // One byte more than the longest, so that one that was cut shows.
    let mut bytes = [0; REPORT_LEN_MAX + 1];
    loop {
        let now = os::now().boot;
        let wait = observer.poll_timeout().map_or(Duration::MAX, |at| at.saturating_since(now));
        let received = pin!(tokio::time::timeout(wait, socket.recv(&mut bytes))).await;
        let now = os::now().boot;
        let seen = match received {
            Ok(len) => match Report::parse(bytes.get(..len?).unwrap_or_default()) {
                Ok(report) => observer.observe(now, report),
                Err(error) => {
                    tracing::warn!(%error, "A report of a log-on was not understood; have module and agent the same version?");
                    continue;
                }
            },
            Err(_) => observer.overdue(now),
        };
        for seen in seen {
            if seen.how == Use::Impersonated {
                let Seen { account, service, .. } = &seen;
                tracing::info!(%account, service, "Root has become the managed account, which proves nothing");
            }
            // Nobody listens any more once this program is ending.
            drop(news.send(News::Seen(seen)).await);
        }
    }
}

/// Tells the module whether to protect the account's password, where that is another than before.
#[derive(Debug, Default)]
pub(crate) struct Protection(Option<bool>);

impl Protection {
    pub(crate) fn follow(&mut self, root: &Root, wanted: bool) {
        if self.0.replace(wanted) == Some(wanted) {
            return;
        }
        if let Err(error) = set(&root.path(PROTECT_PATH), wanted) {
            tracing::warn!(%error, wanted, "The PAM module cannot be told whether to protect passwords");
        }
    }
}

fn set(path: &Path, wanted: bool) -> io::Result<()> {
    if wanted {
        return fs::write(path, b"");
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_is_told_once_and_again_when_it_is_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("protect");
        for (wanted, is_there) in [(false, false), (true, true), (true, true), (false, false)] {
            set(&path, wanted).unwrap();
            assert_eq!(path.exists(), is_there);
        }
    }
}
