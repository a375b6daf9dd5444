//! The programs to measure, and those of `benches/` that measure them.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use xtask::{
    programs::{self, Build},
    sys,
};

/// Where they all are.
pub(super) struct Programs {
    /// The folder of the programs as shipped.
    pub(super) shipped: PathBuf,
    /// Measures on a host.
    pub(super) device: PathBuf,
    /// Measures the server.
    pub(super) directory: PathBuf,
    /// Devices by the thousand.
    pub(super) fleet: PathBuf,
    /// Protects and opens passwords.
    pub(super) dpapi: PathBuf,
    /// For databases, on the disk that this machine builds on.
    pub(super) folder: PathBuf,
}

/// Numbers by name, one a round.
pub(super) type Series = BTreeMap<String, Vec<f64>>;

/// A line of `cargo build --message-format=json`, as far as we look.
#[derive(Deserialize)]
struct Message {
    target: Option<Target>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

impl Programs {
    /// Builds them: optimised, in a folder of their own, or as the tests build them.
    pub(super) fn build(smoke: bool) -> Result<Self> {
        let folder = sys::workspace().join("target/bench");
        let mut build = sys::rust("cargo");
        build.args([
            "build",
            "--bench",
            "device",
            "--bench",
            "directory",
            "--bench",
            "fleet",
            "--bench",
            "dpapi",
        ]);
        if smoke {
            // With the features of the test runner's own build: it runs programs from the same place meanwhile.
            build.args(["--workspace", "--all-features"]);
        } else {
            build.args(programs::OPTIMISED).args([
                "--package",
                "lapwing-agent",
                "--package",
                "lapwing-server",
            ]);
            build.args(["--package", "lapwing-dpapi"]);
            build.args(["--features", "lapwing-server/bench"]);
        }
        eprintln!("▸ {}", sys::shown(&build));
        let messages = sys::text(build.args(["--quiet", "--message-format=json-render-diagnostics"]))?;
        let [device, directory, fleet, dpapi] =
            ["device", "directory", "fleet", "dpapi"].map(|name| executable(&messages, name));
        // Last, because the others leave their packages' programs in the same place, with the benchmarks' features.
        let shipped = if smoke { programs::build(Build::WithFailPoints)? } else { programs::shipped()? };
        Ok(Self {
            shipped,
            device: device?,
            directory: directory?,
            fleet: fleet?,
            dpapi: dpapi?,
            folder: folder.join("data"),
        })
    }
}

fn executable(messages: &str, bench: &str) -> Result<PathBuf> {
    messages
        .lines()
        // A line of another form tells of something else.
        .filter_map(|line| serde_json::from_str::<Message>(line).ok())
        .filter(|message| {
            message.target.as_ref().is_some_and(|target| target.name == bench && target.kind == ["bench"])
        })
        .find_map(|message| message.executable)
        .with_context(|| format!("cargo named no program for the benchmark {bench}"))
}

/// Runs a measuring program, shows its progress, and returns what it measured.
pub(super) fn series(command: &mut Command, input: &[u8]) -> Result<Series> {
    use std::io::Write as _;
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn()?;
    // Shorter than a pipe's buffer, so this never waits.
    child.stdin.take().context("the child has no standard input")?.write_all(input)?;
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "`{}` failed: {}", sys::shown(command), output.status);
    serde_json::from_slice(&output.stdout).context("cannot read what the measuring program printed")
}

/// One of the series.
pub(super) fn take(series: &mut Series, name: &str) -> Result<Vec<f64>> {
    series.remove(name).with_context(|| format!("the measuring program printed no {name}"))
}
