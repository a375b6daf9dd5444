//! `cargo xtask fuzz`: libFuzzer over the bodies of `lapwing-sim`.
//!
//! Coverage comes from a pass of LLVM that the pinned compiler has too, so no other toolchain is needed; memory is not
//! watched, for what is fuzzed has no `unsafe`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use xtask::sys;

use crate::setup;

/// LLVM, "SanitizerCoverage": counters of edges, and both sides of comparisons, which libFuzzer puts into inputs.
const COVERAGE: [&str; 6] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
];
/// A line for each body of `lapwing_sim::fuzz`: its name, and the folder of its examples.
const BODIES: &str = include_str!("../../fuzz/bodies.txt");

#[derive(Args)]
#[command(after_help = "Examples:
  cargo xtask fuzz                      a minute of each
  cargo xtask fuzz syncml --secs 3600

Inputs that reach new lines are kept in target/fuzz/corpus and used again. One that breaks something is put into
fuzz/found, where the tests replay it from then on.")]
pub(crate) struct Fuzz {
    /// The bodies to run, all if none is named
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// How long each runs
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    secs: u32,
}

pub(crate) fn run(fuzz: &Fuzz) -> Result<()> {
    let bodies: Vec<_> = BODIES.lines().filter_map(|line| line.split_once(' ')).collect();
    if let Some(unknown) = fuzz.names.iter().find(|name| bodies.iter().all(|(body, _)| body != name)) {
        let known: Vec<_> = bodies.iter().map(|(name, _)| *name).collect();
        bail!("there is no body {unknown}\nnext: name one of {}", known.join(", "));
    }
    setup::for_fuzzing()?;
    let programs = build()?;
    for (name, examples) in bodies {
        if fuzz.names.is_empty() || fuzz.names.iter().any(|wanted| wanted == name) {
            eprintln!("▸ {name}");
            feed(&programs, name, examples, fuzz.secs)?;
        }
    }
    Ok(())
}

fn build() -> Result<PathBuf> {
    let version = sys::text(sys::rust("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names no host")?;
    let target = sys::workspace().join("target/fuzz");
    let mut cargo = sys::rust("cargo");
    // For a named target, for build scripts have no counters to link.
    cargo.args(["build", "--quiet", "--release", "--manifest-path", "fuzz/Cargo.toml", "--target", host]);
    cargo.arg("--target-dir").arg(&target).env("RUSTFLAGS", COVERAGE.join(" "));
    sys::run(&mut cargo)?;
    Ok(target.join(host).join("release"))
}

fn feed(programs: &Path, name: &str, examples: &str, secs: u32) -> Result<()> {
    let corpus = sys::workspace().join("target/fuzz/corpus").join(name);
    let found = sys::workspace().join("fuzz/found").join(name);
    fs::create_dir_all(&corpus)?;
    fs::create_dir_all(&found)?;
    let mut command = sys::command(programs.join(name));
    command.args([format!("-max_total_time={secs}"), "-timeout=10".into(), "-rss_limit_mb=1024".into()]);
    command.args([
        "-verbosity=0".into(),
        "-print_final_stats=1".into(),
        format!("-artifact_prefix={}/", found.display()),
    ]);
    command.arg(&corpus).arg(sys::workspace().join(examples)).arg(&found);
    // libFuzzer says more than anybody reads, until it finds something.
    let log = sys::workspace().join("target/fuzz").join(name).with_extension("log");
    let is_well = command.stderr(fs::File::create(&log)?).status()?.success();
    let told = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
    let runs = told.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    eprintln!("  {} inputs", runs.map_or("some", str::trim));
    if fs::read_dir(&found)?.next().is_none() {
        fs::remove_dir(&found)?;
    }
    ensure!(
        is_well,
        "{name} breaks on an input that is now in {}, as {} says\nnext: mend it, commit the input, and see `cargo test \
         --package lapwing-sim fuzz` pass",
        found.display(),
        log.display()
    );
    Ok(())
}
