//! The program as it is called, on a host that is no domain controller.
#![expect(clippy::unwrap_used, reason = "that is how a test fails")]

use std::{
    path::Path,
    process::{Command, Output},
};

fn kds(folder: &Path, arguments: &[&str]) -> Output {
    let config = folder.join("kds.toml");
    let text =
        format!("listen = '127.0.0.1:0'\nkeytab = '{0}/keytab'\nldapi = '{0}/ldapi'\n", folder.display());
    std::fs::write(&config, text).unwrap();
    #[expect(clippy::disallowed_methods, reason = "the environment is cleared right here")]
    let mut command = Command::new(env!("CARGO_BIN_EXE_lapwing-kds"));
    command.env_clear().arg("--config").arg(config).args(arguments).output().unwrap()
}

#[test]
fn what_is_missing_is_told_with_what_to_do_about_it() {
    let folder = tempfile::tempdir().unwrap();
    let checked = kds(folder.path(), &["check"]);
    let told = String::from_utf8(checked.stdout).unwrap();
    assert_eq!(checked.status.code(), Some(1), "{told}");
    for words in [
        "FAILED  keytab     cannot read the keytab",
        "FAILED  directory",
        "next: run this as root on a domain controller",
        "ok      address",
    ] {
        assert!(told.contains(words), "{words:?} is not in {told}");
    }
}

#[test]
fn without_keys_it_does_not_serve() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("keytab"), [5, 2]).unwrap();
    let ran = kds(folder.path(), &["run", "--log-to-stderr"]);
    let told = String::from_utf8(ran.stderr).unwrap();
    assert_eq!(ran.status.code(), Some(1), "{told}");
    assert!(told.contains("is not a controller's") && told.contains("why: the keytab is empty"), "{told}");
    assert!(ran.stdout.is_empty(), "it has told that it serves");
}

#[test]
fn the_help_shows_how_it_is_called() {
    let folder = tempfile::tempdir().unwrap();
    let told = String::from_utf8(kds(folder.path(), &["--help"]).stdout).unwrap();
    assert!(told.contains("Examples:\n  lapwing-kds check"), "{told}");
}
