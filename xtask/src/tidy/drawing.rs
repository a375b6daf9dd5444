//! Which crate may depend on which, and what may never be below one.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use super::workspace::{self, Workspace};

/// The arrows between the crates. One may depend on another directly or along several arrows; whatever is not drawn
/// is forbidden.
const DRAWING: [(&str, &[&str]); 13] = [
    ("lapwing-agent", &["lapwing-client"]),
    ("lapwing-cli", &["lapwing-client"]),
    ("lapwing-client", &["lapwing-dpapi", "lapwing-proto"]),
    ("lapwing-core", &[]),
    ("lapwing-dpapi", &["lapwing-core"]),
    ("lapwing-kds", &["lapwing-client"]),
    ("lapwing-model", &["lapwing-core"]),
    ("lapwing-pam", &["lapwing-core"]),
    ("lapwing-priv", &["lapwing-core", "lapwing-dpapi"]),
    ("lapwing-proto", &["lapwing-core"]),
    ("lapwing-server", &["lapwing-dpapi", "lapwing-proto"]),
    (
        "lapwing-sim",
        &["lapwing-agent", "lapwing-cli", "lapwing-kds", "lapwing-pam", "lapwing-priv", "lapwing-server"],
    ),
    // It judges the others, so it must build when they do not.
    ("xtask", &[]),
];

/// What tests of any crate may use besides.
const FOR_TESTS: [&str; 2] = ["lapwing-sim", "xtask"];

/// What a crate's normal dependency tree may hold.
struct Budget {
    package: &'static str,
    /// Crates below it, each version for itself.
    crates_max: usize,
    /// Names, and beginnings up to a `-`, that must not be among them.
    never: &'static [&'static str],
}

const NO_LIMIT: usize = usize::MAX;
const ASYNC_OR_NETWORK: &[&str] = &[
    "async",
    "futures",
    "h2",
    "hyper",
    "mio",
    "native-tls",
    "openssl",
    "quinn",
    "reqwest",
    "rustls",
    "smol",
    "socket2",
    "tokio",
    "ureq",
];
const OF_SHELLS: &[&str] = &["anyhow", "async", "futures", "getrandom", "hyper", "mio", "rustls", "tokio"];

const BUDGETS: [Budget; 5] = [
    Budget { package: "lapwing-core", crates_max: 10, never: OF_SHELLS },
    Budget { package: "lapwing-dpapi", crates_max: NO_LIMIT, never: OF_SHELLS },
    Budget { package: "lapwing-pam", crates_max: 16, never: ASYNC_OR_NETWORK },
    Budget { package: "lapwing-priv", crates_max: NO_LIMIT, never: ASYNC_OR_NETWORK },
    Budget { package: "lapwing-proto", crates_max: NO_LIMIT, never: OF_SHELLS },
];

/// Dependencies between our crates that are not drawn.
pub(super) fn faults(workspace: &Workspace) -> Vec<String> {
    let drawing = BTreeMap::from(DRAWING);
    let mut faults = Vec::new();
    for member in workspace.members() {
        let name = &member.name;
        if !drawing.contains_key(name.as_str()) {
            faults.push(format!(
                "{name} is not in the drawing: a new crate needs an ADR, and its arrows in tidy/drawing.rs"
            ));
            continue;
        }
        let allowed = below(&drawing, name);
        for dependency in
            member.dependencies.iter().filter(|dependency| workspace.is_member(&dependency.name))
        {
            let on = dependency.name.as_str();
            let for_tests = dependency.is_for_tests() && FOR_TESTS.contains(&on);
            if !allowed.contains(on) && !for_tests {
                faults.push(format!(
                    "{name} depends on {on}, which the drawing forbids: move the code, or change the drawing in an ADR"
                ));
            }
        }
    }
    faults
}

/// Everything along the arrows from `name`.
fn below<'a>(drawing: &BTreeMap<&'a str, &'a [&'a str]>, name: &str) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    for on in drawing.get(name).copied().unwrap_or_default() {
        found.insert(*on);
        found.extend(below(drawing, on));
    }
    found
}

/// Crates whose dependency tree holds too many crates or a forbidden one.
pub(super) fn budget_faults(workspace: &Workspace) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for budget in BUDGETS.iter().filter(|budget| workspace.is_member(budget.package)) {
        let tree = workspace::tree(&["--edges=normal", "--package", budget.package])?;
        faults.extend(over_budget(budget, &tree));
    }
    Ok(faults)
}

fn over_budget(budget: &Budget, tree: &str) -> Vec<String> {
    let Budget { package, crates_max, never } = budget;
    let mut crates = workspace::crates(tree);
    crates.retain(|(name, _)| name != package);
    let mut faults = Vec::new();
    if crates.len() > *crates_max {
        faults.push(format!(
            "{package} has {} crates below it and may have {crates_max}: \
             see `cargo tree --edges=normal --package {package}`",
            crates.len()
        ));
    }
    let family = |name: &str, start: &str| {
        name.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    for (name, _) in crates.iter().filter(|(name, _)| never.iter().any(|start| family(name, start))) {
        faults.push(format!(
            "{package} must not have {name} below it: see `cargo tree --package {package} --invert {name}`"
        ));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_along_several_arrows_is_allowed_and_one_against_them_is_not() {
        let workspace = workspace::of(
            &[
                ("lapwing-agent", &[("lapwing-core", None), ("lapwing-priv", None)]),
                ("lapwing-core", &[("lapwing-sim", Some("dev")), ("lapwing-proto", Some("dev"))]),
                ("lapwing-priv", &[("lapwing-dpapi", None), ("serde", None)]),
                ("lapwing-proto", &[("lapwing-sim", None)]),
                ("lapwing-dpapi", &[]),
                ("lapwing-sim", &[("lapwing-proto", None)]),
                ("lapwing-new", &[]),
            ],
            &[("serde", "1.0.0")],
        );
        let faults = faults(&workspace);
        let starts: Vec<_> = faults.iter().map(|fault| fault.split([',', ':']).next().unwrap()).collect();
        assert_eq!(
            starts,
            [
                "lapwing-agent depends on lapwing-priv",
                "lapwing-core depends on lapwing-proto",
                "lapwing-proto depends on lapwing-sim",
                "lapwing-new is not in the drawing",
            ]
        );
    }

    #[test]
    fn a_budget_counts_each_crate_once_and_knows_families_by_their_dash() {
        let tree = "lapwing-x v0.1.0 (/x)\ntokio v1.0.0\ntokio-util v0.7.0\nasyncify v1.0.0\n\
                    serde v1.0.0\nserde v1.0.0 (*)\n";
        let budget = Budget { package: "lapwing-x", crates_max: 4, never: &["tokio", "async"] };
        let faults = over_budget(&budget, tree);
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults[0].contains("tokio below") && faults[1].contains("tokio-util below"), "{faults:?}");
        let tight = Budget { crates_max: 3, never: &[], ..budget };
        assert!(over_budget(&tight, tree)[0].starts_with("lapwing-x has 4 crates below it and may have 3"));
    }
}
