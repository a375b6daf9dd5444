//! What a device's certificate is good for, by its life and by whether its key is the device's. docs/protocol.md, "The
//! device's certificate".
//!
//! INVARIANT: a renewal takes nothing away. The certificate that a device has keeps its use until the next one is used
//! for the first time, so that no lost answer and no crash locks a device out.

use lapwing_core::management::LifeState;

/// Whose a certificate's key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    /// The device's.
    Current,
    /// That of the renewal which the device asked for last, used for the first time.
    Next,
    /// One that was replaced; or one that this server has forgotten, for its database was restored.
    Other,
}

/// What a certificate is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    Everything,
    /// Nothing but its renewal.
    Renewal,
    /// Nothing any more.
    Nothing,
}

/// A host or a server that was restored holds a key that the other has forgotten; it renews by itself, as one whose
/// certificate has ended, but not as one to whom both has happened: that is what an old disk looks like.
pub(crate) const fn good_for(key: Key, life: LifeState) -> Use {
    match (key, life) {
        (Key::Current | Key::Next, LifeState::InForce) => Use::Everything,
        (Key::Current | Key::Next, LifeState::Renewable) | (Key::Other, LifeState::InForce) => Use::Renewal,
        (Key::Other, LifeState::Renewable) | (_, LifeState::NotYet | LifeState::Over) => Use::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_devices_own_key_in_its_time_is_good_for_everything() {
        let table = [
            (LifeState::NotYet, [Use::Nothing, Use::Nothing]),
            (LifeState::InForce, [Use::Everything, Use::Renewal]),
            (LifeState::Renewable, [Use::Renewal, Use::Nothing]),
            (LifeState::Over, [Use::Nothing, Use::Nothing]),
        ];
        for (life, [own, other]) in table {
            assert_eq!(good_for(Key::Current, life), own, "{life:?}");
            assert_eq!(good_for(Key::Next, life), own, "{life:?}");
            assert_eq!(good_for(Key::Other, life), other, "{life:?}");
        }
    }
}
