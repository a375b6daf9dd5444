//! The ping: a datagram first, and a connection where datagrams are not let through.

use core::time::Duration;
use std::{io, net::SocketAddr};

use lapwing_proto::{
    ad::netlogon::{ANSWER_LEN_MAX, Answer, PingError},
    ldap::{
        ber::BerError,
        bind::{HEADER_LEN, response_len},
    },
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpStream, UdpSocket},
    time::timeout,
};

use super::NotTaken;

/// LDAP's, for datagrams and connections alike. [MS-ADTS] 6.3.3.
pub(super) const PORT: u16 = 389;
/// When a datagram that may be lost is sent again.
const AGAIN: [Duration; 3] =
    [Duration::from_millis(300), Duration::from_millis(300), Duration::from_millis(400)];
/// The longest wait for a connection and the answer over it.
const CONNECTION_MAX: Duration = Duration::from_millis(1500);
/// The number of the question: a socket asks one.
pub(super) const MESSAGE: u8 = 1;

/// Asks the controller at this address: its answer, or none if it speaks LDAP over connections and does not answer pings there.
pub(super) async fn ask(to: SocketAddr, question: &[u8]) -> Result<Option<Answer>, NotTaken> {
    if let Ok(Some(answer)) = datagram(to, question).await {
        return answer.map(Some).map_err(NotTaken::Answer);
    }
    // Silence, or a refusal that a firewall may have made up: a connection tells.
    match timeout(CONNECTION_MAX, connection(to, question)).await {
        Ok(answer) => answer,
        Err(_) => Err(NotTaken::Silent),
    }
}

/// Sends the question until there is an answer to it; none if all that comes is silence.
async fn datagram(to: SocketAddr, question: &[u8]) -> io::Result<Option<Result<Answer, PingError>>> {
    let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).await?;
    // From now on the system drops what others send.
    socket.connect(to).await?;
    let mut buffer = vec![0; ANSWER_LEN_MAX];
    for wait in AGAIN {
        socket.send(question).await?;
        let Ok(received) = timeout(wait, socket.recv(&mut buffer)).await else { continue };
        return Ok(Some(Answer::parse(MESSAGE, buffer.get(..received?).unwrap_or_default())));
    }
    Ok(None)
}

async fn connection(to: SocketAddr, question: &[u8]) -> Result<Option<Answer>, NotTaken> {
    let mut stream = TcpStream::connect(to).await.map_err(NotTaken::Unreachable)?;
    let answer = exchange(&mut stream, question).await.map_err(NotTaken::Unreachable)?;
    match Answer::parse(MESSAGE, &answer) {
        Ok(answer) => Ok(Some(answer)),
        // It speaks LDAP, and that is much: the specification promises an answer to datagrams only. Who it is, Kerberos tells.
        Err(PingError::NotServed) => Ok(None),
        Err(other) => Err(NotTaken::Answer(other)),
    }
}

async fn exchange(stream: &mut TcpStream, question: &[u8]) -> io::Result<Vec<u8>> {
    let malformed = |error: BerError| io::Error::new(io::ErrorKind::InvalidData, error);
    stream.write_all(question).await?;
    let mut answer = Vec::new();
    loop {
        let want = match response_len(&answer).map_err(malformed)? {
            Some(len) if answer.len() >= len => return Ok(answer),
            Some(len) => len.min(ANSWER_LEN_MAX),
            None => HEADER_LEN.min(answer.len() + 2),
        };
        let start = answer.len();
        if want <= start {
            return Err(malformed(BerError::Length));
        }
        answer.resize(want, 0);
        stream.read_exact(answer.get_mut(start..).unwrap_or_default()).await?;
    }
}
