//! The notices of everybody whose code is linked into our programs: their licences ask that they come with it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::sys;

/// Beginnings of the names of files that hold a licence or a notice, in small letters.
const FILES: [&str; 6] = ["copying", "copyright", "licence", "license", "notice", "unlicense"];

/// The output of `cargo metadata`, as far as we look.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Foreign>,
}

#[derive(Deserialize)]
struct Foreign {
    name: String,
    version: String,
    license: Option<String>,
    source: Option<String>,
    manifest_path: PathBuf,
}

/// One text: every library with its licence, then each notice once, with the names of those that bring it.
pub(super) fn of(crates: &[&str]) -> Result<Vec<u8>> {
    let linked = linked(crates)?;
    let mut cargo = sys::rust("cargo");
    let metadata = sys::text(cargo.args(["metadata", "--format-version=1"]))?;
    let Metadata { packages } =
        serde_json::from_str(&metadata).context("cannot read what `cargo metadata` printed")?;
    let mut list = String::from("Libraries that are linked into the programs of this package:\n\n");
    let mut notices: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in packages.iter().filter(|package| package.source.is_some()) {
        let name = format!("{} {}", package.name, package.version);
        if !linked.contains(&name) {
            continue;
        }
        list += &format!("    {name}: {}\n", package.license.as_deref().unwrap_or("see its notice"));
        let folder = package.manifest_path.parent().context("a package has no folder")?;
        for text in texts(folder)? {
            notices.entry(text).or_default().push(name.clone());
        }
    }
    for (text, names) in notices {
        list += &format!("\n{}\n{}\n\n{}\n", "=".repeat(80), names.join(", "), text.trim_end());
    }
    Ok(list.into_bytes())
}

/// Name and version of every library that the programs of these crates are linked with.
fn linked(crates: &[&str]) -> Result<BTreeSet<String>> {
    let mut cargo = sys::rust("cargo");
    cargo.args(["tree", "--edges=normal", "--prefix=none"]);
    for name in crates {
        cargo.args(["--package", name]);
    }
    let tree = sys::text(&mut cargo)?;
    let named = tree.lines().filter_map(|line| line.split_once(" v"));
    Ok(named.filter_map(|(name, rest)| Some(format!("{name} {}", rest.split(' ').next()?))).collect())
}

fn texts(folder: &Path) -> Result<Vec<String>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().to_lowercase();
        if FILES.iter().any(|start| name.starts_with(start)) && entry.file_type()?.is_file() {
            files.push(entry.path());
        }
    }
    files.sort_unstable();
    files.iter().map(|file| Ok(String::from_utf8_lossy(&fs::read(file)?).into_owned())).collect()
}
