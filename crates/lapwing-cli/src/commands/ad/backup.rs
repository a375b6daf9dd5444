//! The directory of a Samba domain without a domain controller: the database out of a backup of one, or as it lies on a disk.
//!
//! A partition's file is read by itself, by the system's `ldbsearch`: beside it this takes neither Samba's modules nor its
//! configuration, and no part of the database that is not needed.
//!
//! INVARIANT: of what is read nothing reaches a disk, and nothing is left when the program has ended, in whatever way: copies
//! are files in memory without names, and the folder has links to them alone.

use std::{
    fs::File,
    io::{self, Read as _, Seek as _},
    os::{fd::AsRawFd as _, unix::fs::symlink},
    path::Path,
    process::{Command, Stdio},
};

use lapwing_client::ad::Entry;
use lapwing_core::types::{Guid, Sid};
use lapwing_dpapi::gkdi::{StoredRootKey, stored};
use lapwing_proto::ad::{name::DistinguishedName, principal};
use rustix::fs::{MemfdFlags, memfd_create};
use tempfile::TempDir;
use zeroize::Zeroizing;

use super::{computer, ldif};
use crate::{
    failure::{Code, Failure},
    output,
    program::command,
    root_keys::Unreadable,
};

const LDBSEARCH: &str = "/usr/bin/ldbsearch";
const TAR: &str = "/usr/bin/tar";
const BZIP2: &str = "/usr/bin/bzip2";

/// The folder of the partitions' files, beside `sam.ldb`.
const PARTITIONS: &str = "sam.ldb.d";
/// How files begin. tdb/common/tdb_private.h, lmdb/libraries/liblmdb/mdb.c.
const TDB_MAGIC: &[u8] = b"TDB file\n";
const MDB_MAGIC: &[u8] = &0xbeef_c0de_u32.to_le_bytes();
const MDB_MAGIC_AT: usize = 16;
const BZIP2_MAGIC: &[u8] = b"BZh";
/// The most of what a program says about a failure, in characters.
const WORDS_LEN_MAX: usize = 500;

/// A domain's directory.
#[derive(Debug)]
pub(super) struct Backup {
    domain: Partition,
    configuration: Partition,
    _folder: TempDir,
}

/// A copy of a partition's database.
#[derive(Debug)]
struct Partition {
    url: String,
    _copy: File,
}

impl Backup {
    /// Out of the archive that `samba-tool domain backup` has written.
    pub(super) fn of_archive(archive: &Path) -> Result<Self, Failure> {
        must_have(LDBSEARCH, "ldb-tools", "ldb-tools")?;
        must_have(TAR, "tar", "tar")?;
        let mut start = [0; BZIP2_MAGIC.len()];
        let read = File::open(archive).and_then(|mut file| file.read_exact(&mut start));
        read.map_err(|error| unreadable(archive, error))?;
        if start == BZIP2_MAGIC {
            must_have(BZIP2, "bzip2", "bzip2")?;
        }
        let tar = |more: &[&str]| -> Result<File, Failure> {
            let mut command = command(TAR);
            command.args(["--force-local", "--quoting-style=literal", "--file"]).arg(archive).args(more);
            run(
                command,
                "check that it is the archive that `samba-tool domain backup` has written, and whole",
            )
        };
        let list = text(tar(&["--list"])?)?;
        let names: Vec<&str> = list
            .lines()
            .filter(|name| Path::new(name).parent().is_some_and(|folder| folder.ends_with(PARTITIONS)))
            .collect();
        Self::of_files(&names, |name| tar(&["--extract", "--to-stdout", "--", name]))
    }

    /// Where it lies: `sam.ldb`, or the folder that has it, or one that has `private/sam.ldb`.
    pub(super) fn of_database(path: &Path) -> Result<Self, Failure> {
        must_have(LDBSEARCH, "ldb-tools", "ldb-tools")?;
        let beside = path.with_file_name(PARTITIONS);
        let folders = [path.join(PARTITIONS), path.join("private").join(PARTITIONS), path.to_owned(), beside];
        let folder = folders.into_iter().find(|folder| folder.ends_with(PARTITIONS) && folder.is_dir());
        let folder = folder.ok_or_else(|| {
            let what = format!("{} is no database of Samba's directory", shown(path));
            Failure::new(
                Code::NotFound,
                what,
                "name the folder or file: /var/lib/samba/private/sam.ldb, or a copy of its folder",
            )
        })?;
        let failed = |error| unreadable(&folder, error);
        let names: io::Result<Vec<_>> =
            folder.read_dir().map_err(failed)?.map(|entry| Ok(entry?.file_name())).collect();
        let names: Vec<String> =
            names.map_err(failed)?.into_iter().filter_map(|name| name.into_string().ok()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        Self::of_files(&names, |name| {
            let path = folder.join(name);
            let copy = || -> io::Result<File> {
                let mut copy = in_memory()?;
                io::copy(&mut File::open(&path)?, &mut copy)?;
                Ok(copy)
            };
            copy().map_err(|error| unreadable(&path, error))
        })
    }

    fn of_files(names: &[&str], copy: impl Fn(&str) -> Result<File, Failure>) -> Result<Self, Failure> {
        let folder = tempfile::Builder::new().prefix("lapwing-").tempdir();
        let folder = folder.map_err(|error| {
            Failure::new(
                Code::Failed,
                error,
                "have a folder for temporary files that can be written to, such as /tmp",
            )
        })?;
        let partition = |kind: Kind| {
            let name = names.iter().find(|name| kind.is_of(name)).ok_or_else(|| {
                let what = format!("there is no database of the domain's {} partition", kind.name());
                Failure::new(
                    Code::NotFound,
                    what,
                    "name a backup or database of a domain controller of Samba's, and a whole one",
                )
            })?;
            Partition::new(copy(name)?, &folder.path().join(kind.name()))
        };
        Ok(Self {
            domain: partition(Kind::Domain)?,
            configuration: partition(Kind::Configuration)?,
            _folder: folder,
        })
    }

    /// The one computer that is called so.
    pub(super) fn computer(&self, identity: &str, attributes: &[&str]) -> Result<Entry, Failure> {
        let parsed = computer::identity(identity)?;
        // What the database has is not what a controller would make of a category's name.
        let filter = format!("(&(objectClass=computer)(!(isDeleted=TRUE)){})", parsed.term());
        let found = self.domain.search(&filter, attributes)?;
        computer::the_one(identity, found)?.ok_or_else(|| {
            let what = format!("the backup has no computer that is called {}", output::shown(identity));
            Failure::new(Code::NotFound, what, "check the name")
        })
    }

    /// The root keys of the forest, as far as their objects make sense.
    pub(super) fn root_keys(&self) -> Result<Vec<StoredRootKey>, Failure> {
        let attributes: Vec<&str> = stored::ATTRIBUTES.into_iter().chain(["cn"]).collect();
        let found = self.configuration.search("(objectClass=msKds-ProvRootKey)", &attributes)?;
        let key = |entry: &Entry| {
            let id = entry.text("cn")?.parse::<Guid>().ok()?;
            StoredRootKey::read(id, |attribute| entry.value(attribute)).ok()
        };
        Ok(found.iter().filter_map(key).collect())
    }

    /// What a controller would show for a SID: `DOMAIN\name`; none if nobody has it any more.
    pub(super) fn name(&self, sid: &Sid) -> Option<String> {
        let known = principal::well_known_name(sid);
        known.or_else(|| {
            let filter = format!("(&(!(isDeleted=TRUE)){})", principal::sids_filter([sid]));
            let found = self.domain.search(&filter, &["sAMAccountName"]).ok()?;
            let [account] = found.as_slice() else { return None };
            let domain = account.name.parse::<DistinguishedName>().ok()?.dns_domain()?;
            let domains = self
                .configuration
                .search("(&(objectClass=crossRef)(nETBIOSName=*))", &["dnsRoot", "nETBIOSName"]);
            let domains = domains.ok()?;
            let own = domains
                .iter()
                .find(|entry| entry.text("dnsRoot").is_some_and(|root| root.eq_ignore_ascii_case(&domain)))?;
            Some(format!("{}\\{}", own.text("nETBIOSName")?, account.text("sAMAccountName")?))
        })
    }
}

/// The partitions that are read.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Domain,
    Configuration,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Domain => "domain",
            Self::Configuration => "configuration",
        }
    }

    /// Files are called as their partitions, in capitals, and by some releases with signs escaped as in a URL.
    fn is_of(self, file: &str) -> bool {
        let file = file
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .to_ascii_uppercase()
            .replace("%3D", "=")
            .replace("%2C", ",");
        let Some(name) = file.strip_suffix(".LDB") else { return false };
        match self {
            Self::Domain => {
                let is_dns =
                    ["DC=DOMAINDNSZONES,", "DC=FORESTDNSZONES,"].iter().any(|zone| name.starts_with(zone));
                name.starts_with("DC=") && !is_dns
            }
            Self::Configuration => name.starts_with("CN=CONFIGURATION,"),
        }
    }
}

impl Partition {
    fn new(mut copy: File, link: &Path) -> Result<Self, Failure> {
        let mut start = Vec::new();
        let mut made = || -> io::Result<()> {
            copy.rewind()?;
            copy.by_ref().take(64).read_to_end(&mut start)?;
            // One kind of database wants a lock beside it, so it has to have a name.
            symlink(format!("/proc/{}/fd/{}", std::process::id(), copy.as_raw_fd()), link)
        };
        made().map_err(|error| {
            Failure::new(
                Code::Failed,
                error,
                "have a folder for temporary files that can be written to, such as /tmp",
            )
        })?;
        let scheme = if start.starts_with(TDB_MAGIC) {
            "tdb"
        } else if start.get(MDB_MAGIC_AT..).is_some_and(|rest| rest.starts_with(MDB_MAGIC)) {
            "mdb"
        } else {
            let what = "the partition's file is no database of Samba's";
            return Err(Failure::new(Code::Failed, what, "check that the backup is whole"));
        };
        Ok(Self { url: format!("{scheme}://{}", link.display()), _copy: copy })
    }

    fn search(&self, filter: &str, attributes: &[&str]) -> Result<Vec<Entry>, Failure> {
        let mut command = command(LDBSEARCH);
        command.args(["--url", &self.url, filter]).args(attributes);
        let found = text(run(command, "check that the backup is whole")?)?;
        ldif::read(&found).ok_or_else(|| {
            Failure::new(
                Code::Failed,
                format!("what {LDBSEARCH} wrote is no LDIF"),
                "report this: it is a defect",
            )
        })
    }
}

fn must_have(program: &str, debian: &str, others: &str) -> Result<(), Failure> {
    if Path::new(program).exists() {
        return Ok(());
    }
    let next_step = format!("install the package {debian} (Debian, Ubuntu) or {others} (Fedora, RHEL, SUSE)");
    Err(Failure::new(
        Code::Failed,
        format!("{program}, which a backup is read with, is not installed"),
        next_step,
    ))
}

/// What a program writes, in a file in memory.
fn run(mut command: Command, next_step: &'static str) -> Result<File, Failure> {
    let program = command.get_program().to_string_lossy().into_owned();
    let not_run = |source: io::Error| {
        let what = Unreadable { what: format!("{program} cannot be run"), source };
        Failure::new(Code::Failed, what, "look for what is short: memory, processes")
    };
    let out = in_memory().map_err(not_run)?;
    let stdout = out.try_clone().map_err(not_run)?;
    let child = command.stdout(stdout).stderr(Stdio::piped()).spawn().map_err(not_run)?;
    let ended = child.wait_with_output().map_err(not_run)?;
    if ended.status.success() {
        return Ok(out);
    }
    let words: String = String::from_utf8_lossy(&ended.stderr).trim().chars().take(WORDS_LEN_MAX).collect();
    Err(Failure::new(Code::Failed, format!("{program} failed: {}", output::shown(&words)), next_step))
}

/// A file that has no name and is gone with its last descriptor.
fn in_memory() -> io::Result<File> {
    Ok(File::from(memfd_create("backup", MemfdFlags::CLOEXEC)?))
}

/// All of it, in a buffer that never grows.
fn text(mut file: File) -> Result<Zeroizing<String>, Failure> {
    let mut read = || -> io::Result<Zeroizing<String>> {
        let len = usize::try_from(file.seek(io::SeekFrom::End(0))?).map_err(io::Error::other)?;
        file.rewind()?;
        let mut text = Zeroizing::new(String::with_capacity(len + 1));
        file.read_to_string(&mut text)?;
        Ok(text)
    };
    read().map_err(|error| Failure::new(Code::Failed, error, "look for what is short: memory"))
}

fn unreadable(path: &Path, source: io::Error) -> Failure {
    let code = if source.kind() == io::ErrorKind::NotFound { Code::NotFound } else { Code::Failed };
    let what = Unreadable { what: format!("{} cannot be read", shown(path)), source };
    Failure::new(code, what, "check its name and who may read it")
}

fn shown(path: &Path) -> String {
    output::shown(&path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_told_by_the_names_of_their_files() {
        for (name, is_domain, is_configuration) in [
            ("DC=CORP,DC=EXAMPLE.ldb", true, false),
            ("private/sam.ldb.d/DC%3DCORP%2CDC%3DEXAMPLE.ldb", true, false),
            ("./private/sam.ldb.d/CN=CONFIGURATION,DC=CORP,DC=EXAMPLE.ldb", false, true),
            ("CN=SCHEMA,CN=CONFIGURATION,DC=CORP,DC=EXAMPLE.ldb", false, false),
            ("DC=DOMAINDNSZONES,DC=CORP,DC=EXAMPLE.ldb", false, false),
            ("DC=FORESTDNSZONES,DC=CORP,DC=EXAMPLE.ldb", false, false),
            ("DC=CORP,DC=EXAMPLE.ldb-lock", false, false),
            ("metadata.tdb", false, false),
        ] {
            assert_eq!(
                (Kind::Domain.is_of(name), Kind::Configuration.is_of(name)),
                (is_domain, is_configuration),
                "{name}"
            );
        }
    }

    #[test]
    fn a_folder_or_file_is_found_or_told() {
        let folder = tempfile::tempdir().unwrap();
        let failure = Partition::new(in_memory().unwrap(), &folder.path().join("link")).unwrap_err();
        assert!(failure.report().contains("no database of Samba's"), "{}", failure.report());
    }
}
