//! From a domain's name to a connection that can be written over: finds a controller, has Kerberos ask the same one, connects,
//! and goes on to the next where that fails.

use core::{error::Error, time::Duration};

use lapwing_proto::ad::{dns::SiteName, refusal::AdRefusal};

use super::{
    channel::{Limits, Protection},
    connection::Connection,
    controller::Controller,
    error::AdError,
    kdc::{KdcPin, PinError},
    kerberos::Credentials,
    locate::{Candidates, Found, LocateError, NotTaken, Source, Tried, Wish},
};

/// The longest search for one controller that answers.
pub(super) const SEARCH_MAX: Duration = Duration::from_secs(5);
/// The most controllers that connections are tried to, one after another.
pub(super) const CONNECTIONS_MAX: usize = 4;
/// `LDAP_CAP_ACTIVE_DIRECTORY_PARTIAL_SECRETS_OID`: a read-only controller says so. [MS-ADTS] 3.1.1.3.4.3.
const READ_ONLY: &str = "1.2.840.113556.1.4.1920";

/// Finds controllers and connects to them; it remembers the site that this host is in.
#[derive(Debug, Clone)]
pub struct Connector {
    /// Where to look.
    pub source: Source,
    /// How to protect.
    pub protection: Protection,
    /// How long to wait.
    pub limits: Limits,
    /// How Kerberos is told whom to ask; without it, it asks whom it likes, and may wait for one that is silent.
    pub pin: Option<KdcPin>,
}

/// A connection, and how it came to be.
#[derive(Debug)]
pub struct Connected {
    /// The connection.
    pub connection: Connection,
    /// The controller at its other end.
    pub controller: Controller,
    /// The site that this host is in, if a controller told.
    pub client_site: Option<SiteName>,
    /// The controllers that were tried before.
    pub tried: Vec<Tried>,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// DNS named nobody.
    #[error("no domain controller of {domain} was found")]
    Unlisted {
        /// The domain.
        domain: String,
        /// Why not.
        source: LocateError,
        /// Those that were known all the same.
        tried: Vec<Tried>,
    },
    /// Nobody who can be written to could be reached.
    #[error("no domain controller of {domain} that can be written to can be reached{}", list(tried))]
    Nobody {
        /// The domain.
        domain: String,
        /// Who was tried.
        tried: Vec<Tried>,
    },
    /// A controller was found, and what it says would be said by any other.
    #[error("no connection to a domain controller came to stand")]
    Refused {
        /// What it said.
        source: AdError,
        /// Those that were tried before.
        tried: Vec<Tried>,
    },
    /// Kerberos cannot be told whom to ask.
    #[error("Kerberos cannot be told which domain controller to ask")]
    Pin(#[from] PinError),
}

fn list(tried: &[Tried]) -> String {
    let tried: Vec<String> =
        tried.iter().map(|Tried { controller, why }| format!("{controller}: {}", words(why))).collect();
    if tried.is_empty() { String::new() } else { format!(" ({})", tried.join("; ")) }
}

/// With its cause, because a list has no sources.
pub(super) fn words(why: &dyn Error) -> String {
    let mut words = why.to_string();
    let mut cause = why.source();
    while let Some(source) = cause {
        words = format!("{words}: {source}");
        cause = source.source();
    }
    words
}

impl ConnectError {
    /// What to do about it.
    #[must_use]
    pub fn next_step(&self) -> &'static str {
        match self {
            Self::Unlisted { source, .. } => source.next_step(),
            Self::Nobody { .. } if self.is_read_only() => {
                "let this host reach a domain controller that can be written to: those that answer are read-only"
            }
            Self::Nobody { tried, .. } => match tried.iter().rev().find_map(|tried| tried.why.failure()) {
                Some(failure) => failure.next_step(),
                None => {
                    "check that a domain controller runs and that no firewall stands between: ports 53, 88, 389 and 636"
                }
            },
            Self::Refused { source, .. } => source.next_step(),
            Self::Pin(_) => "check that the folder /run/lapwingd is there and can be written to",
        }
    }

    /// Whether controllers were found, and all that answered are read-only.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        let Self::Nobody { tried, .. } = self else { return false };
        let is_read_only = |tried: &Tried| matches!(tried.why, NotTaken::ReadOnly);
        let is_away = |tried: &Tried| {
            matches!(tried.why, NotTaken::Silent | NotTaken::Unreachable(_) | NotTaken::NoAddress)
        };
        tried.iter().any(is_read_only) && tried.iter().all(|tried| is_read_only(tried) || is_away(tried))
    }

    /// What the controller said that was found, if one was.
    #[must_use]
    pub const fn refused(&self) -> Option<&AdError> {
        match self {
            Self::Refused { source, .. } => Some(source),
            Self::Unlisted { .. } | Self::Nobody { .. } | Self::Pin(_) => None,
        }
    }
}

impl NotTaken {
    const fn failure(&self) -> Option<&AdError> {
        match self {
            Self::Failed(error) => Some(error),
            _ => None,
        }
    }
}

impl Connector {
    /// Connects to a controller that can be written to. `chance` decides whom among equals to ask first.
    ///
    /// # Errors
    /// [`ConnectError`], at once where every controller would say the same, else when nobody is left to ask.
    pub async fn connect(
        &mut self,
        credentials: &Credentials,
        wish: Wish,
        chance: u64,
    ) -> Result<Connected, ConnectError> {
        let domain = self.source.domain.to_string();
        let mut candidates = Candidates::begin(self.source.clone(), wish, chance);
        for _ in 0..CONNECTIONS_MAX {
            let Some(found) = candidates.next(SEARCH_MAX).await else { break };
            let client_site = found.answer.as_ref().and_then(|answer| answer.client_site.clone());
            if let Some(site) = &client_site {
                self.source.site = Some(site.clone());
            }
            match self.open(credentials, &found).await? {
                Ok(connection) => {
                    let (tried, _) = candidates.into_tried();
                    return Ok(Connected { connection, controller: found.controller, client_site, tried });
                }
                Err(error) if error.is_about_controller() => {
                    let is_read_only = error.refusal() == Some(AdRefusal::ReadOnly);
                    let why = if is_read_only { NotTaken::ReadOnly } else { NotTaken::Failed(error) };
                    candidates.failed(&found.controller, why);
                }
                Err(source) => {
                    let (tried, _) = candidates.into_tried();
                    return Err(ConnectError::Refused { source, tried });
                }
            }
        }
        match candidates.into_tried() {
            (tried, Some(source)) => Err(ConnectError::Unlisted { domain, source, tried }),
            (tried, None) => Err(ConnectError::Nobody { domain, tried }),
        }
    }

    async fn open(
        &self,
        credentials: &Credentials,
        found: &Found,
    ) -> Result<Result<Connection, AdError>, ConnectError> {
        if let Some(pin) = &self.pin {
            // A small file in memory: it is written before a thread could be had for it.
            pin.set(&found.controller)?;
        }
        let opened = Connection::open(&found.controller, credentials, self.protection, &self.limits).await;
        match opened {
            // It told nothing of itself before.
            Ok(connection) if found.answer.is_none() => Ok(writable(connection).await),
            other => Ok(other),
        }
    }
}

/// The connection, if its controller can be written to.
async fn writable(mut connection: Connection) -> Result<Connection, AdError> {
    let root = connection.read("", &["supportedCapabilities"]).await?;
    if root.is_some_and(|root| root.texts("supportedCapabilities").any(|oid| oid == READ_ONLY)) {
        let peer = connection.peer().to_owned();
        return Err(AdError::Refused {
            peer,
            refusal: AdRefusal::ReadOnly,
            code: 10,
            diagnostic: "it is a read-only controller".to_owned(),
        });
    }
    Ok(connection)
}
