//! `pam_pwquality.so`, which tests name by its path. Installing its package would put it into this machine's own
//! password rules, so it is only unpacked.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use xtask::{lab, sys};

use super::apt_get;

const PACKAGE: &str = "libpam-pwquality";
const MODULE: &str = "pam_pwquality.so";

/// Fetches the module into `pam/` of the cache, where the tests of `lapwing-priv` look for it.
pub(super) fn prepare() -> Result<()> {
    let folder = lab::cache()?.join("pam");
    if folder.join(MODULE).exists() {
        return Ok(());
    }
    eprintln!("Fetching {MODULE} into {}", folder.display());
    let unpacked = folder.with_extension("new");
    lab::remove_folder(&unpacked)?;
    fs::create_dir_all(&unpacked)?;
    // A machine that has never asked what there is cannot fetch anything.
    sys::run(apt_get().arg("update"))?;
    // The folder may be root's alone, as root's home is.
    sys::run(apt_get().args(["-o", "APT::Sandbox::User=root", "download", PACKAGE]).current_dir(&unpacked))?;
    let archive = only_file(&unpacked)?;
    sys::run(sys::command("dpkg-deb").arg("--extract").arg(archive).arg(&unpacked))?;
    let module = security_folders(&unpacked)
        .into_iter()
        .map(|folder| folder.join(MODULE))
        .find(|module| module.exists());
    let Some(module) = module else { bail!("{PACKAGE} holds no {MODULE} where it used to") };
    fs::create_dir_all(&folder)?;
    fs::rename(module, folder.join(MODULE)).context("cannot put the module in its place")?;
    lab::remove_folder(&unpacked)
}

fn only_file(folder: &Path) -> Result<PathBuf> {
    let entry = fs::read_dir(folder)?
        .next()
        .with_context(|| format!("apt-get left nothing in {}", folder.display()))?;
    Ok(entry?.path())
}

/// Where Debian has had its PAM modules: before and after the merge of `/lib` into `/usr`.
fn security_folders(root: &Path) -> [PathBuf; 2] {
    ["lib", "usr/lib"].map(|lib| root.join(format!("{lib}/{}-linux-gnu/security", std::env::consts::ARCH)))
}
