//! The one call of this program that the compiler cannot vouch for.
#![expect(
    unsafe_code,
    reason = "the runtime asks for a promise about descriptors that only the caller can give"
)]

use std::{io, os::fd::OwnedFd};

use tokio::io::{Interest, unix::AsyncFd};

/// Waits for a descriptor to become readable, on the runtime.
///
/// # Errors
/// If the runtime's poller refuses the descriptor.
pub(crate) fn watch(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` names the same open file until it is dropped, and `AsyncFd` takes it off the poller first.
    unsafe { Ok(AsyncFd::register_with_interest(descriptor, Interest::READABLE)?) }
}
