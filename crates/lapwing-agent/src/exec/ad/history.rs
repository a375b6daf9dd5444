//! Earlier passwords in Active Directory: ciphertexts, moved and dropped without being decrypted.
//!
//! INVARIANT: what is being replaced goes into the history by the very modification that replaces it, and stays there at
//! least until the account has the new password.

use core::cmp::Reverse;

use lapwing_client::ad::{Change, Entry};
use lapwing_core::types::FileTime;
use lapwing_dpapi::laps::EncryptedPassword;
use lapwing_proto::ad::attribute::LapsAttribute;

use super::plain;

/// Where ciphertexts are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    /// Of a host's managed account.
    Account,
    /// Of a domain controller's emergency account.
    Controller,
}

/// The ciphertexts that a slot holds, as far as this host may read them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ciphertexts {
    pub(super) current: Option<Vec<u8>>,
    pub(super) history: Vec<Vec<u8>>,
}

/// Which earlier passwords are kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kept<'a> {
    /// How many.
    pub(super) number: usize,
    /// The last to go, the very last first: what the account had when the newest password was stored, and what that
    /// replaced. Their times are not asked, for a clock may have been wrong.
    pub(super) spared: &'a [Vec<u8>],
    /// The present. A time that is yet to come tells no order.
    pub(super) now: FileTime,
}

impl Slot {
    pub(super) const ALL: [Self; 2] = [Self::Account, Self::Controller];

    /// That of the other role, which a host may have had before.
    pub(super) const fn other(self) -> Self {
        match self {
            Self::Account => Self::Controller,
            Self::Controller => Self::Account,
        }
    }

    /// The attributes.
    pub(super) const fn attributes(self) -> [LapsAttribute; 2] {
        match self {
            Self::Account => [LapsAttribute::EncryptedPassword, LapsAttribute::EncryptedPasswordHistory],
            Self::Controller => {
                [LapsAttribute::EncryptedDsrmPassword, LapsAttribute::EncryptedDsrmPasswordHistory]
            }
        }
    }

    const fn password(self) -> &'static str {
        self.attributes()[0].ldap_name()
    }

    const fn history(self) -> &'static str {
        self.attributes()[1].ldap_name()
    }

    pub(super) fn read(self, entry: &Entry) -> Ciphertexts {
        let history = entry.values(self.history()).iter().map(|value| value.expose_secret().to_vec());
        Ciphertexts { current: entry.value(self.password()).map(<[u8]>::to_vec), history: history.collect() }
    }

    /// The changes that put a ciphertext in the place of what is there, and that into the history.
    pub(super) fn store(self, value: &[u8], found: &Ciphertexts, kept: &Kept<'_>) -> Vec<Change> {
        let mut changes = vec![Change::Replace(self.password(), plain(value))];
        let replaced = found.not_in_history();
        changes.extend(replaced.map(|replaced| self.remember(replaced)));
        // DEVIATION(15): what is spared is kept until the account has the new password, even where the policy keeps none.
        let spared = found.history.iter().chain(replaced).filter(|value| kept.spared.contains(value)).count();
        let room = kept.number.max(spared).saturating_sub(usize::from(replaced.is_some()));
        changes.extend(self.trim(&found.history, &Kept { number: room, ..*kept }));
        changes
    }

    /// The changes that put the ciphertext that is there into the history, with none in its place.
    pub(super) fn retire(self, found: &Ciphertexts) -> Vec<Change> {
        if found.current.is_none() {
            return Vec::new();
        }
        let remembered = found.not_in_history().map(|replaced| self.remember(replaced));
        remembered.into_iter().chain([Change::Clear(self.password())]).collect()
    }

    fn remember(self, replaced: &[u8]) -> Change {
        Change::Add(self.history(), plain(replaced))
    }

    /// The changes that drop what is kept no longer: behind what is spared all but the newest, by the time that each tells of
    /// itself, for a directory gives them in no order. What has no such time is none of ours and the first to go; then what
    /// has one that is yet to come, or it would stand before all others until then.
    pub(super) fn trim(self, history: &[Vec<u8>], kept: &Kept<'_>) -> Vec<Change> {
        let mut ranked: Vec<&Vec<u8>> = history.iter().collect();
        ranked.sort_by_key(|value| {
            let place = kept.spared.iter().position(|spared| spared == *value).unwrap_or(usize::MAX);
            let updated = updated(value);
            (place, Reverse((updated.filter(|updated| *updated <= kept.now), updated)))
        });
        let dropped = ranked.into_iter().skip(kept.number);
        dropped.map(|value| Change::Delete(self.history(), plain(value.as_slice()))).collect()
    }
}

impl Ciphertexts {
    /// What would have to go into the history if it were replaced.
    fn not_in_history(&self) -> Option<&Vec<u8>> {
        self.current.as_ref().filter(|current| !self.history.contains(current))
    }
}

/// What a store has to spare, the most important first: what was encrypted at the time of the password in force, and what
/// is being replaced, which is another if somebody else has written.
pub(super) fn spared(found: [&Ciphertexts; 2], in_force: Option<FileTime>) -> Vec<Vec<u8>> {
    let replaced = || found.into_iter().filter_map(|found| found.current.as_ref());
    let all = replaced().chain(found.into_iter().flat_map(|found| &found.history));
    let is_in_force = |value: &&Vec<u8>| in_force.is_some() && updated(value) == in_force;
    all.filter(is_in_force).chain(replaced()).cloned().collect()
}

/// The time that stands before a ciphertext.
fn updated(value: &[u8]) -> Option<FileTime> {
    EncryptedPassword::updated(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A value of this time.
    fn value(time: u64) -> Vec<u8> {
        let [high, low] =
            [time >> 32, time & 0xffff_ffff].map(|half| u32::try_from(half).unwrap().to_le_bytes());
        [&high, &low, &[4, 0, 0, 0], &[0; 4], &[0xaa; 4]].map(|part: &[u8; 4]| *part).concat()
    }

    fn words(changes: &[Change]) -> Vec<String> {
        let time = |value: &[u8]| updated(value).map_or(0, FileTime::ticks);
        let in_words = |change: &Change| match change {
            Change::Add(name, value) => format!("add {name} {}", time(value.expose_secret())),
            Change::Delete(name, value) => format!("delete {name} {}", time(value.expose_secret())),
            Change::Replace(name, value) => format!("replace {name} {}", time(value.expose_secret())),
            Change::Clear(name) => format!("clear {name}"),
        };
        changes.iter().map(in_words).collect()
    }

    fn stored(current: Option<u64>, history: &[u64], keep: usize, in_force: Option<u64>) -> Vec<String> {
        let found = Ciphertexts {
            current: current.map(value),
            history: history.iter().copied().map(value).collect(),
        };
        let in_force = in_force.map(|time| FileTime::from_ticks(time).unwrap());
        let spared = spared([&found, &Ciphertexts::default()], in_force);
        let changes = Slot::Account.store(&value(9), &found, &kept(keep, &spared));
        words(&changes).into_iter().map(|text| text.replace("msLAPS-EncryptedPassword", "")).collect()
    }

    /// At the time 9.
    fn kept(number: usize, spared: &[Vec<u8>]) -> Kept<'_> {
        Kept { number, spared, now: FileTime::from_ticks(9).unwrap() }
    }

    #[test]
    fn what_is_replaced_goes_into_the_history_and_the_oldest_goes() {
        assert_eq!(stored(None, &[], 2, None), ["replace  9"]);
        assert_eq!(stored(Some(8), &[], 2, Some(8)), ["replace  9", "add History 8"]);
        assert_eq!(
            stored(Some(8), &[5, 7, 6], 2, Some(8)),
            ["replace  9", "add History 8", "delete History 6", "delete History 5",]
        );
        // Even where policy keeps none, until the account has the new one.
        assert_eq!(stored(Some(8), &[7], 0, Some(8)), ["replace  9", "add History 8", "delete History 7"]);
        // It is there already.
        assert_eq!(stored(Some(8), &[8, 7], 1, Some(8)), ["replace  9", "delete History 7"]);
    }

    #[test]
    fn what_is_to_be_stored_in_clear_text_retires_what_is_there() {
        let found = Ciphertexts { current: Some(value(8)), history: vec![value(7)] };
        assert_eq!(
            words(&Slot::Account.retire(&found)),
            ["add msLAPS-EncryptedPasswordHistory 8", "clear msLAPS-EncryptedPassword",]
        );
        assert!(Slot::Account.retire(&Ciphertexts::default()).is_empty());
    }

    #[test]
    fn the_password_in_force_stays_whatever_its_time() {
        // The directory holds what another host stored; ours is the oldest.
        assert_eq!(
            stored(Some(8), &[3, 6, 7], 1, Some(3)),
            ["replace  9", "add History 8", "delete History 7", "delete History 6",]
        );
    }

    #[test]
    fn what_was_replaced_last_is_the_last_to_go_whatever_its_time() {
        // Replaced when the clock was set back, or with a prefix that makes no sense.
        for replaced in [value(1), b"garbage".to_vec()] {
            let history = [value(5), replaced.clone(), value(7)];
            let spared = core::slice::from_ref(&replaced);
            let left = |number| {
                let mut left = history.to_vec();
                for change in Slot::Account.trim(&history, &kept(number, spared)) {
                    let Change::Delete(_, value) = change else { panic!("{change:?}") };
                    left.retain(|kept| kept != value.expose_secret());
                }
                left
            };
            assert_eq!(left(2), [replaced.clone(), value(7)]);
            assert_eq!(left(1), spared);
            assert_eq!(left(0), [b""; 0]);
        }
        // The password in force outlasts what another host stored in its place.
        assert_eq!(
            words(&Slot::Account.trim(&[value(3), value(8)], &kept(1, &[value(3), value(8)]))),
            ["delete msLAPS-EncryptedPasswordHistory 8"]
        );
    }

    #[test]
    fn a_time_that_is_yet_to_come_keeps_no_place() {
        assert_eq!(
            stored(Some(8), &[99, 7, 98], 2, Some(8)),
            ["replace  9", "add History 8", "delete History 99", "delete History 98"]
        );
        // As long as there is room, it may stay, and longer than what has no time.
        let history = [value(99), b"no ciphertext".to_vec(), value(7)];
        assert_eq!(
            words(&Slot::Account.trim(&history, &kept(2, &[]))),
            ["delete msLAPS-EncryptedPasswordHistory 0"]
        );
        // It was replaced last.
        assert_eq!(
            stored(Some(99), &[7, 6], 2, Some(99)),
            ["replace  9", "add History 99", "delete History 6"]
        );
    }

    #[test]
    fn what_is_kept_no_longer_is_dropped_and_strangers_first() {
        let history = [value(5), b"no ciphertext".to_vec(), value(7)];
        assert_eq!(
            words(&Slot::Controller.trim(&history, &kept(1, &[]))),
            ["delete msLAPS-EncryptedDSRMPasswordHistory 5", "delete msLAPS-EncryptedDSRMPasswordHistory 0",]
        );
        assert!(Slot::Account.trim(&history, &kept(3, &[])).is_empty());
    }
}
