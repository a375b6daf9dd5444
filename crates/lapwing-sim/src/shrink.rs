//! Makes a world that breaks an invariant as small as it still does.

use core::time::Duration;

use crate::{
    check::Violation,
    scenario::Scenario,
    time::{HOUR, SECOND},
    world::run,
};

/// A smaller world that breaks the same invariant: fewer faults, fewer hosts, less time.
#[must_use]
pub fn shrink(found: Violation) -> Violation {
    let mut least = found;
    loop {
        let smaller = candidates(&least).into_iter().find_map(|scenario| {
            let violation = *run(&scenario).err()?;
            (violation.invariant == least.invariant).then_some(violation)
        });
        match smaller {
            Some(violation) => least = violation,
            None => return least,
        }
    }
}

fn candidates(violation: &Violation) -> Vec<Scenario> {
    let scenario = &violation.scenario;
    let mut candidates: Vec<Scenario> = scenario
        .faults
        .iter()
        .map(|fault| {
            let mut fewer = scenario.clone();
            fewer.faults.remove(fault);
            fewer
        })
        .collect();
    if scenario.hosts > 1 {
        candidates.push(Scenario { hosts: scenario.hosts - 1, ..scenario.clone() });
    }
    let shorter = Duration::from_secs(violation.at.as_secs()) + SECOND;
    if shorter + HOUR < scenario.span {
        candidates.push(Scenario { span: shorter, ..scenario.clone() });
    }
    candidates
}
