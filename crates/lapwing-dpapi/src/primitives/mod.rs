//! The primitives, and the two ways to derive keys from them.
//!
//! INVARIANT: no other module names a crate of RustCrypto. Their traits change from one minor version to the next; what
//! changes with them is here.

pub(crate) mod curve;
mod kdf;
pub(crate) mod modular;
pub(crate) mod wrap;

pub use kdf::Hash;
pub(crate) use kdf::{concatenation, counter_mode};
use zeroize::Zeroizing;

/// A secret of a fixed length. On the heap, because a move within the stack leaves a copy that nobody wipes.
pub(crate) type Secret<const N: usize> = Box<Zeroizing<[u8; N]>>;

/// A secret that is written where it stays.
pub(crate) fn secret<const N: usize>(fill: impl FnOnce(&mut [u8; N])) -> Secret<N> {
    let mut secret = Box::new(Zeroizing::new([0; N]));
    fill(&mut secret);
    secret
}
