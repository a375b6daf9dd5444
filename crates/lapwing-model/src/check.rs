//! Exploring a model, and telling what was found.

use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

use stateright::{Checker as _, HasDiscoveries, Model as _};

use crate::{Model, Step, state::digest};

/// What an exploration came to.
#[derive(Debug)]
pub struct Explored {
    /// States that differ.
    pub states: usize,
    /// Steps to the furthest state, on a way that is about the shortest.
    pub depth: usize,
    /// The properties that do not hold, each with a way to a state where it does not.
    pub violated: Vec<(&'static str, Vec<Step>)>,
}

impl Model {
    /// Explores every state that can be reached, or all of at most `depth` steps.
    #[must_use]
    pub fn explore(self, threads: usize, depth: Option<usize>) -> Explored {
        let builder = self.checker().threads(threads).finish_when(HasDiscoveries::AnyFailures);
        let checker = match depth {
            Some(depth) => builder.target_max_depth(depth),
            None => builder,
        }
        .spawn_bfs()
        .join();
        let violated =
            checker.discoveries().into_iter().map(|(name, path)| (name, path.into_actions())).collect();
        Explored { states: checker.unique_state_count(), depth: checker.max_depth(), violated }
    }

    /// A violation that takes as few steps as any.
    #[must_use]
    pub fn shortest_violation(self, depth_max: usize) -> Option<(&'static str, Vec<Step>)> {
        (2..=depth_max).find_map(|depth| self.explore(1, Some(depth)).violated.into_iter().next())
    }
}

impl Model {
    /// Walks about at random, `walks` times over `steps` steps, and compares what follows from states that count as one
    /// and were reached on different ways. Returns how often it did.
    ///
    /// # Panics
    /// If one of them can lead where the other cannot.
    #[must_use]
    pub fn compare_futures(self, walks: u64, steps: u64) -> usize {
        let mut seen: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        let mut compared = 0;
        for walk in 0..walks {
            let mut state = self.init_states().remove(0);
            for step in 0..steps {
                let mut next = self.next_steps(&state);
                let future: Vec<u64> = next.iter().map(|(_, next)| digest(next)).collect();
                let sorted = future.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
                match seen.entry(digest(&state)) {
                    Entry::Vacant(entry) => drop(entry.insert(sorted)),
                    Entry::Occupied(entry) => {
                        compared += 1;
                        assert_eq!(*entry.get(), sorted, "{state:#?}");
                    }
                }
                let chosen = usize::try_from(digest((walk, step)) % next.len() as u64).unwrap_or_default();
                state = next.swap_remove(chosen).1;
            }
        }
        compared
    }
}
