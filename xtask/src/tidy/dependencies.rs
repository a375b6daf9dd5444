//! `docs/dependencies.md`: every direct dependency with its reason, and every crate that is there in two versions.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use super::workspace::{self, Workspace};

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
pub(super) fn duplicate_faults(list: &str) -> Result<Vec<String>> {
    let tree = workspace::tree(&["--workspace", "--all-features", "--duplicates", "--depth=0"])?;
    Ok(unexplained_duplicates(&tree, list))
}

fn unexplained_duplicates(tree: &str, list: &str) -> Vec<String> {
    let tolerated = rows(list.split_once(DUPLICATES).map_or("", |(_, section)| section));
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, version) in workspace::crates(tree) {
        versions.entry(name).or_default().push(version);
    }
    // One version may be there twice too, with different features.
    versions.retain(|_, versions| versions.len() > 1);
    let unexplained = versions.iter().filter(|(name, _)| !tolerated.contains(*name)).map(|(name, versions)| {
        format!(
            "{name} is there as {}: see `cargo tree --duplicates`, and agree on one or list it under \"{}\" in {LIST}",
            versions.join(" and "),
            DUPLICATES.trim_start_matches("## ")
        )
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
        let tree = "rand v0.9.0\n\nrand v0.10.0\n\nsyn v2.0.0 (proc-macro)\n\nsyn v3.0.0\n\n\
                    gone v1.0.0\n\ngone v1.0.0\n";
        let faults = unexplained_duplicates(tree, TEXT);
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults[0].starts_with("syn is there as v2.0.0 and v3.0.0"), "{faults:?}");
        assert!(faults[1].contains("tolerates gone"), "{faults:?}");
    }

    #[test]
    fn a_git_source_is_a_fault() {
        let mut workspace = workspace::of(&[], &[("forked", "1.0.0")]);
        workspace.packages[0].source = Some("git+https://g.test/forked".to_owned());
        assert!(faults(&workspace, "")[0].starts_with("forked 1.0.0 comes from no registry"));
    }
}
