//! The four account files at once, read under the lock and each replaced whole where it was changed.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use super::{AccountError, read, table::Table};
use crate::{
    replace::{Points, Replacement, remove_if_there},
    root::Root,
};

const POINTS: Points = Points {
    inside_write: "accounts.inside_write",
    before_rename: "accounts.before_rename",
    after_rename: "accounts.after_rename",
};

/// The files, with what has been changed in memory and not written yet.
pub(super) struct Files {
    pub(super) passwd: EtcFile,
    pub(super) shadow: EtcFile,
    pub(super) group: EtcFile,
    /// Not every distribution has one.
    pub(super) gshadow: Option<EtcFile>,
}

/// One of them.
pub(super) struct EtcFile {
    folder: PathBuf,
    name: &'static str,
    temp: &'static str,
    on_disk: Vec<u8>,
    pub(super) table: Table,
    /// Whether nothing is ever written, for only what is wrong is asked for.
    is_dry: bool,
}

/// The files, each with the name that it is written under first.
const NAMES: [(&str, &str); 4] = [
    ("passwd", ".passwd.lapwing"),
    ("shadow", ".shadow.lapwing"),
    ("group", ".group.lapwing"),
    ("gshadow", ".gshadow.lapwing"),
];

impl Files {
    /// Reads them to be changed. The caller has the lock.
    ///
    /// # Errors
    /// [`AccountError::Io`].
    pub(super) fn read(root: &Root) -> Result<Self, AccountError> {
        Self::open(root, false)
    }

    /// Reads them to be looked at: what is changed stays in memory.
    ///
    /// # Errors
    /// [`AccountError::Io`].
    pub(super) fn look(root: &Root) -> Result<Self, AccountError> {
        Self::open(root, true)
    }

    fn open(root: &Root, is_dry: bool) -> Result<Self, AccountError> {
        let etc = root.etc();
        let [passwd, shadow, group, gshadow] = NAMES;
        let file = |(name, temp)| EtcFile::read(&etc, name, temp, is_dry);
        Ok(Self {
            passwd: file(passwd)?,
            shadow: file(shadow)?,
            group: file(group)?,
            gshadow: match file(gshadow) {
                Ok(gshadow) => Some(gshadow),
                Err(AccountError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => None,
                Err(error) => return Err(error),
            },
        })
    }

    /// Writes `/etc/group` and its shadow.
    ///
    /// # Errors
    /// [`AccountError::Io`].
    pub(super) fn write_groups(&mut self) -> Result<(), AccountError> {
        self.group.write()?;
        self.gshadow.as_mut().map_or(Ok(()), EtcFile::write)
    }
}

impl EtcFile {
    fn read(
        folder: &Path,
        name: &'static str,
        temp: &'static str,
        is_dry: bool,
    ) -> Result<Self, AccountError> {
        let on_disk = read(&folder.join(name))?.to_vec();
        let table = Table::parse(&on_disk);
        Ok(Self { folder: folder.to_owned(), name, temp, on_disk, table, is_dry })
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.join(self.name)
    }

    /// Whether it is the one of gshadow(5), whose third field is a list too.
    pub(super) fn is_gshadow(&self) -> bool {
        self.name == "gshadow"
    }

    /// Replaces the file if it was changed, durably; one that was not is synced, for an earlier attempt may have died
    /// between rename and fsync.
    ///
    /// # Errors
    /// [`AccountError::Io`]; the file is then whole, and as it was before or as it is to be.
    pub(super) fn write(&mut self) -> Result<(), AccountError> {
        if self.is_dry {
            return Ok(());
        }
        let path = self.path();
        let content = self.table.to_bytes();
        let old = File::open(&path).map_err(AccountError::io(&path))?;
        if content == self.on_disk {
            let synced =
                old.sync_all().and_then(|()| File::open(&self.folder)).and_then(|folder| folder.sync_all());
            return synced.map_err(AccountError::io(&path));
        }
        Replacement {
            folder: &self.folder,
            name: self.name,
            temp: self.temp,
            like: Some(&old),
            points: POINTS,
        }
        .write(&content)
        .map_err(AccountError::io(&path))?;
        self.on_disk = content;
        Ok(())
    }
}

/// Removes what a crash may have left half-written. The caller has the lock.
///
/// # Errors
/// [`AccountError::Io`].
pub(super) fn remove_temporary(etc: &Path) -> Result<(), AccountError> {
    NAMES.iter().try_for_each(|(_, temp)| {
        let path = etc.join(temp);
        remove_if_there(&path).map_err(AccountError::io(&path))
    })
}
