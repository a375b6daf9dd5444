//! `docs/deviations.md`: where we differ from Windows on purpose, each entry with its place in the code.

use std::collections::BTreeSet;

use super::tree::Tree;

const LIST: &str = "docs/deviations.md";
const MARK: &str = concat!("DEVIATION", "(");

/// Marks without an entry, and entries without a mark.
pub(super) fn faults(tree: &Tree) -> Vec<String> {
    let entries: BTreeSet<u32> = tree.text(LIST).unwrap_or_default().lines().filter_map(entry).collect();
    let mut marked = BTreeSet::new();
    let mut faults = Vec::new();
    for (path, text) in tree.texts().filter(|(path, _)| path.ends_with(".rs")) {
        for number in text.split(MARK).skip(1).filter_map(number_before_parenthesis) {
            marked.insert(number);
            if !entries.contains(&number) {
                faults.push(format!("{path}: {MARK}{number}) has no entry {number} in {LIST}"));
            }
        }
    }
    let unmarked = entries.difference(&marked);
    faults
        .extend(unmarked.map(|number| format!("{LIST}: entry {number} has no {MARK}{number}) in the code")));
    faults
}

/// The number of a row of the table.
fn entry(line: &str) -> Option<u32> {
    line.strip_prefix('|')?.split('|').next()?.trim().parse().ok()
}

fn number_before_parenthesis(text: &str) -> Option<u32> {
    text.split_once(')')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_and_entries_come_in_pairs() {
        let code = format!("// {MARK}1): so\n// {MARK}3): and so\n");
        let tree = Tree::of(&[("a.rs", &code), (LIST, "| | Windows |\n|---|---|\n| 1 | x |\n| 2 | y |\n")]);
        let faults = faults(&tree);
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults[0].contains("has no entry 3") && faults[1].contains("entry 2 has no"), "{faults:?}");
    }
}
