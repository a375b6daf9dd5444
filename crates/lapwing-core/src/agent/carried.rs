//! What one cycle leaves to the next.

use super::{exchange::Expected, ledger::Ledger, machine::Machine, memory::Memory};
use crate::types::{BootTime, PasswordVersion};

/// What a machine between two cycles carries into the next one. Two that carry the same do the same from there on when
/// they are told the same: what is not in here decides only when something happens, or what people are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Carried<'a> {
    /// What it would know again after a restart.
    pub memory: &'a Memory,
    /// Whether the root half knows this run.
    pub begun: bool,
    /// Whether a rotation was asked for and has not come about yet.
    pub rotation_owed: bool,
    /// Whether a version that was never ours has been met, and no change has been finished since.
    pub foreign_met: bool,
    /// What was sent last in this run, and what it expected to replace.
    pub last_sent: Option<(PasswordVersion, Expected)>,
    /// What device management has asked for.
    pub ledger: &'a Ledger,
    /// Whether that on disk may be older.
    pub is_unsaved: bool,
    /// A password in clear text that may still land, and until when the shell keeps it.
    pub kept: Option<(PasswordVersion, BootTime)>,
}

impl Machine {
    /// What goes into the next cycle; none while one runs. For whoever explores machines and must tell which differ.
    #[must_use]
    pub fn carried(&self) -> Option<Carried<'_>> {
        // Taken apart, so that whoever adds a member has to say here what it is.
        let Self {
            memory,
            ledger,
            unsaved,
            begun,
            rotation_owed,
            foreign_met,
            last_sent,
            kept,
            // Of one cycle, or about to begin one.
            cycle,
            causes: _,
            look_owed: _,
            waiting: _,
            keeping: _,
            actions: _,
            boot_id: _,
            // When, and what people are told.
            jitter: _,
            backoff: _,
            timers: _,
            last_failure: _,
            late_told: _,
            version_lack_told: _,
            not_normal_told: _,
            possible_clone: _,
            in_conflict: _,
            post_authentication: _,
            // Told by the journal of each cycle.
            own: _,
            closed: _,
            own_is_disabled: _,
            is_ending: _,
            use_resumed: _,
            failures_told: _,
            used_early: _,
            report: _,
            recorder: _,
            now: _,
            network_changed: _,
        } = self;
        cycle.is_none().then(|| Carried {
            memory,
            ledger,
            is_unsaved: unsaved.is_some(),
            begun: *begun,
            rotation_owed: *rotation_owed,
            foreign_met: *foreign_met,
            last_sent: *last_sent,
            kept: kept.as_ref().map(|(prepared, until)| (prepared.version, *until)),
        })
    }
}
