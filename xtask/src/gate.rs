//! `cargo xtask test`: everything a change must pass, in the order that tells soonest.

use anyhow::{Context as _, Result};
use xtask::steps::Steps;
use xtask::sys;

use crate::{setup, sim, tidy};

/// Title and arguments of each check that Cargo makes.
const CHECKS: [(&str, &[&str]); 4] = [
    ("formatting", &["fmt", "--all", "--check"]),
    (
        "lints",
        &["clippy", "--workspace", "--all-targets", "--all-features", "--quiet", "--", "--deny", "warnings"],
    ),
    (
        "documentation",
        &["doc", "--workspace", "--all-features", "--no-deps", "--document-private-items", "--quiet"],
    ),
    ("documentation examples", &["test", "--workspace", "--all-features", "--doc", "--quiet"]),
];

/// Runs every check and stops at the first failure, saying how to repeat it alone.
pub(crate) fn run() -> Result<()> {
    let steps = Steps::begin();
    check(&steps, "set-up", "cargo xtask setup", setup::run)?;
    check(&steps, "tidiness", "cargo xtask tidy", tidy::run)?;
    for (title, arguments) in CHECKS {
        cargo(&steps, title, arguments)?;
    }
    check(&steps, "simulated worlds", "cargo xtask sim", sim::check)?;
    // Last, so that the summary of all tests ends the report.
    cargo(&steps, "tests", test_runner())?;
    println!("All checks passed in {}", steps.elapsed());
    Ok(())
}

/// `cargo nextest` where it is installed, for it runs the tests of all crates side by side; else `cargo test`.
fn test_runner() -> &'static [&'static str] {
    if sys::has_program("cargo-nextest") {
        &["nextest", "run", "--workspace", "--all-features"]
    } else {
        &["test", "--workspace", "--all-features", "--all-targets"]
    }
}

fn cargo(steps: &Steps, title: &str, arguments: &[&str]) -> Result<()> {
    // Only rustdoc reads it.
    let mut command = sys::rust("cargo");
    command.env("RUSTDOCFLAGS", "--deny warnings").args(arguments);
    check(steps, title, &format!("cargo {}", arguments.join(" ")), || sys::run(&mut command))
}

fn check(steps: &Steps, title: &str, again: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    println!("▸ {again}");
    steps.run(title, work).with_context(|| format!("{title}: failed\nnext: repeat it alone with `{again}`"))
}
