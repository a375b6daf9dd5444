//! A connection that stops being HTTP. RFC 9110 section 7.8.

use core::{future::poll_fn, pin::pin};

use hyper::{StatusCode, client::conn::http1::Parts};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::{Answer, Connection, Request, Stage, TransportError, encode, read_answer};

/// What a request for an upgrade came to.
pub(crate) enum Upgrade {
    /// The peer agreed: the stream, and what it has said on it already.
    Agreed(Box<TlsStream<TcpStream>>, Vec<u8>),
    /// It answered otherwise.
    Answered(Answer),
}

impl Connection {
    /// Sends one request for an upgrade, once.
    ///
    /// # Errors
    /// [`TransportError`].
    pub(crate) async fn upgrade(mut self, request: Request<'_>) -> Result<Upgrade, TransportError> {
        let (limit, peer, sent) = (self.limits.answer, self.url.authority(), self.sent.clone());
        sent.clear();
        let request = encode(request, &peer)?;
        tokio::time::timeout(limit, self.exchange_upgrade(request, &peer)).await.unwrap_or_else(|_| {
            Err(TransportError::TimedOut { peer, stage: Stage::Answering, limit, sent: sent.get() })
        })
    }

    async fn exchange_upgrade(
        &mut self,
        request: super::Encoded,
        peer: &str,
    ) -> Result<Upgrade, TransportError> {
        let Self { sender, driver, sent, limits, .. } = self;
        let closed = |source| TransportError::Closed { peer: peer.to_owned(), sent: sent.get(), source };
        let mut http = driver.take().ok_or_else(|| TransportError::NotKept { peer: peer.to_owned() })?;
        let mut over = false;
        let mut answer = pin!(sender.send_request(request));
        let response = poll_fn(|cx| {
            // Whatever ended it reaches `answer` as its error.
            over = over || http.as_mut().get_mut().poll_without_shutdown(cx).is_ready();
            answer.as_mut().poll(cx)
        });
        let response = response.await.map_err(closed)?;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            if !over {
                poll_fn(|cx| http.as_mut().get_mut().poll_without_shutdown(cx)).await.map_err(closed)?;
            }
            let Parts { io, read_buf, .. } = core::pin::Pin::into_inner(http).into_parts();
            return Ok(Upgrade::Agreed(Box::new(io.stream), read_buf.to_vec()));
        }
        *driver = (!over).then_some(http);
        read_answer(driver, response, peer, sent, limits.answer_len).await.map(Upgrade::Answered)
    }
}
