//! `cargo xtask sim`: builds the simulator, optimised, and starts it.

use std::{ffi::OsString, path::PathBuf};

use anyhow::Result;
use clap::Args;
use xtask::sys;

/// What the simulator is asked; `--help` is answered by itself.
#[derive(Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Sim {
    /// Passed on
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

pub(crate) fn run(sim: &Sim) -> Result<()> {
    let program = build()?;
    sys::run(sys::command(program).args(&sim.arguments))
}

/// The seeds of every test run, and those on record.
pub(crate) fn check() -> Result<()> {
    let program = build()?;
    sys::run(sys::command(&program).arg("--recorded"))?;
    sys::run(sys::command(&program).args(["--seeds", "2000"]))
}

fn build() -> Result<PathBuf> {
    let mut build = sys::rust("cargo");
    build.args(["build", "--quiet", "--profile", "sim", "--package", "lapwing-sim"]);
    sys::run(&mut build)?;
    Ok(sys::workspace().join("target/sim/lapwing-sim"))
}
