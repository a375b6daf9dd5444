//! A Python program that judges, in the environment that `cargo xtask setup` makes.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

const PACKAGES: &str = "dpapi-ng[kerberos]==0.2.0,impacket==0.13.1";
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/judge.py");

/// Runs the script: `given` on its standard input, JSON on its standard output.
pub(crate) fn run(given: &Value) -> Value {
    #[expect(clippy::disallowed_methods, reason = "the environment is cleared right here")]
    let mut command = Command::new(interpreter());
    command.env_clear().args(["-I", "-B", SCRIPT]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(given.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn interpreter() -> PathBuf {
    let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache"));
    let cache = std::env::var_os("XDG_CACHE_HOME").filter(|path| !path.is_empty()).map(PathBuf::from);
    let folder = cache.or_else(home).expect("HOME is set").join("lapwing/python").join(PACKAGES);
    assert!(folder.join("complete").exists(), "{} is missing: run `cargo xtask setup`", folder.display());
    folder.join("bin/python")
}
