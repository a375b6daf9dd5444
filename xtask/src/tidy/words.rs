//! Words that must not stand in the project, for they are the matter of one machine: the path of its checkout, and the
//! hosts that it gets packages from. The machine says them, so that the project need not hold what it looks for.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use anyhow::{Context as _, Result};
use xtask::{lab, sys};

use super::tree::Tree;

/// Settings of cargo, npm and pip in a user's home.
const OF_HOME: [&str; 5] =
    [".cargo/config", ".cargo/config.toml", ".config/pip/pip.conf", ".npmrc", ".pip/pip.conf"];

/// Settings of npm and pip for a whole machine.
const OF_MACHINE: [&str; 4] =
    ["/etc/npmrc", "/etc/pip.conf", "/etc/xdg/pip/pip.conf", "/usr/local/etc/npmrc"];

/// What this machine says of itself.
pub(super) fn of_this_machine() -> Result<BTreeSet<String>> {
    let mut words: BTreeSet<String> = lab::archives()?.iter().flat_map(|archive| hosts(archive)).collect();
    let homes =
        env::var_os("HOME").into_iter().flat_map(|home| OF_HOME.map(|file| Path::new(&home).join(file)));
    let cargo_home = env::var_os("CARGO_HOME").map(|home| Path::new(&home).join("config.toml"));
    for file in homes.chain(cargo_home).chain(OF_MACHINE.map(PathBuf::from)) {
        match fs::read_to_string(&file) {
            Ok(settings) => words.extend(hosts(&settings)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", file.display())),
        }
    }
    words.extend(checkout(sys::workspace()));
    Ok(words)
}

/// The hosts of all addresses in a text whose comments begin with `#` or `;`. A name without a dot may be any word, and
/// an address in numbers is no name.
fn hosts(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with(['#', ';']));
    let after_slashes = lines.flat_map(|line| line.split("//").skip(1));
    let authorities = after_slashes.filter_map(|rest| rest.split(['/', '"', '\'', ' ', '\t']).next());
    let names = authorities.filter_map(|authority| authority.rsplit('@').next()?.split(':').next());
    let is_name = |name: &&str| name.contains('.') && name.contains(|c: char| c.is_ascii_alphabetic());
    names.filter(is_name).map(str::to_ascii_lowercase).collect()
}

/// A path of one component, such as `/src`, is too common to be one machine's.
fn checkout(path: &Path) -> Option<String> {
    // The root is a component too.
    (path.components().count() > 2).then(|| path.display().to_string())
}

/// Lines with one of the words.
pub(super) fn faults(tree: &Tree, words: &BTreeSet<String>) -> Vec<String> {
    let mut faults = Vec::new();
    // The lock file names the registry that Cargo itself names.
    for (path, text) in tree.texts().filter(|(path, _)| !path.ends_with("Cargo.lock")) {
        for (number, line) in text.lines().enumerate() {
            if let Some(word) = words.iter().find(|word| holds(line, word)) {
                faults.push(format!(
                    "{path}:{}: `{word}` is of this machine and must not stand in the project: reword it",
                    number + 1
                ));
            }
        }
    }
    faults
}

/// Whether the word stands there by itself, and not as a part of a longer name.
fn holds(line: &str, word: &str) -> bool {
    let is_of_name = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + word.len()..]);
        // A full stop may end the sentence.
        let after = after.strip_prefix('.').unwrap_or(after);
        !before.ends_with(|c| is_of_name(c) || c == '.') && !after.starts_with(is_of_name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_of_this_machine_and_its_checkout_are_found_and_a_part_of_a_longer_name_is_not() {
        let mut words: BTreeSet<_> = hosts("registry = \"https://mirror.test/x\"").into_iter().collect();
        words.extend(checkout(Path::new("/srv/checkout")));
        let tree = Tree::of(&[
            ("a.md", "fine\nsee mirror.test."),
            ("b.md", "cd /srv/checkout/docs"),
            ("c.md", "a.mirror.test, my-mirror.test, mirror.tests, mirror.test.example, mirror.test-2"),
            ("d.md", "net/srv/checkout, ./srv/checkout, /srv/checkout2, /srv/checkout.old"),
            ("Cargo.lock", "https://mirror.test/x"),
        ]);
        let faults = faults(&tree, &words);
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults[0].starts_with("a.md:2: `mirror.test`"), "{faults:?}");
        assert!(faults[1].starts_with("b.md:1: `/srv/checkout`"), "{faults:?}");
    }

    #[test]
    fn hosts_are_read_from_the_settings_of_every_tool_without_what_opens_them() {
        for (settings, found) in [
            (
                "[source.m]\nregistry = \"sparse+https://Index.test/\"\n# \"https://old.test\"",
                &["index.test"][..],
            ),
            ("[global]\nindex-url = https://user:key@pip.test:8080/simple\n", &["pip.test"]),
            ("registry=https://npm.test/x\n//npm.test/:_authToken=key\n; http://old.test", &["npm.test"; 2]),
            (
                "proxy = 'http://proxy:3128'\nuri = \"http://10.1.2.3/ http://[::1]:80/\"\nfile:///etc/a.b",
                &[],
            ),
        ] {
            assert_eq!(hosts(settings), found, "{settings}");
        }
    }

    #[test]
    fn a_checkout_right_below_the_root_is_not_looked_for() {
        assert_eq!(checkout(Path::new("/src")), None);
        assert_eq!(checkout(Path::new("/srv/src")), Some("/srv/src".to_owned()));
    }
}
