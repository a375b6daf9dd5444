//! What needs neither agent nor server.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use crate::run::World;

#[test]
fn passwords_are_drawn_by_the_rules() {
    let world = World::new();
    let drawn = world.run(&["generate-password", "--complexity", "5", "--length", "20", "--count", "50"]);
    assert_eq!((drawn.code, drawn.err.as_str()), (0, ""));
    let lines: Vec<_> = drawn.out.lines().collect();
    assert_eq!(lines.len(), 50);
    for line in &lines {
        assert_eq!(line.len(), 20, "{line}");
        assert!(!line.contains(['I', 'O', 'Q', 'l', 'o', '0', '1']), "{line}");
    }
    assert_eq!(lines.iter().collect::<std::collections::BTreeSet<_>>().len(), 50, "drawn twice");
}

#[test]
fn values_that_no_policy_supports_are_wrong_usage() {
    let world = World::new();
    for args in [["--complexity", "9"], ["--length", "7"], ["--passphrase-length", "11"], ["--count", "0"]] {
        let run = world.run(&["generate-password", args[0], args[1]]);
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{args:?}");
    }
}

#[test]
fn passwords_are_not_read_for_a_pipe_unless_asked_for() {
    let world = World::new();
    insta::assert_snapshot!(world.run(&["get-aad-password", "web-01", "--include-passwords"]).text());
}

#[test]
fn a_profile_that_is_missing_is_not_found() {
    insta::assert_snapshot!(World::new().run(&["server", "device", "list"]).text());
}

const PROFILE: &str = "server = \"https://127.0.0.1:1\"\ntenant = \"f3531ec6-6330-4f8e-8d39-7a671fbac605\"\n\
    client_id = \"f3531ec6-6330-4f8e-8d39-7a671fbac605\"\nclient_secret = \"hunter2\"\n";

fn write_profile(world: &World, text: &str, mode: u32) {
    let path = world.path().join(".config/lapwing/profile.toml");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_profile_that_others_may_read_is_refused() {
    let world = World::new();
    for mode in [0o640, 0o604, 0o620] {
        write_profile(&world, PROFILE, mode);
        assert_eq!(world.run(&["server", "device", "list"]).code, 3, "{mode:o}");
    }
    insta::assert_snapshot!(world.run(&["server", "device", "list"]).text());
}

#[test]
fn a_damaged_profile_shows_nothing_of_its_secret() {
    let world = World::new();
    for damaged in
        [PROFILE.replace("\"hunter2\"", "\"hunter2"), PROFILE.replace("\"hunter2\"", "[\"hunter2\"]")]
    {
        write_profile(&world, &damaged, 0o600);
        let run = world.run(&["server", "device", "list"]);
        assert_eq!(run.code, 1);
        assert!(!run.text().contains("hunter2"), "{}", run.text());
    }
}

#[test]
fn a_server_that_is_not_there_is_not_reachable() {
    let world = World::new();
    write_profile(&world, PROFILE, 0o600);
    insta::assert_snapshot!(world.run(&["get-aad-password", "web-01"]).text());
}

#[test]
fn every_command_has_a_page_and_every_shell_completions() {
    let world = World::new();
    assert_eq!(world.run(&["generate-docs", world.root()]).code, 0);
    let list = |folder: &str| {
        let mut names: Vec<_> = fs::read_dir(world.path().join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names.join("\n")
    };
    insta::assert_snapshot!(format!("{}\n\n{}", list("man"), list("completions")));
    let page = fs::read_to_string(world.path().join("man/lapwing-server-audit-list.1")).unwrap();
    assert!(page.contains("lapwing server audit list \\-\\-after 1200"), "{page}");
    assert!(is_complete(&world.path().join("completions/lapwing.bash"), "invoke-policy-processing"));
}

fn is_complete(path: &Path, command: &str) -> bool {
    fs::read_to_string(path).unwrap().contains(command)
}
