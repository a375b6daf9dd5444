//! `docs/dependencies.md`: every direct dependency with its reason, and every crate that is there in two versions.

use std::collections::{BTreeMap, BTreeSet};

use super::workspace::Workspace;

/// The document.
pub(super) const LIST: &str = "docs/dependencies.md";

const DUPLICATES: &str = "## Tolerated duplicates";

/// Direct dependencies without a line, lines without a dependency, and sources that are no registry.
pub(super) fn faults(workspace: &Workspace, list: &str) -> Vec<String> {
    let listed = rows(list.split(DUPLICATES).next().unwrap_or_default());
    let used: BTreeSet<&str> = workspace
        .members()
        .flat_map(|member| &member.dependencies)
        .map(|dependency| dependency.name.as_str())
        .filter(|name| !workspace.is_member(name))
        .collect();
    let missing =
        used.difference(&listed).map(|name| format!("{name} has no line in {LIST}: say why it is there"));
    let stale = listed
        .difference(&used)
        .map(|name| format!("{LIST} lists {name}, on which no crate depends: remove the line"));
    let odd = workspace
        .foreign()
        .filter(|package| !package.source.as_deref().is_some_and(|source| source.starts_with("registry+")))
        .map(|package| {
            format!("{} {} comes from no registry: use a published version", package.name, package.version)
        });
    missing.chain(stale).chain(odd).collect()
}

/// Crates in several versions without a reason, and reasons without such a crate.
pub(super) fn duplicate_faults(workspace: &Workspace, list: &str) -> Vec<String> {
    let tolerated = rows(list.split_once(DUPLICATES).map_or("", |(_, section)| section));
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in workspace.foreign() {
        versions.entry(&package.name).or_default().push(&package.version);
    }
    versions.retain(|_, versions| versions.len() > 1);
    let unexplained = versions.iter().filter(|(name, _)| !tolerated.contains(*name)).map(|(name, versions)| {
        format!("{name} is there as {}: see `cargo tree --duplicates`, and agree on one or list it under \"{}\" in {LIST}", versions.join(" and "), DUPLICATES.trim_start_matches("## "))
    });
    let stale = tolerated
        .iter()
        .filter(|name| !versions.contains_key(*name))
        .map(|name| format!("{LIST} tolerates {name} twice, and it is there once: remove the line"));
    unexplained.chain(stale).collect()
}

/// The first cells of a table, its head aside.
fn rows(text: &str) -> BTreeSet<&str> {
    text.lines()
        .filter_map(|line| line.strip_prefix('|')?.split('|').next())
        .map(str::trim)
        .filter(|cell| *cell != "crate" && !cell.starts_with("---"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::workspace;

    const TEXT: &str = "| crate | why |\n|---|---|\n| serde | derives |\n| old | once |\n\n\
                        ## Tolerated duplicates\n\n| crate | why |\n|---|---|\n| rand | two worlds |\n| gone | x |\n";

    #[test]
    fn a_dependency_needs_a_line_and_a_line_a_dependency() {
        let workspace = workspace::of(&[("lapwing-core", &[("serde", None), ("insta", Some("dev"))])], &[]);
        let faults = faults(&workspace, TEXT);
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults[0].starts_with("insta has no line") && faults[1].contains("lists old"), "{faults:?}");
    }

    #[test]
    fn a_crate_in_two_versions_needs_a_reason_and_a_reason_two_versions() {
        let crates =
            [("rand", "0.9.0"), ("rand", "0.10.0"), ("syn", "2.0.0"), ("syn", "3.0.0"), ("gone", "1.0.0")];
        let faults = duplicate_faults(&workspace::of(&[], &crates), TEXT);
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults[0].starts_with("syn is there as 2.0.0 and 3.0.0"), "{faults:?}");
        assert!(faults[1].contains("tolerates gone"), "{faults:?}");
    }

    #[test]
    fn a_git_source_is_a_fault() {
        let mut workspace = workspace::of(&[], &[("forked", "1.0.0")]);
        workspace.packages[0].source = Some("git+https://g.test/forked".to_owned());
        assert!(faults(&workspace, "")[0].starts_with("forked 1.0.0 comes from no registry"));
    }
}
