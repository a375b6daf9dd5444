//! How a device stands to one LAPS policy: what is for it, against what it holds by its own word.

use std::collections::{BTreeMap, BTreeSet};

use lapwing_core::types::{DeviceId, PolicyId};

use super::policy_assignment::{Effective, Member, Policies, PolicyVersion, effective};

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
    /// In the order in which counts are shown.
    pub(crate) const ALL: [Self; 5] =
        [Self::Has, Self::Pending, Self::Refused, Self::Conflict, Self::Leaving];

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

/// What a device has said of policies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// The last version that it holds whole.
    pub(crate) told: Option<PolicyVersion>,
    /// The version that it refused last, if it has taken none since.
    pub(crate) refused: Option<PolicyVersion>,
}

/// How many devices stand so, in the order of [`Standing::ALL`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally([u64; Standing::ALL.len()]);

impl Tally {
    /// Each standing with its number of devices.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (Standing, u64)> {
        Standing::ALL.into_iter().zip(self.0)
    }

    /// How many stand so.
    pub(crate) fn of(&self, wanted: Standing) -> u64 {
        self.counts().find(|(standing, _)| *standing == wanted).map_or(0, |(_, count)| count)
    }

    fn add(&mut self, standing: Standing) {
        let counts = Standing::ALL.into_iter().zip(&mut self.0);
        for (_, count) in counts.filter(|(of, _)| *of == standing) {
            *count += 1;
        }
    }
}

impl FromIterator<Standing> for Tally {
    fn from_iter<I: IntoIterator<Item = Standing>>(standings: I) -> Self {
        let mut tally = Self::default();
        standings.into_iter().for_each(|standing| tally.add(standing));
        tally
    }
}

/// Counts the devices of each policy that concerns any.
pub(crate) fn tallies(
    members: &[Member],
    policies: &Policies,
    said: &BTreeMap<DeviceId, Said>,
) -> BTreeMap<PolicyId, Tally> {
    let mut tallies = BTreeMap::<PolicyId, Tally>::new();
    for member in members {
        let Said { told, refused } = said.get(&member.device).copied().unwrap_or_default();
        let effective = effective(member, policies);
        let mut concerned: BTreeSet<PolicyId> = told.map(|told| told.policy).into_iter().collect();
        match &effective {
            Effective::None => {}
            Effective::One(version) => drop(concerned.insert(version.policy)),
            Effective::Conflict(policies) => concerned.extend(policies),
        }
        for policy in concerned {
            if let Some(standing) = standing(policy, &effective, told, refused) {
                tallies.entry(policy).or_default().add(standing);
            }
        }
    }
    tallies
}

#[cfg(test)]
mod tests {
    use lapwing_core::types::Guid;

    use super::*;
    use crate::rules::policy_assignment::Assigned;

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

    #[test]
    fn every_device_is_counted_where_it_stands() {
        let member = |number: u8, name: &str| Member {
            device: DeviceId(Guid::from_bytes([number; 16])),
            display_name: name.to_owned(),
            tags: BTreeSet::new(),
        };
        let members = [member(1, "web-01"), member(2, "web-02"), member(3, "db-01")];
        let assigned =
            Assigned { version: 2, sets_anything: true, groups: vec!["name:web-*".parse().unwrap()] };
        let said = |told| Said { told: Some(told), refused: None };
        let said = BTreeMap::from([
            (members[0].device, said(version(1, 2))),
            (members[1].device, said(version(9, 1))),
        ]);
        let tallies = tallies(&members, &Policies::from([(id(1), assigned)]), &said);
        let counts = |policy| tallies[&id(policy)].counts().map(|(_, count)| count).collect::<Vec<_>>();
        assert_eq!((tallies.len(), counts(1), counts(9)), (2, vec![1, 1, 0, 0, 0], vec![0, 0, 0, 0, 1]));
    }
}
