//! The journal on disk. What each verb may do to it stands in [`lapwing_core::root_half`].

mod disk;
mod file;
#[cfg(test)]
mod tests;

pub(crate) use self::file::{JournalError, JournalFile};
