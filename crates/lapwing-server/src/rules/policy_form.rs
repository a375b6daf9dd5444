//! What a person types for a LAPS policy or a group, judged setting by setting. What is refused here is what
//! [`lapwing_proto::graph::read_settings`] refuses; what is only remarked on is what a device would make of it.

use std::collections::BTreeMap;

use lapwing_core::{
    csp::{Tree, mean_the_same, supported, supported_value},
    policy::{HostRole, PolicyContext, Setting, Verdict, resolve},
};
use lapwing_proto::graph::{ROTATE_AFTER_REVEAL_HOURS_MAX, misplaced};

/// The longest name of a policy or group, in characters. Graph: `deviceManagementConfigurationPolicy` name, `group`
/// displayName.
pub(crate) const NAME_CHARS_MAX: usize = 256;

/// The text is no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a name has 1 to {NAME_CHARS_MAX} characters")]
pub(crate) struct NameError;

/// Whether a policy or a group may have this name.
pub(crate) fn check_name(name: &str) -> Result<(), NameError> {
    let is_named = (1..=NAME_CHARS_MAX).contains(&name.chars().count());
    if is_named && !name.contains(|c: char| c.is_control()) { Ok(()) } else { Err(NameError) }
}

/// Why no policy may say so many hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RevealHoursError {
    #[error("must be 0 to {ROTATE_AFTER_REVEAL_HOURS_MAX}")]
    Range,
    /// A policy that sets nothing is for nobody, and this would be without effect unseen.
    #[error("needs at least one setting beside it")]
    Alone,
}

/// After how many hours a password that was shown is rotated, if at all, in a policy that sets these leaves. Zero says what
/// nothing says.
pub(crate) fn check_reveal_hours(hours: u16, tree: &Tree) -> Result<Option<u16>, RevealHoursError> {
    match hours {
        0 => Ok(None),
        _ if hours > ROTATE_AFTER_REVEAL_HOURS_MAX => Err(RevealHoursError::Range),
        _ if tree.values().next().is_none() => Err(RevealHoursError::Alone),
        _ => Ok(Some(hours)),
    }
}

/// What is wrong with a setting, or to be known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Finding {
    /// No policy may say so.
    Fault(String),
    /// It may, and this becomes of it on a device.
    Remark(String),
}

/// What was found in settings as they were typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Checked {
    /// Of each setting at most one, the worst.
    pub(crate) findings: BTreeMap<Setting, Finding>,
    /// What was typed, as leaves; those at fault are left out.
    pub(crate) tree: Tree,
}

impl Checked {
    pub(crate) fn is_good(&self) -> bool {
        !self.findings.values().any(|finding| matches!(finding, Finding::Fault(_)))
    }
}

/// The settings that a policy can set, in the order in which they are shown.
pub(crate) fn settings() -> impl Iterator<Item = Setting> {
    Setting::ALL.iter().copied().filter(|setting| setting.has_csp_node())
}

/// Judges what was typed; an empty text sets nothing.
pub(crate) fn check(typed: &BTreeMap<Setting, String>) -> Checked {
    let mut findings = BTreeMap::new();
    let mut values = Vec::new();
    for (setting, text) in typed.iter().filter(|(_, text)| !text.trim().is_empty()) {
        match supported_value(*setting, text.trim()) {
            Some(value) => values.push((*setting, value)),
            None => {
                findings.insert(*setting, Finding::Fault(format!("must be {}", supported(*setting))));
            }
        }
    }
    // Each was just found to be of its type, and none is there twice.
    let tree = Tree::holding(values).unwrap_or_default();
    for (setting, place) in misplaced(&tree) {
        findings.insert(setting, Finding::Fault(format!("can be set only with {place}")));
    }
    for (setting, text) in remarks(&tree) {
        findings.entry(setting).or_insert(Finding::Remark(text));
    }
    Checked { findings, tree }
}

/// A leaf that two trees do not have in common: what it was, and what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LeafChange<'a> {
    pub(crate) setting: Setting,
    pub(crate) before: Option<&'a str>,
    pub(crate) after: Option<&'a str>,
}

/// What became of the leaves from one tree to the other.
pub(crate) fn changes<'a>(before: &'a Tree, after: &'a Tree) -> Vec<LeafChange<'a>> {
    let all = settings().map(|setting| LeafChange {
        setting,
        before: before.value(setting),
        after: after.value(setting),
    });
    all.filter(|change| !mean_the_same(change.setting, change.before, change.after)).collect()
}

/// What a host would make of these leaves, where it is not what they say.
fn remarks(tree: &Tree) -> Vec<(Setting, String)> {
    let context = PolicyContext { role: HostRole::Member, announced_age_min: None };
    let resolution = resolve(&[tree.raw_policy()], &context);
    let remark = |verdict: &Verdict| (*verdict != Verdict::InForce).then(|| verdict.to_string());
    let first = |explained: &lapwing_core::policy::Explanation| {
        let found = explained.seen.iter().find_map(|seen| remark(&seen.verdict));
        found.map(|text| (explained.setting, text))
    };
    resolution.explanations.iter().filter_map(first).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(typed: &[(Setting, &str)]) -> Checked {
        check(&typed.iter().map(|(setting, text)| (*setting, (*text).to_owned())).collect())
    }

    fn fault(text: &str) -> Option<Finding> {
        Some(Finding::Fault(text.to_owned()))
    }

    #[test]
    fn what_the_table_does_not_support_is_a_fault_of_its_field_alone() {
        let found = checked(&[
            (Setting::PasswordLength, "7"),
            (Setting::PasswordComplexity, " 4 "),
            (Setting::PostAuthenticationResetDelay, "soon"),
            (Setting::BackupDirectory, "1"),
        ]);
        assert_eq!(found.findings.get(&Setting::PasswordLength).cloned(), fault("must be 8 to 64"));
        let delay = found.findings.get(&Setting::PostAuthenticationResetDelay).cloned();
        assert_eq!(delay, fault("must be 0 to 24"));
        assert_eq!((found.findings.len(), found.is_good()), (2, false));
        let kept: Vec<_> = found.tree.values().collect();
        assert_eq!(kept, [(Setting::BackupDirectory, "1"), (Setting::PasswordComplexity, "4")]);
    }

    #[test]
    fn what_has_no_place_beside_the_others_is_a_fault() {
        let found = checked(&[(Setting::PassphraseLength, "5"), (Setting::BackupDirectory, "1")]);
        let expected = fault("can be set only with PasswordComplexity 6 or 7 or 8");
        assert_eq!(found.findings.get(&Setting::PassphraseLength).cloned(), expected);
        let found = checked(&[
            (Setting::PassphraseLength, "5"),
            (Setting::PasswordComplexity, "6"),
            (Setting::BackupDirectory, "1"),
        ]);
        assert_eq!(found.findings, BTreeMap::new());
    }

    #[test]
    fn what_a_device_would_not_do_is_a_remark_and_no_fault() {
        let found = checked(&[
            (Setting::BackupDirectory, "1"),
            (Setting::PasswordAgeDays, "3"),
            (Setting::PasswordComplexity, "6"),
            (Setting::PasswordLength, "20"),
        ]);
        assert!(found.is_good());
        let remark = |setting| match found.findings.get(&setting) {
            Some(Finding::Remark(text)) => text.as_str(),
            other => panic!("{setting}: {other:?}"),
        };
        assert_eq!(remark(Setting::PasswordAgeDays), "raised to 7, the least the directory accepts");
        assert_eq!(remark(Setting::PasswordLength), "ignored: PasswordComplexity asks for words");
    }

    #[test]
    fn nothing_typed_sets_nothing_and_a_name_has_bounds() {
        let found = checked(&[(Setting::PasswordLength, "  ")]);
        assert_eq!((found.findings.len(), found.tree), (0, Tree::default()));
        assert!(check_name("a").is_ok() && check_name(&"ä".repeat(NAME_CHARS_MAX)).is_ok());
        for name in ["", "a\nb", &"a".repeat(NAME_CHARS_MAX + 1)] {
            assert_eq!(check_name(name), Err(NameError));
        }
    }

    #[test]
    fn a_change_is_of_what_a_leaf_means() {
        let tree = |values: &[(Setting, &str)]| {
            Tree::holding(values.iter().map(|(setting, data)| (*setting, (*data).to_owned()))).unwrap()
        };
        let before = tree(&[(Setting::PasswordLength, "014"), (Setting::PasswordAgeDays, "7")]);
        let after = tree(&[(Setting::PasswordLength, "14"), (Setting::BackupDirectory, "1")]);
        let expected = [
            LeafChange { setting: Setting::BackupDirectory, before: None, after: Some("1") },
            LeafChange { setting: Setting::PasswordAgeDays, before: Some("7"), after: None },
        ];
        assert_eq!(changes(&before, &after), expected);
    }

    #[test]
    fn hours_after_a_reveal_have_a_bound_and_stand_beside_a_setting() {
        let some = checked(&[(Setting::PasswordLength, "20")]).tree;
        let most = ROTATE_AFTER_REVEAL_HOURS_MAX;
        assert_eq!(check_reveal_hours(0, &Tree::default()), Ok(None));
        assert_eq!(check_reveal_hours(most, &some), Ok(Some(most)));
        assert_eq!(check_reveal_hours(most + 1, &some), Err(RevealHoursError::Range));
        assert_eq!(check_reveal_hours(1, &Tree::default()), Err(RevealHoursError::Alone));
    }

    #[test]
    fn what_is_found_good_is_what_graph_takes() {
        let typed = [
            (Setting::BackupDirectory, "2"),
            (Setting::ADPasswordEncryptionPrincipal, "EXAMPLE\\laps"),
            (Setting::AutomaticAccountManagementEnabled, "true"),
            (Setting::AutomaticAccountManagementTarget, "0"),
        ];
        let found = checked(&typed);
        assert!(found.is_good());
        let settings = lapwing_proto::graph::write_settings(&found.tree).unwrap();
        assert_eq!(lapwing_proto::graph::read_settings(&settings).unwrap(), found.tree);
    }
}
