//! The FFI of PAM: the entries that libpam calls, and what they ask of it. pam(3), security/_pam_types.h of Linux-PAM.
#![expect(unsafe_code, reason = "the FFI of PAM")]

use std::{
    ffi::{CStr, CString, c_char, c_int, c_void},
    panic::{self, AssertUnwindSafe},
    ptr,
    sync::Once,
};

use crate::hooks::{self, Answer};

const PAM_SUCCESS: c_int = 0;
const PAM_PERM_DENIED: c_int = 6;
const PAM_IGNORE: c_int = 25;

const PAM_SILENT: c_int = 0x8000;
const PAM_PRELIM_CHECK: c_int = 0x4000;
/// Why data is cleaned up: it is replaced, or a child of the program ends.
const PAM_DATA_REPLACE: c_int = 0x2000_0000;
const PAM_DATA_SILENT: c_int = 0x4000_0000;
const PAM_STATUS: c_int = 0xffff;

const PAM_ERROR_MSG: c_int = 3;

/// What a transaction knows.
#[derive(Clone, Copy)]
pub(crate) enum Item {
    Service = 1,
    User = 2,
    Terminal = 3,
    RemoteHost = 4,
}
const PAM_CONV: c_int = 5;

/// Marks a transaction in which PAM was asked to authenticate.
const MARK: &CStr = c"lapwing_authenticated";

#[repr(C)]
struct PamHandle {
    _opaque: [u8; 0],
}

#[repr(C)]
struct PamMessage {
    style: c_int,
    text: *const c_char,
}

#[repr(C)]
struct PamResponse {
    text: *mut c_char,
    code: c_int,
}

type Converse = extern "C" fn(c_int, *mut *const PamMessage, *mut *mut PamResponse, *mut c_void) -> c_int;

#[repr(C)]
struct PamConversation {
    converse: Option<Converse>,
    data: *mut c_void,
}

type CleanUp = extern "C" fn(*mut PamHandle, *mut c_void, c_int);

// By its own name: with it the module names what it needs, so that it loads in programs that load libpam for themselves alone.
#[link(name = "libpam.so.0", kind = "dylib", modifiers = "+verbatim")]
unsafe extern "C" {
    fn pam_get_item(handle: *const PamHandle, item: c_int, value: *mut *const c_void) -> c_int;
    fn pam_get_data(handle: *const PamHandle, name: *const c_char, value: *mut *const c_void) -> c_int;
    fn pam_set_data(
        handle: *mut PamHandle,
        name: *const c_char,
        value: *mut c_void,
        clean_up: Option<CleanUp>,
    ) -> c_int;
}

/// A transaction between a program and PAM, for as long as one of our entries runs.
pub(crate) struct Transaction {
    handle: *mut PamHandle,
    flags: c_int,
}

impl Transaction {
    /// What the program has said, as far as it is text.
    pub(crate) fn item(&self, item: Item) -> Option<String> {
        let mut value = ptr::null();
        // SAFETY: libpam gave the handle and keeps it for as long as we run; it only writes the pointer.
        let found = unsafe { pam_get_item(self.handle, item as c_int, &raw mut value) } == PAM_SUCCESS;
        if !found || value.is_null() {
            return None;
        }
        // SAFETY: these items are strings that end with NUL; libpam owns them, and we copy at once.
        Some(unsafe { CStr::from_ptr(value.cast()) }.to_string_lossy().into_owned())
    }

    /// Marks it as one in which PAM was asked to authenticate, and has [`hooks::refused`] called if it ends in a refusal.
    pub(crate) fn mark(&self) {
        // Only the address counts; nobody writes through it.
        static MARKED: u8 = 0;
        let value = (&raw const MARKED).cast_mut().cast();
        // SAFETY: the handle as above; the name is a literal, and what is kept is never freed.
        unsafe { pam_set_data(self.handle, MARK.as_ptr(), value, Some(clean_up)) };
    }

    /// Whether it was marked.
    pub(crate) fn is_marked(&self) -> bool {
        let mut value = ptr::null();
        // SAFETY: the handle as above; libpam only writes the pointer.
        unsafe { pam_get_data(self.handle, MARK.as_ptr(), &raw mut value) == PAM_SUCCESS }
    }

    /// Whether it is the first of the two passes over the modules that a change of password makes.
    pub(crate) const fn is_preliminary(&self) -> bool {
        self.flags & PAM_PRELIM_CHECK != 0
    }

    /// Says something to whoever sits before the program, unless it wants silence.
    pub(crate) fn say(&self, text: &str) {
        let mut value: *const c_void = ptr::null();
        // SAFETY: as in `item`.
        let found = unsafe { pam_get_item(self.handle, PAM_CONV, &raw mut value) } == PAM_SUCCESS;
        let Ok(text) = CString::new(text) else { return };
        if self.flags & PAM_SILENT != 0 || !found || value.is_null() {
            return;
        }
        // SAFETY: this item is the program's conversation, which lives as long as the transaction.
        let conversation = unsafe { &*value.cast::<PamConversation>() };
        let Some(converse) = conversation.converse else { return };
        let message = PamMessage { style: PAM_ERROR_MSG, text: text.as_ptr() };
        let mut messages = &raw const message;
        let mut responses: *mut PamResponse = ptr::null_mut();
        converse(1, &raw mut messages, &raw mut responses, conversation.data);
        if !responses.is_null() {
            // SAFETY: the program allocated one response with malloc, as pam_conv(3) has it; its text may be null.
            unsafe {
                libc::free((*responses).text.cast());
                libc::free(responses.cast());
            }
        }
    }
}

/// Runs an entry; whatever goes wrong in it, the program goes on as if we were not there.
fn enter(handle: *mut PamHandle, flags: c_int, hook: fn(&Transaction) -> Answer) -> c_int {
    static SILENT: Once = Once::new();
    // This library has a runtime of its own, so that no other code's panics come here. The hook that it begins with would write to
    // the program's standard error, and read a variable of an environment that may be a stranger's.
    SILENT.call_once(|| panic::set_hook(Box::new(|_| {})));
    if handle.is_null() {
        return PAM_IGNORE;
    }
    let transaction = Transaction { handle, flags };
    match panic::catch_unwind(AssertUnwindSafe(|| hook(&transaction))) {
        Ok(Answer::Denied) => PAM_PERM_DENIED,
        Ok(Answer::Ignore) | Err(_) => PAM_IGNORE,
    }
}

extern "C" fn clean_up(handle: *mut PamHandle, _: *mut c_void, status: c_int) {
    let is_end = status & (PAM_DATA_REPLACE | PAM_DATA_SILENT) == 0;
    if is_end && status & PAM_STATUS != PAM_SUCCESS {
        enter(handle, 0, hooks::refused);
    }
}

/// A program asks who somebody is. pam_sm_authenticate(3).
#[unsafe(no_mangle)]
extern "C" fn pam_sm_authenticate(
    handle: *mut PamHandle,
    flags: c_int,
    _: c_int,
    _: *mut *const c_char,
) -> c_int {
    enter(handle, flags, hooks::authenticating)
}

/// A program sets what a log-on has. pam_sm_setcred(3).
#[unsafe(no_mangle)]
extern "C" fn pam_sm_setcred(_: *mut PamHandle, _: c_int, _: c_int, _: *mut *const c_char) -> c_int {
    PAM_IGNORE
}

/// A program asks whether the account may be used. pam_sm_acct_mgmt(3).
#[unsafe(no_mangle)]
extern "C" fn pam_sm_acct_mgmt(
    handle: *mut PamHandle,
    flags: c_int,
    _: c_int,
    _: *mut *const c_char,
) -> c_int {
    enter(handle, flags, hooks::admitted)
}

/// A session begins. pam_sm_open_session(3).
#[unsafe(no_mangle)]
extern "C" fn pam_sm_open_session(
    handle: *mut PamHandle,
    flags: c_int,
    _: c_int,
    _: *mut *const c_char,
) -> c_int {
    enter(handle, flags, hooks::session_opened)
}

/// A session ends. pam_sm_close_session(3).
#[unsafe(no_mangle)]
extern "C" fn pam_sm_close_session(
    handle: *mut PamHandle,
    flags: c_int,
    _: c_int,
    _: *mut *const c_char,
) -> c_int {
    enter(handle, flags, hooks::session_closed)
}

/// Somebody wants another password. pam_sm_chauthtok(3).
#[unsafe(no_mangle)]
extern "C" fn pam_sm_chauthtok(
    handle: *mut PamHandle,
    flags: c_int,
    _: c_int,
    _: *mut *const c_char,
) -> c_int {
    enter(handle, flags, hooks::changing)
}

/// The real and the effective uid.
pub(crate) fn uids() -> (u32, u32) {
    // SAFETY: neither can fail.
    unsafe { (libc::getuid(), libc::geteuid()) }
}
