//! Which runs of the agent have stored passwords for a device, and what that tells: one that stores again after another one
//! has is a second host with the same identity. A host that is started anew has another instance, and never one of before.

use core::{net::IpAddr, time::Duration};

use lapwing_core::types::{FileTime, InstanceId};

/// How many turns are remembered.
const TURNS_MAX: usize = 16;
/// How long after the last return of an instance the device is shown as shared.
pub(crate) const SHOWN: Duration = Duration::from_secs(30 * 86_400);

/// Stores in a row by one instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Turn {
    pub(crate) instance: InstanceId,
    /// Where the last of them came from.
    pub(crate) address: IpAddr,
    pub(crate) first: FileTime,
    pub(crate) last: FileTime,
}

/// Notes a store; whether the instance returns after another one, which one host alone cannot do.
pub(crate) fn note(turns: &mut Vec<Turn>, instance: InstanceId, address: IpAddr, now: FileTime) -> bool {
    if let Some(turn) = turns.last_mut().filter(|turn| turn.instance == instance) {
        turn.address = address;
        turn.last = now;
        return false;
    }
    let returns = turns.iter().any(|turn| turn.instance == instance);
    turns.push(Turn { instance, address, first: now, last: now });
    let beyond = turns.len().saturating_sub(TURNS_MAX);
    turns.drain(..beyond);
    returns
}

/// The last turn of each host that takes part in the last return, newest first; empty if none has returned.
pub(crate) fn sharers(turns: &[Turn]) -> Vec<&Turn> {
    let returned = (0..turns.len()).rev().find_map(|at| {
        let (before, from) = turns.split_at_checked(at)?;
        let since =
            before.iter().rposition(|turn| Some(turn.instance) == from.first().map(|turn| turn.instance))?;
        turns.get(since..)
    });
    let mut sharers: Vec<&Turn> = Vec::new();
    for turn in returned.unwrap_or_default().iter().rev() {
        if sharers.iter().all(|known| known.instance != turn.instance) {
            sharers.push(turn);
        }
    }
    sharers
}

/// Whether a device whose last return was then is shown as shared.
pub(crate) fn is_shown(returned: FileTime, now: FileTime) -> bool {
    now.saturating_since(returned) < SHOWN
}

#[cfg(test)]
mod tests {
    use lapwing_core::types::Guid;

    use super::*;

    fn instance(name: u8) -> InstanceId {
        InstanceId(Guid::from_bytes([name; 16]))
    }

    fn at(hours: u64) -> FileTime {
        FileTime::from_unix(Duration::from_secs(1_800_000_000 + hours * 3600)).unwrap()
    }

    /// Notes stores by these instances, an hour apart, each from an address of its own; after which of them one returned.
    fn noted(stores: &str) -> (Vec<Turn>, Vec<usize>) {
        let mut turns = Vec::new();
        let returned = |(hour, name): (usize, u8)| {
            let address = IpAddr::from([192, 0, 2, name]);
            note(&mut turns, instance(name), address, at(u64::try_from(hour).unwrap())).then_some(hour)
        };
        let returns = stores.bytes().enumerate().filter_map(returned).collect();
        (turns, returns)
    }

    #[test]
    fn only_an_instance_that_returns_tells_of_a_second_host() {
        for (stores, returns, sharers_then) in [
            ("", vec![], ""),
            ("aaaa", vec![], ""),
            // One host, started anew each time.
            ("abcd", vec![], ""),
            ("aabb", vec![], ""),
            ("aba", vec![2], "ab"),
            ("abab", vec![2, 3], "ba"),
            ("aabba", vec![4], "ab"),
            // A third took part, and one was before.
            ("xabca", vec![4], "acb"),
            // Started anew since.
            ("abad", vec![2], "dab"),
        ] {
            let (turns, told) = noted(stores);
            assert_eq!(told, returns, "{stores}");
            let names: String =
                sharers(&turns).iter().map(|turn| char::from(turn.instance.0.to_bytes()[0])).collect();
            assert_eq!(names, sharers_then, "{stores}");
        }
    }

    #[test]
    fn a_turn_lasts_from_its_first_store_to_its_last() {
        let (turns, _) = noted("aab");
        assert_eq!((turns[0].first, turns[0].last), (at(0), at(1)));
        assert_eq!(turns[1].address, IpAddr::from([192, 0, 2, b'b']));
    }

    #[test]
    fn no_more_turns_than_the_limit_are_remembered() {
        let (turns, _) = noted("abcdefghijklmnopqrst");
        assert_eq!((turns.len(), turns[0].instance), (TURNS_MAX, instance(b'e')));
    }

    #[test]
    fn a_return_is_shown_for_thirty_days() {
        assert!(is_shown(at(0), at(0)) && is_shown(at(0), at(30 * 24 - 1)) && !is_shown(at(0), at(30 * 24)));
    }
}
