//! The files of a package as they will lie below `/`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::list::{File, Package, Source};
use super::{Form, Order, notices};
use crate::lab::remove_folder;
use crate::sys;

/// A staged package.
pub(super) struct Tree {
    /// What stands for `/`.
    pub(super) root: PathBuf,
    /// A folder beside it, for what the packing tool needs.
    pub(super) aside: PathBuf,
    /// The programs in it.
    pub(super) programs: Vec<PathBuf>,
}

impl Tree {
    /// Puts together what a package holds, in place of what an earlier run left in `folder`.
    pub(super) fn stage(package: &Package, form: Form, order: &Order<'_>, folder: &Path) -> Result<Self> {
        remove_folder(folder)?;
        let mut tree = Self { root: folder.join("root"), aside: folder.join("aside"), programs: Vec::new() };
        fs::create_dir_all(&tree.aside)?;
        for File(source, to, only) in package.files {
            if only.is_none_or(|only| only == form) {
                tree.put(source, to, order)?;
            }
        }
        tree.put_documents(package, form)?;
        Ok(tree)
    }

    fn put(&mut self, source: &Source, to: &str, order: &Order<'_>) -> Result<()> {
        let dist = sys::workspace().join("dist");
        match source {
            Source::Program(name) => self.put_program(&order.programs.join(name), to, 0o755)?,
            Source::Library(name) => {
                let to = to.replace("{multiarch}", &format!("{}-linux-gnu", std::env::consts::ARCH));
                self.put_program(&order.programs.join(name), &to, 0o644)?;
            }
            Source::Script(name) => drop(self.copy(&dist.join(name), to, 0o755)?),
            Source::Dist(name) => drop(self.copy(&dist.join(name), to, 0o644)?),
            Source::Generated(name) => drop(self.copy(&self.generated(order)?.join(name), to, 0o644)?),
            Source::Pages => {
                for page in fs::read_dir(self.generated(order)?.join("man"))? {
                    self.copy(&page?.path(), to, 0o644)?;
                }
            }
        }
        Ok(())
    }

    fn put_program(&mut self, from: &Path, to: &str, mode: u32) -> Result<()> {
        let path = self.copy(from, to, mode)?;
        // Symbols and the paths of the machine that built it help nobody on another.
        sys::run(sys::command("strip").arg("--strip-unneeded").arg(&path))?;
        self.programs.push(path);
        Ok(())
    }

    /// What the administrator's command writes of itself.
    fn generated(&self, order: &Order<'_>) -> Result<PathBuf> {
        let folder = self.aside.join("generated");
        if !folder.exists() {
            sys::run(sys::command(order.programs.join("lapwing")).arg("generate-docs").arg(&folder))?;
        }
        Ok(folder)
    }

    /// Licences, notices and changes.
    fn put_documents(&self, package: &Package, form: Form) -> Result<()> {
        let documents = format!("usr/share/doc/{}/", package.name(form));
        self.copy(&sys::workspace().join("dist/copyright"), &documents, 0o644)?;
        compress(&self.copy(&sys::workspace().join("CHANGELOG.md"), &documents, 0o644)?)?;
        compress(&self.write(&(documents + "third-party"), 0o644, &notices::of(package.crates)?)?)
    }

    fn copy(&self, from: &Path, to: &str, mode: u32) -> Result<PathBuf> {
        let name = from.file_name().and_then(|name| name.to_str()).context("a file has no name")?;
        let to = if to.ends_with('/') { format!("{to}{name}") } else { to.to_owned() };
        let content = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
        let path = self.write(&to, mode, &content)?;
        if to.starts_with("usr/share/man/") {
            compress(&path)?;
        }
        Ok(path)
    }

    /// Writes a file with its folders, whatever this process's umask.
    pub(super) fn write(&self, to: &str, mode: u32, content: &[u8]) -> Result<PathBuf> {
        let path = self.root.join(to);
        for folder in Path::new(to).ancestors().skip(1) {
            let folder = self.root.join(folder);
            fs::create_dir_all(&folder)?;
            fs::set_permissions(&folder, fs::Permissions::from_mode(0o755))?;
        }
        fs::write(&path, content)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
        Ok(path)
    }

    /// Every file, relative to the root, in the order of their names.
    pub(super) fn files(&self) -> Result<Vec<PathBuf>> {
        let found = sys::text(
            sys::command("find").args([".", "-type", "f", "-printf", "%P\\n"]).current_dir(&self.root),
        )?;
        let mut files: Vec<_> = found.lines().map(PathBuf::from).collect();
        files.sort_unstable();
        Ok(files)
    }
}

/// Compresses a file in place, without its name and time.
pub(super) fn compress(path: &Path) -> Result<()> {
    sys::run(sys::command("gzip").args(["-9", "--no-name", "--force"]).arg(path))
}
