//! Replacing a file whole: write beside it, fsync, rename, fsync of the folder.
//!
//! INVARIANT: whoever reads the file, also after a crash at any point, reads the old content or the new one.

use std::{
    fs::File,
    io::{self, Write as _},
    os::unix::fs::MetadataExt as _,
    path::Path,
};

use rustix::fs::{self, Mode, OFlags, XattrFlags};

use crate::failpoint;

/// A file about to be replaced. The caller holds a lock that keeps every other writer of `temp` away.
pub(crate) struct Replacement<'a> {
    /// The folder of both names.
    pub(crate) folder: &'a Path,
    /// The file.
    pub(crate) name: &'a str,
    /// The name it is written under first; one left by a crash is removed.
    pub(crate) temp: &'a str,
    /// The file whose owner, attributes and mode the new one gets; without one it is root's alone.
    pub(crate) like: Option<&'a File>,
    /// Where a test may kill the program.
    pub(crate) points: Points,
}

/// Names for [`failpoint::hit`].
#[derive(Clone, Copy)]
pub(crate) struct Points {
    pub(crate) inside_write: &'static str,
    pub(crate) before_rename: &'static str,
    pub(crate) after_rename: &'static str,
}

impl Replacement<'_> {
    /// Replaces the file by one with this content.
    ///
    /// # Errors
    /// Whatever the system says; the old file is then still there, whole.
    pub(crate) fn write(&self, content: &[u8]) -> io::Result<()> {
        let folder = File::open(self.folder)?;
        let temp = self.folder.join(self.temp);
        remove_if_there(&temp)?;
        let written = self.write_temp(&folder, content).and_then(|()| {
            failpoint::hit(self.points.before_rename);
            Ok(fs::renameat(&folder, self.temp, &folder, self.name)?)
        });
        if let Err(error) = written {
            // The first error says more than one about the clean-up, and the next writer cleans up too.
            drop(remove_if_there(&temp));
            return Err(error);
        }
        failpoint::hit(self.points.after_rename);
        folder.sync_all()
    }

    fn write_temp(&self, folder: &File, content: &[u8]) -> io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut temp = File::from(fs::openat(folder, self.temp, flags, Mode::RUSR | Mode::WUSR)?);
        if let Some(model) = self.like {
            copy_attributes(model, &temp)?;
        }
        let (first, second) = content.split_at(content.len() / 2);
        temp.write_all(first)?;
        failpoint::hit(self.points.inside_write);
        temp.write_all(second)?;
        temp.sync_all()
    }
}

/// Removes a file that a crash may have left.
pub(crate) fn remove_if_there(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The kernel computes these two over the content, so the old file's are wrong for the new one.
const CONTENT_BOUND: [&[u8]; 2] = [b"security.ima", b"security.evm"];

fn copy_attributes(from: &File, to: &File) -> io::Result<()> {
    let metadata = from.metadata()?;
    std::os::unix::fs::fchown(to, Some(metadata.uid()), Some(metadata.gid()))?;
    // The SELinux label, and an access control list before the mode, which is part of it.
    let mut names = vec![0; fs::flistxattr_query(from)?];
    let len = fs::flistxattr(from, &mut names[..])?;
    for name in names[..len].split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        if !CONTENT_BOUND.contains(&name) {
            let mut value = vec![0; fs::fgetxattr_query(from, name)?];
            let len = fs::fgetxattr(from, name, &mut value[..])?;
            fs::fsetxattr(to, name, &value[..len], XattrFlags::empty())?;
        }
    }
    Ok(fs::fchmod(to, Mode::from_raw_mode(metadata.mode() & 0o7777))?)
}
