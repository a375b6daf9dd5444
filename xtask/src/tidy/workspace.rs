//! What Cargo knows of the workspace and of everything it depends on, on this platform and with every feature.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use xtask::sys;

/// The output of `cargo metadata`, as far as the rules look.
#[derive(Debug, Deserialize)]
pub(super) struct Workspace {
    pub(super) packages: Vec<Package>,
    workspace_members: BTreeSet<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Package {
    id: String,
    pub(super) name: String,
    pub(super) version: String,
    pub(super) license: Option<String>,
    /// None for a package that lies in a folder here.
    pub(super) source: Option<String>,
    pub(super) dependencies: Vec<Dependency>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Dependency {
    pub(super) name: String,
    kind: Option<String>,
}

impl Dependency {
    /// Whether only tests, examples and benchmarks use it.
    pub(super) fn is_for_tests(&self) -> bool {
        self.kind.as_deref() == Some("dev")
    }
}

impl Workspace {
    pub(super) fn read() -> Result<Self> {
        let version = sys::text(sys::rust("rustc").arg("-vV"))?;
        let host =
            version.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names no host")?;
        let mut cargo = sys::rust("cargo");
        cargo.args(["metadata", "--format-version=1", "--all-features", "--filter-platform", host]);
        Self::parse(&sys::text(&mut cargo)?)
    }

    pub(super) fn parse(metadata: &str) -> Result<Self> {
        serde_json::from_str(metadata).context("cannot read what `cargo metadata` printed")
    }

    /// The workspace's own packages.
    pub(super) fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| self.workspace_members.contains(&package.id))
    }

    /// Everybody else's packages.
    pub(super) fn foreign(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| !self.workspace_members.contains(&package.id))
    }

    pub(super) fn is_member(&self, name: &str) -> bool {
        self.members().any(|member| member.name == name)
    }
}

/// What `cargo tree` prints: unlike `cargo metadata`, it does not unite the features of all members, nor count what
/// another platform or an unused feature would bring.
pub(super) fn tree(arguments: &[&str]) -> Result<String> {
    sys::text(sys::rust("cargo").args(["tree", "--prefix=none"]).args(arguments))
}

/// Name and version of each crate in such a tree, once.
pub(super) fn crates(tree: &str) -> BTreeSet<(&str, &str)> {
    tree.lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            Some((words.next()?, words.next()?))
        })
        .collect()
}

/// The name of a dependency and its kind.
#[cfg(test)]
type Used = (&'static str, Option<&'static str>);

/// A workspace of `members`, each with its dependencies, and of `foreign` packages.
#[cfg(test)]
pub(super) fn of(members: &[(&str, &[Used])], foreign: &[(&str, &str)]) -> Workspace {
    let package = |name: &str, version: &str, source: Option<&str>| Package {
        id: format!("{name}@{version}"),
        name: name.to_owned(),
        version: version.to_owned(),
        license: Some("MIT".to_owned()),
        source: source.map(str::to_owned),
        dependencies: Vec::new(),
    };
    let mut packages: Vec<_> = foreign
        .iter()
        .map(|(name, version)| package(name, version, Some("registry+https://r.test")))
        .collect();
    let mut workspace_members = BTreeSet::new();
    for (name, dependencies) in members {
        let mut member = package(name, "0.1.0", None);
        member.dependencies = dependencies
            .iter()
            .map(|(name, kind)| Dependency { name: (*name).to_owned(), kind: kind.map(str::to_owned) })
            .collect();
        workspace_members.insert(member.id.clone());
        packages.push(member);
    }
    Workspace { packages, workspace_members }
}
