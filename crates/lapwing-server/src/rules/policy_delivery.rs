//! How a device comes to hold the policy that it is to hold, and nothing else.
//!
//! At the beginning of a session all leaves are read. Where one is not as it should be, a single Atomic sets them all and
//! removes the rest, and they are read again. So what a device is known to hold it has said itself, and what was changed
//! on the way is put right. Each step follows from one message, as in [`super::session`]; the ids of the commands say
//! what they are about.
//!
//! INVARIANT: a policy is set in one Atomic, so that a device holds one version whole, or what it held before.

use std::collections::BTreeMap;

use lapwing_core::{
    csp::{Node, Tree, mean_the_same},
    policy::Setting,
};
use lapwing_proto::syncml::{
    CmdId, Command, Format, Group, GroupKind, Item, Meta, Operation, Results, StatusCode, Verb,
};

/// The ids of the commands: below those of the session's own work, above all that count through a message. That of the
/// Atomic, of its members, and of the reading of each leaf.
const ATOMIC: u32 = 900_000;
const MEMBER: u32 = 900_100;
const READING: u32 = 900_200;

/// What a message says of the leaves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    /// The leaves that it tells of; one that is not there has no value.
    leaves: BTreeMap<Setting, Option<String>>,
    /// How the Atomic went that was sent before.
    pub(crate) atomic: Option<StatusCode>,
}

fn nodes() -> impl Iterator<Item = (u32, Setting)> {
    (0..).zip(Setting::ALL.iter().copied()).filter(|(_, setting)| setting.has_csp_node())
}

impl Heard {
    /// Takes note of a Status, if it is about one of these commands.
    pub(crate) fn take_status(&mut self, about: &CmdId, code: StatusCode) {
        let Ok(number) = about.as_str().parse::<u32>() else { return };
        if number == ATOMIC {
            self.atomic = Some(code);
        }
        let about_leaf = nodes().find(|(at, _)| number == READING + at);
        if let Some((_, setting)) = about_leaf.filter(|_| code == StatusCode::NOT_FOUND) {
            self.leaves.insert(setting, None);
        }
    }

    /// Takes note of what was read.
    pub(crate) fn take_results(&mut self, results: &Results) {
        for item in &results.items {
            let uri = item.source.as_ref().or(item.target.as_ref());
            if let Some(Node::Policy(setting)) = uri.and_then(|uri| Node::find(uri.as_str())) {
                self.leaves.insert(setting, Some(item.data.clone().unwrap_or_default()));
            }
        }
    }

    /// What an earlier message of the package has said, where this one says nothing.
    pub(crate) fn add_earlier(&mut self, earlier: Self) {
        for (setting, value) in earlier.leaves {
            self.leaves.entry(setting).or_insert(value);
        }
        self.atomic = self.atomic.or(earlier.atomic);
    }

    /// What it says of one, if that is there.
    #[cfg(test)]
    pub(crate) fn value(&self, setting: Setting) -> Option<String> {
        self.leaves.get(&setting).cloned().flatten()
    }

    /// Whether it says anything of them.
    pub(crate) fn is_empty(&self) -> bool {
        self.leaves.is_empty() && self.atomic.is_none()
    }

    /// Whether what it says of them is something else.
    pub(crate) fn differs(&self, wanted: &Tree) -> bool {
        self.leaves
            .iter()
            .any(|(setting, held)| !mean_the_same(*setting, held.as_deref(), wanted.value(*setting)))
    }

    /// Whether the device holds exactly this, by its own word.
    pub(crate) fn holds(&self, wanted: &Tree) -> bool {
        nodes().all(|(_, setting)| self.leaves.contains_key(&setting)) && !self.differs(wanted)
    }
}

/// What to send, so that the device comes to hold exactly `wanted`.
pub(crate) fn deliver(starts: bool, heard: &Heard, wanted: &Tree) -> Vec<Command> {
    if starts {
        return readings();
    }
    // What this session has tried already is left to the next.
    if heard.atomic.is_some() || !heard.differs(wanted) {
        return Vec::new();
    }
    let mut commands = vec![setting_all(heard, wanted)];
    commands.extend(readings());
    commands
}

fn operation(id: u32, verb: Verb, setting: Setting, value: Option<&str>) -> Command {
    let node = Node::Policy(setting);
    let meta = match value {
        Some(_) => Meta {
            format: Format::of_name(node.format().name()),
            kind: Some("text/plain".to_owned()),
            size: None,
        },
        None => Meta::default(),
    };
    let item =
        Item { target: node.uri().parse().ok(), meta, data: value.map(str::to_owned), ..Item::default() };
    Command::Operation(Operation { id: CmdId::number(id), verb, correlator: None, items: vec![item] })
}

fn readings() -> Vec<Command> {
    nodes().map(|(at, setting)| operation(READING + at, Verb::Get, setting, None)).collect()
}

/// One Atomic: every leaf that is wanted, and away with those that are not.
fn setting_all(heard: &Heard, wanted: &Tree) -> Command {
    let member = |(at, setting): (u32, Setting)| match wanted.value(setting) {
        Some(value) => Some(operation(MEMBER + at, Verb::Replace, setting, Some(value))),
        None => {
            heard.leaves.get(&setting)?.as_ref()?;
            Some(operation(MEMBER + at, Verb::Delete, setting, None))
        }
    };
    let commands = nodes().filter_map(member).collect();
    Command::Group(Group { id: CmdId::number(ATOMIC), kind: GroupKind::Atomic, commands })
}

#[cfg(test)]
mod tests;
