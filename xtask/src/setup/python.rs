//! Python programs that judge from outside, each in an environment of its own.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result};
use xtask::{lab, sys};

/// The interpreter that Debian's packages belong to, whatever else is on `PATH`.
const PYTHON: &str = "/usr/bin/python3";

/// Pinned, so that a run is red for a change of ours alone.
const ENVIRONMENTS: [&[&str]; 6] = [
    // Microsoft's own clients of Graph.
    &["azure-identity==1.27.0", "msgraph-beta-sdk==1.66.0", "msgraph-sdk==1.65.0"],
    // Drives Debian's browser, and judges pages by axe-core, which it brings.
    &["axe-playwright-python==0.1.8", "playwright==1.65.2"],
    // Tests an HTTP interface against its description.
    &["schemathesis==4.32.5"],
    // Reads Active Directory without any code of ours or of Samba's.
    &["msldap==0.5.15"],
    // Protects and unprotects as DPAPI-NG does.
    &["dpapi-ng==0.2.0"],
    // Asks for group keys over the network, and makes tickets that no domain would.
    &["dpapi-ng[kerberos]==0.2.0", "impacket==0.13.1"],
];

/// The interpreter of the environment that drives Debian's browser.
pub(crate) fn browser() -> Result<PathBuf> {
    interpreter("playwright")
}

/// The interpreter of the environment that protects and unprotects.
pub(crate) fn protector() -> Result<PathBuf> {
    interpreter("dpapi-ng")
}

/// Of the environment with a package whose name begins so.
fn interpreter(package: &str) -> Result<PathBuf> {
    let packages =
        ENVIRONMENTS.into_iter().find(|packages| packages.iter().any(|name| name.starts_with(package)));
    let packages = packages.with_context(|| format!("no environment has {package}"))?;
    Ok(folder(packages)?.join("bin/python"))
}

fn folder(packages: &[&str]) -> Result<PathBuf> {
    Ok(lab::cache()?.join("python").join(packages.join(",")))
}

/// Makes `python/PACKAGES/` in the cache for each, with a name that changes with the versions.
pub(super) fn prepare() -> Result<()> {
    ENVIRONMENTS.into_iter().try_for_each(install)
}

fn install(packages: &[&str]) -> Result<()> {
    let folder = folder(packages)?;
    let done = folder.join("complete");
    if done.exists() {
        return Ok(());
    }
    eprintln!("Installing {} in {}", packages.join(" and "), folder.display());
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
    sys::run(install.args(packages))?;
    fs::write(&done, "").context("cannot mark the environment as complete")
}
