//! Deliberate bugs, to prove that the simulator finds them. docs/verification.md.
//!
//! Without the feature `mutants` no bug can be planted and nothing of this is compiled into a program; the feature is
//! for the simulator alone.

/// A bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mutant {
    /// The account is set before the directory is sent anything.
    SetBeforeStore,
    /// The acknowledgement is not saved before the account is set.
    AcknowledgementForgotten,
    /// A version that the directory did not expect ends the attempt like a refusal.
    MismatchIsRefusal,
    /// A new candidate drops those whose sends may still land.
    CandidateDropped,
    /// A candidate sent to another replica than the one that acknowledged is dropped with the commit.
    ElsewhereDropped,
    /// What a replica says that is behind is believed.
    BehindBelieved,
    /// Sends to a directory that neither compares nor tells are neither counted nor spaced out.
    SendsNotCounted,
    /// The expiry is waited for by the boot clock.
    ExpiryByBootClock,
    /// The expiry is only known in the run that set it.
    ExpiryForgotten,
    /// A use of the account is not remembered for the next run.
    UseForgotten,
    /// A directory that cannot be reached is given as much time as one that refuses.
    UnreachableIsRefusal,
    /// After five failures in a row nothing is tried again before the schedule.
    RetryGivesUp,
    /// Clear text is kept until the next cycle.
    ClearTextKept,
    /// Clear text is kept while the host sleeps.
    ClearTextSleeps,
    /// A request joins a change whose password has been sent already.
    JoinsAfterStore,
    /// Requests that waited for a cycle are forgotten when it starts.
    RequestForgotten,
    /// An action is answered before it is saved.
    ActionNotSaved,
    /// An action that comes again is taken for a new one.
    ActionTwice,
    /// The version that satisfies an action is not saved before the directory is sent it.
    ActionUnbound,
    /// An action is satisfied by a password that was sent before it came.
    ActionJoinsResend,
    /// The server asks for an action once and never again.
    ActionNotRepeated,
}

#[cfg(feature = "mutants")]
std::thread_local! {
    static PLANTED: core::cell::Cell<Option<Mutant>> = const { core::cell::Cell::new(None) };
}

/// Plants a bug in this thread, or none.
#[cfg(feature = "mutants")]
pub fn plant(mutant: Option<Mutant>) {
    PLANTED.set(mutant);
}

/// Whether this bug is planted.
#[cfg(feature = "mutants")]
pub(crate) fn is(mutant: Mutant) -> bool {
    PLANTED.get() == Some(mutant)
}

/// No bug is ever planted.
#[cfg(not(feature = "mutants"))]
pub(crate) const fn is(_mutant: Mutant) -> bool {
    false
}
