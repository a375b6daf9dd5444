//! Child processes: they start from an empty environment, and one that fails is named in full.
//!
//! INVARIANT: no secret is passed as an argument, so a command line may be shown to a person as it is.

use std::env;
use std::ffi::OsStr;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;

use anyhow::{Context as _, Result, anyhow, bail};

/// What a program needs to reach a package archive or registry from behind a proxy or a private authority.
const NETWORK: [&str; 12] = [
    "ALL_PROXY",
    "FTP_PROXY",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "all_proxy",
    "ftp_proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// Beginnings of the names that steer a build. Cargo's own `CARGO_PKG_*` and the like stay out: they speak of `xtask`.
const BUILD: [&str; 20] = [
    "AR",
    "CARGO_BUILD",
    "CARGO_HOME",
    "CARGO_HTTP",
    "CARGO_INCREMENTAL",
    "CARGO_NET",
    "CARGO_PROFILE",
    "CARGO_REGISTRIES",
    "CARGO_TARGET",
    "CARGO_TERM",
    "CC",
    "CFLAGS",
    "CXX",
    "HOME",
    "NEXTEST",
    "RUSTC",
    "RUSTFLAGS",
    "RUSTUP",
    "RUST_",
    "TERM",
];

/// A command with `PATH` and a fixed locale as its whole environment.
#[must_use]
pub fn command(program: impl AsRef<OsStr>) -> Command {
    #[expect(clippy::disallowed_methods, reason = "this is the helper that the lint asks for")]
    let mut command = Command::new(program);
    command.env_clear().env("LC_ALL", "C.UTF-8").env("PATH", search_path());
    command
}

/// This process's own `PATH`, if it has one, and the folders of the system's programs.
fn search_path() -> String {
    env::var("PATH").unwrap_or_default() + ":/usr/sbin:/usr/bin:/sbin:/bin"
}

/// A command that may use the network: [`command`] and this machine's proxies and trust anchors.
#[must_use]
pub fn networked(program: impl AsRef<OsStr>) -> Command {
    let mut command = command(program);
    command.envs(env::vars_os().filter(|(name, _)| NETWORK.iter().any(|kept| name == kept)));
    command
}

/// A program of the Rust toolchain at the top of the workspace: [`networked`] and the variables that steer a build.
#[must_use]
pub fn rust(program: &str) -> Command {
    let mut command = networked(program);
    command
        .envs(env::vars().filter(|(name, _)| BUILD.iter().any(|kept| name.starts_with(kept))))
        .current_dir(workspace());
    command
}

/// The top of the workspace that this program was built from.
#[must_use]
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("/"))
}

/// Whether a program of this name is on `PATH` or among the system's own.
#[must_use]
pub fn has_program(name: &str) -> bool {
    env::split_paths(&search_path()).any(|folder| folder.join(name).is_file())
}

/// Runs to the end with this process's own input and output.
///
/// # Errors
/// When the program cannot start or does not succeed.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start `{}`", shown(command)))?;
    if !status.success() {
        bail!("`{}` failed: {status}", shown(command));
    }
    Ok(())
}

/// Runs to the end and returns what it printed.
///
/// # Errors
/// When the program cannot start or does not succeed; what it said on standard error is in the message.
pub fn output(command: &mut Command) -> Result<Output> {
    let output = command.output().with_context(|| format!("cannot start `{}`", shown(command)))?;
    succeeded(command, output)
}

/// [`output`] as text.
///
/// # Errors
/// As [`output`], and when what it printed is not UTF-8.
pub fn text(command: &mut Command) -> Result<String> {
    let output = output(command)?;
    String::from_utf8(output.stdout).with_context(|| format!("`{}` printed no text", shown(command)))
}

/// [`text`] of a program that reads `input` first: the way to hand a secret to a child.
///
/// # Errors
/// As [`text`].
pub fn text_fed(command: &mut Command, input: &[u8]) -> Result<String> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("cannot start `{}`", shown(command)))?;
    let mut pipe = child.stdin.take().context("the child has no standard input")?;
    // A child that answers before it has read all would otherwise wait for us as we wait for it.
    let (written, output) = thread::scope(|scope| {
        let writer = scope.spawn(move || pipe.write_all(input));
        (writer.join(), child.wait_with_output())
    });
    let text = String::from_utf8(succeeded(command, output?)?.stdout)?;
    written.map_err(|_panic| anyhow!("the writer panicked"))??;
    Ok(text)
}

fn succeeded(command: &Command, output: Output) -> Result<Output> {
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{}` failed: {}\n{}", shown(command), output.status, said.trim_end());
    }
    Ok(output)
}

/// The command line as a person would type it; a script given as one argument is cut to its first line.
#[must_use]
pub fn shown(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args().map(OsStr::to_string_lossy) {
        let first = argument.lines().next().unwrap_or_default();
        let cut = if first.len() < argument.trim_end().len() { " …" } else { "" };
        let bare =
            !first.is_empty() && first.chars().all(|c| c.is_alphanumeric() || "-_=./:,@%+".contains(c));
        line += &if bare && cut.is_empty() { format!(" {first}") } else { format!(" '{first}{cut}'") };
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_sees_a_path_and_a_locale_and_nothing_else() {
        let names = text(command("env").arg("-0")).unwrap();
        let mut names: Vec<_> =
            names.split_terminator('\0').map(|pair| pair.split('=').next().unwrap()).collect();
        names.sort_unstable();
        assert_eq!(names, ["LC_ALL", "PATH"]);
    }

    #[test]
    fn a_failure_names_the_command_and_what_it_said() {
        let error =
            output(command("sh").args(["-c", "echo no such luck >&2; exit 3"])).unwrap_err().to_string();
        assert!(error.contains("sh -c 'echo no such luck >&2; exit 3'"), "{error}");
        assert!(error.contains("exit status: 3\nno such luck"), "{error}");
    }

    #[test]
    fn a_long_script_is_shown_by_its_first_line() {
        assert_eq!(shown(command("sh").args(["-c", "set -eu\nmount x\n", ""])), "sh -c 'set -eu …' ''");
    }
}
