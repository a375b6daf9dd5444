//! From what stands under the four roots to the policy that holds.

use super::compose::policy;
use super::effective::EffectivePolicy;
use super::explain::{Resolution, RootReport, Seen, SeenBySetting, Standing, UnknownName, Verdict};
use super::nearest::nearest_name;
use super::reader::Reader;
use super::root::{PolicyRoot, RawPolicy};
use super::values::PasswordAgeDays;

/// What the policy depends on besides itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PolicyContext {
    /// What this host is in its domain.
    pub role: HostRole,
    /// The lowest age that the server's discovery answer announces; none before discovery, or from Entra ID.
    pub announced_age_min: Option<PasswordAgeDays>,
}

/// What the host is in its domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostRole {
    /// Anything but a domain controller, joined or not.
    Member,
    /// A domain controller: only its DSRM account can be managed.
    DomainController,
}

/// The lowest age in days that Entra ID accepts; a `lapwing-server` may announce a lower one.
pub const CLOUD_AGE_DAYS_MIN: u16 = 7;

impl PolicyContext {
    // DEVIATION(6): Windows knows one minimum for every cloud.
    pub(super) fn cloud_age_days_min(&self) -> u16 {
        self.announced_age_min
            .map_or(CLOUD_AGE_DAYS_MIN, |announced| announced.days().min(CLOUD_AGE_DAYS_MIN))
    }
}

/// Picks the winning root and reads the policy from it alone.
///
/// A root wins by holding any value that Windows LAPS knows, a malformed one too. Never fails: every value that could
/// not be taken as it stands has its reason in the [`Resolution`].
#[must_use]
pub fn resolve(sources: &[RawPolicy], context: &PolicyContext) -> Resolution {
    let (mut seen, unknown) = collect(sources);
    let holds = |root: PolicyRoot| {
        seen.iter().any(|(setting, seen)| setting.makes_a_root_win() && seen.iter().any(|s| s.root == root))
    };
    let asked = |root: PolicyRoot| root != PolicyRoot::Legacy || context.role == HostRole::Member;
    let winner = PolicyRoot::ALL.iter().copied().find(|root| asked(*root) && holds(*root));
    let report = |root: PolicyRoot| RootReport {
        root,
        values: seen.values().flatten().filter(|seen| seen.root == root).count(),
        standing: match (asked(root), holds(root)) {
            (_, false) => Standing::Empty,
            (false, true) => Standing::NotAsked,
            (true, true) if winner == Some(root) => Standing::Wins,
            (true, true) => Standing::Loses,
        },
    };
    let roots = PolicyRoot::ALL.iter().copied().map(report).collect();
    judge_roots(&mut seen, winner, asked(PolicyRoot::Legacy));

    let mut reader = Reader::new(seen);
    let policy = match winner {
        Some(root) => policy(&mut reader, root, context),
        None => EffectivePolicy::Absent,
    };
    Resolution { policy, winner, roots, explanations: reader.explain(), unknown }
}

/// Sorts what the roots hold by setting, and within it by root.
fn collect(sources: &[RawPolicy]) -> (SeenBySetting, Vec<UnknownName>) {
    let mut by_setting = SeenBySetting::new();
    let mut unknown = Vec::new();
    for source in sources {
        let root = source.root;
        for entry in &source.entries {
            let origin = entry.origin.clone();
            match root.find(&entry.name) {
                Some(setting) => by_setting.entry(setting).or_default().push(Seen {
                    root,
                    value: entry.value.clone(),
                    origin,
                    verdict: Verdict::InForce,
                }),
                None => unknown.push(UnknownName {
                    root,
                    name: entry.name.clone(),
                    origin,
                    did_you_mean: nearest_name(root, &entry.name),
                }),
            }
        }
    }
    for seen in by_setting.values_mut() {
        seen.sort_by_key(|seen| seen.root);
    }
    (by_setting, unknown)
}

/// Leaves at most one value of each setting in force: the winner's last one.
fn judge_roots(seen: &mut SeenBySetting, winner: Option<PolicyRoot>, legacy_asked: bool) {
    for (setting, seen) in seen {
        let mut replaced = false;
        for seen in seen.iter_mut().rev() {
            seen.verdict = match winner {
                _ if seen.root == PolicyRoot::Legacy && !legacy_asked => Verdict::LegacyOnDomainController,
                None => Verdict::NoPolicy,
                Some(winner) if seen.root != winner => Verdict::RootLost(winner),
                Some(_) if !seen.root.honours(*setting) => Verdict::LocalOnly,
                Some(_) if replaced => Verdict::Superseded,
                Some(_) => Verdict::InForce,
            };
            replaced |= seen.verdict == Verdict::InForce;
        }
    }
}
