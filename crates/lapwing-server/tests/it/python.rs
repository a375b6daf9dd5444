//! Python programs that judge the server from outside, each in its environment as `cargo xtask setup` makes it.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// Runs a script: `given` on its standard input, JSON on its standard output.
pub(crate) fn run(
    packages: &str,
    script: &str,
    variables: &[(&str, &Path)],
    given: &serde_json::Value,
) -> serde_json::Value {
    #[expect(clippy::disallowed_methods, reason = "the environment is cleared right here")]
    let mut command = Command::new(python(packages));
    command.env_clear().envs(variables.iter().copied()).args(["-I", "-B"]).arg(script);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(given.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn python(packages: &str) -> PathBuf {
    let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache"));
    let cache = std::env::var_os("XDG_CACHE_HOME").filter(|path| !path.is_empty()).map(PathBuf::from);
    let folder = cache.or_else(home).expect("HOME is set").join("lapwing/python").join(packages);
    assert!(folder.join("complete").exists(), "{} is missing: run `cargo xtask setup`", folder.display());
    folder.join("bin/python")
}

pub(crate) fn to_pem(der: &[u8]) -> String {
    let base64 = STANDARD.encode(der);
    let lines: Vec<&str> =
        base64.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}
