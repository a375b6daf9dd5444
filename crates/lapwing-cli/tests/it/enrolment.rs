//! Enrolling and leaving, as far as it goes without a server.

use std::{fs, io::Read as _, process::Stdio};

use crate::run::{Terminal, World};

#[test]
fn a_text_that_is_no_token_is_refused_and_not_repeated() {
    let world = World::new();
    let run = world.run_with(&["enrol", "--root", world.root()], "lapwing-enrol-1.aHVudGVyMg\n");
    assert!(!run.text().contains("aHVudGVyMg"));
    insta::assert_snapshot!(run.text());
    assert_eq!(fs::read_dir(world.path()).unwrap().count(), 0, "something was written");
}

#[test]
fn a_token_file_that_is_not_there_is_told() {
    let world = World::new();
    let file = world.path().join("token");
    insta::assert_snapshot!(
        world.run(&["enrol", "--root", world.root(), "--token-file", file.to_str().unwrap()]).text()
    );
}

#[test]
fn what_can_be_refused_on_the_host_is_refused_before_the_token_is_read() {
    let world = World::new();
    fs::create_dir_all(world.path().join("etc/lapwing")).unwrap();
    fs::write(world.path().join("etc/lapwing/managed.toml"), "accounts = 1\n").unwrap();
    insta::assert_snapshot!(world.run(&["enrol", "--root", world.root()]).text());
    assert_eq!(world.run(&["enrol", "--root", world.root(), "--account", "root"]).code, 2);
}

#[test]
fn a_file_that_is_not_utf_8_is_refused_and_stays_as_it_is() {
    let world = World::new();
    let managed = world.path().join("etc/lapwing/managed.toml");
    fs::create_dir_all(managed.parent().unwrap()).unwrap();
    let settings = "server = \"https://laps.example\"\ntenant = \"f3531ec6-6330-4f8e-8d39-7a671fbac605\"\n\
        device = \"0b3c2a10-1111-4222-8333-444455556666\"\n";
    fs::write(world.path().join("etc/lapwing/agent.toml"), settings).unwrap();
    let latin_1 = b"# f\xfcr uns\naccounts = []\n";
    fs::write(&managed, latin_1).unwrap();
    let run = world.run(&["leave", "--local-only", "--root", world.root()]);
    assert_eq!(run.code, 1, "{}", run.text());
    assert!(run.err.contains("correct [root]/etc/lapwing/managed.toml"), "{}", run.text());
    assert_eq!(fs::read(&managed).unwrap(), latin_1);
}

#[test]
fn a_host_that_is_enrolled_must_leave_first() {
    let world = World::new();
    fs::create_dir_all(world.path().join("etc/lapwing")).unwrap();
    let settings = "server = \"https://laps.example\"\ntenant = \"f3531ec6-6330-4f8e-8d39-7a671fbac605\"\n\
        device = \"0b3c2a10-1111-4222-8333-444455556666\"\n";
    fs::write(world.path().join("etc/lapwing/agent.toml"), settings).unwrap();
    insta::assert_snapshot!(world.run(&["enrol", "--root", world.root()]).text());
    assert_eq!(world.run(&["leave", "--local-only", "--root", world.root()]).code, 0);
    insta::assert_snapshot!(world.run(&["leave", "--root", world.root()]).text());
}

#[test]
fn leaving_forgets_what_the_management_server_set() {
    let world = World::new();
    let settings = "server = \"https://laps.example\"\ntenant = \"f3531ec6-6330-4f8e-8d39-7a671fbac605\"\n\
        device = \"0b3c2a10-1111-4222-8333-444455556666\"\n";
    let csp = world.path().join("var/lib/lapwing/csp.json");
    for (file, text) in [
        (&world.path().join("etc/lapwing/agent.toml"), settings),
        (&csp, r#"{"version":1,"policies":{"BackupDirectory":"1"}}"#),
    ] {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    assert_eq!(world.run(&["leave", "--local-only", "--root", world.root()]).code, 0);
    assert!(!csp.exists());
}

#[test]
fn a_token_typed_at_a_terminal_is_asked_for_and_not_shown() {
    let world = World::new();
    let mut terminal = Terminal::new();
    let mut child = world
        .command(&["enrol", "--root", world.root()])
        .stdin(terminal.side())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut prompt = [0; 17];
    child.stderr.as_mut().unwrap().read_exact(&mut prompt).unwrap();
    assert_eq!(&prompt, b"Enrolment token: ");
    terminal.type_in("hunter2\n");
    let run = world.ended(&child.wait_with_output().unwrap());
    assert_eq!(run.code, 2);
    assert!(!run.text().contains("hunter2"));
    // What is typed from now on is shown again.
    terminal.type_in("later\n");
    let shown = terminal.shown_until("later");
    assert!(!shown.contains("hunter2"), "{shown:?}");
}
