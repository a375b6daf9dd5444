//! Which LAPS policy a device gets.
//!
//! A policy is for groups of devices, and a device gets the one policy that is for it. Where several are that set
//! anything, they are in conflict: the device keeps the last policy that it was told whole, or what it has if it was told
//! none. No device ever gets a mixture of two.

use core::{fmt, str::FromStr};
use std::collections::{BTreeMap, BTreeSet};

use lapwing_core::types::{DeviceId, PolicyId};

/// The longest tag and the longest pattern, in characters.
pub(crate) const TAG_CHARS_MAX: usize = 64;
pub(crate) const PATTERN_CHARS_MAX: usize = 256;

/// A version of a policy, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PolicyVersion {
    pub(crate) policy: PolicyId,
    pub(crate) number: u32,
}

impl fmt::Display for PolicyVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "policy {}, version {}", self.policy, self.number)
    }
}

/// A word that devices are marked with: letters, digits, `.`, `_` and `-`, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tag(String);

/// The name of devices, in which `*` stands for any run of characters; case counts for nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamePattern {
    text: String,
    /// In lower case, once and not for each name.
    lower: String,
}

/// The text is no tag, no pattern or no rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum GroupError {
    #[error("a tag has 1 to {TAG_CHARS_MAX} letters, digits, `.`, `_` and `-`")]
    Tag,
    #[error("a pattern has 1 to {PATTERN_CHARS_MAX} characters")]
    Pattern,
    #[error("a group's rule is `tag:` with a tag, or `name:` with a pattern")]
    Rule,
}

impl FromStr for Tag {
    type Err = GroupError;

    fn from_str(text: &str) -> Result<Self, GroupError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        let valid = (1..=TAG_CHARS_MAX).contains(&text.len()) && text.bytes().all(allowed);
        valid.then(|| Self(text.to_ascii_lowercase())).ok_or(GroupError::Tag)
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for NamePattern {
    type Err = GroupError;

    fn from_str(text: &str) -> Result<Self, GroupError> {
        let valid = (1..=PATTERN_CHARS_MAX).contains(&text.chars().count())
            && !text.contains(|c: char| c.is_control());
        valid.then(|| Self { text: text.to_owned(), lower: lower(text) }).ok_or(GroupError::Pattern)
    }
}

/// By characters: a text's own lower case goes by context, which a star hides.
fn lower(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

impl NamePattern {
    /// Whether the pattern is for this name.
    pub(crate) fn fits(&self, name: &str) -> bool {
        let name = lower(name);
        let mut parts = self.lower.split('*');
        let Some(mut rest) = parts.next().and_then(|start| name.strip_prefix(start)) else { return false };
        let Some(end) = parts.next_back() else { return rest.is_empty() };
        for part in parts {
            let Some((_, after)) = rest.split_once(part) else { return false };
            rest = after;
        }
        rest.ends_with(end)
    }
}

/// Whom a policy can be for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Group {
    /// Devices with a tag.
    Tagged(Tag),
    /// Devices whose display name fits.
    Named(NamePattern),
}

impl FromStr for Group {
    type Err = GroupError;

    fn from_str(rule: &str) -> Result<Self, GroupError> {
        match rule.split_once(':') {
            Some(("tag", tag)) => tag.parse().map(Self::Tagged),
            Some(("name", pattern)) => pattern.parse().map(Self::Named),
            Some(_) | None => Err(GroupError::Rule),
        }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tagged(tag) => write!(f, "tag:{tag}"),
            Self::Named(pattern) => write!(f, "name:{}", pattern.text),
        }
    }
}

/// A device, as groups see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) device: DeviceId,
    pub(crate) display_name: String,
    pub(crate) tags: BTreeSet<Tag>,
}

impl Group {
    pub(crate) fn contains(&self, member: &Member) -> bool {
        match self {
            Self::Tagged(tag) => member.tags.contains(tag),
            Self::Named(pattern) => pattern.fits(&member.display_name),
        }
    }
}

/// A policy, as far as it matters whom it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Assigned {
    /// The number of its newest version.
    pub(crate) version: u32,
    /// Whether that version sets anything. One that does not is in nobody's way.
    pub(crate) sets_anything: bool,
    pub(crate) groups: Vec<Group>,
}

/// All policies.
pub(crate) type Policies = BTreeMap<PolicyId, Assigned>;

/// What is for a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effective {
    /// No policy that sets anything.
    None,
    /// One.
    One(PolicyVersion),
    /// Several, by id.
    Conflict(Vec<PolicyId>),
}

/// Finds out what is for a device.
pub(crate) fn effective(member: &Member, policies: &Policies) -> Effective {
    let is_for = |assigned: &Assigned| {
        assigned.sets_anything && assigned.groups.iter().any(|group| group.contains(member))
    };
    let found: Vec<PolicyVersion> = policies
        .iter()
        .filter(|(_, assigned)| is_for(assigned))
        .map(|(policy, assigned)| PolicyVersion { policy: *policy, number: assigned.version })
        .collect();
    match found.as_slice() {
        [] => Effective::None,
        [one] => Effective::One(*one),
        several => Effective::Conflict(several.iter().map(|version| version.policy).collect()),
    }
}

/// What a device is to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// Whatever it holds: it was never told anything, and nothing is for it.
    Untouched,
    /// No setting at all.
    Nothing,
    /// Exactly the settings of this version.
    Version(PolicyVersion),
}

/// Decides what a device is to hold, by what is for it and the last that it was told whole.
pub(crate) fn target(effective: &Effective, told: Option<PolicyVersion>) -> Target {
    match (effective, told) {
        (Effective::One(version), _) => Target::Version(*version),
        (Effective::Conflict(_), Some(told)) => Target::Version(told),
        (Effective::None, Some(_)) => Target::Nothing,
        (Effective::Conflict(_) | Effective::None, None) => Target::Untouched,
    }
}

/// A device for which a change of the policies would make a difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) device: DeviceId,
    pub(crate) display_name: String,
    pub(crate) before: Effective,
    pub(crate) after: Effective,
}

/// The devices for which it would make a difference if `after` came in the place of `before`.
pub(crate) fn differences(before: &Policies, after: &Policies, members: &[Member]) -> Vec<Difference> {
    let difference = |member: &Member| {
        let (before, after) = (effective(member, before), effective(member, after));
        let (device, display_name) = (member.device, member.display_name.clone());
        (before != after).then_some(Difference { device, display_name, before, after })
    };
    members.iter().filter_map(difference).collect()
}

#[cfg(test)]
mod tests;
