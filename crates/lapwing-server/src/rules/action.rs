//! What the state of an action tells.

use lapwing_core::{event::Hresult, management::ActionState, types::PasswordVersion};

/// What a state says: its name, HRESULT, event and version.
pub(crate) type Columns = (&'static str, Option<Hresult>, Option<u16>, Option<PasswordVersion>);

pub(crate) const fn columns(state: ActionState) -> Columns {
    let name = state.as_str();
    match state {
        ActionState::Failing { hresult, event } => (name, Some(hresult), event, None),
        ActionState::Done { version } => (name, None, None, version),
        ActionState::Pending
        | ActionState::Accepted
        | ActionState::Refused { .. }
        | ActionState::Cancelled
        | ActionState::Expired => (name, None, None, None),
    }
}
