//! Where the files are, and how they are replaced: written aside, synced, renamed, the folder synced.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use lapwing_core::secret::SecretBytes;

use super::IdentityError;

/// The largest file that is read here, in bytes.
const FILE_LEN_MAX: u64 = 256 * 1024;

/// The folder that stands for `/`: another one for tests and images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root(PathBuf);

impl Default for Root {
    fn default() -> Self {
        Self(PathBuf::from("/"))
    }
}

impl Root {
    /// A root at `folder`.
    #[must_use]
    pub const fn at(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// A path under this root; `path` is absolute.
    #[must_use]
    pub fn path(&self, path: &str) -> PathBuf {
        self.0.join(path.trim_start_matches('/'))
    }

    /// `/etc/lapwing/agent.toml`.
    #[must_use]
    pub fn agent_settings(&self) -> PathBuf {
        self.path("/etc/lapwing/agent.toml")
    }

    /// `/etc/lapwing/proxy-credentials`: user and password for the proxy.
    #[must_use]
    pub fn proxy_credentials(&self) -> PathBuf {
        self.path("/etc/lapwing/proxy-credentials")
    }

    /// `/etc/lapwing/managed.toml`.
    #[must_use]
    pub fn managed(&self) -> PathBuf {
        self.path("/etc/lapwing/managed.toml")
    }

    /// `/var/lib/lapwing/device.key`.
    #[must_use]
    pub fn device_key(&self) -> PathBuf {
        self.path("/var/lib/lapwing/device.key")
    }

    /// `/var/lib/lapwing/renewal.key`: the key of a certificate that is being asked for.
    #[must_use]
    pub fn renewal_key(&self) -> PathBuf {
        self.path("/var/lib/lapwing/renewal.key")
    }

    /// `/var/lib/lapwing/device.crt`.
    #[must_use]
    pub fn device_certificate(&self) -> PathBuf {
        self.path("/var/lib/lapwing/device.crt")
    }

    /// `/var/lib/lapwing/csp.json`: the policy that the management server has set.
    #[must_use]
    pub fn csp(&self) -> PathBuf {
        self.path("/var/lib/lapwing/csp.json")
    }

    /// `/var/lib/lapwing/machine-id`: the machine that the identity is of.
    #[must_use]
    pub fn machine(&self) -> PathBuf {
        self.path("/var/lib/lapwing/machine-id")
    }

    /// `/var/lib/lapwing/authority.crt`.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.path("/var/lib/lapwing/authority.crt")
    }
}

/// Reads a file, if it is there.
///
/// # Errors
/// [`IdentityError::Unreadable`] if it is there and cannot be read, or is larger than any right one.
pub fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, IdentityError> {
    match File::open(path).and_then(read_whole) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(IdentityError::Unreadable { path: path.to_owned(), source }),
    }
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, IdentityError> {
    File::open(path)
        .and_then(read_whole)
        .map_err(|source| IdentityError::Unreadable { path: path.to_owned(), source })
}

pub(super) fn read_secret_of(file: File) -> io::Result<SecretBytes> {
    read_whole(file).map(SecretBytes::new)
}

pub(super) fn read_secret(path: &Path) -> Result<SecretBytes, IdentityError> {
    read(path).map(SecretBytes::new)
}

fn read_whole(file: File) -> io::Result<Vec<u8>> {
    let len = file.metadata()?.len();
    if len > FILE_LEN_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the file is larger than any right one"));
    }
    // The final size and one byte more, so that reading to the end never moves the content.
    let mut bytes = Vec::with_capacity(usize::try_from(len).unwrap_or_default().saturating_add(1));
    file.take(FILE_LEN_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Replaces a file that only the owner of its folder may read: by one aside, synced, renamed, the folder synced.
///
/// # Errors
/// [`IdentityError::Unwritable`]; then the file is as it was.
pub fn replace_private(path: &Path, content: &[u8]) -> Result<(), IdentityError> {
    replace(path, content, 0o600, 0o700)
        .map_err(|source| IdentityError::Unwritable { path: path.to_owned(), source })
}

/// The same for a file that everybody may read.
///
/// # Errors
/// [`IdentityError::Unwritable`]; then the file is as it was.
pub fn replace_public(path: &Path, content: &[u8]) -> Result<(), IdentityError> {
    replace(path, content, 0o644, 0o755)
        .map_err(|source| IdentityError::Unwritable { path: path.to_owned(), source })
}

/// Removes a file; one that is not there is removed.
///
/// # Errors
/// [`IdentityError::Unwritable`].
pub fn remove(path: &Path) -> Result<(), IdentityError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(IdentityError::Unwritable { path: path.to_owned(), source }),
    }
}

/// Puts a file in the place of another one in its folder, whole and durably; one that is not there has been put there.
pub(super) fn rename(from: &Path, to: &Path) -> Result<(), IdentityError> {
    let renamed = match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        renamed => renamed,
    };
    renamed
        .and_then(|()| File::open(to.parent().ok_or(io::ErrorKind::InvalidInput)?)?.sync_all())
        .map_err(|source| IdentityError::Unwritable { path: to.to_owned(), source })
}

fn replace(path: &Path, content: &[u8], mode: u32, folder_mode: u32) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    make_folder(folder, folder_mode)?;
    let mut aside = path.as_os_str().to_owned();
    aside.push(".new");
    let aside = PathBuf::from(aside);
    // A remnant of an earlier run; creating it anew never follows a link.
    match fs::remove_file(&aside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&aside)?;
    let owner = fs::metadata(folder)?;
    let own = file.metadata()?;
    if (owner.uid(), owner.gid()) != (own.uid(), own.gid()) {
        std::os::unix::fs::fchown(&file, Some(owner.uid()), Some(owner.gid()))?;
    }
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&aside, path)?;
    File::open(folder)?.sync_all()
}

fn make_folder(folder: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(mode).create(folder)
}
