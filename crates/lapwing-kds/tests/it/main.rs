//! The program where nothing is as it should be: every line says what, why and what next, and nothing is served.

use std::{
    fs,
    process::{Command, Output},
};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lapwing-kds")).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// A configuration that leads to nothing.
fn configuration(folder: &tempfile::TempDir, rest: &str) -> String {
    let path = folder.path().join("kds.toml");
    let nowhere = folder.path().display();
    let keys =
        format!("keytab = '{nowhere}/keytab'\nldapi = '{nowhere}/ldapi'\nlisten = '127.0.0.1:0'\n{rest}");
    fs::write(&path, keys).unwrap();
    path.display().to_string()
}

#[test]
fn a_host_that_is_no_controller_is_told_all_that_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let checked = run(&["--config", &configuration(&folder, ""), "check"]);
    assert_eq!(checked.status.code(), Some(1));
    let told = text(&checked.stdout);
    for (what, is_well) in [("keytab", false), ("directory", false), ("root keys", false), ("address", true)]
    {
        let line = told.lines().find(|line| line.contains(what)).unwrap_or_else(|| panic!("{what}: {told}"));
        assert_eq!(line.starts_with("ok"), is_well, "{line}");
    }
    assert!(told.contains("next:"), "{told}");
}

#[test]
fn nothing_is_served_from_a_file_that_makes_no_sense() {
    let folder = tempfile::tempdir().unwrap();
    for (rest, reason) in [("port = 1", "unknown field"), ("endpoint_mapper = 'here'", "invalid")] {
        let started = run(&["--config", &configuration(&folder, rest), "run", "--log-to-stderr"]);
        assert_eq!((started.status.code(), text(&started.stdout)), (Some(1), ""));
        assert!(text(&started.stderr).contains(reason), "{}", text(&started.stderr));
    }
}
