use lapwing_core::{
    csp::{self, Member, Performed, Reply},
    event::Hresult,
};
use lapwing_proto::syncml::MsgId;
use proptest::prelude::*;

use super::*;

/// A device: the tree, and how many Atomics it has performed.
#[derive(Default)]
struct Device {
    tree: Tree,
    atomics: usize,
}

fn to_core(command: &Command) -> csp::Operation {
    let Command::Operation(operation) = command else { panic!("{command:?}") };
    let item = &operation.items[0];
    let verb = csp::Verb::ALL.iter().find(|verb| verb.name() == operation.verb.name()).unwrap();
    csp::Operation {
        verb: *verb,
        uri: item.target.as_ref().unwrap().to_string(),
        format: item.meta.format.map(|format| csp::Format::of_name(format.name())),
        data: item.data.clone(),
        correlator: None,
    }
}

impl Device {
    /// Performs what it is sent; what its next message says.
    fn perform(&mut self, commands: &[Command]) -> Heard {
        let mut heard = Heard::default();
        for command in commands {
            let id = command.id().unwrap();
            match command {
                Command::Group(group) => {
                    let members: Vec<_> =
                        group.commands.iter().map(|member| Member::Operation(to_core(member))).collect();
                    let reply = self.tree.perform_atomic(&members, Hresult(0));
                    self.atomics += 1;
                    heard.take_status(id, StatusCode(reply.status.0));
                }
                single => {
                    let operation = to_core(single);
                    let Performed::Done(Reply { status, value }) = self.tree.perform(&operation, Hresult(0))
                    else {
                        panic!("a policy resets no password")
                    };
                    heard.take_status(id, StatusCode(status.0));
                    heard.take_results(&results(&operation.uri, value));
                }
            }
        }
        heard
    }

    /// A session, in which it is to come to hold `wanted`; its last word.
    fn session(&mut self, wanted: &Tree) -> Heard {
        let mut heard = self.perform(&deliver(true, &Heard::default(), wanted));
        for _ in 0..4 {
            let commands = deliver(false, &heard, wanted);
            if commands.is_empty() {
                return heard;
            }
            heard = self.perform(&commands);
        }
        panic!("the session has no end")
    }
}

fn results(uri: &str, value: Option<csp::Value>) -> Results {
    let item = |value: csp::Value| Item {
        source: uri.parse().ok(),
        data: Some(value.data).filter(|data| !data.is_empty()),
        ..Item::default()
    };
    Results {
        id: CmdId::number(1),
        msg_ref: MsgId(1),
        cmd_ref: CmdId::number(1),
        items: value.map(item).into_iter().collect(),
    }
}

fn tree(values: &[(Setting, &str)]) -> Tree {
    Tree::holding(values.iter().map(|(setting, data)| (*setting, (*data).to_owned()))).unwrap()
}

#[test]
fn a_device_comes_to_hold_exactly_the_policy_in_one_atomic() {
    let wanted = tree(&[(Setting::BackupDirectory, "1"), (Setting::AdministratorAccountName, "")]);
    let held = tree(&[(Setting::BackupDirectory, "2"), (Setting::PasswordLength, "20")]);
    let mut device = Device { tree: held, atomics: 0 };
    assert!(device.session(&wanted).holds(&wanted));
    assert_eq!((&device.tree, device.atomics), (&wanted, 1));
    assert!(device.session(&Tree::default()).holds(&Tree::default()));
    assert_eq!((&device.tree, device.atomics), (&Tree::default(), 2));
}

#[test]
fn a_device_that_holds_the_policy_is_only_asked() {
    let wanted = tree(&[(Setting::ADPasswordEncryptionEnabled, "true"), (Setting::PasswordLength, "20")]);
    // As another server may have written it.
    let held = tree(&[(Setting::ADPasswordEncryptionEnabled, "True"), (Setting::PasswordLength, "020")]);
    let mut device = Device { tree: held.clone(), atomics: 0 };
    assert!(device.session(&wanted).holds(&wanted));
    assert_eq!((device.tree, device.atomics), (held, 0));
}

#[test]
fn what_a_device_does_not_take_is_tried_once_in_a_session() {
    let wanted = tree(&[(Setting::PasswordLength, "20")]);
    let absent = Heard { leaves: nodes().map(|(_, setting)| (setting, None)).collect(), atomic: None };
    assert!(matches!(deliver(false, &absent, &wanted)[0], Command::Group(_)));
    let refused = Heard { atomic: Some(StatusCode::ATOMIC_FAILED), ..absent.clone() };
    assert_eq!(deliver(false, &refused, &wanted), []);
    assert!(!refused.holds(&wanted));
}

#[test]
fn a_part_of_the_leaves_is_no_word_of_the_whole_and_yet_put_right() {
    let wanted = tree(&[(Setting::PasswordLength, "20")]);
    let part = |held: &str| Heard {
        leaves: [(Setting::PasswordLength, Some(held.to_owned()))].into(),
        atomic: None,
    };
    assert!(!part("20").holds(&wanted));
    assert_eq!(deliver(false, &part("20"), &wanted), []);
    assert!(matches!(deliver(false, &part("21"), &wanted)[0], Command::Group(_)));
    assert_eq!(deliver(false, &Heard::default(), &wanted), [], "it said nothing of its policy");
}

#[test]
fn the_ids_of_commands_are_their_own() {
    let wanted = Tree::holding(nodes().map(|(_, setting)| (setting, "1".to_owned()))).unwrap();
    let absent = Heard { leaves: nodes().map(|(_, setting)| (setting, None)).collect(), atomic: None };
    let commands = deliver(false, &absent, &wanted);
    let Command::Group(atomic) = &commands[0] else { panic!("{commands:?}") };
    let all = commands.iter().chain(&atomic.commands);
    let ids: std::collections::BTreeSet<_> = all.map(|command| command.id().unwrap().clone()).collect();
    assert_eq!(ids.len(), 1 + 2 * nodes().count());
}

fn any_tree() -> impl Strategy<Value = Tree> {
    let leaf = |setting: Setting| {
        let values: &[&str] = match Node::Policy(setting).format() {
            csp::Format::Int => &["1", "2", "700", "-1"],
            csp::Format::Bool => &["true", "False", "1"],
            _ => &["", " a ", "<&>"],
        };
        prop::option::of(prop::sample::select(values))
            .prop_map(move |value| value.map(|value| (setting, value.to_owned())))
    };
    let leaves: Vec<_> = nodes().map(|(_, setting)| leaf(setting)).collect();
    leaves.prop_map(|leaves| Tree::holding(leaves.into_iter().flatten()).unwrap())
}

proptest! {
    #[test]
    fn whatever_a_device_held_one_session_is_enough(held in any_tree(), wanted in any_tree()) {
        let mut device = Device { tree: held, atomics: 0 };
        prop_assert!(device.session(&wanted).holds(&wanted));
        prop_assert!(device.atomics <= 1);
        let before = device.tree.clone();
        device.session(&wanted);
        prop_assert_eq!(device.tree, before, "the next session changes nothing");
    }
}
