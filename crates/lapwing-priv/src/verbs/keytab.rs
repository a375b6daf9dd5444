//! Hands over the machine's keytab: `lapwingd` is nobody who may read it, and speaks with the domain as the machine.
//!
//! Read anew each time, for whoever keeps the host in its domain renews the keys. It is passed as a file in memory that
//! nobody can change any more, never by a path: none comes from the network side, and none is needed there.

use std::{
    fs::File,
    io::{self, Read as _, Write as _},
    os::{
        fd::OwnedFd,
        unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    },
    path::{Path, PathBuf},
};

use lapwing_core::local::root_half::{Fault, KEYTAB_LEN_MAX, Keytab};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use zeroize::Zeroizing;

use super::{HandedOver, VerbError, Work};
use crate::managed::Managed;

/// Why no keytab is handed over.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeytabError {
    #[error("{path} lists no Active Directory domain", path = path.display())]
    NoDomain { path: PathBuf },
    #[error("cannot read the keytab {path}", path = path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("the keytab {path} is no plain file or longer than {KEYTAB_LEN_MAX} bytes", path = path.display())]
    NotAFile { path: PathBuf },
    #[error("the keytab {path} could have been written by others than root", path = path.display())]
    WritableByOthers { path: PathBuf },
    #[error("no memory for the keytab")]
    NoMemory(#[source] io::Error),
}

impl KeytabError {
    pub(crate) const fn fault(&self) -> Fault {
        match self {
            Self::NoDomain { .. } => Fault::DirectoryNotListed,
            Self::Unreadable { .. } | Self::NotAFile { .. } | Self::WritableByOthers { .. } => Fault::Keytab,
            Self::NoMemory(_) => Fault::Internal,
        }
    }

    pub(crate) const fn next_step(&self) -> &'static str {
        match self {
            Self::NoDomain { .. } => {
                "if passwords are meant to go to Active Directory, add to managed.toml: [[directory]] with id = \"ad:DOMAIN\" and clear_text = true"
            }
            Self::Unreadable { .. } | Self::NotAFile { .. } => {
                "join this host to the domain, with `realm join` or `adcli join`, or name its keytab in managed.toml"
            }
            Self::WritableByOthers { .. } => {
                "see who wrote it, then give it to root alone: chown root and chmod 0600"
            }
            Self::NoMemory(_) => "look into the system's log",
        }
    }
}

impl Work {
    pub(super) fn keytab(&self) -> Result<HandedOver, VerbError> {
        let managed = Managed::read(self.root())?;
        if !managed.lists_active_directory() {
            return Err(KeytabError::NoDomain { path: self.root().managed_file() }.into());
        }
        let bytes = read(&self.root().within(&managed.keytab))?;
        let descriptor = seal(&bytes).map_err(KeytabError::NoMemory)?;
        // Bounded by what was read.
        let len = u32::try_from(bytes.len()).unwrap_or(KEYTAB_LEN_MAX);
        Ok(HandedOver { answer: Keytab { len }, descriptor })
    }
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeytabError> {
    const WRITABLE_BY_GROUP_OR_OTHERS: u32 = 0o022;
    let unreadable = |source| KeytabError::Unreadable { path: path.to_owned(), source };
    let file = File::options()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC)
        .open(path)
        .map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    let len = u32::try_from(metadata.len()).ok().filter(|len| *len <= KEYTAB_LEN_MAX);
    let Some(len) = len.filter(|_| metadata.is_file()) else {
        return Err(KeytabError::NotAFile { path: path.to_owned() });
    };
    if metadata.uid() != 0 || metadata.mode() & WRITABLE_BY_GROUP_OR_OTHERS != 0 {
        return Err(KeytabError::WritableByOthers { path: path.to_owned() });
    }
    // One byte more than it had, so that the buffer never grows: growing would leave copies of keys.
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(len).unwrap_or_default() + 1));
    file.take(len.into()).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}

/// A file in memory with this content, which nobody can change any more. memfd_create(2).
fn seal(bytes: &[u8]) -> io::Result<OwnedFd> {
    let mut file = File::from(memfd_create("keytab", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?);
    file.write_all(bytes)?;
    fcntl_add_seals(&file, SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL)?;
    Ok(file.into())
}
