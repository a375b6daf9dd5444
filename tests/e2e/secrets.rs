//! No password is to be found where it does not belong: each known one is looked for in several spellings, and each search
//! is shown to find what was planted for it.

use std::fs;
use std::process::Stdio;

use xtask::lab::{Host, OUTSIDE};
use xtask::scene::{PORT, Scene};
use xtask::sys;

use crate::support::{ONE_CYCLE, settled, status};

const SEARCH: &str = include_str!("search.pl");

/// Known, and planted wherever a search is to find something.
const CANARY: &str = "Canary-7hT#pQ!x2";

/// Keeps what every process shows of itself, until told to stop; one that ends meanwhile shows nothing more.
const WATCH: &str = r#"while [ ! -e /run/stop ]; do
    cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ
done >/run/samples 2>/dev/null"#;

const ROTATIONS: usize = 4;

#[test]
fn no_file_log_or_process_shows_a_password() {
    let scene = settled();
    let host = &scene.host;
    let mut shown = host
        .command("sh")
        .args(["-c", "read -r _", CANARY])
        .env("CANARY", CANARY)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut watch = host.command("sh").args(["-c", WATCH]).spawn().unwrap();
    let passwords = rotate(&scene);
    host.run(&["touch", "/run/stop"]).unwrap();
    watch.wait().unwrap();
    drop(shown.stdin.take());
    shown.wait().unwrap();
    let seen = host.run(&["grep", "--text", "--count", "lapwingd-priv.serve", "/run/samples"]).unwrap();
    assert_ne!(seen.trim(), "0", "the root half was never seen at work");

    host.feed(&["systemd-cat"], CANARY.as_bytes()).unwrap();
    for (number, spelling) in spellings(CANARY).iter().enumerate() {
        host.write(&format!("/var/lib/canary/{number}"), 0o600, spelling).unwrap();
        fs::write(scene.data().join(format!("canary{number}")), spelling).unwrap();
    }
    // A core file of an agent that is aborted would be on the disk.
    host.run(&["systemctl", "kill", "--signal=ABRT", "lapwingd.service"]).unwrap();
    host.wait_until("the agent is there again", ONE_CYCLE, |_| Ok(status(&scene).is_ok())).unwrap();
    host.run(&["journalctl", "--sync"]).unwrap();
    // Its own files may be compressed.
    host.run(&["sh", "-c", "journalctl --all --output=export >/run/journal"]).unwrap();

    let on_host = |secrets: &[String]| {
        let found = host.feed(&["perl", "-e", SEARCH, "files", "/"], needles(secrets).as_bytes()).unwrap();
        found.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let planted = on_host(&[CANARY.to_owned()]);
    for place in ["/run/samples", "/run/journal"] {
        assert!(planted.iter().any(|found| found == place), "{place} is not among {planted:?}");
    }
    let in_files = planted.iter().filter(|found| found.starts_with("/var/lib/canary/")).count();
    assert_eq!(in_files, spellings(CANARY).len(), "{planted:?}");
    assert_eq!(on_host(&passwords), [""; 0]);

    let at_server = |secrets: &[String]| {
        let mut search = sys::command("perl");
        search.args(["-e", SEARCH, "files"]).arg(scene.data()).arg(scene.server_log());
        let found = sys::text_fed(&mut search, needles(secrets).as_bytes()).unwrap();
        found.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(at_server(&[CANARY.to_owned()]).len(), spellings(CANARY).len());
    assert_eq!(at_server(&passwords), [""; 0]);
}

#[test]
fn the_memory_of_the_agent_holds_no_password_after_a_rotation() {
    let scene = settled();
    let passwords = rotate(&scene);
    // What the agent does remember is found: so a password would be.
    let record = status(&scene).unwrap().record.unwrap();
    assert_ne!(in_agent(&scene.host, &[record]), "");
    assert_eq!(in_agent(&scene.host, &passwords), "");

    // The server has just shown them to an administrator; whether it still remembers is told and not judged here.
    let in_server = |secrets: &[String]| {
        let mut search = sys::command("perl");
        search.args(["-e", SEARCH, "memory", &scene.server_pid().unwrap().to_string()]);
        sys::text_fed(&mut search, needles(secrets).as_bytes()).unwrap()
    };
    assert_ne!(in_server(&[format!("https://{OUTSIDE}:{PORT}")]), "");
    println!("mappings of lapwing-server that hold a password it has shown:\n{}", in_server(&passwords));
}

/// Rotates several times and returns every password that was in force.
fn rotate(scene: &Scene) -> Vec<String> {
    let mut passwords = vec![scene.password().unwrap()];
    for _ in 0..ROTATIONS {
        scene.host.run(&["lapwing", "reset-password"]).unwrap();
        passwords.push(scene.password().unwrap());
    }
    scene.must_open(&passwords[ROTATIONS]).unwrap();
    passwords
}

/// The mappings of the agent's memory that hold one of these.
pub(crate) fn in_agent(host: &Host, secrets: &[String]) -> String {
    let agent = host.run(&["systemctl", "show", "--value", "--property=MainPID", "lapwingd"]).unwrap();
    host.feed(&["perl", "-e", SEARCH, "memory", agent.trim()], needles(secrets).as_bytes()).unwrap()
}

/// For `search.pl`, in every spelling.
fn needles(secrets: &[String]) -> String {
    let hex = |bytes: &Vec<u8>| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + "\n";
    secrets.iter().flat_map(|secret| spellings(secret)).map(|spelling| hex(&spelling)).collect()
}

/// As it is, as Windows writes it, and each of them in Base64, wherever in a longer text it stands.
fn spellings(secret: &str) -> Vec<Vec<u8>> {
    let wide: Vec<u8> = secret.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let plain = [secret.as_bytes().to_vec(), wide];
    let encoded = plain.iter().flat_map(|bytes| (0..3).map(|before| base64_amid(bytes, before)));
    encoded.chain(plain.clone()).collect()
}

/// The characters of Base64 that depend on `bytes` alone when `before` others precede them, modulo 3.
fn base64_amid(bytes: &[u8], before: usize) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let all = [&vec![0; before], bytes].concat();
    let bit = |at: usize| usize::from(all[at / 8] >> (7 - at % 8) & 1);
    let characters = (before * 8).div_ceil(6)..all.len() * 8 / 6;
    characters.map(|at| ALPHABET[(0..6).fold(0, |value, offset| value << 1 | bit(at * 6 + offset))]).collect()
}

#[test]
fn base64_is_cut_to_what_surroundings_do_not_change() {
    // `lapwing`, alone and after one and two other bytes: bGFwd2luZw==, eGxhcHdpbmc=, eHhsYXB3aW5n.
    for (before, text) in ["bGFwd2luZ", "xhcHdpbm", "sYXB3aW5n"].iter().enumerate() {
        assert_eq!(String::from_utf8(base64_amid(b"lapwing", before)).unwrap(), *text);
    }
}
