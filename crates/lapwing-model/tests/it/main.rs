//! The protocol explored to the last state, and the model shown to be able to fail.

use lapwing_model::{Kind, Model, Mutant};

/// Bounds under which every directory is explored; docs/verification.md has what they come to.
fn assert_holds(kind: Kind, drawn_max: u8, duplicates_max: u8) {
    let explored = Model { kind, drawn_max, duplicates_max, mutant: None }.explore(2, None);
    println!("{kind:?}, {drawn_max} drawn: {} states, {} steps deep", explored.states, explored.depth);
    assert!(explored.violated.is_empty(), "{:#?}", explored.violated);
}

#[test]
fn active_directory_in_clear_text_keeps_every_invariant() {
    assert_holds(Kind::AdClearText, 4, 0);
}

#[test]
fn active_directory_with_history_keeps_every_invariant() {
    assert_holds(Kind::AdHistory, 6, 0);
}

#[test]
fn two_domain_controllers_keep_every_invariant() {
    assert_holds(Kind::AdReplicas, 3, 0);
}

#[test]
fn two_domain_controllers_in_clear_text_keep_every_invariant() {
    assert_holds(Kind::AdReplicasClearText, 2, 0);
}

#[test]
fn entra_id_keeps_every_invariant() {
    assert_holds(Kind::EntraId, 5, 0);
}

#[test]
fn entra_id_keeps_every_invariant_with_duplicates_counted_as_sends() {
    assert_holds(Kind::EntraId, 3, 2);
}

#[test]
fn lapwing_server_keeps_every_invariant() {
    assert_holds(Kind::LapwingServer, 6, 0);
}

/// The shortest way to each mistake's damage. `cargo nextest run -p lapwing-model --no-capture mistake` prints them.
#[test]
fn every_mistake_made_on_purpose_is_found() {
    for (mutant, kind) in Mutant::ALL {
        let model = Model { kind, drawn_max: 3, duplicates_max: 0, mutant: Some(mutant) };
        let (property, steps) =
            model.shortest_violation(40).unwrap_or_else(|| panic!("{mutant:?} is not found"));
        println!("{mutant:?}, {kind:?}, {} steps: not so that {property}", steps.len());
        steps.iter().for_each(|step| println!("    {step:?}"));
    }
}

/// What `State`'s hash leaves out must not matter: of two states that count as one, whatever can happen leads to states
/// that count as one too.
#[test]
fn states_that_count_as_one_have_the_same_future() {
    for kind in Kind::ALL {
        let compared = Model { kind, drawn_max: 3, duplicates_max: 1, mutant: None }.compare_futures(200, 60);
        assert!(compared > 1000, "only {compared} pairs of {kind:?} were compared");
    }
}
