//! The FFI of the host's libpam, as much as a password change needs. pam(3), pam_conv(3), pam_chauthtok(3).
#![expect(unsafe_code, reason = "the FFI of libpam")]

use std::{
    ffi::{CStr, CString, c_char, c_int, c_void},
    io, ptr,
};

use lapwing_core::secret::Password;
use rustix::thread::{UnshareFlags, unshare_unsafe};
use zeroize::Zeroizing;

use crate::sys::Library;

const PAM_SUCCESS: c_int = 0;
const PAM_BUF_ERR: c_int = 5;
const PAM_CONV_ERR: c_int = 19;
const PAM_PROMPT_ECHO_OFF: c_int = 1;
const PAM_PROMPT_ECHO_ON: c_int = 2;
const PAM_ERROR_MSG: c_int = 3;
/// Linux-PAM's `PAM_MAX_NUM_MSG`.
const MESSAGES_MAX: usize = 32;
/// New password, and once more: a third question means that the answer was not taken.
const PROMPTS_MAX: u32 = 2;
/// How many complaints are kept, and how much of each.
const COMPLAINTS_MAX: usize = 8;
const COMPLAINT_LEN_MAX: usize = 300;

#[repr(C)]
struct Message {
    style: c_int,
    text: *const c_char,
}

#[repr(C)]
struct Response {
    text: *mut c_char,
    return_code: c_int,
}

type Converse = unsafe extern "C" fn(c_int, *const *const Message, *mut *mut Response, *mut c_void) -> c_int;

#[repr(C)]
struct Conv {
    converse: Converse,
    data: *mut c_void,
}

type PamStart = unsafe extern "C" fn(*const c_char, *const c_char, *const Conv, *mut *mut c_void) -> c_int;
type PamCall = unsafe extern "C" fn(*mut c_void, c_int) -> c_int;
type PamStrerror = unsafe extern "C" fn(*mut c_void, c_int) -> *const c_char;

/// The host's libpam.
pub(super) struct Libpam {
    start: PamStart,
    chauthtok: PamCall,
    end: PamCall,
    strerror: PamStrerror,
}

/// What a stack said of a password.
pub(super) struct Said {
    /// Why it refused, in libpam's words; `None` if it accepted.
    pub(super) refusal: Option<String>,
    /// Its `PAM_ERROR_MSG`s.
    pub(super) complaints: Vec<String>,
}

impl Libpam {
    /// Loads it, if the host has PAM.
    pub(super) fn load() -> Option<Self> {
        let library = Library::open(&[c"libpam.so.0"])?;
        let symbol = |name| library.symbol(name).map(ptr::NonNull::as_ptr);
        let (start, chauthtok) = (symbol(c"pam_start")?, symbol(c"pam_chauthtok")?);
        let (end, strerror) = (symbol(c"pam_end")?, symbol(c"pam_strerror")?);
        Some(Self {
            // SAFETY: pam_start(3) gives this signature; the library stays loaded.
            start: unsafe { std::mem::transmute::<*mut c_void, PamStart>(start) },
            // SAFETY: likewise pam_chauthtok(3).
            chauthtok: unsafe { std::mem::transmute::<*mut c_void, PamCall>(chauthtok) },
            // SAFETY: likewise pam_end(3).
            end: unsafe { std::mem::transmute::<*mut c_void, PamCall>(end) },
            // SAFETY: likewise pam_strerror(3).
            strerror: unsafe { std::mem::transmute::<*mut c_void, PamStrerror>(strerror) },
        })
    }

    /// Changes the password of `account` by the stack of `service`.
    pub(super) fn change_password(&self, service: &CStr, account: &CStr, password: &Password) -> Said {
        let mut talk = Talk { password, prompts: 0, complaints: Vec::new() };
        let conv = Conv { converse, data: (&raw mut talk).cast() };
        let mut handle = ptr::null_mut();
        // SAFETY: both strings end with NUL; `conv` and `talk` outlive `pam_end` below.
        let mut code =
            unsafe { (self.start)(service.as_ptr(), account.as_ptr(), &raw const conv, &raw mut handle) };
        if code == PAM_SUCCESS {
            // SAFETY: the handle came from a successful `pam_start`.
            code = unsafe { (self.chauthtok)(handle, 0) };
        }
        let refusal = (code != PAM_SUCCESS).then(|| self.text_of(handle, code));
        if !handle.is_null() {
            // SAFETY: as above; the handle is not used after. Its status is only what modules are told.
            unsafe { (self.end)(handle, code) };
        }
        Said { refusal, complaints: talk.complaints }
    }

    fn text_of(&self, handle: *mut c_void, code: c_int) -> String {
        // SAFETY: Linux-PAM ignores the handle, which may be null after a failed start.
        let text = unsafe { (self.strerror)(handle, code) };
        if text.is_null() {
            return format!("PAM code {code}");
        }
        // SAFETY: not null, and a constant of the library that ends with NUL.
        unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
    }
}

/// What the conversation knows and learns.
struct Talk<'a> {
    password: &'a Password,
    prompts: u32,
    complaints: Vec<String>,
}

impl Talk<'_> {
    /// The answer to one message: the password, nothing, or none because too much was asked.
    fn hear(&mut self, style: c_int, text: &CStr) -> Result<Option<Zeroizing<Vec<u8>>>, ()> {
        match style {
            PAM_PROMPT_ECHO_OFF | PAM_PROMPT_ECHO_ON => {
                self.prompts += 1;
                let clear = self.password.expose_secret().as_bytes();
                let mut answer = Zeroizing::new(Vec::with_capacity(clear.len() + 1));
                answer.extend(clear);
                answer.push(0);
                if self.prompts <= PROMPTS_MAX { Ok(Some(answer)) } else { Err(()) }
            }
            PAM_ERROR_MSG if self.complaints.len() < COMPLAINTS_MAX => {
                let text = text.to_string_lossy().replace(self.password.expose_secret(), "(withheld)");
                self.complaints
                    .push(text.chars().filter(|c| !c.is_control()).take(COMPLAINT_LEN_MAX).collect());
                Ok(None)
            }
            _ => Ok(None),
        }
    }
}

/// The conversation function. pam_conv(3). On success libpam owns the responses and frees them with `free`.
unsafe extern "C" fn converse(
    count: c_int,
    messages: *const *const Message,
    responses: *mut *mut Response,
    data: *mut c_void,
) -> c_int {
    let Some(count) = usize::try_from(count).ok().filter(|count| (1..=MESSAGES_MAX).contains(count)) else {
        return PAM_CONV_ERR;
    };
    // SAFETY: `data` is the `Talk` that `change_password` keeps until `pam_end`, and nothing else uses it now.
    let talk = unsafe { &mut *data.cast::<Talk<'_>>() };
    // SAFETY: Linux-PAM passes an array of `count` pointers.
    let messages = unsafe { std::slice::from_raw_parts(messages, count) };
    // SAFETY: plain allocation; the zeros are null pointers and codes of 0.
    let array = unsafe { libc::calloc(count, size_of::<Response>()) }.cast::<Response>();
    if array.is_null() {
        return PAM_BUF_ERR;
    }
    for (at, message) in messages.iter().enumerate() {
        // SAFETY: Linux-PAM passes valid messages.
        let message = unsafe { &**message };
        let text = if message.text.is_null() {
            c""
        } else {
            // SAFETY: not null, and ends with NUL.
            unsafe { CStr::from_ptr(message.text) }
        };
        match talk.hear(message.style, text) {
            Ok(Some(answer)) => {
                // SAFETY: `answer` ends with NUL and `at` is below `count`. A failed copy is null, which means none.
                unsafe { (*array.add(at)).text = libc::strdup(answer.as_ptr().cast()) };
            }
            Ok(None) => {}
            Err(()) => {
                // SAFETY: the array has `count` entries, each null or from `strdup`, and is ours until success.
                unsafe { free_responses(array, count) };
                return PAM_CONV_ERR;
            }
        }
    }
    // SAFETY: libpam passes a place for the pointer.
    unsafe { *responses = array };
    PAM_SUCCESS
}

/// # Safety
/// `array` holds `count` entries, each null or from `strdup`, and nobody uses it after.
unsafe fn free_responses(array: *mut Response, count: usize) {
    for at in 0..count {
        // SAFETY: by this function's contract.
        unsafe { libc::free((*array.add(at)).text.cast()) };
    }
    // SAFETY: by this function's contract.
    unsafe { libc::free(array.cast()) };
}

/// Gives this process mounts and a network of its own. unshare(2).
///
/// # Errors
/// If the process lacks the privilege.
pub(super) fn unshare_mounts_and_network() -> io::Result<()> {
    // SAFETY: neither flag touches the table of descriptors, which is what makes `unshare` unsafe.
    Ok(unsafe { unshare_unsafe(UnshareFlags::NEWNS | UnshareFlags::NEWNET) }?)
}

/// A service or account name for libpam.
pub(super) fn c_string(text: &str) -> Option<CString> {
    CString::new(text).ok()
}
