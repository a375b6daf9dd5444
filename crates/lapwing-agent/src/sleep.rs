//! The host's sleep: logind says when it is near and when it is over, and waits for a while until clear text is wiped.
//!
//! Only the connection that owns logind's name is listened to, and the bus lets none but root own it.
//! <https://systemd.io/INHIBITOR_LOCKS>

use core::{convert::Infallible, future::poll_fn, pin::pin, time::Duration};
use std::io;

use futures_core::Stream as _;
use lapwing_client::identity::Root;
use tokio::{net::UnixStream, sync::mpsc};
use zbus::{OwnedFd, connection::Builder, fdo};

use crate::run::News;

const BUS: &str = "run/dbus/system_bus_socket";
/// The longest that the bus or logind may take to answer.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);
/// The wait before a bus that was lost is looked for again; it doubles from one failure to the next.
const WAIT_MIN: Duration = Duration::from_secs(1);
const WAIT_MAX: Duration = Duration::from_secs(3600);

/// Holds off the host's sleep, as long as logind allows, until it is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    _open: OwnedFd,
}

/// logind, as far as it is needed. org.freedesktop.login1(5).
#[zbus::proxy(
    interface = "org.freedesktop.login1.Manager",
    default_service = "org.freedesktop.login1",
    default_path = "/org/freedesktop/login1"
)]
trait Manager {
    fn inhibit(&self, what: &str, who: &str, why: &str, mode: &str) -> zbus::Result<OwnedFd>;

    #[zbus(signal)]
    fn prepare_for_sleep(&self, start: bool) -> zbus::Result<()>;
}

/// Tells of sleep for ever; of none on a host without a bus or logind, for which it keeps looking less and less often.
pub(crate) async fn watch(root: Root, news: mpsc::Sender<News>) {
    let mut wait = WAIT_MIN;
    loop {
        let Err(error) = follow(&root, &news, &mut wait).await;
        if wait == WAIT_MIN {
            tracing::info!(%error, "Nobody tells when this host is about to sleep");
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(WAIT_MAX);
    }
}

async fn follow(root: &Root, news: &mpsc::Sender<News>, wait: &mut Duration) -> zbus::Result<Infallible> {
    let closed = || zbus::Error::from(io::Error::from(io::ErrorKind::ConnectionAborted));
    let stream = UnixStream::connect(root.path(BUS)).await?.into_std()?;
    let connecting = Builder::unix_stream(stream).method_timeout(ANSWER_TIME_MAX).build();
    let connection = tokio::time::timeout(ANSWER_TIME_MAX, connecting).await.map_err(io::Error::from)??;
    let manager = ManagerProxy::new(&connection).await?;
    let mut signals = pin!(manager.receive_prepare_for_sleep().await?);
    let mut lock = hold_awake(&manager).await?;
    *wait = WAIT_MIN;
    loop {
        let signal = poll_fn(|context| signals.as_mut().poll_next(context)).await.ok_or_else(closed)?;
        let told = if *signal.args()?.start() {
            News::Suspending(lock.take())
        } else {
            lock = hold_awake(&manager).await?;
            News::Woke
        };
        // Nobody listens any more once this program is ending.
        drop(news.send(told).await);
    }
}

/// Takes the lock that the next sleep waits for; none where logind grants it to nobody but root, as it does without polkit.
async fn hold_awake(manager: &ManagerProxy<'_>) -> zbus::Result<Option<Lock>> {
    match manager.inhibit("sleep", "lapwingd", "Wipes passwords from memory", "delay").await {
        Ok(open) => Ok(Some(Lock { _open: open })),
        Err(zbus::Error::FDO(refused))
            if matches!(
                *refused,
                fdo::Error::AccessDenied(_) | fdo::Error::InteractiveAuthorizationRequired(_)
            ) =>
        {
            tracing::info!(error = %refused, "This host's sleep cannot be held off until passwords are wiped");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
