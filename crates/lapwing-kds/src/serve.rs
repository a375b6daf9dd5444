//! Connections: bytes in, bytes out, and limits on both.
//!
//! INVARIANT: Kerberos and the keys are worked at on threads of their own, so that no connection waits for another's.

use core::{net::SocketAddr, time::Duration};
use std::{
    collections::BTreeMap,
    io,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use lapwing_client::ad::{self, Acceptor, ContextError, SecurityContext};
use lapwing_core::{event::Hresult, types::Sid};
use lapwing_dpapi::{
    gkdi::Share,
    rpc::{Answer, Ended, Event, Mapper, Server, isdkey::Request},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::{JoinSet, spawn_blocking},
    time::{sleep, timeout},
};

use crate::{
    directory::{Keyring, chain},
    os,
    rules::{Caller, Decision, Record, decide},
};

/// Connections at once, of all addresses.
const CONNECTIONS_MAX: usize = 256;
/// Connections at once of one address: nobody needs more than a few, and nobody may take them all.
const CONNECTIONS_PER_ADDRESS_MAX: usize = 64;
/// How long a connection may say nothing.
const IDLE_MAX: Duration = Duration::from_secs(30);
/// How long one may last: a call takes two round trips for Kerberos, and one for the key.
const CONNECTION_MAX: Duration = Duration::from_secs(2 * 60);
/// How much is read at once, in bytes: a fragment and some.
const READ_LEN: usize = 8 << 10;
/// How long nothing is accepted after the system could not.
const PAUSE: Duration = Duration::from_millis(100);

/// What answers.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) acceptor: Acceptor,
    pub(crate) keytab: PathBuf,
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) port: u16,
}

/// Who has how many connections.
#[derive(Debug, Clone, Default)]
struct Crowd(Arc<Mutex<BTreeMap<IpAddr, usize>>>);

/// A place in the crowd, given up when dropped.
#[derive(Debug)]
struct Seat(Crowd, IpAddr);

impl Crowd {
    /// A place for one more connection of this address, unless there are too many.
    fn seat(&self, address: IpAddr) -> Option<Seat> {
        let mut seats = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = seats.get(&address).copied().unwrap_or(0);
        if own >= CONNECTIONS_PER_ADDRESS_MAX || seats.values().sum::<usize>() >= CONNECTIONS_MAX {
            return None;
        }
        seats.insert(address, own + 1);
        Some(Seat(self.clone(), address))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seats = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = seats.get(&self.1).map_or(0, |own| own.saturating_sub(1));
        if left == 0 {
            seats.remove(&self.1);
        } else {
            seats.insert(self.1, left);
        }
    }
}

/// Accepts connections for ever, and has each served by `serve`.
async fn accept<F>(listener: TcpListener, serve: impl Fn(TcpStream, SocketAddr) -> F)
where
    F: Future<Output = Result<(), End>> + Send + 'static,
{
    let (crowd, mut tasks) = (Crowd::default(), JoinSet::new());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_ended) = tasks.join_next() => continue,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, mostly: one will be given back.
                tracing::warn!(%error, "Could not accept a connection");
                sleep(PAUSE).await;
                continue;
            }
        };
        let Some(seat) = crowd.seat(peer.ip().to_canonical()) else {
            tracing::warn!(%peer, "Refused a connection: there are too many");
            continue;
        };
        let connection = serve(stream, peer);
        tasks.spawn(async move {
            let _seat = seat;
            let ended = timeout(CONNECTION_MAX, connection).await.unwrap_or(Err(End::Slow));
            if let Err(end) = ended {
                let why = chain(&end);
                let cause = if why.is_empty() { String::new() } else { format!(": {why}") };
                tracing::info!(%peer, reason = %end, why, "Ended a connection of {peer}: {end}{cause}");
            }
        });
    }
}

/// Why a connection did not come to a good end.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error("it is broken")]
    Io(#[from] io::Error),
    #[error("nothing came in time")]
    Slow,
    #[error("the client has not kept to the protocol")]
    Client(#[source] Box<dyn core::error::Error + Send + Sync>),
    #[error("the client has left before it was answered")]
    Left,
    #[error("Kerberos does not tell who asks")]
    Unknown,
    #[error("it was given up in the middle of the work for it")]
    Lost,
}

/// Reads what has come, if anything comes in time; nothing at the end.
async fn read<'a>(stream: &mut TcpStream, buffer: &'a mut [u8]) -> Result<&'a [u8], End> {
    let len = timeout(IDLE_MAX, stream.read(buffer)).await.map_err(|_| End::Slow)??;
    Ok(buffer.get(..len).unwrap_or_default())
}

async fn write(stream: &mut TcpStream, bytes: &[u8]) -> Result<(), End> {
    Ok(timeout(IDLE_MAX, stream.write_all(bytes)).await.map_err(|_| End::Slow)??)
}

async fn end<E>(stream: &mut TcpStream, ended: Ended<E>) -> End
where
    E: core::error::Error + Send + Sync + 'static,
{
    if let Some(last_words) = ended.last_words {
        // Whether they arrive changes nothing.
        drop(write(stream, &last_words).await);
    }
    End::Client(ended.why.into())
}

/// Gives keys.
pub(crate) async fn keys(listener: TcpListener, service: Arc<Service>) {
    accept(listener, |stream, peer| give(stream, peer, Arc::clone(&service))).await;
}

async fn give(mut stream: TcpStream, peer: SocketAddr, service: Arc<Service>) -> Result<(), End> {
    stream.set_nodelay(true)?;
    let mut server = Server::begin(service.acceptor.accept(), service.port);
    let mut buffer = vec![0; READ_LEN];
    let mut is_answered = false;
    loop {
        let bytes = read(&mut stream, &mut buffer).await?.to_vec();
        if bytes.is_empty() {
            return if is_answered { Ok(()) } else { Err(End::Left) };
        }
        let received;
        (server, received) = apart(move || {
            let received = server.receive(&bytes);
            (server, received)
        })
        .await?;
        match received {
            Ok(Event::Read) => {}
            Ok(Event::Send(bytes)) => write(&mut stream, &bytes).await?,
            Ok(Event::GetKey(request)) => {
                let answered;
                (server, answered) = answer(server, peer, request, &service).await?;
                is_answered = true;
                match answered {
                    Ok(bytes) => write(&mut stream, &bytes).await?,
                    Err(ended) => return Err(end(&mut stream, ended).await),
                }
            }
            Err(ended) => return Err(end(&mut stream, ended).await),
        }
    }
}

type Dialogue = Server<SecurityContext>;

/// Decides, answers and records.
async fn answer(
    mut server: Dialogue,
    peer: SocketAddr,
    request: Request,
    service: &Service,
) -> Result<(Dialogue, Result<Vec<u8>, Ended<ContextError>>), End> {
    let caller = server.seal().and_then(|context| context.caller().ok().flatten()).ok_or(End::Unknown)?;
    let keytab = service.keytab.clone();
    let caller = apart(move || vouched(caller, &keytab)).await?;
    let asked = Arc::new((caller, request));
    let mut decision = work(&asked, service).await?;
    let is_unknown = matches!(decision.answer, Answer::Refused(Hresult::NO_KEY));
    if is_unknown && service.keyring.read_for_unknown().await {
        decision = work(&asked, service).await?;
    }
    let Decision { answer, record } = decision;
    tell(&asked.0, peer, &record);
    apart(move || {
        let answered = server.answer(&answer);
        (server, answered)
    })
    .await
}

/// Who asks, with what the domain says of them only if that is signed with one of our keys: GSSAPI may say so where it is not.
fn vouched(caller: ad::Caller, keytab: &Path) -> Caller {
    let is_signed = |certificate: &[u8]| ad::is_signed(keytab, certificate).is_ok_and(|is_signed| is_signed);
    let logon_info = caller.logon_info.filter(|_| caller.certificate.as_deref().is_some_and(is_signed));
    Caller { principal: caller.principal, logon_info }
}

/// The line of the log for an answer: in words, and by fields for whoever counts.
fn tell(caller: &Caller, peer: SocketAddr, record: &Record) {
    let text = |sid: &Option<Sid>| sid.as_ref().map_or("nobody".to_owned(), ToString::to_string);
    let (principal, given) = (text(&record.principal), record.given.map_or("nothing", given));
    tracing::info!(
        caller = %caller.principal,
        account = text(&record.account),
        principal,
        root_key = record.root_key.map(|id| id.to_string()),
        interval = ?record.interval,
        given,
        result = %record.result,
        reason = record.why,
        %peer,
        "Gave {caller} at {peer} {given} of the group key of {principal}: {result}{why}",
        caller = caller.principal,
        result = record.result,
        why = record.why.as_ref().map_or(String::new(), |why| format!(", {why}")),
    );
}

const fn given(share: Share) -> &'static str {
    match share {
        Share::Seed => "seed keys",
        Share::Public => "public key",
    }
}

async fn work(asked: &Arc<(Caller, Request)>, service: &Service) -> Result<Decision, End> {
    let (asked, keys) = (Arc::clone(asked), service.keyring.current());
    apart(move || decide(&keys.keys, &keys.names, &asked.0, &asked.1, os::now())).await
}

async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, End> {
    spawn_blocking(work).await.map_err(|_| End::Lost)
}

/// Tells where keys are given, to whoever asks on the port of the endpoint mapper.
pub(crate) async fn mapper(listener: TcpListener, port: u16) {
    accept(listener, |stream, _| locate(stream, port)).await;
}

async fn locate(mut stream: TcpStream, port: u16) -> Result<(), End> {
    stream.set_nodelay(true)?;
    // It was bound to an address of this form.
    let IpAddr::V4(address) = stream.local_addr()?.ip() else { return Err(End::Lost) };
    let mut mapper = Mapper::begin(address, port);
    let mut buffer = vec![0; READ_LEN];
    loop {
        let bytes = read(&mut stream, &mut buffer).await?;
        if bytes.is_empty() {
            return Ok(());
        }
        match mapper.receive(bytes) {
            Ok(None) => {}
            Ok(Some(answer)) => write(&mut stream, &answer).await?,
            Err(ended) => return Err(end(&mut stream, ended).await),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const fn address(last: u8) -> IpAddr {
        IpAddr::V4(Ipv4Addr::new(192, 0, 2, last))
    }

    #[test]
    fn nobody_takes_all_connections_and_who_leaves_makes_room() {
        let crowd = Crowd::default();
        let of_one: Vec<_> = core::iter::from_fn(|| crowd.seat(address(1))).take(CONNECTIONS_MAX).collect();
        assert_eq!(of_one.len(), CONNECTIONS_PER_ADDRESS_MAX);
        let others: Vec<_> =
            (2..).map_while(|last| crowd.seat(address(last))).take(CONNECTIONS_MAX).collect();
        assert_eq!(of_one.len() + others.len(), CONNECTIONS_MAX);
        assert!(crowd.seat(address(255)).is_none());
        drop(of_one);
        assert!(crowd.seat(address(1)).is_some());
        drop(others);
        assert!(crowd.0.lock().unwrap().is_empty());
    }
}
