//! The wake-up connection, as a device keeps it. docs/protocol.md, "Wake-up".

use core::time::Duration;
use std::io;

use hyper::Method;
use lapwing_proto::wake::{CALL_HOME, ECHO_TIME_MAX, HEARTBEAT, HEARTBEAT_INTERVAL, PROTOCOL};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, sleep_until, timeout_at},
};
use tokio_rustls::client::TlsStream;

use crate::{
    identity::Identity,
    refusal::{CallError, Refusal},
    transport::{HttpsUrl, Limits, Request, Upgrade},
};

const WHAT: &str = "open the wake-up connection";
/// The most bytes that are read at once; a server has one or two to say.
const READ_LEN: usize = 16;

/// How often this host says that it is there, and how long it waits for the answer.
#[derive(Debug, Clone, Copy)]
pub struct Pulse {
    /// From one heartbeat to the next.
    pub interval: Duration,
    /// For the answer to one.
    pub answer: Duration,
}

impl Default for Pulse {
    fn default() -> Self {
        Self { interval: HEARTBEAT_INTERVAL, answer: ECHO_TIME_MAX }
    }
}

/// Why a wake-up connection is over.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WakeUpsEnded {
    /// The server, or something on the way, ended it.
    #[error("the wake-up connection was closed")]
    Closed,
    /// The connection broke.
    #[error("the wake-up connection broke")]
    Broken(#[source] io::Error),
    /// A heartbeat was not answered.
    #[error("the server did not answer a heartbeat within {0:?}")]
    Silent(Duration),
    /// The server said something that the protocol does not have.
    #[error("the server says on the wake-up connection what the protocol does not have")]
    Malformed,
}

/// Where the server wakes its devices; none if it does not.
///
/// # Errors
/// [`CallError`].
pub async fn wake_up_endpoint(identity: &Identity, limits: Limits) -> Result<Option<HttpsUrl>, CallError> {
    let management = super::management(identity, limits).await?;
    Ok(management.map(|management| management.wake_up.parse()).transpose()?)
}

/// An open wake-up connection.
#[derive(Debug)]
pub struct WakeUps {
    stream: Box<TlsStream<TcpStream>>,
    pulse: Pulse,
    /// What came together with the server's agreement, until it is looked at.
    early: Vec<u8>,
    /// A wake-up came that nobody was told of yet.
    woken: bool,
    /// When the next heartbeat is due.
    beat_at: Instant,
    /// How long the answer to it may take.
    answer_max: Duration,
    /// By when the answer to the last one must be there; none once it is.
    answer_by: Option<Instant>,
}

impl WakeUps {
    /// Opens one, by the device's certificate.
    ///
    /// # Errors
    /// [`CallError`]; a refusal says that the server does not want this device there.
    pub async fn open(
        identity: &Identity,
        endpoint: &HttpsUrl,
        limits: Limits,
        pulse: Pulse,
    ) -> Result<Self, CallError> {
        let dialer = identity.dialer(Some(identity.client_certificate()), limits)?;
        let request = Request {
            method: Method::GET,
            url: endpoint,
            bearer: None,
            headers: &[("connection", "Upgrade"), ("upgrade", PROTOCOL)],
            content: None,
        };
        match dialer.connect(endpoint).await?.upgrade(request).await? {
            Upgrade::Agreed(stream, early) => Ok(Self {
                stream,
                pulse,
                early,
                woken: false,
                beat_at: Instant::now() + pulse.interval,
                answer_max: pulse.answer,
                answer_by: None,
            }),
            Upgrade::Answered(answer) => Err(Refusal::read(&endpoint.authority(), WHAT, &answer).into()),
        }
    }

    /// Waits for the next wake-up, and meanwhile keeps the connection alive. Dropped before it is over, it loses none.
    ///
    /// # Errors
    /// [`WakeUpsEnded`]; the connection is of no use any more.
    pub async fn next(&mut self) -> Result<(), WakeUpsEnded> {
        let early = core::mem::take(&mut self.early);
        if !early.is_empty() {
            self.hear(&early)?;
        }
        let mut heard = [0; READ_LEN];
        while !core::mem::take(&mut self.woken) {
            let due = self.answer_by.map_or(self.beat_at, |by| by.min(self.beat_at));
            tokio::select! {
                len = self.stream.read(&mut heard) => {
                    self.hear(heard.get(..len.map_err(ended)?).unwrap_or_default())?;
                }
                () = sleep_until(due) => self.beat().await?,
            }
        }
        Ok(())
    }

    /// Asks at once, and not at the next heartbeat, whether the server is still there, which has `answer_max` to say so:
    /// for a host whose network has changed.
    pub fn probe(&mut self, answer_max: Duration) {
        (self.beat_at, self.answer_max, self.answer_by) = (Instant::now(), answer_max, None);
    }

    fn hear(&mut self, said: &[u8]) -> Result<(), WakeUpsEnded> {
        if said.is_empty() {
            return Err(WakeUpsEnded::Closed);
        }
        for byte in said {
            match *byte {
                CALL_HOME => self.woken = true,
                HEARTBEAT => self.answer_by = None,
                _ => return Err(WakeUpsEnded::Malformed),
            }
        }
        Ok(())
    }

    /// Sends a heartbeat, unless the last one was not answered in time.
    async fn beat(&mut self) -> Result<(), WakeUpsEnded> {
        let now = Instant::now();
        if self.answer_by.is_some_and(|by| by <= now) {
            return Err(WakeUpsEnded::Silent(self.answer_max));
        }
        let by = now + self.answer_max;
        let said = async {
            self.stream.write_all(&[HEARTBEAT]).await?;
            self.stream.flush().await
        };
        let said = timeout_at(by, said).await.map_err(|_| WakeUpsEnded::Silent(self.answer_max))?;
        said.map_err(ended)?;
        // The oldest that is unanswered counts.
        self.answer_by.get_or_insert(by);
        self.beat_at = now + self.pulse.interval;
        Ok(())
    }
}

/// A server that is killed, or a proxy that has lost its patience, takes no leave.
fn ended(error: io::Error) -> WakeUpsEnded {
    match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            WakeUpsEnded::Closed
        }
        _ => WakeUpsEnded::Broken(error),
    }
}
