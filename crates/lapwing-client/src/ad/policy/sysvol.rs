//! Reads files of SYSVOL, by the system's `smbclient` as a short-lived child: signed, encrypted where the controller can,
//! and as the machine, by Kerberos.
//!
//! The child has its own process because the libraries of SMB are a hundred and under another licence. It finds its tickets
//! in a file, for what is in this process's memory it cannot have: a folder of its own for each file read, which goes when
//! the child has ended. No shell is involved, and no secret in an argument.
//!
//! INVARIANT: no child outlives its read, and no tickets do.

use core::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use std::{
    env,
    ffi::OsString,
    fs, io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    process::{self, ExitStatus, Stdio},
};

use lapwing_proto::{
    ad::dns::DnsName,
    gpo::{GPT_INI_LEN_MAX, PolicyFile, PolicyFolder, registry_pol},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    process::Command,
    time::timeout,
};

use crate::ad::{
    controller::Controller,
    kerberos::{self, KerberosError},
};

/// The program, where every distribution has it.
const SMBCLIENT: &str = "/usr/bin/smbclient";

/// How its folders for tickets begin.
const FOLDER: &str = "sysvol-";

/// The most of what the child says about a failure, in bytes.
const WORDS_LEN_MAX: usize = 8 << 10;

/// What stands for the settings that the host's administrator has made for file shares, which are not about this. `SMB3` alone
/// would mean 3.1.1, which Windows Server 2012 R2 does not have.
const SETTINGS: [&str; 5] = [
    "--configfile=/dev/null",
    "--use-kerberos=required",
    "--option=client signing=required",
    "--option=client smb encrypt=desired",
    "--option=client min protocol=SMB3_00",
];

/// How the machine proves who it is to the controller's file service.
#[derive(Debug, Clone)]
pub struct Tickets {
    /// The machine's keytab.
    pub keytab: PathBuf,
    /// Its account as Kerberos names it, such as `HOST$@EXAMPLE.COM`.
    pub principal: String,
    /// A folder that only this user reads and that does not outlast a boot, for tickets while a child needs them.
    pub folder: PathBuf,
    /// How long Kerberos may take.
    pub limit: Duration,
}

/// Why a file of SYSVOL was not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SysvolError {
    /// `smbclient` is not there.
    #[error("{SMBCLIENT}, which reads SYSVOL, is not installed")]
    NotInstalled,
    /// It cannot be started, or not be waited for.
    #[error("{SMBCLIENT} cannot be run")]
    NotRun(#[source] io::Error),
    /// The tickets have no place.
    #[error("there is no folder for the tickets of {SMBCLIENT}")]
    NoFolder(#[source] io::Error),
    /// The domain gives no ticket for the controller's files.
    #[error("the machine gets no ticket for the files of {controller}")]
    Kerberos {
        /// Whose files.
        controller: String,
        /// Why not.
        source: KerberosError,
    },
    /// The controller's name is none.
    #[error("{0:?} is not the name of a controller")]
    Name(String),
    /// The deadline passed.
    #[error("{controller} did not give the file within {limit:?}")]
    TimedOut {
        /// Whose file.
        controller: String,
        /// The deadline.
        limit: Duration,
    },
    /// The file is longer than any honest one.
    #[error("{file} is longer than {max} bytes")]
    TooLong {
        /// Which, as asked for.
        file: String,
        /// The limit.
        max: usize,
    },
    /// The file is not there.
    #[error("{controller} has no file {file}")]
    Missing {
        /// Who was asked.
        controller: String,
        /// Which, as asked for.
        file: String,
    },
    /// Anything else, in the words of `smbclient`.
    #[error("{controller} does not give the file {file}: {words}")]
    Failed {
        /// Who was asked.
        controller: String,
        /// Which, as asked for.
        file: String,
        /// What it said.
        words: String,
    },
}

impl SysvolError {
    /// What to do about it.
    #[must_use]
    pub const fn next_step(&self) -> &'static str {
        match self {
            Self::NotInstalled => {
                "install the package smbclient (Debian, Ubuntu) or samba-client (Fedora, RHEL, SUSE)"
            }
            Self::NotRun(_) | Self::NoFolder(_) => {
                "look for what confines lapwingd: memory, processes, /run/lapwingd"
            }
            Self::Kerberos { source, .. } => source.next_step(),
            Self::Name(_) => "correct the controller's name in DNS",
            Self::TimedOut { .. } => {
                "check that port 445 of the controller can be reached and its SMB service runs"
            }
            Self::TooLong { .. } => "move the settings for LAPS to an object of their own",
            Self::Missing { .. } => {
                "check the replication of SYSVOL; if the file is gone everywhere, restore the object from a backup or delete it"
            }
            Self::Failed { .. } => {
                "check that the controller shares SYSVOL, that port 445 can be reached, and that Authenticated Users may read it"
            }
        }
    }
}

/// The SYSVOL of one controller.
#[derive(Debug)]
pub(super) struct Sysvol<'a> {
    program: &'a Path,
    controller: &'a Controller,
    tickets: &'a Tickets,
    limit: Duration,
}

impl<'a> Sysvol<'a> {
    pub(super) fn new(controller: &'a Controller, tickets: &'a Tickets, limit: Duration) -> Self {
        Self { program: Path::new(SMBCLIENT), controller, tickets, limit }
    }

    /// Reads one file whole.
    ///
    /// # Errors
    /// Every [`SysvolError`].
    pub(super) async fn read(&self, folder: &PolicyFolder, file: PolicyFile) -> Result<Vec<u8>, SysvolError> {
        if DnsName::parse(&self.controller.name).is_err() {
            return Err(SysvolError::Name(self.controller.name.clone()));
        }
        // Before anything is asked of the domain.
        if !self.program.exists() {
            return Err(SysvolError::NotInstalled);
        }
        let cache = TicketFolder::new(&self.tickets.folder).map_err(SysvolError::NoFolder)?;
        let Tickets { keytab, principal, limit, .. } = self.tickets;
        kerberos::tickets_in_file(keytab, principal, &self.controller.service("cifs"), &cache.file(), *limit)
            .await
            .map_err(|source| SysvolError::Kerberos { controller: self.controller.name.clone(), source })?;
        self.fetch(&folder.file(file), len_max(file), &cache.file()).await
    }

    async fn fetch(&self, file: &str, len_max: usize, cache: &Path) -> Result<Vec<u8>, SysvolError> {
        let mut command = Command::new(self.program);
        command
            .args(SETTINGS)
            // What it says about failures goes to standard error only from this level on.
            .arg("--debuglevel=1")
            .arg(format!("--ip-address={}", self.controller.address))
            // Both have been read strictly: the file has no quotation mark, line or semicolon to end the command with.
            .arg(format!("--command=get \"{file}\" -"))
            .arg(format!("//{}/sysvol", self.controller.name))
            // Without the option Samba 4.17 asks for a password; without the variable 4.22 finds no tickets.
            .arg(cached("--use-krb5-ccache=", cache))
            .env_clear()
            .env("KRB5CCNAME", cached("", cache))
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if let Some(configuration) = env::var_os("KRB5_CONFIG") {
            command.env("KRB5_CONFIG", configuration);
        }
        let mut child = command.spawn().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => SysvolError::NotInstalled,
            _ => SysvolError::NotRun(error),
        })?;
        let streams = child.stdout.take().zip(child.stderr.take());
        let told = async {
            let (stdout, stderr) = streams.ok_or(io::ErrorKind::BrokenPipe)?;
            // One byte more than is allowed tells that there is more; the child is not waited for then.
            let (content, words) =
                tokio::try_join!(up_to(stdout, len_max.saturating_add(1)), up_to(stderr, WORDS_LEN_MAX))?;
            let status = if content.len() > len_max { None } else { Some(child.wait().await?) };
            io::Result::Ok((status, content, words))
        };
        let ended = timeout(self.limit, told).await;
        let (status, content, words) = match ended {
            Ok(told) => told.map_err(SysvolError::NotRun)?,
            Err(_elapsed) => {
                // Waits until it is gone, so that the tickets go after it.
                child.kill().await.map_err(SysvolError::NotRun)?;
                let controller = self.controller.name.clone();
                return Err(SysvolError::TimedOut { controller, limit: self.limit });
            }
        };
        match status {
            None => {
                child.kill().await.map_err(SysvolError::NotRun)?;
                Err(SysvolError::TooLong { file: file.to_owned(), max: len_max })
            }
            Some(status) if status.success() && is_whole(&content, &words) => Ok(content),
            Some(status) => Err(self.failure(file, status, &content, &words)),
        }
    }

    /// Of a failure it says something on either stream.
    fn failure(&self, file: &str, status: ExitStatus, content: &[u8], words: &[u8]) -> SysvolError {
        const ABSENT: [&str; 3] =
            ["NT_STATUS_OBJECT_NAME_NOT_FOUND", "NT_STATUS_OBJECT_PATH_NOT_FOUND", "NT_STATUS_NO_SUCH_FILE"];
        let content = content.get(..WORDS_LEN_MAX.min(content.len())).unwrap_or_default();
        let said = String::from_utf8_lossy(&[content, b"\n", words].concat()).into_owned();
        let (controller, file) = (self.controller.name.clone(), file.to_owned());
        if ABSENT.iter().any(|absent| said.contains(absent)) {
            return SysvolError::Missing { controller, file };
        }
        let line = said.lines().map(str::trim).find(|line| line.contains("NT_STATUS"));
        let line = line.or_else(|| said.lines().map(str::trim).find(|line| !line.is_empty()));
        let words = line.map(|line| line.chars().filter(|sign| !sign.is_control()).take(200).collect());
        SysvolError::Failed { controller, file, words: words.unwrap_or_else(|| status.to_string()) }
    }
}

const fn len_max(file: PolicyFile) -> usize {
    match file {
        PolicyFile::Version => GPT_INI_LEN_MAX,
        PolicyFile::Registry => registry_pol::FILE_LEN_MAX,
    }
}

/// Reads to the end, or to the limit.
async fn up_to(stream: impl AsyncRead + Unpin, max: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stream.take(u64::try_from(max).unwrap_or(u64::MAX)).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

/// Whether as much came out as it says to have read, if it says so: "getting file NAME of size 20 as - (…)".
fn is_whole(content: &[u8], words: &[u8]) -> bool {
    let words = String::from_utf8_lossy(words);
    let told = words.split_once(" of size ").and_then(|(_, rest)| rest.split_once(" as - "));
    told.is_none_or(|(size, _)| size.parse() == Ok(content.len()))
}

fn cached(before: &str, file: &Path) -> OsString {
    let mut name = OsString::from(format!("{before}FILE:"));
    name.push(file);
    name
}

/// A folder for one file of tickets, which goes with it.
///
/// Never the same twice, so that a thread that was given up and gets its ticket late finds no place to put it.
#[derive(Debug)]
struct TicketFolder(PathBuf);

impl TicketFolder {
    fn new(parent: &Path) -> io::Result<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = parent.join(format!("{FOLDER}{}-{number}", process::id()));
        fs::DirBuilder::new().mode(0o700).create(&folder)?;
        Ok(Self(folder))
    }

    fn file(&self) -> PathBuf {
        self.0.join("tickets")
    }
}

impl Drop for TicketFolder {
    fn drop(&mut self) {
        // What stays is removed at the next start, and lies where nothing outlasts a boot.
        drop(fs::remove_dir_all(&self.0));
    }
}

/// Removes what a run that was killed has left.
pub(super) fn clear(folder: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(FOLDER) {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
