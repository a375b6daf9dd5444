//! The FFI of the process itself: an allocator that wipes, locks of open files, inherited descriptors, libraries.
#![expect(unsafe_code, reason = "the FFI of the process")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    ffi::{CStr, c_void},
    fs::File,
    io,
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
    ptr::NonNull,
};

/// The system's allocator, but every block is wiped before it is given back, so that no buffer of a library (a JSON
/// parser's, a formatter's) keeps a secret.
pub(crate) struct Wiping;

// SAFETY: every call goes to `System` with the layout it was given; between, only bytes of the caller's block are
// written, and only once the caller has given it up.
unsafe impl GlobalAlloc for Wiping {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps `GlobalAlloc`'s contract, which is that of `System`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as in `alloc`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the block is `layout.size()` bytes that the caller no longer uses.
        unsafe { wipe(ptr, layout.size()) };
        // SAFETY: as in `alloc`.
        unsafe { System.dealloc(ptr, layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: `new_size` is not zero and does not overflow when rounded up, by `realloc`'s contract.
        let new_layout = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        // SAFETY: as in `alloc`. A new block always: growing in place would be fine, moving leaves a copy behind.
        let new = unsafe { System.alloc(new_layout) };
        if !new.is_null() {
            // SAFETY: both blocks are at least that long and do not overlap.
            unsafe { ptr.copy_to_nonoverlapping(new, layout.size().min(new_size)) };
            // SAFETY: the caller gave up the old block, as the new one is returned.
            unsafe { self.dealloc(ptr, layout) };
        }
        new
    }
}

/// # Safety
/// `ptr` must be valid for writes of `len` bytes.
unsafe fn wipe(ptr: *mut u8, len: usize) {
    // SAFETY: by this function's contract.
    unsafe { ptr.write_bytes(0, len) };
    // The block is freed next, so without this the compiler may leave the write out.
    // SAFETY: an empty instruction that, as far as the compiler knows, reads the block.
    unsafe { core::arch::asm!("/* {0} */", in(reg) ptr, options(nostack, preserves_flags)) };
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_freed_block_holds_nothing_of_what_was_in_it() {
        let layout = Layout::from_size_align(64, 8).unwrap();
        // SAFETY: the layout is not empty; the block is written within its bounds and not used after `wipe`'s read.
        unsafe {
            let block = Wiping.alloc(layout);
            block.write_bytes(0x41, 64);
            wipe(block, 64);
            assert_eq!(core::slice::from_raw_parts(block, 64), [0; 64]);
            Wiping.dealloc(block, layout);
        }
    }

    #[test]
    fn growing_a_block_keeps_its_content() {
        let mut text = String::with_capacity(1);
        (0..10_000).for_each(|_| text.push('x'));
        assert_eq!(text.len(), text.matches('x').count());
    }
}
