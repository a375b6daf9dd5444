//! How devices stand to the policies that are for them, and how many stand so.

use std::collections::BTreeMap;

use lapwing_core::types::{DeviceId, PolicyId};

use super::policy_assignment::{Effective, Member, Policies, PolicyVersion, effective};

/// How a device stands to a policy that is, or was, for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Standing {
    /// It holds the newest version whole, by its own word.
    Has,
    /// It has not been told yet.
    Pending,
    /// It was told, and answered that it would not.
    Refused,
    /// Another policy is for it too, and so neither is sent.
    Conflict,
    /// It still holds the policy, which is no longer for it.
    Leaving,
}

impl Standing {
    pub(crate) const ALL: [Self; 5] =
        [Self::Has, Self::Pending, Self::Refused, Self::Conflict, Self::Leaving];
}

/// What devices have said of policies.
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

    fn add(&mut self, standing: Standing) {
        let counts = Standing::ALL.into_iter().zip(&mut self.0);
        for (_, count) in counts.filter(|(of, _)| *of == standing) {
            *count += 1;
        }
    }
}

/// How a device stands to each policy that is or was for it.
pub(crate) fn standings(effective: &Effective, said: Said) -> Vec<(PolicyId, Standing)> {
    match effective {
        Effective::None => said.told.map(|told| (told.policy, Standing::Leaving)).into_iter().collect(),
        Effective::One(version) => {
            let standing = match *version {
                version if said.told == Some(version) => Standing::Has,
                version if said.refused == Some(version) => Standing::Refused,
                _ => Standing::Pending,
            };
            vec![(version.policy, standing)]
        }
        Effective::Conflict(policies) => {
            policies.iter().map(|policy| (*policy, Standing::Conflict)).collect()
        }
    }
}

/// Counts the devices of each policy.
pub(crate) fn tallies(
    members: &[Member],
    policies: &Policies,
    said: &BTreeMap<DeviceId, Said>,
) -> BTreeMap<PolicyId, Tally> {
    let mut tallies = BTreeMap::<PolicyId, Tally>::new();
    for member in members {
        let said = said.get(&member.device).copied().unwrap_or_default();
        for (policy, standing) in standings(&effective(member, policies), said) {
            tallies.entry(policy).or_default().add(standing);
        }
    }
    tallies
}

#[cfg(test)]
mod tests {
    use lapwing_core::types::Guid;

    use super::*;
    use crate::rules::policy_assignment::Assigned;

    fn policy(number: u8) -> PolicyId {
        PolicyId(Guid::from_bytes([number; 16]))
    }

    fn version(number: u32) -> PolicyVersion {
        PolicyVersion { policy: policy(1), number }
    }

    #[test]
    fn what_a_device_said_of_an_older_version_leaves_the_newest_pending() {
        let for_it = Effective::One(version(2));
        for (told, refused, expected) in [
            (None, None, Standing::Pending),
            (Some(1), None, Standing::Pending),
            (Some(2), None, Standing::Has),
            (Some(1), Some(2), Standing::Refused),
            (Some(1), Some(1), Standing::Pending),
        ] {
            let said = Said { told: told.map(version), refused: refused.map(version) };
            assert_eq!(standings(&for_it, said), [(policy(1), expected)]);
        }
    }

    #[test]
    fn a_conflict_is_one_of_every_policy_and_what_is_for_nobody_leaves() {
        let said = Said { told: Some(version(1)), refused: None };
        let both = Effective::Conflict(vec![policy(1), policy(2)]);
        let expected = [(policy(1), Standing::Conflict), (policy(2), Standing::Conflict)];
        assert_eq!(standings(&both, said), expected);
        assert_eq!(standings(&Effective::None, said), [(policy(1), Standing::Leaving)]);
        assert_eq!(standings(&Effective::None, Said::default()), []);
    }

    #[test]
    fn every_device_is_counted_where_it_stands() {
        let member = |number: u8, name: &str| Member {
            device: DeviceId(Guid::from_bytes([number; 16])),
            display_name: name.to_owned(),
            tags: std::collections::BTreeSet::new(),
        };
        let members = [member(1, "web-01"), member(2, "web-02"), member(3, "db-01")];
        let assigned =
            Assigned { version: 2, sets_anything: true, groups: vec!["name:web-*".parse().unwrap()] };
        let said = BTreeMap::from([(members[0].device, Said { told: Some(version(2)), refused: None })]);
        let tallies = tallies(&members, &Policies::from([(policy(1), assigned)]), &said);
        let counts: Vec<u64> = tallies[&policy(1)].counts().map(|(_, count)| count).collect();
        assert_eq!((tallies.len(), counts), (1, vec![1, 1, 0, 0, 0]));
    }
}
