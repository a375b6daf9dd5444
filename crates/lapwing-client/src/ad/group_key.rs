//! The key of a group, for those whom a security descriptor names: asked of the domain's controllers, or of whoever else gives
//! group keys there. [MS-GKDI] 3.2.
//!
//! Whom to ask: those that are configured, else those that DNS names, else the controllers, each of which tells its port.

use core::{future::Future, net::IpAddr, time::Duration};
use std::{io, net::SocketAddr};

use lapwing_core::{event::Hresult, secret::SecretBytes};
use lapwing_dpapi::rpc::{Answer, ClientError, GetKey, Lookup, Next, epm, isdkey::Request, pdu::AuthKind};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::{
    connector::{CONNECTIONS_MAX, Connector, SEARCH_MAX, words},
    controller::Controller,
    dce::{ContextError, SecurityContext},
    error::Stage,
    kerberos::{Credentials, KerberosError},
    locate::{self, Candidates, KeyService, LocateError, NotTaken, Wish},
};

/// How much is read at a time, in bytes: a whole fragment mostly comes at once.
const READ_LEN: usize = 8 << 10;

/// Why one that was asked gave no key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFailure {
    /// DNS has no address for it.
    #[error("DNS has no address for it")]
    NoAddress,
    /// There is no way to it, or nobody accepts connections.
    #[error("it cannot be reached on port {port}")]
    Unreachable {
        /// The port.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
    /// A deadline passed.
    #[error("it did not answer within {limit:?}")]
    TimedOut {
        /// What was under way.
        stage: Stage,
        /// The deadline.
        limit: Duration,
    },
    /// It ended the connection.
    #[error("it ended the connection")]
    Closed(#[source] io::Error),
    /// It is a controller that gives no group keys.
    #[error("it gives no group keys")]
    NotRegistered,
    /// No ticket for it, or no trust.
    #[error("this host and it cannot prove to each other who they are")]
    Kerberos(#[from] KerberosError),
    /// It does not answer as it should.
    #[error("it does not answer as it should")]
    Call(#[from] ClientError<ContextError>),
    /// It refused.
    #[error("it refuses with {0}")]
    Refused(Hresult),
    /// It is no controller that can be asked.
    #[error(transparent)]
    NotTaken(NotTaken),
}

/// Why there is no key: what became of everyone who was asked.
#[derive(Debug, thiserror::Error)]
#[error("nobody in {domain} gave the group key{}", list(tried))]
pub struct GroupKeyError {
    /// The domain.
    pub domain: String,
    /// Who was asked, and why that was in vain.
    pub tried: Vec<(String, KeyFailure)>,
    /// Why DNS named nobody, if that is so.
    pub source: Option<LocateError>,
}

fn list(tried: &[(String, KeyFailure)]) -> String {
    let tried: Vec<String> = tried.iter().map(|(name, why)| format!("{name}: {}", words(why))).collect();
    if tried.is_empty() { String::new() } else { format!(" ({})", tried.join("; ")) }
}

impl GroupKeyError {
    /// What a service refused with, if one did: the others could not do better.
    #[must_use]
    pub fn result(&self) -> Option<Hresult> {
        self.tried.iter().rev().find_map(|(_, why)| match why {
            KeyFailure::Refused(result) => Some(*result),
            _ => None,
        })
    }

    /// Whether somebody who was asked is away, so that asking again later may help by itself.
    #[must_use]
    pub fn is_away(&self) -> bool {
        self.tried.is_empty()
            || self.tried.iter().any(|(_, why)| match why {
                KeyFailure::NoAddress
                | KeyFailure::Unreachable { .. }
                | KeyFailure::TimedOut { .. }
                | KeyFailure::Closed(_)
                | KeyFailure::NotTaken(_) => true,
                KeyFailure::NotRegistered
                | KeyFailure::Kerberos(_)
                | KeyFailure::Call(_)
                | KeyFailure::Refused(_) => false,
            })
    }

    /// What to do about it: about a refusal first, then about what only this host can set right.
    #[must_use]
    pub fn next_step(&self) -> &'static str {
        if let Some(result) = self.result() {
            return match result {
                Hresult::ACCESS_DENIED => "ask as somebody to whom the data is encrypted",
                Hresult::NO_KEY => {
                    "add a KDS root key to the domain, or wait until a new one is in force: on Windows ten hours"
                }
                Hresult::INVALID_ARGUMENT => {
                    "check this host's clock, and that the data is of this domain: the interval or the root key does not fit"
                }
                _ => "look up the code, and what the controller has logged",
            };
        }
        let kerberos = self.tried.iter().rev().find_map(|(_, why)| match why {
            KeyFailure::Kerberos(source) => Some(source.next_step()),
            _ => None,
        });
        let first = || match self.tried.last() {
            Some((_, KeyFailure::NotRegistered)) => {
                "have a controller of Windows Server 2012 or later, or run lapwing-kds and name it as kds under [active_directory] in /etc/lapwing/agent.toml"
            }
            Some((_, KeyFailure::Call(_))) => {
                "check that what is named as kds gives group keys, and what stands between this host and it"
            }
            _ => match &self.source {
                Some(source) => source.next_step(),
                None => {
                    "check that it runs and that no firewall stands between: port 14135 of lapwing-kds, or 135 and those above 49151 of Windows"
                }
            },
        };
        kerberos.unwrap_or_else(first)
    }
}

/// What a key service proves to be.
#[derive(Debug, Clone, Copy)]
enum Proof {
    /// The host that an administrator has named.
    Host,
    /// A controller, by the name of its LDAP service, which no other member of the domain may have. Nobody has proved what DNS
    /// says, nor who answers in the name of a controller: whoever gives the key could read what is encrypted with it.
    Controller,
}

impl Connector {
    /// Asks for a group key: the group key envelope, [MS-GKDI] 2.2.4. `kds` are the services that are configured; `chance`
    /// decides whom among equals to ask first.
    ///
    /// # Errors
    /// [`GroupKeyError`] when nobody is left to ask.
    pub async fn group_key(
        &mut self,
        credentials: &Credentials,
        kds: &[KeyService],
        request: &Request,
        chance: u64,
    ) -> Result<SecretBytes, GroupKeyError> {
        let mut services = kds.to_vec();
        let mut proof = Proof::Host;
        if services.is_empty() {
            proof = Proof::Controller;
            services = locate::key_services(&self.source.domain, chance).await;
        }
        let mut error =
            GroupKeyError { domain: self.source.domain.to_string(), tried: Vec::new(), source: None };
        if services.is_empty() {
            return self.ask_controllers(credentials, request, chance, error).await;
        }
        for service in services.into_iter().take(CONNECTIONS_MAX) {
            match self.ask_service(credentials, &service, request, proof).await {
                Ok(envelope) => return Ok(envelope),
                Err(why) => error.tried.push((service.to_string(), why)),
            }
        }
        Err(error)
    }

    async fn ask_service(
        &self,
        credentials: &Credentials,
        service: &KeyService,
        request: &Request,
        proof: Proof,
    ) -> Result<SecretBytes, KeyFailure> {
        let mut why = KeyFailure::NoAddress;
        for address in locate::addresses(&service.name).await {
            let domain = self.source.domain.to_string();
            let host = Controller { name: service.name.to_string(), address, domain };
            match self.ask(credentials, &host, service.port, request, proof).await {
                Err(KeyFailure::Unreachable { port, source }) => {
                    why = KeyFailure::Unreachable { port, source };
                }
                asked => return asked,
            }
        }
        Err(why)
    }

    async fn ask_controllers(
        &mut self,
        credentials: &Credentials,
        request: &Request,
        chance: u64,
        mut error: GroupKeyError,
    ) -> Result<SecretBytes, GroupKeyError> {
        let mut candidates = Candidates::begin(self.source.clone(), Wish::default(), chance);
        for _ in 0..CONNECTIONS_MAX {
            let Some(found) = candidates.next(SEARCH_MAX).await else { break };
            let controller = found.controller;
            if let Some(pin) = &self.pin {
                // Without it Kerberos asks whom it likes.
                drop(pin.set(&controller));
            }
            match self.ask_controller(credentials, &controller, request).await {
                Ok(envelope) => return Ok(envelope),
                Err(why) => error.tried.push((controller.name, why)),
            }
        }
        let (tried, source) = candidates.into_tried();
        let untaken = tried.into_iter().map(|tried| (tried.controller, KeyFailure::NotTaken(tried.why)));
        // What those said that were asked is told last, and counts first.
        error.tried.splice(0..0, untaken);
        Err(GroupKeyError { source, ..error })
    }

    async fn ask_controller(
        &self,
        credentials: &Credentials,
        controller: &Controller,
        request: &Request,
    ) -> Result<SecretBytes, KeyFailure> {
        let (mut lookup, first) = Lookup::begin();
        let port = self.exchange(controller.address, epm::PORT, first, |bytes| lookup.receive(bytes)).await?;
        let port = port.ok_or(KeyFailure::NotRegistered)?;
        self.ask(credentials, controller, port, request, Proof::Controller).await
    }

    async fn ask(
        &self,
        credentials: &Credentials,
        host: &Controller,
        port: u16,
        request: &Request,
        proof: Proof,
    ) -> Result<SecretBytes, KeyFailure> {
        const KIND: AuthKind = AuthKind::Negotiate;
        let service = match proof {
            Proof::Host => host.service("host"),
            Proof::Controller => host.ldap_service(),
        };
        let (context, token) =
            SecurityContext::begin(credentials, &service, KIND, self.limits.kerberos).await?;
        let (mut call, first) = GetKey::begin(context, KIND, &token, request.clone());
        match self.exchange(host.address, port, first, |bytes| call.receive(bytes)).await? {
            Answer::Envelope(envelope) => Ok(envelope),
            Answer::Refused(result) => Err(KeyFailure::Refused(result)),
        }
    }

    /// Carries bytes between a peer and a machine until that is done. Each answer has its own deadline.
    async fn exchange<T>(
        &self,
        address: IpAddr,
        port: u16,
        first: Vec<u8>,
        mut receive: impl FnMut(&[u8]) -> Result<Next<T>, ClientError<ContextError>>,
    ) -> Result<T, KeyFailure> {
        let connected = TcpStream::connect(SocketAddr::new(address, port));
        let mut tcp = within(self.limits.connect, Stage::Connecting, connected)
            .await?
            .map_err(|source| KeyFailure::Unreachable { port, source })?;
        let mut next = first;
        loop {
            let answer = answer(&mut tcp, &next, &mut receive);
            match within(self.limits.answer, Stage::Answering, answer).await?? {
                Step::Send(bytes) => next = bytes,
                Step::Done(done) => return Ok(done),
            }
        }
    }
}

/// What an answer comes to.
enum Step<T> {
    Send(Vec<u8>),
    Done(T),
}

async fn within<T>(limit: Duration, stage: Stage, what: impl Future<Output = T>) -> Result<T, KeyFailure> {
    timeout(limit, what).await.map_err(|_| KeyFailure::TimedOut { stage, limit })
}

async fn answer<T>(
    tcp: &mut TcpStream,
    message: &[u8],
    receive: &mut impl FnMut(&[u8]) -> Result<Next<T>, ClientError<ContextError>>,
) -> Result<Step<T>, KeyFailure> {
    tcp.write_all(message).await.map_err(KeyFailure::Closed)?;
    let mut buffer = vec![0; READ_LEN];
    loop {
        let len = tcp.read(&mut buffer).await.map_err(KeyFailure::Closed)?;
        if len == 0 {
            return Err(KeyFailure::Closed(io::ErrorKind::UnexpectedEof.into()));
        }
        match receive(buffer.get(..len).unwrap_or_default())? {
            Next::Read => {}
            Next::Send(bytes) => return Ok(Step::Send(bytes)),
            Next::Done(done) => return Ok(Step::Done(done)),
        }
    }
}

#[cfg(test)]
mod tests;
