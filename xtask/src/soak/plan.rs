//! What happens to a host, and when: a function of the seed.

use std::time::Duration;

/// Between two requests for a rotation.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// The longest pause between two steps, in milliseconds.
const PAUSE_MS_MAX: u64 = 450;
/// How long a rotation takes at most, in milliseconds, where nothing hinders it; most take half of it.
const ROTATION_MS_MAX: u64 = 900;
/// How long a process of the root half lives at most, in milliseconds, before it is killed; most live shorter.
const AGE_MS_MAX: u64 = 120;

/// One thing that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    /// Somebody asks for a rotation.
    Ask,
    /// `lapwingd` is killed; systemd starts it again.
    KillAgent,
    /// Somebody asks for a rotation, and the next process of `lapwingd-priv` is killed so long after it began.
    KillRootHalf { age_ms: u64 },
    /// `lapwing-server` is killed and stays away.
    KillServer,
    /// It is back.
    StartServer,
    /// The host's cable is out.
    Cut,
    /// It is in again.
    Plug,
    /// The host's power fails, and it boots.
    PowerCycle,
}

/// A deed, and the time before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) pause: Duration,
    pub(super) deed: Deed,
}

/// The steps of each storm of `seed`, whose pauses add up to about `length`. A storm ends with a kill in the middle of a
/// rotation, so that nobody waits for one any more; then server and cable are there.
pub(super) fn plan(seed: u64, storms: usize, length: Duration) -> Vec<Vec<Step>> {
    let mut chance = Chance(seed);
    (0..storms).map(|_| storm(&mut chance, length)).collect()
}

fn storm(chance: &mut Chance, length: Duration) -> Vec<Step> {
    let (mut server, mut cable) = (true, true);
    let (mut at, mut asked) = (Duration::ZERO, Duration::ZERO);
    let mut pause = Duration::ZERO;
    let mut steps = Vec::new();
    while at < length {
        let more = Duration::from_millis(chance.below(PAUSE_MS_MAX));
        at += more;
        pause += more;
        let deed = if at >= asked + ASK_EVERY { Some(Deed::Ask) } else { fault(chance, server, cable) };
        match deed {
            None => continue,
            Some(Deed::Ask) => asked = at,
            Some(Deed::KillServer) => server = false,
            Some(Deed::StartServer) => server = true,
            Some(Deed::Cut) => cable = false,
            Some(Deed::Plug) => cable = true,
            Some(Deed::KillAgent | Deed::KillRootHalf { .. } | Deed::PowerCycle) => {}
        }
        steps.extend(deed.map(|deed| Step { pause, deed }));
        pause = Duration::ZERO;
    }
    let death = if chance.below(4) == 0 { Deed::PowerCycle } else { Deed::KillAgent };
    let back = [(server, Deed::StartServer), (cable, Deed::Plug)];
    let back: Vec<_> = back.into_iter().filter(|(there, _)| !there).map(|(_, deed)| deed).collect();
    let rotation = vec![Deed::Ask, death];
    // The rotation may meet a directory that is there, or one that comes back after the kill.
    let end = if chance.below(3) == 0 { [rotation, back] } else { [back, rotation] };
    steps.extend(end.concat().into_iter().map(|deed| {
        let pause = Duration::from_millis(chance.below(ROTATION_MS_MAX));
        Step { pause, deed }
    }));
    steps
}

/// What breaks or is back now. Outages are short, so that most rotations have a chance.
fn fault(chance: &mut Chance, server: bool, cable: bool) -> Option<Deed> {
    Some(match chance.below(100) {
        0..50 if !server => Deed::StartServer,
        50..90 if !cable => Deed::Plug,
        0..5 => Deed::KillAgent,
        5..15 => Deed::KillRootHalf { age_ms: chance.below(AGE_MS_MAX) },
        15..21 if server => Deed::KillServer,
        21..26 if cable => Deed::Cut,
        26..28 => Deed::PowerCycle,
        _ => return None,
    })
}

/// A sequence of numbers that look random: SplitMix64. It decides what a test does, and nothing else.
struct Chance(u64);

impl Chance {
    /// A number below `bound`.
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: Duration = Duration::from_secs(60);

    #[test]
    fn a_seed_says_all_and_another_seed_something_else() {
        assert_eq!(plan(7, 2, LENGTH), plan(7, 2, LENGTH));
        assert_ne!(plan(7, 2, LENGTH), plan(8, 2, LENGTH));
    }

    #[test]
    fn every_storm_asks_and_ends_with_a_kill_and_then_all_in_place() {
        for steps in (0..100).flat_map(|seed| plan(seed, 2, LENGTH)) {
            let count = |deed: Deed| steps.iter().filter(|step| step.deed == deed).count();
            assert!((30..=61).contains(&count(Deed::Ask)), "{steps:?}");
            assert_eq!(count(Deed::KillServer), count(Deed::StartServer), "{steps:?}");
            assert_eq!(count(Deed::Cut), count(Deed::Plug), "{steps:?}");
            let last_ask = steps.iter().rposition(|step| step.deed == Deed::Ask).unwrap();
            let death = steps[last_ask + 1].deed;
            assert!([Deed::KillAgent, Deed::PowerCycle].contains(&death), "{steps:?}");
        }
    }
}
