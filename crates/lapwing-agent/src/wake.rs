//! The wake-up connection: kept open while this host is enrolled, awake and wanted, so that the directory can have it call
//! home at once. Where it cannot live, the schedule is left.
//!
//! What wakes this program for it is one heartbeat in 50 seconds and its answer; while there is none, the next attempt.

use core::{convert::Infallible, time::Duration};
use std::{io, path::Path};

use lapwing_client::{
    CallError,
    cloud::{self, Backoff, CertificateRefused, Pulse, WakeUps, WakeUpsEnded},
    identity::{Identity, IdentityError, Root},
    transport::{HttpsUrl, Limits},
};
use lapwing_core::types::WallTime;
use tokio::sync::{Notify, mpsc, watch};

use crate::{exec::chain, os, run::News, watched_file::WatchedFile};

/// How long a server has to say that it is still there, after the host's network has changed.
const PROBE_TIME_MAX: Duration = Duration::from_secs(5);
/// When a server that wakes nobody is asked again whether it does now.
const NOT_OFFERED_WAIT: Duration = Duration::from_secs(6 * 3600);

/// What the connection is to know of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Host {
    /// The host is awake; told again, its network has changed.
    Awake,
    Asleep,
}

/// Where the connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    NotEnrolled,
    NotOffered,
    Connecting,
    Waiting,
    Connected { since: WallTime },
}

/// What is known of the connection, for the status.
#[derive(Debug, Clone)]
pub(crate) struct WakeUp {
    pub(crate) link: Link,
    /// What went wrong last, and what to do about it.
    pub(crate) last_error: Option<(String, &'static str)>,
}

/// The loop's side of it.
#[derive(Debug)]
pub(crate) struct Handle {
    host: watch::Sender<Host>,
    state: watch::Receiver<WakeUp>,
}

impl Handle {
    /// The host's network is another, or the host woke.
    pub(crate) fn reconsider(&self) {
        self.host.send_replace(Host::Awake);
    }

    /// The host is about to sleep.
    pub(crate) fn suspend(&self) {
        self.host.send_replace(Host::Asleep);
    }

    /// What is known now.
    pub(crate) fn state(&self) -> WakeUp {
        self.state.borrow().clone()
    }
}

/// The task's side of it.
#[derive(Debug)]
pub(crate) struct Keeper {
    root: Root,
    news: mpsc::Sender<News>,
    host: watch::Receiver<Host>,
    state: watch::Sender<WakeUp>,
}

/// Both sides.
pub(crate) fn new(root: Root, news: mpsc::Sender<News>) -> (Handle, Keeper) {
    let (host, told) = watch::channel(Host::Awake);
    let (tell, state) = watch::channel(WakeUp { link: Link::Connecting, last_error: None });
    (Handle { host, state }, Keeper { root, news, host: told, state: tell })
}

/// Why there is no connection now.
enum Failure {
    Identity(IdentityError),
    Call(CallError),
    Ended(WakeUpsEnded),
    NotOffered,
}

impl Keeper {
    /// Keeps the connection for ever.
    pub(crate) async fn run(mut self) {
        let enrolment = Notify::new();
        let settings = self.root.agent_settings();
        let news = self.news.clone();
        let notice = async {
            let Err(error) = follow(&settings, &enrolment, &news).await;
            tracing::info!(%error, "A new enrolment is noticed only when the network changes");
            core::future::pending::<Infallible>().await
        };
        tokio::select! {
            never = notice => match never {},
            never = self.keep(&enrolment) => match never {},
        }
    }

    async fn keep(&mut self, enrolment: &Notify) -> Infallible {
        let mut backoff = Backoff::default();
        let mut endpoint = None;
        loop {
            self.host.mark_unchanged();
            let mut host = self.host.clone();
            let failure = tokio::select! {
                failure = self.attempt(&mut endpoint, &mut backoff) => Some(failure),
                // Whoever we are now, the connection is the old one's.
                () = enrolment.notified() => None,
                () = is(&mut host, Host::Asleep) => {
                    self.tell(Link::Waiting);
                    is(&mut self.host, Host::Awake).await;
                    None
                }
            };
            let Some(failure) = failure else {
                (endpoint, backoff) = (None, Backoff::default());
                continue;
            };
            if let Failure::Call(CallError::Refused(refusal)) = &failure
                && CertificateRefused::of(refusal) == Some(CertificateRefused::RenewalRequired)
            {
                // Nobody listens any more once this program is ending.
                drop(self.news.send(News::CertificateRefused).await);
            }
            let wait = self.judge(failure, &mut endpoint, &mut backoff);
            tokio::select! {
                () = sleep(wait) => {}
                _ = self.host.changed() => {}
                () = enrolment.notified() => (endpoint, backoff) = (None, Backoff::default()),
            }
        }
    }

    /// Connects, and passes wake-ups on until the connection is over.
    async fn attempt(&self, endpoint: &mut Option<HttpsUrl>, backoff: &mut Backoff) -> Failure {
        let identity = match Identity::load(&self.root) {
            Ok(identity) => identity,
            Err(error) => return Failure::Identity(error),
        };
        self.tell(Link::Connecting);
        let found = match endpoint.take() {
            Some(known) => Ok(Some(known)),
            None => cloud::wake_up_endpoint(&identity, Limits::default()).await,
        };
        let url = match found {
            Ok(Some(url)) => url,
            Ok(None) => return Failure::NotOffered,
            Err(error) => return Failure::Call(error),
        };
        match WakeUps::open(&identity, &url, Limits::default(), Pulse::default()).await {
            Ok(open) => {
                // Known from here on: after a loss the server is spared one more question.
                (*endpoint, *backoff) = (Some(url), Backoff::default());
                drop(identity);
                Failure::Ended(self.hear(open).await)
            }
            Err(error) => Failure::Call(error),
        }
    }

    async fn hear(&self, mut open: WakeUps) -> WakeUpsEnded {
        let mut host = self.host.clone();
        host.mark_unchanged();
        self.tell(Link::Connected { since: os::now().wall });
        tracing::debug!("The wake-up connection is open");
        loop {
            tokio::select! {
                woken = open.next() => match woken {
                    // Nobody listens any more once this program is ending.
                    Ok(()) => drop(self.news.send(News::CalledHome).await),
                    Err(ended) => return ended,
                },
                _ = host.changed() => open.probe(PROBE_TIME_MAX),
            }
        }
    }

    /// Tells of a failure, and how long to wait; without an end if only somebody's action helps.
    fn judge(
        &self,
        failure: Failure,
        endpoint: &mut Option<HttpsUrl>,
        backoff: &mut Backoff,
    ) -> Option<Duration> {
        let (error, next_step): (&(dyn std::error::Error + 'static), _) = match &failure {
            Failure::Identity(IdentityError::NotEnrolled { .. }) => {
                self.state.send_replace(WakeUp { link: Link::NotEnrolled, last_error: None });
                return None;
            }
            Failure::NotOffered => {
                self.state.send_replace(WakeUp { link: Link::NotOffered, last_error: None });
                return Some(NOT_OFFERED_WAIT);
            }
            Failure::Identity(error) => (error, error.next_step()),
            Failure::Call(error) => (error, error.next_step()),
            Failure::Ended(error) => (error, "nothing: it is opened again by itself"),
        };
        let text = chain(error);
        tracing::debug!(error = text, "There is no wake-up connection");
        self.state.send_replace(WakeUp { link: Link::Waiting, last_error: Some((text, next_step)) });
        Some(match failure {
            Failure::Call(CallError::Refused(refusal)) => {
                // It may have moved.
                *endpoint = None;
                backoff.after_refusal(os::seed()).max(refusal.retry_after.unwrap_or_default())
            }
            Failure::Call(_) | Failure::Ended(_) | Failure::Identity(_) | Failure::NotOffered => {
                backoff.after_failure(os::seed())
            }
        })
    }

    fn tell(&self, link: Link) {
        self.state.send_modify(|state| state.link = link);
    }
}

async fn follow(settings: &Path, enrolment: &Notify, news: &mpsc::Sender<News>) -> io::Result<Infallible> {
    let mut settings = WatchedFile::new(settings)?;
    loop {
        settings.changed().await?;
        enrolment.notify_one();
        // Nobody listens any more once this program is ending.
        drop(news.send(News::SettingsChanged).await);
    }
}

async fn is(host: &mut watch::Receiver<Host>, wanted: Host) {
    if host.wait_for(|host| *host == wanted).await.is_err() {
        // The loop has ended, and this program with it.
        core::future::pending::<()>().await;
    }
}

async fn sleep(wait: Option<Duration>) {
    match wait {
        Some(wait) => tokio::time::sleep(wait).await,
        None => core::future::pending().await,
    }
}
