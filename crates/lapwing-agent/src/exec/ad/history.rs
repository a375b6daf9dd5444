//! Earlier passwords in Active Directory: ciphertexts, moved and dropped without being decrypted.
//!
//! INVARIANT: what is being replaced goes into the history by the very modification that replaces it, and stays there at
//! least until the account has the new password.

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

/// The ciphertexts that the directory holds, as far as this host may read them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ciphertexts {
    pub(super) current: Option<Vec<u8>>,
    pub(super) history: Vec<Vec<u8>>,
}

impl Slot {
    /// The attributes.
    pub(super) const fn attributes(self) -> [LapsAttribute; 2] {
        match self {
            Self::Account => [LapsAttribute::EncryptedPassword, LapsAttribute::EncryptedPasswordHistory],
            Self::Controller => {
                [LapsAttribute::EncryptedDsrmPassword, LapsAttribute::EncryptedDsrmPasswordHistory]
            }
        }
    }

    pub(super) const fn password(self) -> &'static str {
        self.attributes()[0].ldap_name()
    }

    pub(super) const fn history(self) -> &'static str {
        self.attributes()[1].ldap_name()
    }

    pub(super) fn read(self, entry: &Entry) -> Ciphertexts {
        let history = entry.values(self.history()).iter().map(|value| value.expose_secret().to_vec());
        Ciphertexts { current: entry.value(self.password()).map(<[u8]>::to_vec), history: history.collect() }
    }

    /// The changes that put a ciphertext in the place of what is there, and that into the history, of which `keep` are kept.
    /// The one in force is kept too, whatever its age: the account has it until the commit.
    pub(super) fn store(
        self,
        value: &[u8],
        found: &Ciphertexts,
        keep: usize,
        in_force: Option<FileTime>,
    ) -> Vec<Change> {
        let mut changes = vec![Change::Replace(self.password(), plain(value))];
        changes.extend(self.remember(found));
        // DEVIATION(15): what is being replaced is one of those that are kept, even where none is.
        let others = keep.saturating_sub(usize::from(found.current.is_some()));
        let is_kept = |value: &Vec<u8>| {
            found.current.as_ref() == Some(value) || in_force.is_some() && updated(value) == in_force
        };
        changes.extend(self.drop_all(&found.history, others, is_kept));
        changes
    }

    /// The changes that put the ciphertext that is there into the history, with none in its place.
    pub(super) fn retire(self, found: &Ciphertexts) -> Vec<Change> {
        if found.current.is_none() {
            return Vec::new();
        }
        self.remember(found).into_iter().chain([Change::Clear(self.password())]).collect()
    }

    fn remember(self, found: &Ciphertexts) -> Option<Change> {
        let replaced = found.current.as_ref().filter(|replaced| !found.history.contains(replaced));
        replaced.map(|replaced| Change::Add(self.history(), plain(replaced.as_slice())))
    }

    /// The changes that drop what is kept no longer.
    pub(super) fn trim(self, history: &[Vec<u8>], keep: usize) -> Vec<Change> {
        self.drop_all(history, keep, |_| false)
    }

    /// Drops all but the newest, by the time that each tells of itself: a directory gives them in no order. What has no such
    /// time is none of ours, and is the first to go.
    fn drop_all(self, history: &[Vec<u8>], keep: usize, is_kept: impl Fn(&Vec<u8>) -> bool) -> Vec<Change> {
        let mut newest: Vec<&Vec<u8>> = history.iter().filter(|value| !is_kept(value)).collect();
        newest.sort_by_key(|value| core::cmp::Reverse(updated(value)));
        let dropped = newest.into_iter().skip(keep);
        dropped.map(|value| Change::Delete(self.history(), plain(value.as_slice()))).collect()
    }
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
        let changes = Slot::Account.store(&value(9), &found, keep, in_force);
        words(&changes).into_iter().map(|text| text.replace("msLAPS-EncryptedPassword", "")).collect()
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
    fn what_is_kept_no_longer_is_dropped_and_strangers_first() {
        let history = [value(5), b"no ciphertext".to_vec(), value(7)];
        assert_eq!(
            words(&Slot::Controller.trim(&history, 1)),
            ["delete msLAPS-EncryptedDSRMPasswordHistory 5", "delete msLAPS-EncryptedDSRMPasswordHistory 0",]
        );
        assert!(Slot::Account.trim(&history, 3).is_empty());
    }
}
