//! Notices that a file may say something else: it was written, replaced or removed, or has other rights.
//!
//! What is watched is the file's folder, for editors put a new file in the place of the old one. The target of a symbolic
//! link is not watched.

use core::{convert::Infallible, mem::MaybeUninit};
use std::{
    ffi::OsString,
    io,
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::ffi::OsStrExt as _,
    },
    path::{Path, PathBuf},
};

use rustix::{
    fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags},
    io::Errno,
};
use tokio::{io::unix::AsyncFd, sync::mpsc};

use crate::{os, run::News, sys};

/// Room for some dozens of events; what does not fit is read next.
const BUFFER_LEN: usize = 4096;

/// Sends this news at each change of a file, for ever.
///
/// # Errors
/// If its folder cannot be watched, or not any more.
pub(crate) async fn follow(
    file: &Path,
    news: &mpsc::Sender<News>,
    tell: fn() -> News,
) -> io::Result<Infallible> {
    let mut file = WatchedFile::new(file)?;
    loop {
        file.changed().await?;
        // Nobody listens any more once this program is ending.
        drop(news.send(tell()).await);
    }
}

/// A file whose changes are noticed.
#[derive(Debug)]
pub(crate) struct WatchedFile {
    inotify: AsyncFd<OwnedFd>,
    folder: Folder,
}

impl WatchedFile {
    /// Begins to watch.
    ///
    /// # Errors
    /// If folders cannot be watched.
    pub(crate) fn new(path: &Path) -> io::Result<Self> {
        let (inotify, folder) = Folder::of(path)?;
        Ok(Self { inotify: sys::watch(inotify)?, folder })
    }

    /// Returns once the file may say something else.
    ///
    /// # Errors
    /// If its folder cannot be watched any more.
    pub(crate) async fn changed(&mut self) -> io::Result<()> {
        loop {
            let mut ready = os::burst(&self.inotify).await?;
            let changed = self.folder.changed(self.inotify.get_ref())?;
            ready.clear_ready();
            if changed {
                return Ok(());
            }
        }
    }
}

/// The folder of one file.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    file: OsString,
    /// Whether it is there, and watched.
    there: bool,
}

impl Folder {
    /// Begins to watch the folder of `file`.
    fn of(file: &Path) -> io::Result<(OwnedFd, Self)> {
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let mut folder = Self {
            path: file.parent().unwrap_or(Path::new("/")).to_path_buf(),
            file: file.file_name().unwrap_or_default().to_owned(),
            there: false,
        };
        folder.there = folder.arm(&inotify)?;
        Ok((inotify, folder))
    }

    /// Watches the folder, or where there is none the one above until something is made there.
    fn arm(&self, inotify: &OwnedFd) -> io::Result<bool> {
        let watch =
            |path: &Path, events| match inotify::add_watch(inotify, path, events | WatchFlags::ONLYDIR) {
                Ok(_) => Ok(true),
                Err(Errno::NOENT) => Ok(false),
                Err(error) => Err(io::Error::from(error)),
            };
        let of_file = WatchFlags::ATTRIB
            | WatchFlags::CLOSE_WRITE
            | WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MOVE
            | WatchFlags::MOVE_SELF;
        let once = WatchFlags::CREATE | WatchFlags::MOVED_TO | WatchFlags::ONESHOT;
        if !watch(&self.path, of_file)?
            && let Some(above) = self.path.parent()
        {
            watch(above, once)?;
        }
        // It may have been made just before the one above was watched.
        watch(&self.path, of_file)
    }

    /// Reads all that has happened; whether the file may say something else now.
    fn changed(&mut self, inotify: &OwnedFd) -> io::Result<bool> {
        let mut buffer = [MaybeUninit::uninit(); BUFFER_LEN];
        let mut events = Reader::new(inotify.as_fd(), &mut buffer);
        let (mut changed, mut moved) = (false, false);
        loop {
            match events.next() {
                Ok(event) => {
                    let name = event.file_name().map(|name| name.to_bytes());
                    changed |= name == Some(self.file.as_bytes());
                    changed |= event.events().contains(ReadFlags::QUEUE_OVERFLOW);
                    // The folder is gone, is elsewhere, or something was made where it should be.
                    moved |= event.events().intersects(ReadFlags::IGNORED | ReadFlags::MOVE_SELF);
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(error) => return Err(error.into()),
            }
        }
        if moved {
            changed |= self.there;
            self.there = self.arm(inotify)?;
            changed |= self.there;
        }
        Ok(changed)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use lapwing_client::identity::{Root, files};

    use super::*;

    struct World {
        root: tempfile::TempDir,
        inotify: OwnedFd,
        folder: Folder,
    }

    impl World {
        fn with(folder: &str) -> Self {
            Self::of(folder, "etc/lapwing/policy.toml")
        }

        fn of(folder: &str, file: &str) -> Self {
            let root = tempfile::tempdir().unwrap();
            fs::create_dir_all(root.path().join(folder)).unwrap();
            let (inotify, folder) = Folder::of(&root.path().join(file)).unwrap();
            Self { root, inotify, folder }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.root.path().join("etc").join(name)
        }

        fn changed(&mut self) -> bool {
            self.folder.changed(&self.inotify).unwrap()
        }
    }

    #[test]
    fn each_way_to_change_the_file_is_noticed_once() {
        let mut world = World::with("etc/lapwing");
        let policy = world.path("lapwing/policy.toml");
        let beside = world.path("lapwing/policy.toml.new");
        assert!(!world.changed());
        fs::write(&policy, "A = 1\n").unwrap();
        assert!(world.changed());
        fs::write(&beside, "A = 2\n").unwrap();
        assert!(!world.changed());
        fs::rename(&beside, &policy).unwrap();
        assert!(world.changed());
        fs::set_permissions(&policy, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(world.changed());
        fs::rename(&policy, &beside).unwrap();
        assert!(world.changed());
        std::os::unix::fs::symlink(&beside, &policy).unwrap();
        assert!(world.changed());
        fs::remove_file(&policy).unwrap();
        assert!(world.changed());
        assert!(!world.changed());
    }

    #[test]
    fn a_reader_and_the_other_files_are_not_noticed() {
        let mut world = World::with("etc/lapwing");
        let policy = world.path("lapwing/policy.toml");
        fs::write(&policy, "A = 1\n").unwrap();
        assert!(world.changed());
        fs::read(&policy).unwrap();
        fs::write(world.path("lapwing/agent.toml"), "").unwrap();
        fs::write(world.path("passwd"), "").unwrap();
        assert!(!world.changed());
    }

    #[test]
    fn what_a_management_server_sets_is_noticed_and_what_the_agent_remembers_is_not() {
        let mut world = World::of("var/lib/lapwing", "var/lib/lapwing/csp.json");
        let root = Root::at(world.root.path().to_owned());
        for (file, noticed) in [(root.csp(), true), (root.path("var/lib/lapwing/memory.json"), false)] {
            files::replace_private(&file, b"{}").unwrap();
            assert_eq!(world.changed(), noticed, "{}", file.display());
        }
    }

    #[test]
    fn a_folder_that_is_made_moved_and_removed_is_followed() {
        let mut world = World::with("etc");
        let (folder, policy) = (world.path("lapwing"), world.path("lapwing/policy.toml"));
        fs::write(world.path("passwd"), "").unwrap();
        assert!(!world.changed());
        fs::create_dir(&folder).unwrap();
        assert!(world.changed());
        fs::write(&policy, "A = 1\n").unwrap();
        assert!(world.changed());
        fs::rename(&folder, world.path("old")).unwrap();
        assert!(world.changed());
        fs::create_dir(&folder).unwrap();
        fs::write(&policy, "A = 2\n").unwrap();
        assert!(world.changed());
        fs::remove_dir_all(&folder).unwrap();
        assert!(world.changed());
        fs::create_dir(&folder).unwrap();
        assert!(world.changed());
        fs::write(&policy, "A = 3\n").unwrap();
        assert!(world.changed());
    }
}
