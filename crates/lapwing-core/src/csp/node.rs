//! The nodes, and how a URI names one.

use super::operation::{Format, Verb};
use crate::policy::{Kind, Setting};

/// The root of the tree, as this crate writes it.
pub const ROOT: &str = "./Device/Vendor/MSFT/LAPS";
/// The same root without its scope, which then is the device's. "Understanding configuration service providers".
pub const LOCAL_ROOT: &str = "./Vendor/MSFT/LAPS";

/// A node of the tree. "LAPS CSP".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Node {
    /// The root.
    Laps,
    /// `Policies`.
    Policies,
    /// A leaf below `Policies`; [`Setting::has_csp_node`].
    Policy(Setting),
    /// `Actions`.
    Actions,
    /// `Actions/ResetPassword`.
    ResetPassword,
    /// `Actions/ResetPasswordStatus`.
    ResetPasswordStatus,
}

/// What a node is to its server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// An interior node, always there: Get.
    Interior,
    /// A leaf that comes and goes: Add, Replace, Delete, Get.
    Setting,
    /// An action: Exec.
    Action,
    /// A leaf, always there: Get.
    Result,
}

impl Access {
    /// Whether the node takes this verb.
    #[must_use]
    pub const fn allows(self, verb: Verb) -> bool {
        match verb {
            Verb::Add | Verb::Replace | Verb::Delete => matches!(self, Self::Setting),
            Verb::Get => !matches!(self, Self::Action),
            Verb::Exec => matches!(self, Self::Action),
        }
    }
}

impl Node {
    /// Every node, each before those below it.
    pub fn all() -> impl Iterator<Item = Self> {
        let policies =
            Setting::ALL.iter().copied().filter(|setting| setting.has_csp_node()).map(Self::Policy);
        let actions = [Self::Actions, Self::ResetPassword, Self::ResetPasswordStatus];
        [Self::Laps, Self::Policies].into_iter().chain(policies).chain(actions)
    }

    /// The node that `uri` names under either root, if there is one. No two nodes differ by case alone, and the
    /// registry values behind those of Windows do not either, so case counts for nothing.
    #[must_use]
    pub fn find(uri: &str) -> Option<Self> {
        let path = [ROOT, LOCAL_ROOT].iter().find_map(|root| {
            let (start, path) = uri.split_at_checked(root.len())?;
            (start.eq_ignore_ascii_case(root) && (path.is_empty() || path.starts_with('/'))).then_some(path)
        })?;
        Self::all().find(|node| node.path().eq_ignore_ascii_case(path))
    }

    /// The URI by which a server names it.
    #[must_use]
    pub fn uri(self) -> String {
        format!("{ROOT}{}", self.path())
    }

    fn path(self) -> String {
        match self {
            Self::Laps => String::new(),
            Self::Policies => "/Policies".to_owned(),
            Self::Policy(setting) => format!("/Policies/{}", setting.name()),
            Self::Actions => "/Actions".to_owned(),
            Self::ResetPassword => "/Actions/ResetPassword".to_owned(),
            Self::ResetPasswordStatus => "/Actions/ResetPasswordStatus".to_owned(),
        }
    }

    /// What it is to its server.
    #[must_use]
    pub const fn access(self) -> Access {
        match self {
            Self::Laps | Self::Policies | Self::Actions => Access::Interior,
            Self::Policy(_) => Access::Setting,
            Self::ResetPassword => Access::Action,
            Self::ResetPasswordStatus => Access::Result,
        }
    }

    /// How its value is written.
    #[must_use]
    pub const fn format(self) -> Format {
        match self {
            Self::Laps | Self::Policies | Self::Actions => Format::Node,
            Self::Policy(setting) => match setting.kind() {
                Kind::Integer { .. } => Format::Int,
                Kind::Boolean { .. } => Format::Bool,
                Kind::Text { .. } => Format::Chr,
            },
            Self::ResetPassword => Format::Null,
            Self::ResetPasswordStatus => Format::Int,
        }
    }
}
