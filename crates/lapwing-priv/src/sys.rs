//! The FFI of the process itself: locks of open files, inherited descriptors, libraries.
#![expect(unsafe_code, reason = "the FFI of the process")]

use std::{
    ffi::{CStr, c_void},
    fs::File,
    io,
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
    ptr::NonNull,
};

/// Tries to take an open-file-description write lock on the whole of `file`; false if somebody else has one.
///
/// It excludes the POSIX locks of other programs, as `lckpwdf()` takes them, without its `SIGALRM`. fcntl(2).
///
/// # Errors
/// What the system says, but for a lock held by another.
pub(crate) fn try_lock_description(file: &File) -> io::Result<bool> {
    // `l_whence` is SEEK_SET and a length of 0 means the whole file. The types of the fields vary with the target.
    let lock = libc::flock { l_type: libc::F_WRLCK as _, l_whence: 0, l_start: 0, l_len: 0, l_pid: 0 };
    // SAFETY: the descriptor is open and the struct outlives the call.
    match unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &raw const lock) } {
        0 => Ok(true),
        _ => match io::Error::last_os_error() {
            busy if matches!(busy.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => Ok(false),
            error => Err(error),
        },
    }
}

/// `FS_IOC_GETFSUUID`, Linux 6.9: a length and as many bytes, of `struct fsuuid2`. linux/fs.h.
const GET_UUID: u32 = 0x8011_1500;
/// `BTRFS_IOC_FS_INFO`: the UUID stands after two numbers of `struct btrfs_ioctl_fs_info_args`. linux/btrfs.h.
const BTRFS_INFO: u32 = 0x8400_941f;
const BTRFS_INFO_LEN: usize = 1024;
const BTRFS_UUID_AT: usize = 16;

/// The UUID of the file system that this folder is on, where the kernel tells it; all zeros where it has none.
pub(crate) fn filesystem_uuid(folder: &File) -> Option<[u8; 16]> {
    let mut answer = [0_u8; 17];
    // SAFETY: the descriptor is open, and the call writes at most 17 bytes, which this buffer has.
    let done = unsafe { libc::ioctl(folder.as_raw_fd(), GET_UUID as _, answer.as_mut_ptr()) };
    let (len, uuid) = answer.split_first()?;
    (done == 0 && *len == 16).then(|| uuid.try_into().ok()).flatten()
}

/// `KDGETMODE` and `KD_TEXT`, which only virtual consoles know. console_ioctl(4).
const GET_MODE: u32 = 0x4b3b;
const MODE_TEXT: libc::c_int = 0;

/// Whether this is a virtual console that shows something else than the text that is written to it.
pub(crate) fn shows_graphics(terminal: &File) -> bool {
    let mut mode: libc::c_int = MODE_TEXT;
    // SAFETY: the descriptor is open, and the call writes one integer, which is there.
    let done = unsafe { libc::ioctl(terminal.as_raw_fd(), GET_MODE as _, &raw mut mode) };
    done == 0 && mode != MODE_TEXT
}

/// The UUID of the Btrfs that this folder is on.
pub(crate) fn btrfs_uuid(folder: &File) -> Option<[u8; 16]> {
    let mut answer = [0_u8; BTRFS_INFO_LEN];
    // SAFETY: the descriptor is open, and the call reads and writes at most the 1024 bytes of its struct, which this
    // buffer has; it needs no alignment, for the kernel copies.
    let done = unsafe { libc::ioctl(folder.as_raw_fd(), BTRFS_INFO as _, answer.as_mut_ptr()) };
    if done != 0 {
        return None;
    }
    answer.get(BTRFS_UUID_AT..)?.first_chunk().copied()
}

/// The first descriptor that systemd passes. sd_listen_fds(3).
const LISTEN_FDS_START: i32 = 3;

/// Takes over the connection that socket activation passed. The caller has checked `LISTEN_PID` and `LISTEN_FDS`, and
/// calls this once, before anything else is opened.
///
/// # Errors
/// If there is no such descriptor.
pub(crate) fn take_listen_fd() -> io::Result<OwnedFd> {
    // SAFETY: systemd opened this descriptor for us and nobody in this process knows of it.
    let connection = unsafe { OwnedFd::from_raw_fd(LISTEN_FDS_START) };
    // The child that asks the password rules must not have it.
    rustix::io::fcntl_setfd(&connection, rustix::io::FdFlags::CLOEXEC)?;
    Ok(connection)
}

/// Forgets every variable, so that no library (PAM's modules read some) is steered by whoever started us.
pub(crate) fn clear_environment() {
    // SAFETY: called at the start, when this process has one thread and no reference into the environment.
    unsafe { libc::clearenv() };
}

/// A shared library of the host, open until the process ends.
pub(crate) struct Library(NonNull<c_void>);

impl Library {
    /// Loads the first of `names` that the host has.
    pub(crate) fn open(names: &[&CStr]) -> Option<Self> {
        names.iter().find_map(|name| {
            // SAFETY: the name ends with NUL. The library's constructors run: these are the host's own, trusted as it.
            let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_GLOBAL) };
            NonNull::new(handle).map(Self)
        })
    }

    /// The address of `symbol`, never null.
    pub(crate) fn symbol(&self, symbol: &CStr) -> Option<NonNull<c_void>> {
        // SAFETY: the handle came from `dlopen` and was never closed; the name ends with NUL.
        NonNull::new(unsafe { libc::dlsym(self.0.as_ptr(), symbol.as_ptr()) })
    }
}
