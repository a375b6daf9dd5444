//! Group keys that controllers gave, for as long as they are of use.

use lapwing_core::types::{FileTime, Sid};

use crate::gkdi::{GroupKeyEnvelope, Interval, KeyIdentifier, Name};

/// How many keys are kept: a domain has one group that reads passwords, and rarely a second.
pub const KEYS_MAX: usize = 64;

/// Group keys in memory alone, by domain, SID, root key and L0 interval. Public keys are kept while their ten hours last, seed
/// keys until the ten hours in which they came are over.
#[derive(Debug, Default)]
pub struct KeyCache {
    /// In the order in which they came.
    keys: Vec<Kept>,
}

#[derive(Debug)]
struct Kept {
    domain: Name,
    sid: Sid,
    until: FileTime,
    envelope: GroupKeyEnvelope,
}

impl Kept {
    fn is_for(&self, domain: &Name, sid: &Sid) -> bool {
        self.domain == *domain && self.sid == *sid
    }

    /// Whether both are of one tree and one kind.
    fn replaces(&self, other: &Self) -> bool {
        let [new, old] = [self, other].map(|kept| &kept.envelope);
        self.is_for(&other.domain, &other.sid)
            && new.root_key_id() == old.root_key_id()
            && new.interval().last_of_l0() == old.interval().last_of_l0()
            && new.flags().is_public_key() == old.flags().is_public_key()
    }
}

impl KeyCache {
    /// Keeps a key that a controller of `domain` gave for `sid` at the time `now`. One that was kept for the same is dropped, and
    /// beyond [`KEYS_MAX`] the one that came first.
    pub fn insert(&mut self, domain: Name, sid: Sid, envelope: GroupKeyEnvelope, now: FileTime) {
        let current = Interval::at(now);
        let until = if envelope.flags().is_public_key() { envelope.interval() } else { current }.end();
        let kept = Kept { domain, sid, until, envelope };
        self.keys.retain(|old| old.until > now && !kept.replaces(old));
        if self.keys.len() == KEYS_MAX {
            self.keys.remove(0);
        }
        self.keys.push(kept);
    }

    /// A key to protect data with at the time `now`, for a SID and in a domain.
    #[must_use]
    pub fn to_protect(&mut self, domain: &Name, sid: &Sid, now: FileTime) -> Option<&GroupKeyEnvelope> {
        self.expire(now);
        // A controller whose clock is ahead gives the next.
        let is_one = |kept: &&Kept| {
            let envelope = &kept.envelope;
            kept.is_for(domain, sid)
                && envelope.flags().may_protect()
                && envelope.interval() >= Interval::at(now)
        };
        self.keys.iter().rev().find(is_one).map(|kept| &kept.envelope)
    }

    /// A key to open what an identifier is of, at the time `now`.
    #[must_use]
    pub fn to_unprotect(
        &mut self,
        domain: &Name,
        sid: &Sid,
        identifier: &KeyIdentifier,
        now: FileTime,
    ) -> Option<&GroupKeyEnvelope> {
        self.expire(now);
        let is_one = |kept: &&Kept| {
            let envelope = &kept.envelope;
            kept.is_for(domain, sid)
                && !envelope.flags().is_public_key()
                && envelope.root_key_id() == identifier.root_key_id
                && envelope.interval() >= identifier.interval
                && envelope.interval().last_of_l0() == identifier.interval.last_of_l0()
        };
        self.keys.iter().rev().find(is_one).map(|kept| &kept.envelope)
    }

    fn expire(&mut self, now: FileTime) {
        self.keys.retain(|kept| kept.until > now);
    }
}

#[cfg(test)]
mod tests;
