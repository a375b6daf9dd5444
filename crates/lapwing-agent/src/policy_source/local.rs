//! `/etc/lapwing/policy.toml`: the settings under their Windows names, one to a line.

use std::{
    fs::File,
    io::{self, Read as _},
    os::unix::fs::MetadataExt as _,
    path::PathBuf,
};

use lapwing_client::identity::Root;
use lapwing_core::policy::{PolicyRoot, RawEntry, RawPolicy, RawValue};
use toml::de::{DeTable, DeValue};

use super::{Said, Unreadable};

/// The longest policy file, in bytes.
const FILE_LEN_MAX: u64 = 64 * 1024;

/// The file, and what it said when it could last be read.
#[derive(Debug)]
pub(super) struct LocalFile {
    path: PathBuf,
    last: Option<RawPolicy>,
}

/// Where the file is.
pub(super) fn path(root: &Root) -> PathBuf {
    root.path("etc/lapwing/policy.toml")
}

/// Why the file is not read.
#[derive(Debug, thiserror::Error)]
enum LocalFileError {
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
    #[error("it is not TOML: {0}")]
    Toml(#[from] Box<toml::de::Error>),
    #[error("it is longer than {FILE_LEN_MAX} bytes")]
    TooLong,
    #[error("others than root can write it (owner {owner}, mode {mode:04o})")]
    Writable { owner: u32, mode: u32 },
}

impl LocalFileError {
    const fn next_step(&self) -> &'static str {
        match self {
            Self::Io(_) => "make /etc/lapwing/policy.toml readable for the user lapwing: chmod 0644",
            Self::Toml(_) => "correct the line named; `lapwing get-policy` shows what is seen",
            Self::TooLong => "remove from it what is no setting",
            Self::Writable { .. } => "give it to root alone: chown root:root and chmod 0644",
        }
    }
}

impl LocalFile {
    pub(super) fn new(root: &Root) -> Self {
        Self { path: path(root), last: None }
    }

    /// What stands in it. If it cannot be read: what stood in it last, if that is known, and why.
    pub(super) fn read(&mut self) -> Said {
        match self.parse() {
            Ok(policy) => {
                self.last = Some(policy.clone());
                Ok(Some(vec![policy]))
            }
            Err(error) => {
                let path = self.path.display().to_string();
                let why = Unreadable::file(path, error.to_string(), error.next_step());
                Err((self.last.clone().map(|last| vec![last]), why))
            }
        }
    }

    fn parse(&self) -> Result<RawPolicy, LocalFileError> {
        let text = match File::open(&self.path) {
            Ok(file) => text(file)?,
            // No file is a policy without values.
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error.into()),
        };
        let table = DeTable::parse(&text).map_err(Box::new)?;
        let origin = |at: usize| {
            let line = text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1;
            format!("{}:{line}", self.path.display())
        };
        let mut entries: Vec<(usize, RawEntry)> = table
            .get_ref()
            .iter()
            .map(|(name, value)| {
                let at = name.span().start;
                let entry = RawEntry {
                    name: name.get_ref().to_string(),
                    value: raw_value(value.get_ref(), text.get(value.span()).unwrap_or_default()),
                    origin: origin(at),
                };
                (at, entry)
            })
            .collect();
        entries.sort_by_key(|(at, _)| *at);
        Ok(RawPolicy {
            root: PolicyRoot::Local,
            entries: entries.into_iter().map(|(_, entry)| entry).collect(),
        })
    }
}

/// Checks on the open file, so that what was checked is what is read.
fn text(file: File) -> Result<String, LocalFileError> {
    let metadata = file.metadata()?;
    let trusted = metadata.uid() == 0 && metadata.mode() & 0o022 == 0;
    if !trusted {
        return Err(LocalFileError::Writable { owner: metadata.uid(), mode: metadata.mode() & 0o7777 });
    }
    if metadata.len() > FILE_LEN_MAX {
        return Err(LocalFileError::TooLong);
    }
    let mut text = String::new();
    file.take(FILE_LEN_MAX).read_to_string(&mut text)?;
    Ok(text)
}

/// A number, a truth or a text; anything else stays as it is written, and is found malformed.
fn raw_value(value: &DeValue<'_>, written: &str) -> RawValue {
    match value {
        DeValue::String(text) => RawValue::Text(text.to_string()),
        DeValue::Boolean(truth) => RawValue::Boolean(*truth),
        DeValue::Integer(number) => {
            let digits = number.as_str().replace('_', "");
            i64::from_str_radix(&digits, number.radix())
                .map_or_else(|_| RawValue::Text(written.to_owned()), RawValue::Integer)
        }
        DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => {
            RawValue::Text(written.to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    fn file(text: &str) -> (tempfile::TempDir, LocalFile) {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("etc/lapwing")).unwrap();
        fs::write(dir.path().join("etc/lapwing/policy.toml"), text).unwrap();
        let file = LocalFile::new(&Root::at(dir.path().to_path_buf()));
        (dir, file)
    }

    #[test]
    fn each_value_knows_its_line() {
        let (_dir, mut file) = file(
            "# ours\nPasswordLength = 20\n\nBackupDirectory = 1\nAdministratorAccountName = \"lapadmin\"\nADPasswordEncryptionEnabled = false\nPasswordAgeDays = 7.5\n",
        );
        let [policy] = <[RawPolicy; 1]>::try_from(file.read().unwrap().unwrap()).unwrap();
        let seen: Vec<_> = policy
            .entries
            .iter()
            .map(|entry| (entry.name.as_str(), entry.value.clone(), entry.origin.rsplit(':').next().unwrap()))
            .collect();
        assert_eq!(
            seen,
            [
                ("PasswordLength", RawValue::Integer(20), "2"),
                ("BackupDirectory", RawValue::Integer(1), "4"),
                ("AdministratorAccountName", RawValue::Text("lapadmin".to_owned()), "5"),
                ("ADPasswordEncryptionEnabled", RawValue::Boolean(false), "6"),
                ("PasswordAgeDays", RawValue::Text("7.5".to_owned()), "7"),
            ]
        );
    }

    #[test]
    fn no_file_is_a_policy_without_values() {
        let (dir, mut file) = file("");
        fs::remove_file(dir.path().join("etc/lapwing/policy.toml")).unwrap();
        assert!(file.read().unwrap().unwrap()[0].entries.is_empty());
    }

    #[test]
    fn a_damaged_file_keeps_what_it_said_last() {
        let (dir, mut file) = file("BackupDirectory = 1\n");
        file.read().unwrap();
        fs::write(dir.path().join("etc/lapwing/policy.toml"), "BackupDirectory = \n").unwrap();
        let (last, why) = file.read().unwrap_err();
        assert_eq!(last.unwrap()[0].entries.len(), 1);
        assert!(why.reason.contains("not TOML"), "{}", why.reason);
    }

    #[test]
    fn a_file_that_others_can_write_is_not_obeyed() {
        let (dir, mut file) = file("BackupDirectory = 1\n");
        let path = dir.path().join("etc/lapwing/policy.toml");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        let (last, why) = file.read().unwrap_err();
        assert!(last.is_none() && why.reason.contains("0666"), "{}", why.reason);
    }
}
