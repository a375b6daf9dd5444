//! `cargo xtask tidy`: compares the code with its rules, and lists what has grown large.
//!
//! Each rule is a pure function from what was read to the sentences that say what is wrong and what to do.

mod dependencies;
mod deviations;
mod drawing;
mod fixtures;
mod licences;
mod sizes;
mod tree;
mod words;
mod workspace;

use anyhow::{Result, bail};

use self::tree::Tree;
use self::workspace::Workspace;

/// Checks every rule and prints every fault, not only the first.
pub(crate) fn run() -> Result<()> {
    let tree = Tree::read()?;
    let workspace = Workspace::read()?;
    let listed = tree.text(dependencies::LIST).unwrap_or_default();
    let faults: Vec<String> = [
        drawing::faults(&workspace),
        drawing::budget_faults(&workspace)?,
        dependencies::faults(&workspace, listed),
        dependencies::duplicate_faults(listed)?,
        licences::faults(&workspace),
        deviations::faults(&tree),
        fixtures::faults(&tree),
        words::faults(&tree, &words::of_this_machine()?),
    ]
    .concat();
    for note in sizes::notes(&tree) {
        println!("large: {note}");
    }
    for fault in &faults {
        println!("fault: {fault}");
    }
    if !faults.is_empty() {
        bail!("{} rules are broken", faults.len());
    }
    Ok(())
}
