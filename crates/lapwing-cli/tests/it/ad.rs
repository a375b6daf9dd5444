//! The commands for Active Directory as far as they go without a domain: what they are called with, and the password.
//!
//! Every call names the domain, so that nothing depends on this machine's own tickets. Names below `.invalid` have no
//! address anywhere. RFC 6761 section 6.4.

use crate::run::{Terminal, World};

const AS_ALICE: [&str; 4] = ["--user", "alice@corp.invalid", "--server", "127.0.0.1"];

#[test]
fn what_cannot_mean_anything_is_refused_before_anybody_is_asked() {
    let world = World::new();
    let read = |more: &[&str]| world.run(&[&["get-ad-password", "web-01"], more].concat());
    let plain = |more: &[&str]| read(&[&["--as-plain-text", "--domain", "corp.invalid"], more].concat());
    for (run, words) in [
        (read(&[]), "standard output is not a terminal, so no password was read"),
        (plain(&["--password-stdin"]), "--user <NAME>"),
        (plain(&["--user", "CORP\\alice"]), "write NAME@DOMAIN"),
        (plain(&["--user", "alice"]), "the password of alice@CORP.INVALID cannot be asked for"),
        (
            plain(&["--user", "alice@other.invalid"]),
            "the password of alice@OTHER.INVALID cannot be asked for",
        ),
        (plain(&["--user", "alice", "--password-stdin"]), "no password was given"),
        (
            world.run(&["set-ad-password-expiration-time", "web-01", "--at", "tomorrow"]),
            "invalid value 'tomorrow'",
        ),
        (plain(&["--backup", "/backup.tar.bz2"]), "--recovery"),
        (plain(&["--root-key", "/root.json"]), "--recovery"),
        (plain(&["--recovery", "--ldb", "/sam.ldb"]), "cannot be used with"),
        (plain(&["--port", "50000"]), "--server <NAME>"),
        (plain(&["--kds", "dc1.corp.invalid"]), "no name with a port"),
        (
            world.run(&["report-ad", "--domain", "corp.invalid", "--only", "other-decryptor"]),
            "nothing tells for whom passwords are to be encrypted",
        ),
        (world.run(&["report-ad", "--decryptor", "readers"]), "does not say in which domain it is"),
        (world.run(&["update-ad-schema", "--dry-run", "--yes"]), "cannot be used with"),
        (world.run(&["get-ad-password"]), "<COMPUTER>..."),
    ] {
        assert_eq!(run.code, 2, "{}", run.text());
        assert!(run.err.contains(words) && run.out.is_empty(), "{words:?} is not in {}", run.text());
    }
}

#[test]
fn a_password_is_asked_for_without_an_echo_and_never_repeated() {
    let world = World::new();
    let mut terminal = Terminal::new();
    let child = world
        .command(&[&["get-ad-password", "web-01", "--as-plain-text"], &AS_ALICE[..]].concat())
        .stdin(terminal.side())
        .stdout(terminal.side())
        .stderr(terminal.side())
        .spawn()
        .unwrap();
    terminal.shown_until("Password of alice@CORP.INVALID: ");
    terminal.type_in("never shown\n");
    let run = world.ended(&child.wait_with_output().unwrap());
    terminal.show("the end");
    let shown = terminal.shown_until("the end");
    assert_eq!(run.code, 5, "{shown}");
    assert!(shown.contains("lapwing: ") && !shown.contains("never shown"), "{shown}");
}

#[test]
fn a_password_from_standard_input_is_in_no_message() {
    let world = World::new();
    let expire = ["set-ad-password-expiration-time", "web-01", "--password-stdin"];
    let run = world.run_with(&[&expire, &AS_ALICE[..]].concat(), "never shown\n");
    assert_eq!(run.code, 5, "{}", run.text());
    assert!(run.err.contains("next: ") && !run.text().contains("never shown"), "{}", run.text());
}
