//! Listening without systemd: one request at a time, each in a process of its own.

use std::{
    fs::{self, Permissions},
    io,
    os::{
        fd::OwnedFd,
        unix::{
            fs::{FileTypeExt as _, PermissionsExt as _},
            net::UnixListener,
        },
    },
    path::Path,
    process::Stdio,
};

use crate::{account, log, os, root::Root};

/// The group that may connect, as in the socket's unit.
const GROUP: &str = "lapwing";

/// Accepts connections on a socket at `path` for ever.
///
/// # Errors
/// If the socket cannot be made; a failed request is logged only.
pub(crate) fn listen(root: &Root, path: &Path) -> io::Result<()> {
    // A socket nobody listens on; anything else there is not ours to remove.
    if fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket()) {
        fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    let group = account::group_of(root, GROUP).map_err(io::Error::other)?;
    std::os::unix::fs::chown(path, Some(0), Some(group.unwrap_or(0)))?;
    fs::set_permissions(path, Permissions::from_mode(0o660))?;
    log::info("Listening", &[("SOCKET", &path.display().to_string())]);
    loop {
        let (connection, _) = listener.accept()?;
        let mut command = os::this_program();
        crate::failpoint::pass_on(&mut command);
        let served = command
            .arg("serve")
            .arg("--root")
            .arg(root.as_path())
            .stdin(Stdio::from(OwnedFd::from(connection)));
        if let Err(error) = served.status() {
            log::error(&format!("Cannot serve a request: {error}"), &[]);
        }
    }
}
