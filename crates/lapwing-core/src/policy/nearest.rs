//! The known name that a misspelt one probably means.

use super::root::PolicyRoot;
use super::setting::Setting;

/// A name longer than this is no misspelling, and not worth the time to compare.
const NAME_CHARS_MAX: usize = 64;

/// The setting's name under `root` that `name` probably means: another root's name for it, else the nearest spelling
/// with at most a quarter of the letters wrong.
pub(super) fn nearest_name(root: PolicyRoot, name: &str) -> Option<&'static str> {
    if name.chars().count() > NAME_CHARS_MAX {
        return None;
    }
    let elsewhere = PolicyRoot::ALL.iter().find_map(|other| other.find(name)).and_then(|s| root.name_of(s));
    elsewhere.or_else(|| {
        Setting::ALL
            .iter()
            .filter_map(|setting| root.name_of(*setting))
            .map(|known| (edits(known, name), known))
            .filter(|(edits, known)| edits * 4 <= known.len())
            .min()
            .map(|(_, known)| known)
    })
}

/// The least number of letters to insert, delete or replace, case aside (Levenshtein).
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().map(|c| c.to_ascii_lowercase()).collect();
    // `row[j]`: the edits from what has been read of `from` to the first `j` letters of `to`.
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (read, a) in from.chars().map(|c| c.to_ascii_lowercase()).enumerate() {
        let mut left = read + 1;
        let mut next = vec![left];
        for (b, above) in to.iter().zip(row.windows(2)) {
            if let [diagonal, above] = above {
                left = (diagonal + usize::from(a != *b)).min(above + 1).min(left + 1);
                next.push(left);
            }
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted_as_by_hand() {
        for (from, to, count) in
            [("", "", 0), ("abc", "", 3), ("", "ab", 2), ("kitten", "sitting", 3), ("A", "a", 0)]
        {
            assert_eq!(edits(from, to), count, "{from} {to}");
        }
    }

    #[test]
    fn a_misspelt_name_finds_the_one_that_was_meant() {
        for (root, name, expected) in [
            (PolicyRoot::Local, "PaswordLenght", Some("PasswordLength")),
            (PolicyRoot::Local, "BackupDirectry", Some("BackupDirectory")),
            (PolicyRoot::Local, "AdminAccountName", Some("AdministratorAccountName")),
            (PolicyRoot::Legacy, "BackupDirectory", Some("AdmPwdEnabled")),
            (PolicyRoot::Legacy, "PostAuthenticationActions", None),
            (PolicyRoot::Local, "Colour", None),
            (PolicyRoot::Local, "", None),
        ] {
            assert_eq!(nearest_name(root, name), expected, "{name}");
        }
        assert_eq!(nearest_name(PolicyRoot::Local, &"PasswordLength".repeat(5000)), None);
    }
}
