//! What the showing of a password asks for: one rotation, some hours later, unless it has come about by itself.
//!
//! INVARIANT: while a password that was shown is the newest one held, a rotation waits that the first showing asked for,
//! unless the policy asks for none or somebody has taken it back.

use core::time::Duration;

use lapwing_core::types::FileTime;

/// A rotation that an earlier showing asked for, and that is not over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// The password that was shown.
    pub(crate) revealed: i64,
    /// When it is due.
    pub(crate) due: FileTime,
}

/// What a showing asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Nothing.
    Nothing,
    /// Nothing more: a rotation of this hour answers it.
    Answered(FileTime),
    /// A rotation at this hour.
    Rotate(FileTime),
}

/// Decides what the showing of the password numbered `shown` asks for now. `hours` is what the policy says, `newest` the
/// number of the newest password held, which is higher if one was stored meanwhile.
pub(crate) fn decide(
    now: FileTime,
    hours: Option<u16>,
    shown: i64,
    newest: i64,
    waiting: &[Waiting],
) -> Decision {
    // What was replaced opens nothing any more, or will not once the host takes over the newest.
    if shown < newest {
        return Decision::Nothing;
    }
    // A rotation that replaced an earlier password may still wait for its report: it answers for that one alone.
    if let Some(answer) = waiting.iter().find(|waiting| waiting.revealed >= newest) {
        return Decision::Answered(answer.due);
    }
    hours.map_or(Decision::Nothing, |hours| {
        Decision::Rotate(now.saturating_add(Duration::from_hours(hours.into())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 36_000_000_000;

    fn at(hours: u64) -> FileTime {
        FileTime::from_ticks(hours * HOUR).unwrap()
    }

    #[test]
    fn the_first_showing_of_the_newest_password_asks_for_one_rotation() {
        let waits = [Waiting { revealed: 5, due: at(14) }];
        for (hours, shown, newest, waiting, expected) in [
            (Some(4), 5, 5, &[][..], Decision::Rotate(at(14))),
            (Some(168), 5, 5, &[], Decision::Rotate(at(178))),
            (None, 5, 5, &[], Decision::Nothing),
            // The second showing is answered by the same rotation, whatever the policy has come to say.
            (Some(4), 5, 5, &waits, Decision::Answered(at(14))),
            (None, 5, 5, &waits, Decision::Answered(at(14))),
            // Replaced between the reading and the showing, or an older one that was asked for.
            (Some(4), 4, 5, &[], Decision::Nothing),
            (Some(4), 5, 6, &waits, Decision::Nothing),
            // The rotation that replaced 5 has not been reported yet, and 6 is shown.
            (Some(4), 6, 6, &waits, Decision::Rotate(at(14))),
        ] {
            assert_eq!(decide(at(10), hours, shown, newest, waiting), expected, "{hours:?} {shown} {newest}");
        }
    }
}
