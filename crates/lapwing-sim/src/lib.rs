//! A deterministic simulator: the agent's machine and the root half's protocol, the very lines that are shipped, in seeded
//! worlds of many hosts, directories of every kind, two clocks each, and faults between any two steps.
//!
//! A world is decided by its [`Scenario`] alone: the same one takes the same course, event by event. What goes wrong in
//! it is a [`Violation`] of an [`Invariant`], with the command that shows it again. docs/verification.md.

mod chance;
mod check;
mod device;
mod directory;
mod disk;
mod event;
mod faults;
pub mod fuzz;
mod inject;
mod manage;
mod network;
mod perform;
mod promise;
mod root_half;
mod scenario;
mod server;
mod session;
mod shrink;
mod stats;
mod time;
mod verbs;
mod world;

pub use check::{Invariant, Violation};
pub use directory::Kind;
pub use faults::Fault;
pub use scenario::{Bug, Scenario};
pub use shrink::shrink;
pub use stats::Stats;
pub use world::run;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_scenario_takes_the_same_course() {
        for seed in 0..6 {
            let stats = || format!("{:?}", run(&Scenario::of_seed(seed)).unwrap());
            assert_eq!(stats(), stats());
        }
    }

    #[test]
    fn a_violation_is_made_smaller_and_its_command_shows_it_again() {
        let bug = Some(Bug::JournalNotSynced);
        let found = *run(&Scenario { bug, ..Scenario::of_seed(0) }).unwrap_err();
        let before = (found.scenario.faults.len(), found.scenario.span);
        let small = shrink(found);
        assert!(small.scenario.faults.len() < before.0 && small.scenario.span < before.1);
        assert_eq!(run(&small.scenario).unwrap_err().invariant, Invariant::Acknowledged);
        let command = small.scenario.command();
        assert!(command.starts_with("cargo xtask sim replay 0 --bug journal-not-synced --"), "{command}");
    }

    #[test]
    fn every_bug_is_on_record_and_documented_with_its_seed_and_invariant() {
        let documented = include_str!("../../../docs/verification.md");
        let recorded = include_str!("../recorded.txt");
        for bug in Bug::ALL {
            let line = recorded.lines().find_map(|line| line.strip_prefix(bug.name())?.strip_prefix(' '));
            let seed = line.unwrap_or_else(|| panic!("{} is not on record", bug.name()));
            let number = bug.breaks() as u8 + 1;
            let row = documented.lines().find(|line| line.starts_with(&format!("| `{}` |", bug.name())));
            assert!(
                row.is_some_and(|row| row.ends_with(&format!("| {seed} | {number} |"))),
                "{}",
                bug.name()
            );
        }
    }
}
