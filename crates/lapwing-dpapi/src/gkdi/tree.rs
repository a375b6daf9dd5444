//! Seed keys: from a root key down to an interval. [MS-GKDI] 3.1.4.1.2.
//!
//! INVARIANT: a key knows where it stands, and gives only keys below it or older than it.

use core::fmt;

use lapwing_core::types::Guid;

use super::interval::{Interval, LAST};
use crate::primitives::{Hash, Secret, counter_mode, secret};

/// The length of a seed key in bytes.
pub const SEED_LEN: usize = 64;

type Seed = Secret<SEED_LEN>;

/// In place of an index: above that level.
const ABOVE: i32 = -1;

/// Whose tree it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tree {
    pub(super) root_key_id: Guid,
    pub(super) hash: Hash,
}

/// The seed key of an L0 interval, from which all others of it come, for whatever descriptor. Never leaves this machine.
pub struct L0Key {
    tree: Tree,
    l0: i32,
    seed: Seed,
}

/// The seed key of an L1 interval for one descriptor.
pub struct L1Key {
    tree: Tree,
    l0: i32,
    l1: i32,
    seed: Seed,
}

/// The seed key of ten hours for one descriptor.
pub struct L2Key {
    tree: Tree,
    interval: Interval,
    seed: Seed,
}

impl Tree {
    /// The seed at a position, from the one above it or newer by one.
    fn seed(self, from: &[u8; SEED_LEN], position: [i32; 3], descriptor: &[u8]) -> Seed {
        let id = self.root_key_id.to_bytes_le();
        let [l0, l1, l2] = position.map(i32::to_le_bytes);
        secret(|out| counter_mode(self.hash, from, &[&id, &l0, &l1, &l2, descriptor], out))
    }
}

impl L0Key {
    pub(super) fn new(tree: Tree, root: &[u8; SEED_LEN], l0: i32) -> Self {
        Self { tree, l0, seed: tree.seed(root, [l0, ABOVE, ABOVE], &[]) }
    }

    /// The newest L1 key for the security descriptor of these bytes: the one step that takes them.
    #[must_use]
    pub fn newest(&self, descriptor: &[u8]) -> L1Key {
        let seed = self.tree.seed(&self.seed, [self.l0, LAST, ABOVE], descriptor);
        L1Key { tree: self.tree, l0: self.l0, l1: LAST, seed }
    }
}

impl L1Key {
    pub(super) fn read(tree: Tree, l0: i32, l1: i32, bytes: &[u8]) -> Option<Self> {
        Some(Self { tree, l0, l1, seed: read(bytes)? })
    }

    /// The key of an index that is this one's or older; none for others.
    #[must_use]
    pub fn older(&self, l1: i32) -> Option<Self> {
        let step = |seed: Seed, l1: i32| self.tree.seed(&seed, [self.l0, l1, ABOVE], &[]);
        let seed = (0..=self.l1).contains(&l1).then(|| (l1..self.l1).rev().fold(copy(&self.seed), step))?;
        Some(Self { l1, seed, ..*self })
    }

    /// The newest L2 key below this one.
    #[must_use]
    pub fn newest(&self) -> Option<L2Key> {
        let interval = Interval::new(self.l0, self.l1, LAST).ok()?;
        Some(L2Key { tree: self.tree, interval, seed: self.tree.seed(&self.seed, interval.indexes(), &[]) })
    }

    pub(super) fn expose_secret(&self) -> &[u8; SEED_LEN] {
        &self.seed
    }
}

impl L2Key {
    pub(super) fn read(tree: Tree, interval: Interval, bytes: &[u8]) -> Option<Self> {
        Some(Self { tree, interval, seed: read(bytes)? })
    }

    /// The key of an index that is this one's or older, below the same L1 key; none for others.
    #[must_use]
    pub fn older(&self, l2: i32) -> Option<Self> {
        let [l0, l1, newest] = self.interval.indexes();
        let step = |seed: Seed, l2: i32| self.tree.seed(&seed, [l0, l1, l2], &[]);
        let seed = (0..=newest).contains(&l2).then(|| (l2..newest).rev().fold(copy(&self.seed), step))?;
        Some(Self { tree: self.tree, interval: Interval::new(l0, l1, l2).ok()?, seed })
    }

    /// Fills `out` with what comes of this key in some context.
    pub(crate) fn derive(&self, context: &[u8], out: &mut [u8]) {
        counter_mode(self.tree.hash, &**self.seed, &[context], out);
    }

    pub(super) fn expose_secret(&self) -> &[u8; SEED_LEN] {
        &self.seed
    }
}

fn read(bytes: &[u8]) -> Option<Seed> {
    let bytes: &[u8; SEED_LEN] = bytes.try_into().ok()?;
    Some(copy(bytes))
}

fn copy(seed: &[u8; SEED_LEN]) -> Seed {
    secret(|out| *out = *seed)
}

impl fmt::Debug for L0Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "L0Key({}, redacted)", self.l0)
    }
}

impl fmt::Debug for L1Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "L1Key({}, {}, redacted)", self.l0, self.l1)
    }
}

impl fmt::Debug for L2Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "L2Key({:?}, redacted)", self.interval.indexes())
    }
}

#[cfg(test)]
mod tests;
