//! Packages for Debian and for RPM-based systems, from programs that are built and what lies in `dist/`.
//!
//! The same input gives the same bytes: times come from the last commit, owners are root's, and compression records nothing.

mod deb;
mod list;
mod notices;
mod rpm;
mod tree;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use self::list::{PACKAGES, Package};
use self::tree::Tree;
use crate::lab::remove_folder;
use crate::sys;

/// What packages are to be made.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// The folder of the programs.
    pub programs: &'a Path,
    /// The packages' version.
    pub version: &'a str,
    /// Where they go.
    pub out: &'a Path,
    /// Their names; all if there is none.
    pub names: &'a [&'a str],
    /// Whether to compress them as well as that is possible, which takes a minute.
    pub is_small: bool,
}

/// The form of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// For Debian and what comes of it: `.deb`.
    Deb,
    /// For Fedora, RHEL, SUSE and what comes of them: `.rpm`.
    Rpm,
}

/// Makes packages of one form and returns their files, in the order in which they can be installed.
///
/// # Errors
/// When a tool is missing (`cargo xtask setup` installs them), or refuses what it is given.
pub fn make(order: &Order<'_>, form: Form) -> Result<Vec<PathBuf>> {
    fs::create_dir_all(order.out).with_context(|| format!("cannot create {}", order.out.display()))?;
    let epoch = epoch()?;
    let wanted = |package: &&Package| order.names.is_empty() || order.names.contains(&package.name);
    PACKAGES
        .iter()
        .filter(wanted)
        .map(|package| {
            let name = package.name(form);
            let folder = order.out.join(format!(".{name}"));
            let tree = Tree::stage(package, form, order, &folder)?;
            let file = match form {
                Form::Deb => deb::make(package, &tree, order, epoch),
                Form::Rpm => rpm::make(package, &tree, order, epoch),
            }
            .with_context(|| format!("cannot make the package {name}"))?;
            remove_folder(&folder)?;
            Ok(file)
        })
        .collect()
}

/// When the sources were last changed, in seconds since 1970: `SOURCE_DATE_EPOCH`, else the last commit.
/// reproducible-builds.org, "SOURCE_DATE_EPOCH".
fn epoch() -> Result<u64> {
    let time = match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(time) => time,
        Err(_) => {
            sys::text(sys::command("git").args(["log", "-1", "--format=%ct"]).current_dir(sys::workspace()))
                .context("the time of the last commit is not known\nnext: set SOURCE_DATE_EPOCH")?
        }
    };
    time.trim().parse().context("SOURCE_DATE_EPOCH is no number of seconds")
}
