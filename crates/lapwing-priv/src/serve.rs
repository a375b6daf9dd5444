//! One request on one connection. Varlink, "Message format"; of it this program speaks one call and one answer.

use std::{
    io::{self, IoSlice, Read as _, Write as _},
    mem::MaybeUninit,
    os::fd::AsFd as _,
    os::unix::net::UnixStream,
    time::Duration,
};

use lapwing_core::local::{
    FRAME_END, FRAME_LEN_MAX,
    root_half::{Reply, Request},
};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::{
    os::{self, Deadline},
    root::Root,
    verbs::{self, Answer, VerbError},
};

/// How long a caller may take to send its request, and again to take the answer.
const PEER_WAIT_MAX: Duration = Duration::from_secs(10);

/// Reads one request, answers it, and is done. A caller that may not ask is told so before anything is read.
///
/// # Errors
/// If the connection fails; the verb may then have been done all the same, as after any lost answer.
pub(crate) fn serve(root: &Root, mut connection: UnixStream) -> io::Result<()> {
    connection.set_write_timeout(Some(PEER_WAIT_MAX))?;
    let caller = rustix::net::sockopt::socket_peercred(connection.as_fd())?.uid.as_raw();
    let answer = match verbs::check_caller(root, caller) {
        Ok(()) => read_request(&mut connection)?
            .and_then(|request| verbs::answer(root, os::now(), &mut os::rng(), &request)),
        Err(error) => Err(error),
    };
    match answer {
        Ok(answer) => write_answer(&mut connection, answer),
        Err(error) => write_message(&mut connection, &error.to_refusal()),
    }
}

fn read_request(connection: &mut UnixStream) -> io::Result<Result<Request, VerbError>> {
    let malformed = |why: &str| Ok(Err(VerbError::Malformed(why.to_owned())));
    let deadline = Deadline::after(PEER_WAIT_MAX);
    // Neither grows nor stays: there may be a group key in it.
    let mut room = Zeroizing::new(vec![0; FRAME_LEN_MAX]);
    let mut len = 0;
    loop {
        let Some(left) = deadline.left() else { return malformed("it did not come in time") };
        connection.set_read_timeout(Some(left))?;
        let Some(rest) = room.get_mut(len..).filter(|rest| !rest.is_empty()) else {
            return malformed("it is too long");
        };
        let read = match connection.read(rest) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error),
        };
        len += read;
        let frame = room.get(..len).unwrap_or_default();
        if let Some(end) = frame.iter().position(|byte| *byte == FRAME_END) {
            if end + 1 < frame.len() {
                return malformed("there is more than one request");
            }
            // serde_json's message quotes what it did not expect; a group key in its place is none of that.
            return Ok(serde_json::from_slice(&frame[..end]).map_err(|e| VerbError::Malformed(e.to_string())));
        }
        if read == 0 {
            return malformed("it ends before its NUL");
        }
    }
}

/// Writes an answer; a descriptor goes with its first byte, and this process keeps none.
fn write_answer(connection: &mut UnixStream, answer: Answer) -> io::Result<()> {
    let Some(descriptor) = answer.descriptor() else {
        return write_message(connection, &Reply { parameters: answer });
    };
    let frame = frame(&Reply { parameters: &answer })?;
    let descriptors = [descriptor];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(io::Error::other("no room for a descriptor"));
    }
    let sent = sendmsg(&*connection, &[IoSlice::new(&frame)], &mut ancillary, SendFlags::NOSIGNAL)?;
    connection.write_all(frame.get(sent..).unwrap_or_default())
}

fn write_message(connection: &mut UnixStream, message: &impl Serialize) -> io::Result<()> {
    connection.write_all(&frame(message)?)
}

/// A message as it is sent, in a buffer that never grows: growing would leave copies of a password.
fn frame(message: &impl Serialize) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut frame = Zeroizing::new(Vec::with_capacity(FRAME_LEN_MAX));
    serde_json::to_writer(&mut *frame, message).map_err(io::Error::other)?;
    frame.push(FRAME_END);
    Ok(frame)
}
