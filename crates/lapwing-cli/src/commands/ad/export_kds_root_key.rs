//! `lapwing export-kds-root-key`: a root key in a file, for the day on which no controller is left. No cmdlet does this.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use lapwing_core::types::Guid;
use lapwing_dpapi::key_file;

use super::{DomainArgs, get_kds_root_key};
use crate::{
    failure::{Code, Failure},
    output,
};

/// Writes one of the forest's root keys (KDS root keys) into a file, in clear text
///
/// Whoever has that file can open every password of the forest that was ever encrypted under the key, without a controller,
/// for ever: `lapwing unprotect --root-key FILE`. Keep it as a backup of a controller is kept, off line. The file is made for
/// its owner alone, and none that is there is overwritten.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  lapwing export-kds-root-key 00112233-4455-6677-8899-aabbccddeeff /media/safe/root-key.json")]
pub(crate) struct Args {
    /// The root key, as `lapwing get-kds-root-key` lists it
    #[arg(value_name = "ID")]
    id: Guid,

    /// The file to make
    #[arg(value_name = "FILE")]
    file: PathBuf,

    #[command(flatten)]
    domain: DomainArgs,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let keys = args.domain.ask(async |session| get_kds_root_key::read(session).await)?;
    let Some(stored) = keys.iter().find(|key| key.id == args.id) else {
        let what = format!("no root key {} is to be seen", args.id);
        let next_step = "list them with `lapwing get-kds-root-key`, as a member of Domain Admins";
        return Err(Failure::new(Code::NotFound, what, next_step));
    };
    let key = stored.key.as_ref().map_err(|error| {
        let next_step = error.next_step();
        Failure::new(Code::Failed, error.clone(), next_step)
    })?;
    let json = key_file::write(key);
    write(&args.file, json.expose_secret()).map_err(|error| {
        let next_step = "name a file that is not there, in a folder that this account may write to";
        Failure::new(Code::Failed, format!("{}: {error}", args.file.display()), next_step)
    })?;
    output::complain(&format!(
        "{} opens every encrypted password of the forest that was or will be protected under {}.\nKeep it off line, as a \
         backup of a controller is kept, and let nobody have a copy.",
        args.file.display(),
        args.id
    ));
    Ok(())
}

/// Makes the file, whole and durable or not at all.
fn write(path: &Path, json: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let written = file.write_all(json).and_then(|()| file.sync_all()).and_then(|()| {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    });
    if written.is_err() {
        // A part of a key is of no use; whether it goes changes nothing about the failure.
        drop(std::fs::remove_file(path));
    }
    written
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn a_key_is_its_owners_alone_and_replaces_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.json");
        write(&path, b"secret").unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(write(&path, b"other").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&path).unwrap(), b"secret");
    }
}
