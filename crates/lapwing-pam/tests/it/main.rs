//! The module as programs load it.
#![expect(clippy::unwrap_used, reason = "that is how a test fails")]

use std::{path::PathBuf, process::Command};

use xtask::{
    programs::{self, Build},
    transactions,
};

/// The module as hosts get it.
fn module() -> PathBuf {
    programs::build(Build::WithFailPoints).unwrap().join(programs::MODULE.0)
}

#[expect(clippy::disallowed_methods, reason = "the test's own start of a program that reads the module")]
fn readelf(what: &str) -> String {
    let output = Command::new("readelf").args([what, "--wide"]).arg(module()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A library more would be loaded into every program that asks PAM.
#[test]
fn it_needs_nothing_but_pam_and_the_c_library() {
    let text = readelf("--dynamic");
    let mut needed: Vec<&str> = text
        .lines()
        .filter(|line| line.contains("(NEEDED)"))
        .filter_map(|line| line.split(['[', ']']).nth(1))
        .filter(|library| !library.starts_with("ld-linux"))
        .collect();
    needed.sort_unstable();
    assert_eq!(needed, ["libc.so.6", "libgcc_s.so.1", "libpam.so.0"]);
}

#[test]
fn it_has_each_entry_that_pam_calls_and_no_other() {
    let text = readelf("--dyn-syms");
    let mut entries: Vec<&str> = text
        .lines()
        .filter(|line| line.contains(" GLOBAL ") && !line.contains(" UND "))
        .filter_map(|line| line.split_whitespace().last())
        .collect();
    entries.sort_unstable();
    let expected = ["acct_mgmt", "authenticate", "chauthtok", "close_session", "open_session", "setcred"]
        .map(|entry| format!("pam_sm_{entry}"));
    assert_eq!(entries, expected);
}

/// By valgrind(1): no read or write of what is not ours, nothing that is kept, whatever way the transaction goes; and by the program
/// itself, no descriptor and no thread.
#[test]
fn it_leaves_nothing_behind_in_the_program_that_it_runs_in() {
    let folder = tempfile::tempdir().unwrap();
    let valgrind = [
        "valgrind",
        "--quiet",
        "--error-exitcode=9",
        "--leak-check=full",
        "--show-leak-kinds=all",
        "--errors-for-leak-kinds=all",
    ];
    let times = transactions::run(&module(), &folder.path().join("run"), &valgrind, 10, true).unwrap();
    assert_eq!(times.len(), 10);
}
