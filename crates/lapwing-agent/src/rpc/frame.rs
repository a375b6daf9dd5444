//! Frames of Varlink: one JSON object, ended by a NUL.

use core::time::Duration;
use std::io;

use lapwing_core::local::FRAME_END;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
};

/// The longest call, in bytes. The real ones are below a hundred.
const CALL_LEN_MAX: usize = 4096;
/// How long a caller may be silent.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// A caller's stream, with what has been read beyond the last frame.
#[derive(Debug)]
pub(super) struct Frames {
    stream: UnixStream,
    buffer: Vec<u8>,
}

impl Frames {
    pub(super) const fn new(stream: UnixStream) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    /// The next frame without its end; none once the caller has hung up.
    pub(super) async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == FRAME_END) {
                let rest = self.buffer.split_off(end + 1);
                let mut frame = core::mem::replace(&mut self.buffer, rest);
                frame.pop();
                return Ok(Some(frame));
            }
            if self.buffer.len() >= CALL_LEN_MAX {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a call is too long"));
            }
            let read = tokio::time::timeout(SILENCE_MAX, self.stream.read_buf(&mut self.buffer)).await;
            match read {
                Ok(Ok(0)) => return Ok(None),
                Ok(read) => {
                    read?;
                }
                Err(_) => return Err(io::ErrorKind::TimedOut.into()),
            }
        }
    }

    /// Sends one frame.
    pub(super) async fn send(&mut self, message: &serde_json::Value) -> io::Result<()> {
        let mut frame = serde_json::to_vec(message)?;
        frame.push(FRAME_END);
        tokio::time::timeout(SILENCE_MAX, self.stream.write_all(&frame)).await?
    }
}
