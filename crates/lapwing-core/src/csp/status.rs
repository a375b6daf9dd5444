//! How an operation went, as the management server is told.

use core::fmt;

/// The code of a SyncML `Status`. OMA-TS-SyncML-RepPro-V1_2_2 section 10; "OMA DM protocol support", SyncML response
/// status codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Status(pub u16);

impl Status {
    /// Done.
    pub const OK: Self = Self(200);
    /// Accepted; the work goes on after the session.
    pub const ACCEPTED: Self = Self(202);
    /// Not executed, because an earlier operation of its Atomic failed.
    pub const NOT_EXECUTED: Self = Self(215);
    /// Taken back, because a later operation of its Atomic failed.
    pub const ROLLED_BACK: Self = Self(216);
    /// There is no such node, or no such leaf now.
    pub const NOT_FOUND: Self = Self(404);
    /// The node does not allow this verb.
    pub const NOT_ALLOWED: Self = Self(405);
    /// A property of the node, or a structure, was asked for, which is not offered.
    pub const UNSUPPORTED: Self = Self(406);
    /// The value is missing.
    pub const INCOMPLETE: Self = Self(412);
    /// The value is longer than any setting's.
    pub const TOO_LARGE: Self = Self(413);
    /// The value is not of the node's format.
    pub const WRONG_FORMAT: Self = Self(415);
    /// The leaf is there already.
    pub const EXISTS: Self = Self(418);
    /// No more can be taken on.
    pub const FULL: Self = Self(420);
    /// It failed, or may not stand in an Atomic.
    pub const FAILED: Self = Self(500);
    /// An operation of this Atomic failed, and so none of them took effect.
    pub const ATOMIC_FAILED: Self = Self(507);
    /// What should be kept cannot be written.
    pub const NOT_SAVED: Self = Self(510);

    /// Whether what was asked for is done or under way.
    #[must_use]
    pub const fn is_success(self) -> bool {
        matches!(self.0, 200..=299) && self.0 != Self::NOT_EXECUTED.0 && self.0 != Self::ROLLED_BACK.0
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
