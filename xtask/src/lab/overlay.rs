//! A host's disk: what the host has written, over layers that it never writes to.

use std::ffi::CString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use rustix::fs::{XattrFlags, getxattr, setxattr};
use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use super::image;
use crate::{os, sys};

/// Where it is mounted, within the host's folder.
const ROOT: &str = "root";
/// What the host has written.
const UPPER: &str = "upper";
/// What the kernel needs beside that.
const WORK: &str = "work";
/// A copy of what the host had written.
const SNAPSHOT: &str = "snapshot";
/// Where the kernel keeps the UUID of a disk that is made of layers.
const UUID: &str = "trusted.overlay.uuid";

/// How a disk is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copied {
    /// Block by block: the file system has the same UUID.
    Blocks,
    /// File by file, onto a file system of its own.
    Files,
}

/// A disk that is mounted.
#[derive(Debug)]
pub(super) struct Overlay {
    folder: PathBuf,
    /// The layers below, as the kernel is told.
    lower: String,
}

impl Overlay {
    /// A disk on which nothing is written yet.
    pub(super) fn new(folder: &Path, lower: String) -> Result<Self> {
        let disk = Self { folder: folder.to_owned(), lower };
        let upper = disk.folder.join(UPPER);
        image::folder(&upper)?;
        // Its mode is the one of the host's `/`.
        fs::set_permissions(upper, fs::Permissions::from_mode(0o755))?;
        disk.mount()?;
        Ok(disk)
    }

    /// Another with the same content; its host must be off.
    pub(super) fn copy_to(&self, folder: &Path, copy: Copied) -> Result<Self> {
        let disk = Self { folder: folder.to_owned(), lower: self.lower.clone() };
        copy_folder(&self.folder.join(UPPER), &disk.folder.join(UPPER))?;
        if copy == Copied::Files {
            let uuid = [os::seed().to_be_bytes(), os::seed().to_be_bytes()].concat();
            setxattr(disk.folder.join(UPPER), UUID, &uuid, XattrFlags::REPLACE)
                .context("the kernel gives layered disks no UUID")?;
        }
        disk.mount()?;
        Ok(disk)
    }

    /// Where it can be looked at from outside.
    pub(super) fn root(&self) -> PathBuf {
        self.folder.join(ROOT)
    }

    /// Its UUID; none from a kernel that gives layered disks none.
    pub(super) fn uuid(&self) -> Option<String> {
        let mut uuid = [0; 16];
        let len = getxattr(self.folder.join(UPPER), UUID, &mut uuid).ok()?;
        let digits = format!("{:032x}", u128::from_be_bytes(uuid));
        let part = |from, to| digits.get(from..to).unwrap_or_default();
        let parts = [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)];
        (len == uuid.len()).then(|| parts.join("-"))
    }

    /// Ends it, and gives the folder of all that the host has written.
    pub(super) fn take_out(&self) -> Result<PathBuf> {
        self.unmount()?;
        Ok(self.folder.join(UPPER))
    }

    /// Copies what the host has written, in place of an earlier copy; it must be off.
    pub(super) fn take_snapshot(&self) -> Result<()> {
        copy_folder(&self.folder.join(UPPER), &self.folder.join(SNAPSHOT))
    }

    /// Puts that back; the host must be off.
    pub(super) fn roll_back(&self) -> Result<()> {
        let snapshot = self.folder.join(SNAPSHOT);
        ensure!(snapshot.exists(), "no snapshot was taken");
        self.unmount()?;
        copy_folder(&snapshot, &self.folder.join(UPPER))?;
        // The kernel's own notes about what was in the layers.
        image::remove_folder(&self.folder.join(WORK))?;
        self.mount()
    }

    fn mount(&self) -> Result<()> {
        for part in [WORK, ROOT] {
            image::folder(&self.folder.join(part))?;
        }
        let layers = format!(
            "lowerdir={},upperdir={folder}/{UPPER},workdir={folder}/{WORK}",
            self.lower,
            folder = self.folder.display()
        );
        let layers = CString::new(layers)?;
        mount("overlay", self.root(), "overlay", MountFlags::empty(), layers.as_c_str())
            .context("cannot mount the host's disk")
    }

    fn unmount(&self) -> Result<()> {
        unmount(self.root(), UnmountFlags::empty()).context("cannot unmount the host's disk")
    }
}

/// Unmounts what a killed run has left in a host's folder, if anything.
pub(super) fn detach(folder: &Path) -> Result<()> {
    match unmount(folder.join(ROOT), UnmountFlags::DETACH) {
        // Not mounted: the run that began it came no further.
        Ok(()) | Err(Errno::INVAL | Errno::NOENT) => Ok(()),
        Err(error) => Err(error).context("cannot unmount a host's disk"),
    }
}

/// With all that the file system knows of each file.
fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    image::remove_folder(to)?;
    sys::run(sys::command("cp").args(["--archive", "--no-target-directory", "--"]).arg(from).arg(to))
}
