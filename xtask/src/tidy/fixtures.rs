//! Fixtures: every one says where it comes from.

use super::tree::Tree;

const ORIGIN: &str = "ORIGIN.md";

/// Files below a `fixtures` folder that no `ORIGIN.md` beside or above them names.
pub(super) fn faults(tree: &Tree) -> Vec<String> {
    tree.paths()
        .filter(|path| path.split('/').rev().skip(1).any(|folder| folder == "fixtures"))
        .filter(|path| !path.ends_with(ORIGIN) && !has_origin(tree, path))
        .map(|path| {
            format!("{path} has no origin: name it in an {ORIGIN} of its folder, and say who made it and how")
        })
        .collect()
}

/// Whether an `ORIGIN.md` names the file in code quotes, by its path from there.
fn has_origin(tree: &Tree, path: &str) -> bool {
    path.match_indices('/').any(|(at, _)| {
        let (folder, file) = (&path[..=at], &path[at + 1..]);
        tree.text(&format!("{folder}{ORIGIN}")).is_some_and(|text| text.contains(&format!("`{file}`")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixture_is_named_beside_it_or_above_it() {
        let tree = Tree::of(&[
            ("tests/fixtures/ORIGIN.md", "| `ad/blob.bin` | made by Samba |"),
            ("tests/fixtures/ad/blob.bin", ""),
            ("tests/fixtures/ad/other.bin", ""),
            ("tests/fixtures/pol/ORIGIN.md", "`registry.pol`"),
            ("tests/fixtures/pol/registry.pol", ""),
            ("src/fixtures.rs", ""),
        ]);
        let faults = faults(&tree);
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].starts_with("tests/fixtures/ad/other.bin has no origin"));
    }
}
