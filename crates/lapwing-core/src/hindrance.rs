//! Why nothing may be changed on a host, in words.

use serde::{Deserialize, Serialize};

use crate::{boot::NotNormal, host_binding::Evidence};

/// Why nothing is changed, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hindrance {
    /// Why, for people.
    pub message: String,
    /// What to do about it.
    pub next_step: String,
}

impl From<NotNormal> for Hindrance {
    fn from(why: NotNormal) -> Self {
        Self { message: why.to_string(), next_step: why.next_step().to_owned() }
    }
}

impl From<Evidence> for Hindrance {
    fn from(evidence: Evidence) -> Self {
        Self { message: evidence.to_string(), next_step: evidence.next_step().to_owned() }
    }
}
