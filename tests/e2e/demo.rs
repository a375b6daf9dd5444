//! The demonstrations run to their end, as a reader of the README would run them.

use xtask::sys;

/// Runs a demonstration, with the programs that the other tests run. It must show all this, and come to its end.
fn shows(arguments: &[&str], steps: &[&str]) {
    let mut demo = sys::rust(env!("CARGO_BIN_EXE_xtask"));
    let shown = sys::text(demo.args(["demo", "--check", "--as-tested"]).args(arguments)).unwrap();
    for step in steps.iter().chain(&["\nEvery step held, in "]) {
        assert!(shown.contains(step), "{step}\n{shown}");
    }
}

#[test]
fn the_main_job_is_shown_to_its_end() {
    shows(&[], &["which opens the host", "while the old one is refused", "in an unbroken chain"]);
}

#[test]
fn a_browser_presses_the_button_and_what_it_reveals_opens_the_host() {
    let steps = [
        "pressed Rotate",
        "which opens the host",
        "while the old one is refused",
        "From the click to a drawing that shows the end: ",
    ];
    shows(&["--button"], &steps);
}

#[test]
fn a_domain_becomes_one_whose_hosts_are_managed_and_heal() {
    let steps = [
        "under that policy and stored it",
        "logs on to the host with it, over ssh",
        "an ordinary user is shown none",
        "expires it, and the host rotates",
        "what the directory holds opens it",
        "GPO \"Linux hosts\"",
    ];
    shows(&["--ad"], &steps);
}

#[test]
fn a_password_that_was_encrypted_is_recovered_once_the_domain_is_gone() {
    let steps = [
        "its controller gives group keys",
        "logs on to the host with it, over ssh",
        "cannot decrypt it: it is for the help desk",
        "the last domain controller is lost",
        "the password is recovered from the backup",
        "and opens the host",
    ];
    shows(&["--ad", "--encrypted"], &steps);
}

#[test]
fn a_log_on_a_typed_password_and_an_edited_file_are_dealt_with_on_the_host() {
    let steps = [
        "somebody types passwd, and is refused",
        "it is healed by another password",
        "within a minute the password is another",
        "the session is told",
        "the one that the directory tells opens the host",
        "You will be logged off in 2 minutes",
    ];
    shows(&["--device"], &steps);
}
