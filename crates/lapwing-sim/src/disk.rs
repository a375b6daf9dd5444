//! Disks that lose power between any two of their writes.

use crate::chance::Chance;

/// The end of a process, or of the host's power, inside a verb.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Crashed;

/// Counts the steps of a verb down to the one at which it dies, if it is to die.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Fuse(pub(crate) Option<u32>);

impl Fuse {
    pub(crate) const fn step(&mut self) -> Result<(), Crashed> {
        match self.0 {
            None => Ok(()),
            Some(0) => Err(Crashed),
            Some(left) => {
                self.0 = Some(left - 1);
                Ok(())
            }
        }
    }
}

/// A file that is always replaced whole: by one aside, synced, renamed, the folder synced.
#[derive(Debug, Clone)]
pub(crate) struct File<T> {
    /// What a reader sees.
    seen: T,
    /// What a loss of power may bring back: the folder has not been synced since.
    before: Option<T>,
}

impl<T> File<T> {
    pub(crate) const fn new(content: T) -> Self {
        Self { seen: content, before: None }
    }

    pub(crate) const fn read(&self) -> &T {
        &self.seen
    }

    /// Whether no loss of power can change what is seen.
    pub(crate) const fn is_durable(&self) -> bool {
        self.before.is_none()
    }

    /// Replaces it, dying at one of its steps if the fuse says so.
    pub(crate) fn replace(&mut self, content: T, fuse: &mut Fuse) -> Result<(), Crashed> {
        // Nobody reads the one aside, so dying while it is written changes nothing.
        fuse.step()?;
        let before = core::mem::replace(&mut self.seen, content);
        self.before.get_or_insert(before);
        fuse.step()?;
        self.before = None;
        Ok(())
    }

    /// Replaces it without a sync.
    pub(crate) fn replace_unsynced(&mut self, content: T) {
        let before = core::mem::replace(&mut self.seen, content);
        self.before.get_or_insert(before);
    }

    /// Makes sure that what is seen is on the disk.
    pub(crate) fn sync(&mut self) {
        self.before = None;
    }

    /// Loses power: what was not synced may be there or not. Returns whether it is not.
    pub(crate) fn lose_power(&mut self, chance: &mut Chance) -> bool {
        match self.before.take() {
            Some(before) if chance.happens(500) => {
                self.seen = before;
                true
            }
            Some(_) | None => false,
        }
    }
}
