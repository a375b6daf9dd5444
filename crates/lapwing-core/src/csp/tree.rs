//! The tree with what it holds, and what each operation does to it.

use std::collections::BTreeMap;

use super::node::Node;
use super::operation::{AtomicReply, Format, Member, Operation, Performed, Reply, Value, Verb};
use super::status::Status;
use super::value;
use crate::event::Hresult;
use crate::policy::{PolicyRoot, RawEntry, RawPolicy, Setting};

/// The longest value of a leaf, in bytes.
pub const VALUE_LEN_MAX: usize = 1024;

/// What the device holds of the LAPS CSP: the leaves below `Policies`, each as it was sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    policies: BTreeMap<Setting, String>,
}

impl Tree {
    /// The tree that holds these values, or the first one that no server could have set.
    ///
    /// # Errors
    /// The setting without a node, that stands there twice, or whose value is not of its type.
    pub fn holding(values: impl IntoIterator<Item = (Setting, String)>) -> Result<Self, Setting> {
        let mut tree = Self::default();
        for (setting, data) in values {
            let is_node = setting.has_csp_node();
            let added = tree.add(setting, None, Some(&data));
            if !is_node || added != Status::OK {
                return Err(setting);
            }
        }
        Ok(tree)
    }

    /// The leaves that are there, in the order of [`Setting::ALL`], each with its value as it was sent.
    pub fn values(&self) -> impl Iterator<Item = (Setting, &str)> {
        self.policies.iter().map(|(setting, data)| (*setting, data.as_str()))
    }

    /// The value of a leaf as it was sent; none if it is not there.
    #[must_use]
    pub fn value(&self, setting: Setting) -> Option<&str> {
        self.policies.get(&setting).map(String::as_str)
    }

    /// Performs one operation. `reset_status` is what `Actions/ResetPasswordStatus` says now.
    ///
    /// What is wrong with an operation is looked for in this order: the node, the verb, the value, the leaf's being there.
    pub fn perform(&mut self, operation: &Operation, reset_status: Hresult) -> Performed {
        // A property of a node, or its structure. OMA-TS-DM_TND-V1_2 section 7.7; "OMA DM protocol support".
        let (uri, asks_more) = match operation.uri.split_once('?') {
            Some((uri, _)) => (uri, true),
            None => (operation.uri.as_str(), false),
        };
        let Some(node) = Node::find(uri) else {
            return Performed::Done(Reply::status(Status::NOT_FOUND));
        };
        if asks_more {
            return Performed::Done(Reply::status(Status::UNSUPPORTED));
        }
        if !node.access().allows(operation.verb) {
            return Performed::Done(Reply::status(Status::NOT_ALLOWED));
        }
        let (format, data) = (operation.format.as_ref(), operation.data.as_deref());
        let status = match (operation.verb, node) {
            (Verb::Get, _) => return Performed::Done(self.get(node, reset_status)),
            (Verb::Add, Node::Policy(setting)) => self.add(setting, format, data),
            (Verb::Replace, Node::Policy(setting)) => self.replace(setting, format, data),
            (Verb::Delete, Node::Policy(setting)) => self.delete(setting),
            // Servers write an empty value where there is none to write, and then a format that means nothing.
            (Verb::Exec, Node::ResetPassword) if data.is_none_or(str::is_empty) => {
                return Performed::Reset { correlator: operation.correlator };
            }
            (Verb::Exec, Node::ResetPassword) => Status::WRONG_FORMAT,
            (Verb::Add | Verb::Replace | Verb::Delete | Verb::Exec, _) => Status::NOT_ALLOWED,
        };
        Performed::Done(Reply::status(status))
    }

    /// Performs all operations of an Atomic, or none.
    ///
    /// A Get, an Exec and a nested Atomic fail it: the first and the last by "OMA DM protocol support", and an Exec
    /// because what it begins cannot be taken back.
    pub fn perform_atomic(&mut self, members: &[Member], reset_status: Hresult) -> AtomicReply {
        let mut changed = self.clone();
        let mut statuses = Vec::new();
        for member in members {
            let status = changed.perform_member(member, reset_status);
            statuses.push(status);
            if !status.is_success() {
                break;
            }
        }
        match statuses.split_last() {
            Some((failed, before)) if !failed.is_success() => {
                let rolled_back = before.iter().map(|_| Status::ROLLED_BACK);
                let left = members.len().saturating_sub(statuses.len());
                let not_executed = core::iter::repeat_n(Status::NOT_EXECUTED, left);
                let members = rolled_back.chain([*failed]).chain(not_executed).collect();
                AtomicReply { status: Status::ATOMIC_FAILED, members }
            }
            _ => {
                *self = changed;
                AtomicReply { status: Status::OK, members: statuses }
            }
        }
    }

    fn perform_member(&mut self, member: &Member, reset_status: Hresult) -> Status {
        let Member::Operation(operation) = member else { return Status::FAILED };
        match operation.verb {
            Verb::Get | Verb::Exec => Status::FAILED,
            Verb::Add | Verb::Replace | Verb::Delete => match self.perform(operation, reset_status) {
                Performed::Done(reply) => reply.status,
                Performed::Reset { .. } => Status::FAILED,
            },
        }
    }

    /// What the tree says as the policy root of highest precedence.
    #[must_use]
    pub fn raw_policy(&self) -> RawPolicy {
        let entry = |(setting, data): (Setting, &str)| {
            Some(RawEntry {
                name: setting.name().to_owned(),
                value: value::parse(setting, data)?,
                origin: format!("CSP {setting}"),
            })
        };
        RawPolicy { root: PolicyRoot::Csp, entries: self.values().filter_map(entry).collect() }
    }

    /// A leaf that is not there has no value, whatever the CSP's page gives as its default: that is what holds, and not
    /// what was set.
    fn get(&self, node: Node, reset_status: Hresult) -> Reply {
        let data = match node {
            Node::Laps | Node::Policies | Node::Actions => Some(self.names_below(node)),
            Node::Policy(setting) => self.policies.get(&setting).cloned(),
            Node::ResetPasswordStatus => Some(reset_status.0.cast_signed().to_string()),
            Node::ResetPassword => None,
        };
        data.map_or(Reply::status(Status::NOT_FOUND), |data| Reply {
            status: Status::OK,
            value: Some(Value { format: node.format(), data }),
        })
    }

    /// The names of the nodes below one that are there, by `/`. All are letters, so that none needs URI encoding.
    /// OMA-TS-DM_TND-V1_2 section 7.4.
    fn names_below(&self, node: Node) -> String {
        let names: Vec<&str> = match node {
            Node::Laps => vec!["Policies", "Actions"],
            Node::Policies => self.policies.keys().map(|setting| setting.name()).collect(),
            Node::Actions => vec!["ResetPassword", "ResetPasswordStatus"],
            Node::Policy(_) | Node::ResetPassword | Node::ResetPasswordStatus => Vec::new(),
        };
        names.join("/")
    }

    fn add(&mut self, setting: Setting, format: Option<&Format>, data: Option<&str>) -> Status {
        match checked(setting, format, data) {
            Ok(_) if self.policies.contains_key(&setting) => Status::EXISTS,
            Ok(data) => self.set(setting, data),
            Err(status) => status,
        }
    }

    /// Sets the leaf, whether it is there or not: OMA-TS-SyncML-RepPro-V1_2_2 leaves that to the device, and Windows'
    /// servers send a Replace for a leaf that they set for the first time ("Understanding ADMX policies").
    fn replace(&mut self, setting: Setting, format: Option<&Format>, data: Option<&str>) -> Status {
        checked(setting, format, data).map_or_else(|status| status, |data| self.set(setting, data))
    }

    fn set(&mut self, setting: Setting, data: &str) -> Status {
        self.policies.insert(setting, data.to_owned());
        Status::OK
    }

    fn delete(&mut self, setting: Setting) -> Status {
        self.policies.remove(&setting).map_or(Status::NOT_FOUND, |_| Status::OK)
    }
}

/// The value, if it is of the node's format and can be kept.
fn checked<'a>(setting: Setting, format: Option<&Format>, data: Option<&'a str>) -> Result<&'a str, Status> {
    let data = data.ok_or(Status::INCOMPLETE)?;
    if format.is_some_and(|format| *format != Node::Policy(setting).format()) {
        return Err(Status::WRONG_FORMAT);
    }
    if data.len() > VALUE_LEN_MAX {
        return Err(Status::TOO_LARGE);
    }
    value::parse(setting, data).map(|_| data).ok_or(Status::WRONG_FORMAT)
}
