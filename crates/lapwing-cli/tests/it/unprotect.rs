//! `lapwing unprotect` with values of Windows: no domain, no network, no configuration.

use std::{fmt::Write as _, fs, os::unix::fs::PermissionsExt as _};

use crate::run::{Terminal, World};

/// The fixtures of the crate that reads them; its `ORIGIN.md` says where they come from.
macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../../../lapwing-dpapi/src/fixtures/", $name))
    };
}

const VALUE: &[u8] = fixture!("laps/windows");
const ROOT_KEY: &[u8] = fixture!("root_key/laps.json");
const TEXT: &str = r#"{"n":"Administrator","t":"1da934a349b798e","p":"a998aoEUUXxO32"}"#;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// A world with the value and its root key, and others.
fn world() -> World {
    let world = World::new();
    for (name, bytes) in [
        ("laps.json", ROOT_KEY),
        ("other.json", fixture!("root_key/sha512_dh.json")),
        ("value", VALUE),
        ("blob", &VALUE[16..]),
        ("inside", fixture!("blob/sha512_dh")),
        ("value.hex", format!("{}\n", hex(VALUE)).as_bytes()),
    ] {
        let path = world.path().join(name);
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    world
}

impl World {
    fn file(&self, name: &str) -> String {
        format!("{}/{name}", self.root())
    }

    fn unprotect(&self, key: &str, value: &str) -> crate::run::Run {
        self.run(&["unprotect", "--root-key", &self.file(key), value, "--as-plain-text"])
    }
}

#[test]
fn a_password_of_windows_opens_in_every_spelling() {
    let world = world();
    let files = ["value", "blob", "value.hex"].map(|name| world.file(name));
    for value in files.iter().map(String::as_str).chain([hex(VALUE).as_str(), hex(&VALUE[16..]).as_str()]) {
        let run = world.unprotect("laps.json", value);
        assert_eq!(
            (run.code, run.out.as_str(), run.err.as_str()),
            (0, format!("{TEXT}\n").as_str(), ""),
            "{value}"
        );
    }
    let [other, right] = ["other.json", "laps.json"].map(|name| world.file(name));
    let keys = ["unprotect", "--root-key", &other, "--root-key", &right, "--as-plain-text", "-"];
    assert_eq!(world.run_with(&keys, &hex(VALUE)).out, format!("{TEXT}\n"));
}

/// Blobs of every kind that Windows makes, by root keys of which each has its own.
#[test]
fn everything_of_windows_opens_by_the_key_that_it_names() {
    let world = world();
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/../lapwing-dpapi/src/fixtures");
    let files = |kind: &str| -> Vec<_> {
        let folder = fs::read_dir(format!("{fixtures}/{kind}")).unwrap();
        let of_windows = |path: &std::path::PathBuf| !path.to_str().unwrap().contains("/own_");
        folder.map(|entry| entry.unwrap().path()).filter(of_windows).collect()
    };
    let mut arguments = vec!["unprotect".to_owned(), "--as-plain-text".to_owned()];
    for path in files("root_key") {
        let copy = world.file(path.file_name().unwrap().to_str().unwrap());
        fs::copy(&path, &copy).unwrap();
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o600)).unwrap();
        arguments.extend(["--root-key".to_owned(), copy]);
    }
    let blobs = files("blob");
    assert_eq!(blobs.len(), 17);
    for path in blobs {
        let blob = path.to_str().unwrap();
        let all: Vec<&str> = arguments.iter().map(String::as_str).chain([blob]).collect();
        let run = world.run(&all);
        assert_eq!((run.code, run.out.as_str()), (0, "\0"), "{blob}: {}", run.err);
    }
}

#[test]
fn what_is_no_password_comes_out_as_its_bytes() {
    let world = world();
    let run = world.unprotect("other.json", &world.file("inside"));
    assert_eq!((run.code, run.out.as_bytes()), (0, &[0][..]), "{}", run.err);
}

#[test]
fn nothing_is_opened_for_a_pipe_unless_asked_for_and_no_bytes_for_a_terminal() {
    let world = world();
    let run = world.run(&["unprotect", "--root-key", &world.file("laps.json"), &world.file("value")]);
    assert_eq!((run.code, run.out.as_str()), (2, ""));
    assert!(run.err.contains("not a terminal"), "{}", run.err);
    for (key, value, shown, code) in [("laps.json", "value", TEXT, 0), ("other.json", "inside", "1 bytes", 3)]
    {
        let mut terminal = Terminal::new();
        let child = world
            .command(&["unprotect", "--root-key", &world.file(key), &world.file(value)])
            .stdin(terminal.side())
            .stdout(terminal.side())
            .stderr(terminal.side())
            .spawn()
            .unwrap();
        let run = world.ended(&child.wait_with_output().unwrap());
        terminal.show("the end");
        let all = terminal.shown_until("the end");
        assert_eq!(run.code, code, "{all}");
        assert!(all.contains(shown) && !all.contains('\0'), "{all}");
    }
}

#[test]
fn what_does_not_open_says_why_and_nothing_of_the_key() {
    let world = world();
    let mut damaged = VALUE.to_vec();
    *damaged.last_mut().unwrap() ^= 1;
    let mut other = VALUE.to_vec();
    // The last byte of the descriptor's object identifier: a key (3) in place of a SID (1).
    let sid = b"\x2b\x06\x01\x04\x01\x82\x37\x4a\x01\x01";
    let at = other.windows(sid.len()).position(|window| window == sid).unwrap();
    other[at + sid.len() - 1] = 3;
    fs::write(world.path().join("damaged"), &damaged).unwrap();
    fs::write(world.path().join("other"), &other).unwrap();
    fs::write(world.path().join("short"), &VALUE[..100]).unwrap();
    let mut text = String::new();
    for (key, value) in [
        ("other.json", "value"),
        ("laps.json", "damaged"),
        ("laps.json", "other"),
        ("laps.json", "short"),
        ("laps.json", "missing"),
        ("value.hex", "value"),
        ("missing", "value"),
    ] {
        let run = world.unprotect(key, &world.file(value));
        assert_eq!(run.out, "");
        writeln!(text, "===== {key} {value}\n{}", run.text()).unwrap();
    }
    insta::assert_snapshot!(text);
}

#[test]
fn a_key_file_that_others_may_read_is_refused() {
    let world = world();
    for mode in [0o640, 0o604, 0o620] {
        fs::set_permissions(world.path().join("laps.json"), fs::Permissions::from_mode(mode)).unwrap();
        let run = world.unprotect("laps.json", &world.file("value"));
        assert_eq!((run.code, run.out.as_str()), (3, ""), "{mode:o}");
        assert!(run.err.contains("chmod 600"), "{}", run.err);
    }
}
