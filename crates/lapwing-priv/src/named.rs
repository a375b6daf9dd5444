//! Which accounts are managed, for the PAM module, which any program of the host may load: a file that everybody may read and that
//! need not outlive the boot.

use std::{
    fs::{self, DirBuilder, File, Permissions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
};

use lapwing_core::types::AccountName;

use crate::root::Root;

/// Replaces the list. The caller holds the journal, so that nobody else writes it.
///
/// # Errors
/// What the system says; the module then knows what it knew before.
pub(crate) fn write<'a>(root: &Root, accounts: impl Iterator<Item = &'a AccountName>) -> io::Result<()> {
    let path = root.accounts_file();
    let folder = path.parent().unwrap_or(&path);
    DirBuilder::new().recursive(true).mode(0o755).create(folder)?;
    // Whatever the umask says.
    fs::set_permissions(folder, Permissions::from_mode(0o755))?;
    let temp = path.with_added_extension("new");
    match fs::remove_file(&temp) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = File::options().write(true).create_new(true).open(&temp)?;
    for account in accounts {
        writeln!(file, "{account}")?;
    }
    file.set_permissions(Permissions::from_mode(0o644))?;
    fs::rename(&temp, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_dir::TestDir;

    #[test]
    fn everybody_may_read_the_names_and_nobody_else_write_them() {
        let dir = TestDir::new();
        let root = Root::new(dir.path());
        let name: AccountName = "lapadmin".parse().unwrap();
        write(&root, [&name].into_iter()).unwrap();
        let path = root.accounts_file();
        assert_eq!(fs::read_to_string(&path).unwrap(), "lapadmin\n");
        let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o644, 0o755));
        write(&root, core::iter::empty()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "");
    }
}
