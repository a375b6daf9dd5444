//! Who may have which key. Nothing here reads a clock, a file or a socket.

mod access;
mod decide;
mod token;

pub(crate) use self::decide::{Caller, Decision, Record, decide};
use self::{access::check, token::Token};
