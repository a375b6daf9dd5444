//! Why Group Policy could not be read, and what to do about it.

use lapwing_proto::{
    ad::name::DistinguishedName,
    gpo::{LinkError, PolicyFolderError, registry_pol::RegistryPolError},
};

use super::{OBJECTS_MAX, sysvol::SysvolError};
use crate::ad::error::AdError;

/// Why Group Policy could not be read whole.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GroupPolicyError {
    /// The controller did not answer, or not as it should.
    #[error("what Group Policy says in the directory cannot be read")]
    Directory(#[from] AdError),
    /// The machine's account is not there.
    #[error("the domain has no computer {account}")]
    NoAccount {
        /// Its name.
        account: String,
    },
    /// The domain does not tell the machine's groups, by which objects are filtered.
    #[error("the domain does not tell the groups of {account}")]
    NoGroups {
        /// Whose.
        account: String,
    },
    /// A container above the computer cannot be read, and so not what it is linked to.
    #[error("{container}, which is above this host, cannot be read")]
    Container {
        /// Which.
        container: DistinguishedName,
    },
    /// The links of a container make no sense.
    #[error("the links of {container} cannot be read")]
    Links {
        /// Which.
        container: DistinguishedName,
        /// What is wrong.
        source: LinkError,
    },
    /// More objects than Windows takes.
    #[error("{0} Group Policy objects are linked above this host, more than {OBJECTS_MAX}")]
    TooMany(usize),
    /// What the directory says of an object makes no sense.
    #[error("{what} of the Group Policy object {object} makes no sense")]
    Object {
        /// Which.
        object: String,
        /// What of it.
        what: &'static str,
    },
    /// The path of its files is not of the form that Windows writes.
    #[error("the path of the Group Policy object {object:?} is not followed")]
    Path {
        /// Which.
        object: String,
        /// What is wrong.
        source: PolicyFolderError,
    },
    /// Its files cannot be read.
    #[error("the files of the Group Policy object {object:?} cannot be read")]
    Sysvol {
        /// Which.
        object: String,
        /// Why not.
        source: SysvolError,
    },
    /// Its `GPT.INI` has no version.
    #[error("GPT.INI of the Group Policy object {object:?} has no version")]
    NoVersion {
        /// Which.
        object: String,
    },
    /// The controller has one version in its directory and another in its files.
    #[error(
        "the Group Policy object {object:?} has version {directory} in the directory and {files} in SYSVOL: one of them \
         has not been replicated yet"
    )]
    NotReplicated {
        /// Which.
        object: String,
        /// The version of its half for computers in the directory.
        directory: u16,
        /// The same in the files.
        files: u16,
    },
    /// Its `Registry.pol` is damaged.
    #[error("Registry.pol of the Group Policy object {object:?} is damaged")]
    Damaged {
        /// Which.
        object: String,
        /// What is wrong.
        source: RegistryPolError,
    },
}

impl GroupPolicyError {
    /// What to do about it.
    #[must_use]
    pub const fn next_step(&self) -> &'static str {
        match self {
            Self::Directory(source) => source.next_step(),
            Self::NoAccount { .. } => "join this host to the domain again",
            Self::NoGroups { .. } => "let the computer read tokenGroups of its own account",
            Self::Container { .. } => "let Authenticated Users read the container, as they may by default",
            Self::Links { .. } => "repair the container's gPLink: remove its links and add them again",
            Self::TooMany(_) => "remove links: Windows takes no more either",
            Self::Object { .. } | Self::Path { .. } => {
                "delete the object and make it again, or remove its link"
            }
            Self::Sysvol { source, .. } => source.next_step(),
            Self::NotReplicated { .. } => {
                "nothing, if it was changed a moment ago; else check the replication of SYSVOL, or change the object once more"
            }
            Self::NoVersion { .. } | Self::Damaged { .. } => {
                "restore the object from a backup, or change it once more with the Group Policy editor"
            }
        }
    }
}
