//! Whether a request's bytes may have left this process.
//!
//! INVARIANT: while [`Sent::get`] is false, no byte given to the stream since [`Sent::clear`] has reached TLS, so the
//! peer cannot have seen any of it. The commit protocol rests on this: only then is a send "not sent".

use core::{
    pin::Pin,
    sync::atomic::{AtomicBool, Ordering},
    task::{Context, Poll, ready},
};
use std::{io, sync::Arc};

use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::io::{AsyncBufRead, AsyncWrite};

/// The mark that a [`Watched`] stream sets.
#[derive(Debug, Clone, Default)]
pub(super) struct Sent(Arc<AtomicBool>);

impl Sent {
    pub(super) fn get(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    pub(super) fn clear(&self) {
        self.0.store(false, Ordering::SeqCst);
    }

    /// "Pending" promises that nothing was taken; an error promises nothing, so it counts as taken.
    fn note(&self, outcome: &Poll<io::Result<usize>>) {
        if !matches!(outcome, Poll::Pending | Poll::Ready(Ok(0))) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
}

/// A stream that sets the mark before its writer learns that a byte was taken.
#[derive(Debug)]
pub(super) struct Watched<S> {
    pub(super) stream: S,
    pub(super) sent: Sent,
}

impl<S: AsyncBufRead + Unpin> Read for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut stream = Pin::new(&mut self.stream);
        let data = ready!(stream.as_mut().poll_fill_buf(cx))?;
        let data = data.get(..buf.remaining()).unwrap_or(data);
        buf.put_slice(data);
        let taken = data.len();
        stream.consume(taken);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> Write for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.sent.note(&outcome);
        outcome
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.sent.note(&outcome);
        outcome
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use core::task::Waker;

    use super::*;

    /// Answers each write with the next of its outcomes.
    struct Scripted(Vec<Poll<io::Result<usize>>>);

    impl AsyncWrite for Scripted {
        fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
            self.0.remove(0)
        }
        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    fn sent_after(outcome: Poll<io::Result<usize>>) -> bool {
        let sent = Sent::default();
        let mut stream = Watched { stream: Scripted(vec![outcome]), sent: sent.clone() };
        drop(Pin::new(&mut stream).poll_write(&mut Context::from_waker(Waker::noop()), b"GET /"));
        sent.get()
    }

    #[test]
    fn a_write_that_took_nothing_is_not_sent() {
        assert!(!sent_after(Poll::Pending));
        assert!(!sent_after(Poll::Ready(Ok(0))));
    }

    #[test]
    fn a_write_that_took_a_byte_or_failed_may_be_sent() {
        assert!(sent_after(Poll::Ready(Ok(1))));
        assert!(sent_after(Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))));
    }
}
