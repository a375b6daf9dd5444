//! Why settings are not a LAPS policy.

/// Why settings are not a LAPS policy. Ids are shortened if long.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// An instance lacks what every one has.
    #[error("a setting has not the members expected")]
    Malformed,
    /// Not a definition of LAPS.
    #[error("{id:?} is no setting of Windows LAPS")]
    Unknown {
        /// The definition's id.
        id: String,
    },
    /// It stands where it means nothing.
    #[error("{id} must stand under {parent}")]
    Misplaced {
        /// The definition's id.
        id: String,
        /// Where it belongs: the options of another setting, or the top.
        parent: String,
    },
    /// It stands there twice.
    #[error("{id} is set twice")]
    Doubled {
        /// The definition's id.
        id: String,
    },
    /// The value is of another type, or no option.
    #[error("the value of {id} must be {supported}")]
    Unsupported {
        /// The definition's id.
        id: String,
        /// What is supported, in words.
        supported: String,
    },
}

impl CatalogError {
    /// What to do about it.
    #[must_use]
    pub const fn next_step(&self) -> &'static str {
        match self {
            Self::Malformed => "export the policy again, with its settings",
            Self::Unknown { .. } => "remove the setting from the policy",
            Self::Misplaced { .. } => "move the setting there, or remove it",
            Self::Doubled { .. } => "remove one of the two",
            Self::Unsupported { .. } => "correct the value",
        }
    }
}
