//! The journal's file: as secret as `/etc/shadow`, locked while in use, always replaced whole.
//!
//! INVARIANT: a damaged journal is reported and left as it is, never made anew.

use std::{
    borrow::Cow,
    fs::{DirBuilder, File},
    io::{self, Read as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use lapwing_core::local::root_half::Fault;
use zeroize::Zeroizing;

use super::disk;
use crate::{
    account::{io_fault, io_next_step},
    host::Journal,
    os,
    replace::{Points, Replacement},
    root::Root,
};

/// How long another request may keep the journal. A request is ended by its unit after a minute.
const LOCK_WAIT_MAX: Duration = Duration::from_secs(45);
/// The longest journal that is read, in bytes: eight candidates with the longest names and records take a tenth.
const FILE_LEN_MAX: u64 = 256 * 1024;

const NAME: &str = "journal";
const POINTS: Points = Points {
    inside_write: "journal.inside_write",
    before_rename: "journal.before_rename",
    after_rename: "journal.after_rename",
};

/// Why the journal cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JournalError {
    #[error("{path} is damaged: {why}", path = path.display())]
    Damaged { path: PathBuf, why: &'static str },
    #[error("another request has kept {path} for {LOCK_WAIT_MAX:?}", path = path.display())]
    Busy { path: PathBuf },
    #[error("cannot work with {path}", path = path.display())]
    Io { path: PathBuf, source: io::Error },
}

impl JournalError {
    pub(crate) fn fault(&self) -> Fault {
        match self {
            Self::Damaged { .. } => Fault::JournalDamaged,
            Self::Busy { .. } => Fault::FileLocked,
            Self::Io { source, .. } => io_fault(source),
        }
    }

    pub(crate) fn next_step(&self) -> Cow<'static, str> {
        match self {
            Self::Damaged { path, .. } => {
                let path = path.display();
                format!("restore {path} from a backup, or move it away: then the next rotation starts afresh")
                    .into()
            }
            Self::Busy { .. } => "see what the other lapwingd-priv waits for".into(),
            Self::Io { source, .. } => io_next_step(source).into(),
        }
    }
}

/// The journal's file; nobody else has it until this is dropped.
pub(crate) struct JournalFile {
    folder: PathBuf,
    _lock: File,
}

impl JournalFile {
    /// Locks the journal.
    ///
    /// # Errors
    /// [`JournalError::Busy`] if somebody else keeps it; [`JournalError::Io`].
    pub(crate) fn lock(root: &Root) -> Result<Self, JournalError> {
        let folder = root.state();
        DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(io_error(&folder))?;
        let path = folder.join("lock");
        let lock = os::lock_file(&path, LOCK_WAIT_MAX)
            .map_err(io_error(&path))?
            .ok_or(JournalError::Busy { path })?;
        Ok(Self { folder, _lock: lock })
    }

    /// Syncs the file and its folder.
    ///
    /// # Errors
    /// [`JournalError::Io`].
    pub(crate) fn sync(&self) -> Result<(), JournalError> {
        let path = self.folder.join(NAME);
        if let Some(file) = open(&path).map_err(io_error(&path))? {
            file.sync_all().map_err(io_error(&path))?;
        }
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(io_error(&self.folder))
    }

    /// Reads the journal; where there is none yet, an empty one.
    ///
    /// # Errors
    /// [`JournalError`]; a damaged file stays as it is.
    pub(crate) fn load(&self) -> Result<Journal, JournalError> {
        let path = self.folder.join(NAME);
        let Some(file) = open(&path).map_err(io_error(&path))? else { return Ok(Journal::default()) };
        let mut bytes = Zeroizing::new(Vec::new());
        file.take(FILE_LEN_MAX).read_to_end(&mut bytes).map_err(io_error(&path))?;
        disk::decode(&bytes).map_err(|why| JournalError::Damaged { path, why })
    }

    /// Replaces the file, durably.
    ///
    /// # Errors
    /// [`JournalError::Io`]; the file then holds what it held before.
    pub(crate) fn save(&self, journal: &Journal) -> Result<(), JournalError> {
        Replacement { folder: &self.folder, name: NAME, temp: ".journal.new", like: None, points: POINTS }
            .write(&disk::encode(journal))
            .map_err(io_error(&self.folder.join(NAME)))
    }
}

/// Opens the file, if there is one.
fn open(path: &Path) -> io::Result<Option<File>> {
    match File::options().read(true).custom_flags(libc::O_NOFOLLOW).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> JournalError + use<> {
    let path = path.to_owned();
    |source| JournalError::Io { path, source }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::test_dir::TestDir;

    fn saved(dir: &TestDir) -> (Root, PathBuf) {
        let root = Root::new(dir.path());
        let file = JournalFile::lock(&root).unwrap();
        file.sync().unwrap();
        file.save(&super::super::tests::full_journal()).unwrap();
        (root, dir.path().join("var/lib/lapwing-priv/journal"))
    }

    #[test]
    fn what_was_saved_is_read_back_and_is_roots_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = TestDir::new();
        let (root, path) = saved(&dir);
        let read = JournalFile::lock(&root).unwrap().load().unwrap();
        assert_eq!(format!("{read:?}"), format!("{:?}", super::super::tests::full_journal()));
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_journal_with_any_byte_changed_or_cut_is_damaged_and_kept() {
        let dir = TestDir::new();
        let (root, path) = saved(&dir);
        let whole = fs::read(&path).unwrap();
        let broken = (0..whole.len()).step_by(41).flat_map(|at| {
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            [flipped, whole[..at].to_vec()]
        });
        for bytes in broken {
            fs::write(&path, &bytes).unwrap();
            let error = JournalFile::lock(&root).unwrap().load().map(drop).unwrap_err();
            assert_eq!(error.fault(), Fault::JournalDamaged);
            assert_eq!(fs::read(&path).unwrap(), bytes);
        }
    }

    #[test]
    fn a_journal_of_another_schema_is_not_read() {
        let dir = TestDir::new();
        let (root, path) = saved(&dir);
        let text = fs::read_to_string(&path).unwrap();
        let json = format!("{}\n", text.lines().next().unwrap().replace(r#""schema":1"#, r#""schema":2"#));
        let digest: String =
            crate::seal::sha256(json.as_bytes()).iter().map(|b| format!("{b:02x}")).collect();
        fs::write(&path, format!("{json}{digest}\n")).unwrap();
        let error = JournalFile::lock(&root).unwrap().load().map(drop).unwrap_err();
        assert!(matches!(
            error,
            JournalError::Damaged { why: "it was written by another version of this program", .. }
        ));
    }
}
