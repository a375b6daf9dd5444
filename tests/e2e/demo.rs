//! The demonstrations run to their end, as a reader of the README would run them.

use xtask::sys;

/// Runs a demonstration, with the programs that the other tests run; what it printed.
fn shown(arguments: &[&str]) -> String {
    let mut demo = sys::rust(env!("CARGO_BIN_EXE_xtask"));
    sys::text(demo.args(["demo", "--check", "--as-tested"]).args(arguments)).unwrap()
}

#[test]
fn the_main_job_is_shown_to_its_end() {
    let shown = shown(&[]);
    for step in ["which opens the host", "while the old one is refused", "in an unbroken chain"] {
        assert!(shown.contains(step), "{step}\n{shown}");
    }
    assert!(shown.contains("\nEvery step held, in "), "{shown}");
}

#[test]
fn a_browser_presses_the_button_and_what_it_reveals_opens_the_host() {
    let shown = shown(&["--button"]);
    for step in ["pressed Rotate", "which opens the host", "while the old one is refused"] {
        assert!(shown.contains(step), "{step}\n{shown}");
    }
    assert!(shown.contains("From the click to a drawing that shows the end: "), "{shown}");
    assert!(shown.contains("\nEvery step held, in "), "{shown}");
}

#[test]
fn a_domain_becomes_one_whose_hosts_are_managed_and_heal() {
    let shown = shown(&["--ad"]);
    for step in [
        "under that policy and stored it",
        "logs on to the host with it, over ssh",
        "an ordinary user is shown none",
        "expires it, and the host rotates",
        "what the directory holds opens it",
        "GPO \"Linux hosts\"",
    ] {
        assert!(shown.contains(step), "{step}\n{shown}");
    }
    assert!(shown.contains("\nEvery step held, in "), "{shown}");
}

#[test]
fn a_password_that_was_encrypted_is_recovered_once_the_domain_is_gone() {
    let shown = shown(&["--ad", "--encrypted"]);
    for step in [
        "its controller gives group keys",
        "logs on to the host with it, over ssh",
        "cannot decrypt it: it is for the help desk",
        "the last domain controller is lost",
        "the password is recovered from the backup",
        "and opens the host",
    ] {
        assert!(shown.contains(step), "{step}\n{shown}");
    }
    assert!(shown.contains("\nEvery step held, in "), "{shown}");
}
