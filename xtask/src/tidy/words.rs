//! Words that must not stand in the project: paths of one machine, and the host names of registries, for which mirror
//! a machine uses is its own matter.

use super::tree::Tree;

/// In two parts each, so that this file does not hold what it looks for.
const FORBIDDEN: [(&str, &str); 7] = [
    ("/wo", "rk/"),
    ("crates", ".io/"),
    ("deb", ".debian.org"),
    ("index.crates", ".io"),
    ("npmjs", ".org"),
    ("pyp", "i.org"),
    ("pythonhosted", ".org"),
];

/// Lines with a forbidden word.
pub(super) fn faults(tree: &Tree) -> Vec<String> {
    let mut faults = Vec::new();
    // The lock file names the registry that Cargo itself names.
    for (path, text) in tree.texts().filter(|(path, _)| !path.ends_with("Cargo.lock")) {
        for (number, line) in text.lines().enumerate() {
            let found = FORBIDDEN.iter().map(|(a, b)| format!("{a}{b}")).find(|word| holds(line, word));
            if let Some(word) = found {
                faults.push(format!(
                    "{path}:{}: `{word}` must not stand in the project: reword it",
                    number + 1
                ));
            }
        }
    }
    faults
}

/// Whether the word begins there: `net/work/` is no path of a machine.
fn holds(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| !line[..at].ends_with(|c: char| c.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_this_machine_is_found_and_a_part_of_a_longer_name_is_not() {
        let (a, b) = FORBIDDEN[0];
        let tree =
            Tree::of(&[("a.md", &format!("fine\nsee {a}{b}main")), ("b.md", &format!("net{a}{b}main"))]);
        let faults = faults(&tree);
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].starts_with("a.md:2: "));
    }
}
