//! What must hold in every state. The numbers are those of ARCHITECTURE.md and docs/verification.md.

use stateright::Property;

use crate::{directory::Server, model::Model, names::number, state::State};

/// From this many unanswered sends in a row on Entra ID may have lost the password in force.
const UNANSWERED_MANY: u8 = 3;

pub(crate) fn all() -> Vec<Property<Model>> {
    vec![
        Property::always("the account has only what the directory has acknowledged", acknowledged),
        Property::always("the directory holds the password in force", held),
        Property::always("what the directory holds is the account's or a candidate's", known),
        Property::always("nothing recorded is lost", kept),
        Property::always("every send without an answer is counted first", counted),
        Property::always("nothing looks like an outside fault", |_, state: &State| !state.witness.alarm),
        Property::always("both sides agree once faults stop", |model, state| model.heals(state)),
    ]
}

/// Whether the journal, if power were lost now, says that this version is in force or recorded.
fn is_accepted(state: &State, version: u8) -> bool {
    let journal = &state.disk.journal.durable;
    journal.current.as_ref().is_some_and(|current| current.hash == version)
        || journal.recorded.map(number) == Some(version)
}

fn acknowledged(_: &Model, state: &State) -> bool {
    [state.disk.account.visible, state.disk.account.durable].into_iter().all(|set| {
        let landed = state.witness.landed >> set & 1 == 1;
        let before = set == 0 && state.disk.journal.durable.current.is_none();
        before || landed && is_accepted(state, set)
    })
}

/// Invariant 2 with its exemptions.
fn held(model: &Model, state: &State) -> bool {
    let account = state.disk.account.visible;
    // From the first commit on.
    if state.disk.journal.visible.current.is_none() {
        return true;
    }
    let servers = &state.directory.servers;
    let candidates = || state.disk.journal.durable.candidates.iter().map(|entry| entry.hash);
    // In clear text there is no predecessor from a store landing to its commit.
    let landed = !model.kind.has_history()
        && state
            .directory
            .winner()
            .current()
            .is_some_and(|current| candidates().any(|other| other == current));
    let uncertain =
        model.kind.is_entra() && state.witness.unanswered + state.witness.duplicates >= UNANSWERED_MANY;
    servers.iter().any(|server| server.held.contains(&account)) || landed || uncertain
}

/// Invariant 3. Servers that have not been told yet may hold what was replaced, and nothing else.
fn known(model: &Model, state: &State) -> bool {
    let journal = &state.disk.journal.durable;
    let of_host = |version: u8| {
        state.disk.account.visible == version || journal.candidates.iter().any(|entry| entry.hash == version)
    };
    let replaced = |version: u8| journal.replaced.iter().any(|other| number(*other) == version);
    if model.kind.is_entra() {
        return state.witness.duplicates > 0 || state.directory.winner().current().is_none_or(of_host);
    }
    let current = journal.current.as_ref().map(|current| current.hash);
    let known = |server: &Server| {
        server
            .current()
            .is_none_or(|version| of_host(version) || Some(version) == current || replaced(version))
    };
    state.directory.winner().current().is_none_or(of_host) && state.directory.servers.iter().all(known)
}

fn kept(_: &Model, state: &State) -> bool {
    let journal = &state.disk.journal.durable;
    let replaced = journal.replaced.iter().fold(0_u64, |bits, version| bits | 1 << number(*version));
    let current = journal.current.as_ref().map_or(0, |current| 1_u64 << current.hash);
    let recorded = journal.recorded.map_or(0, |version| 1_u64 << number(version));
    state.witness.recorded & !(replaced | current | recorded) == 0
}

fn counted(model: &Model, state: &State) -> bool {
    let counted = state.disk.journal.durable.unanswered;
    !model.kind.is_entra() || counted >= u32::from(state.witness.unanswered)
}
