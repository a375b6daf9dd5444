//! The environments of Python programs that judge from outside.

use std::fs;

use anyhow::{Context as _, Result};
use xtask::{
    lab,
    python::{BROWSER, DPAPI_NG, GRAPH, HTTP, MSLDAP, folder},
    sys,
};

/// The interpreter that Debian's packages belong to, whatever else is on `PATH`.
const PYTHON: &str = "/usr/bin/python3";

/// Pinned, so that a run is red for a change of ours alone.
const ENVIRONMENTS: [&str; 5] = [GRAPH, BROWSER, HTTP, MSLDAP, DPAPI_NG];

/// Makes `python/PACKAGES/` in the cache for each, with a name that changes with the versions.
pub(super) fn prepare() -> Result<()> {
    ENVIRONMENTS.into_iter().try_for_each(install)
}

fn install(packages: &str) -> Result<()> {
    let folder = folder(packages)?;
    let done = folder.join("complete");
    if done.exists() {
        return Ok(());
    }
    eprintln!("Installing {} in {}", packages.replace(',', " and "), folder.display());
    // What a stopped installation left may lack anything.
    lab::remove_folder(&folder)?;
    sys::run(sys::command(PYTHON).args(["-m", "venv"]).arg(&folder))?;
    let mut install = sys::networked(folder.join("bin/python"));
    // Pip's settings, such as which index to use, are in the user's home or in the environment.
    install
        .envs(std::env::vars_os().filter(|(name, _)| {
            name.to_str().is_some_and(|name| name == "HOME" || name.starts_with("PIP_"))
        }));
    install.args(["-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--no-compile"]);
    sys::run(install.args(packages.split(',')))?;
    fs::write(&done, "").context("cannot mark the environment as complete")
}
