//! Who this machine is in its domain, by its keytab.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use lapwing_proto::ad::keytab::{FILE_LEN_MAX, KeytabError, Machine};
use zeroize::Zeroizing;

use super::kerberos::Credentials;

/// Why a keytab does not tell who this machine is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MachineError {
    /// It is not there.
    #[error("this host is in no Active Directory domain: there is no {}", path.display())]
    NotJoined {
        /// Where it would be.
        path: PathBuf,
    },
    /// It cannot be read.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It is no keytab, or holds no key of a machine.
    #[error("{} does not tell who this host is in the domain", path.display())]
    Keytab {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: KeytabError,
    },
}

impl MachineError {
    /// What to do about it.
    #[must_use]
    pub const fn next_step(&self) -> &'static str {
        match self {
            Self::NotJoined { .. } => "join this host to the domain, with `realm join` or `adcli join`",
            Self::Unreadable { .. } => "run this as root",
            Self::Keytab { source, .. } => source.next_step(),
        }
    }
}

impl Credentials {
    /// The machine whose keys a keytab holds, and its credentials. Blocks on the disk.
    ///
    /// Its tickets begin anew with each new key, so that none of an older key is shown.
    ///
    /// # Errors
    /// [`MachineError`] if the file tells no machine.
    pub fn machine(keytab: &Path) -> Result<(Self, Machine), MachineError> {
        let unreadable = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => MachineError::NotJoined { path: keytab.to_owned() },
            _ => MachineError::Unreadable { path: keytab.to_owned(), source },
        };
        // Of full length at birth, because growing leaves copies of keys behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(FILE_LEN_MAX + 1));
        let limit = u64::try_from(FILE_LEN_MAX + 1).unwrap_or(u64::MAX);
        File::open(keytab).and_then(|file| file.take(limit).read_to_end(&mut bytes)).map_err(unreadable)?;
        let machine = Machine::read(&bytes)
            .map_err(|source| MachineError::Keytab { path: keytab.to_owned(), source })?;
        let cache = format!("lapwing-{}-{}", machine.account, machine.version);
        let credentials = Self::Keytab { keytab: keytab.to_owned(), principal: machine.principal(), cache };
        Ok((credentials, machine))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_keytab_that_is_missing_or_tells_nobody_is_an_error_with_a_next_step() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("krb5.keytab");
        let missing = Credentials::machine(&path).unwrap_err();
        assert!(matches!(missing, MachineError::NotJoined { .. }));
        fs::write(&path, [5, 2]).unwrap();
        let empty = Credentials::machine(&path).unwrap_err();
        assert!(matches!(empty, MachineError::Keytab { source: KeytabError::Empty, .. }), "{empty:?}");
        assert!(empty.next_step().contains("adcli join"));
        fs::write(&path, vec![5; FILE_LEN_MAX + 10]).unwrap();
        let long = Credentials::machine(&path).unwrap_err();
        assert!(matches!(long, MachineError::Keytab { source: KeytabError::TooLong { .. }, .. }), "{long:?}");
        assert!(matches!(Credentials::machine(folder.path()), Err(MachineError::Unreadable { .. })));
    }

    #[test]
    fn a_joined_hosts_keytab_tells_its_account() {
        let keytab = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../lapwing-proto/src/ad/keytab/fixtures/adcli-updated");
        let (credentials, machine) = Credentials::machine(&keytab).unwrap();
        assert_eq!(machine.domain(), "lapwing.test");
        let Credentials::Keytab { principal, cache, .. } = credentials else { panic!("no keytab") };
        assert_eq!((principal.as_str(), cache.as_str()), ("DEVICE$@LAPWING.TEST", "lapwing-DEVICE$-3"));
    }
}
