//! How a device stands to one LAPS policy: what is for it, against what it holds by its own word.

use lapwing_core::types::PolicyId;

use super::policy_assignment::{Effective, PolicyVersion};

/// How a device stands to a policy. Whoever needs to be looked at comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Standing {
    /// It has answered that it does not take the newest version.
    Refused,
    /// Several policies are for it, of which this is one: it keeps what it has.
    Conflict,
    /// The newest version is for it, and it has not said yet that it holds it.
    Pending,
    /// It holds a version that is no longer for it.
    Leaving,
    /// It holds the newest version whole.
    Has,
}

impl Standing {
    /// Its name in messages.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Conflict => "conflict",
            Self::Pending => "pending",
            Self::Leaving => "leaving",
            Self::Has => "has",
        }
    }
}

/// How a device stands to `policy`, by what is for it, the last version that it was told whole, and the one that it has
/// refused and not taken since; none if the policy does not concern it.
pub(crate) fn standing(
    policy: PolicyId,
    effective: &Effective,
    told: Option<PolicyVersion>,
    refused: Option<PolicyVersion>,
) -> Option<Standing> {
    match effective {
        Effective::One(version) if version.policy == policy => Some(if refused == Some(*version) {
            Standing::Refused
        } else if told == Some(*version) {
            Standing::Has
        } else {
            Standing::Pending
        }),
        Effective::Conflict(policies) if policies.contains(&policy) => Some(Standing::Conflict),
        Effective::None | Effective::One(_) | Effective::Conflict(_) => {
            told.filter(|told| told.policy == policy).map(|_| Standing::Leaving)
        }
    }
}

#[cfg(test)]
mod tests {
    use lapwing_core::types::Guid;

    use super::*;

    const fn id(n: u8) -> PolicyId {
        PolicyId(Guid::from_bytes([n; 16]))
    }

    const fn version(policy: u8, number: u32) -> PolicyVersion {
        PolicyVersion { policy: id(policy), number }
    }

    #[test]
    fn what_is_for_a_device_and_what_it_says_decide() {
        let one = Effective::One(version(1, 2));
        let conflict = Effective::Conflict(vec![id(1), id(3)]);
        for (effective, told, refused, expected) in [
            (&one, None, None, Some(Standing::Pending)),
            (&one, Some(version(1, 1)), None, Some(Standing::Pending)),
            (&one, Some(version(1, 2)), None, Some(Standing::Has)),
            // It held the version, was changed there, and does not take it again.
            (&one, Some(version(1, 2)), Some(version(1, 2)), Some(Standing::Refused)),
            (&one, Some(version(1, 1)), Some(version(1, 2)), Some(Standing::Refused)),
            (&one, None, Some(version(1, 1)), Some(Standing::Pending)),
            (&conflict, Some(version(1, 2)), None, Some(Standing::Conflict)),
            (&Effective::None, Some(version(1, 2)), None, Some(Standing::Leaving)),
            (&Effective::One(version(3, 1)), Some(version(1, 2)), None, Some(Standing::Leaving)),
            (&Effective::Conflict(vec![id(2), id(3)]), Some(version(1, 2)), None, Some(Standing::Leaving)),
            (&Effective::None, None, Some(version(1, 2)), None),
            (&Effective::One(version(3, 1)), Some(version(3, 1)), None, None),
        ] {
            assert_eq!(
                standing(id(1), effective, told, refused),
                expected,
                "{effective:?} {told:?} {refused:?}"
            );
        }
    }
}
