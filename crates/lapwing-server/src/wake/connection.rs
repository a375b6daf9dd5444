//! One wake-up connection after its upgrade. Thousands of them wait at once, so each holds as little as can be: TLS, one
//! timer, a few bytes.

use core::{pin::pin, time::Duration};
use std::{io, sync::Arc};

use lapwing_proto::wake::{CALL_HOME, HEARTBEAT, SILENCE_MAX};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    sync::OwnedSemaphorePermit,
    time::Instant,
};

use super::Line;
use crate::os;

/// The most bytes that are read at once; a device has one to say.
const READ_LEN: usize = 16;
/// How long a device may take to hear.
const WRITE_TIME_MAX: Duration = Duration::from_secs(20);

/// A connection that has been upgraded.
pub(crate) struct Idle<S> {
    pub(crate) stream: S,
    /// What came together with the request.
    pub(crate) early: Vec<u8>,
    pub(crate) line: Arc<Line>,
    pub(crate) permit: OwnedSemaphorePermit,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Idle<S> {
    /// Keeps it until the device is gone, says what it may not, or is to be heard no longer.
    pub(crate) async fn keep(self) {
        let Self { stream, early, line, permit: _permit } = self;
        tokio::select! {
            biased;
            () = line.ended() => {}
            ended = converse(stream, early, &line) => if let Err(error) = ended {
                tracing::debug!(%error, "A wake-up connection ended");
            },
        }
    }
}

async fn converse(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    early: Vec<u8>,
    line: &Line,
) -> io::Result<()> {
    say(&mut stream, heartbeats(&early)?).await?;
    drop(early);
    let mut silence = pin!(tokio::time::sleep(SILENCE_MAX));
    let mut heard = [0; READ_LEN];
    loop {
        tokio::select! {
            () = line.woken() => say(&mut stream, &[CALL_HOME]).await?,
            len = stream.read(&mut heard) => {
                let heard = heard.get(..len?).unwrap_or_default();
                if heard.is_empty() {
                    return Ok(());
                }
                say(&mut stream, heartbeats(heard)?).await?;
                // By the wall clock, which goes on while this host is suspended; a device is never silent for long.
                if line.until() < os::now() {
                    return Ok(());
                }
                silence.as_mut().reset(Instant::now() + SILENCE_MAX);
            }
            () = &mut silence => return Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

/// What was said, if that is nothing but heartbeats: the answer is the same.
fn heartbeats(said: &[u8]) -> io::Result<&[u8]> {
    if said.iter().all(|byte| *byte == HEARTBEAT) { Ok(said) } else { Err(io::ErrorKind::InvalidData.into()) }
}

async fn say(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    let said = async {
        stream.write_all(bytes).await?;
        stream.flush().await
    };
    tokio::time::timeout(WRITE_TIME_MAX, said).await?
}

#[cfg(test)]
mod tests {
    use core::num::NonZeroU32;

    use lapwing_core::types::{DeviceId, FileTime, Guid};
    use tokio::{io::DuplexStream, sync::Semaphore, task::JoinHandle};

    use super::*;
    use crate::wake::{Bus as _, Lines};

    const DEVICE: DeviceId = DeviceId(Guid::from_bytes([1; 16]));

    /// A device's end of a connection, the server's end being kept.
    fn connected(lines: &Lines, early: &[u8], until: FileTime) -> (DuplexStream, JoinHandle<()>) {
        let (device, stream) = tokio::io::duplex(64);
        let permit = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        let line = Arc::new(lines.connect(DEVICE, until));
        let idle = Idle { stream, early: early.to_vec(), line, permit };
        (device, tokio::spawn(idle.keep()))
    }

    fn lines() -> Lines {
        Lines::new(NonZeroU32::MIN)
    }

    #[tokio::test]
    async fn a_wake_up_is_one_byte_and_what_came_early_is_answered() {
        let lines = lines();
        let (mut device, kept) = connected(&lines, &[HEARTBEAT], FileTime::MAX);
        assert_eq!(device.read_u8().await.unwrap(), HEARTBEAT);
        lines.wake(DEVICE);
        assert_eq!(device.read_u8().await.unwrap(), CALL_HOME);
        lines.end(DEVICE);
        kept.await.unwrap();
        assert_eq!(device.read(&mut [0]).await.unwrap(), 0);
        assert!(!lines.connected(DEVICE));
    }

    #[tokio::test]
    async fn it_ends_with_the_certificate_that_opened_it() {
        let lines = lines();
        let (mut device, kept) = connected(&lines, &[], os::now());
        device.write_u8(HEARTBEAT).await.unwrap();
        assert_eq!(device.read_u8().await.unwrap(), HEARTBEAT);
        kept.await.unwrap();
        assert!(!lines.connected(DEVICE));
    }

    // Paused, the runtime's clock jumps to its next timer.
    #[tokio::test(start_paused = true)]
    async fn silence_ends_it_and_wake_ups_do_not_count_as_speech() {
        let lines = lines();
        let (mut device, kept) = connected(&lines, &[], FileTime::MAX);
        let begun = Instant::now();
        for _ in 0..3 {
            tokio::time::sleep(SILENCE_MAX / 2).await;
            device.write_u8(HEARTBEAT).await.unwrap();
            assert_eq!(device.read_u8().await.unwrap(), HEARTBEAT);
        }
        tokio::time::sleep(SILENCE_MAX / 2).await;
        lines.wake(DEVICE);
        assert_eq!(device.read_u8().await.unwrap(), CALL_HOME);
        kept.await.unwrap();
        assert_eq!(begun.elapsed().as_secs(), (SILENCE_MAX / 2 * 3 + SILENCE_MAX).as_secs());
    }
}
