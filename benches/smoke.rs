//! Each benchmark runs: a tiny version with unoptimised programs, whose bounds nobody judges.
#![expect(clippy::unwrap_used, reason = "that is how a test fails")]

use std::collections::BTreeSet;

use serde_json::Value;
use xtask::sys;

fn comparisons(name: &str) -> Vec<Value> {
    let printed =
        sys::text(sys::rust(env!("CARGO_BIN_EXE_xtask")).args(["bench", name, "--smoke", "--json"]));
    let mut report: Value = serde_json::from_str(&printed.unwrap()).unwrap();
    serde_json::from_value(report["comparisons"].take()).unwrap()
}

/// Every number of a comparison was measured.
fn is_complete(comparison: &Value) -> bool {
    let beside = comparison["beside"].as_array().unwrap();
    let all = [&comparison["measured"], &comparison["against"]].into_iter().chain(beside);
    comparison["ratio"].is_number()
        && all
            .into_iter()
            .all(|measured| measured["runs"].as_u64() > Some(0) && measured["median"].is_number())
}

fn runs(name: &str, count: usize) {
    let comparisons = comparisons(name);
    assert_eq!(comparisons.len(), count, "{comparisons:?}");
    assert!(comparisons.iter().all(is_complete), "{comparisons:?}");
    let names: BTreeSet<_> = comparisons.iter().filter_map(|found| found["benchmark"].as_str()).collect();
    assert_eq!(names, BTreeSet::from([name]));
}

#[test]
fn a_rotation_is_measured_against_its_parts() {
    runs("rotation", 1);
}

#[test]
fn the_agent_at_rest_is_measured() {
    runs("idle", 2);
}

#[test]
fn stores_are_measured_against_bare_rows_and_bare_requests() {
    runs("server-store", 1);
}

#[test]
fn a_large_tenant_is_measured_against_a_small_one() {
    runs("server-scale", 3);
}

#[test]
fn the_agent_in_a_domain_is_measured_against_the_c_tools() {
    runs("domain", 4);
}

#[test]
fn questions_for_group_keys_are_measured_against_a_rate() {
    runs("kds", 2);
}

#[test]
fn clicks_are_measured_against_resets_and_empty_sessions() {
    runs("clicks", 3);
}

/// Of 200 devices none is refused or lost: that is no matter of speed, and the command fails if it is not so.
#[test]
fn devices_that_wait_are_measured_against_an_echo_and_all_are_woken() {
    runs("wake-ups", 4);
}

#[test]
fn a_report_on_a_domain_is_measured_against_searches_and_a_smaller_one() {
    runs("report-ad", 2);
}

#[test]
fn protecting_is_measured_against_a_peer_and_the_primitives() {
    runs("dpapi", 4);
}

#[test]
fn what_the_pam_module_adds_to_a_log_on_is_measured_against_a_millisecond() {
    runs("log-on", 1);
}
