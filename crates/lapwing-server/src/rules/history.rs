//! What a store does to the passwords held: compare, repeat, keep. docs/protocol.md, "Store".
//!
//! INVARIANT: no decision drops the entry in force on the device or one stored after it, nor one of the newest three.

use lapwing_core::types::PasswordVersion;
use lapwing_proto::register::Condition;

/// Kept whatever is in force: as many as Entra ID keeps.
const ENTRIES_MIN: usize = 3;
/// The most a device may make us keep by never committing: eight candidates and their retries stay far below.
const ENTRIES_MAX: usize = 64;

/// One password held, as far as decisions need it. Lists of them are oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) sequence: i64,
    /// None for one stored in Windows' form.
    pub(crate) version: Option<PasswordVersion>,
    /// SHA-256 of the sealed password as received.
    pub(crate) sealed_sha256: Option<[u8; 32]>,
}

/// What a device asks to have stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) version: PasswordVersion,
    pub(crate) sealed_sha256: [u8; 32],
    pub(crate) condition: Condition,
    pub(crate) in_force: Option<PasswordVersion>,
}

/// What becomes of the offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Store it as the newest, and drop these.
    Store { drop: Vec<i64> },
    /// It is the newest already: answer as before.
    Repeat { sequence: i64 },
    /// Something else is held.
    Mismatch,
    /// The version was used for another password: the device is confused or cloned.
    Reused,
    /// Too many since the one in force.
    Full,
}

/// Decides on an upload with the extension.
pub(crate) fn decide(held: &[Held], offer: &Offer) -> Decision {
    let newest = held.last();
    if let Some(same) = held.iter().find(|entry| entry.version == Some(offer.version)) {
        return match newest {
            _ if same.sealed_sha256 != Some(offer.sealed_sha256) => Decision::Reused,
            Some(newest) if newest.sequence == same.sequence => Decision::Repeat { sequence: same.sequence },
            // An older one of this device arrives late: what is newer must not be undone.
            Some(_) | None => Decision::Mismatch,
        };
    }
    let current = newest.and_then(|entry| entry.version);
    let as_expected = match offer.condition {
        Condition::Any => true,
        Condition::Absent => current.is_none(),
        Condition::Holds(version) => current == Some(version),
    };
    if !as_expected {
        return Decision::Mismatch;
    }
    let in_force = offer.in_force.and_then(|version| held.iter().position(|e| e.version == Some(version)));
    store(held, in_force)
}

/// Decides on an upload in Windows' form, which names neither versions nor what is in force.
pub(crate) fn decide_plain(held: &[Held], in_force: Option<PasswordVersion>) -> Decision {
    let at = in_force.and_then(|version| held.iter().position(|entry| entry.version == Some(version)));
    match store(held, at) {
        // Such a device never tells what is in force, so that its newest three are all that is promised.
        Decision::Full => store(held, None),
        decided => decided,
    }
}

fn store(held: &[Held], in_force: Option<usize>) -> Decision {
    let oldest_of_newest = held.len().saturating_sub(ENTRIES_MIN - 1);
    let keep_from = in_force.unwrap_or(oldest_of_newest).min(oldest_of_newest);
    if held.len().saturating_sub(keep_from) >= ENTRIES_MAX {
        return Decision::Full;
    }
    Decision::Store { drop: held.iter().take(keep_from).map(|entry| entry.sequence).collect() }
}

#[cfg(test)]
mod tests;
