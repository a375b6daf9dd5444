//! The FFI of the host's libcrypt. crypt(3), crypt_gensalt(3).
#![expect(unsafe_code, reason = "the FFI of libcrypt")]

use std::{
    ffi::{CStr, CString, c_char, c_int, c_ulong, c_void},
    ptr,
};

use lapwing_core::secret::Password;
use zeroize::Zeroizing;

use crate::{hash::HASH_LEN_MAX, sys::Library};

/// Larger than `struct crypt_data` of every libcrypt: libxcrypt has 32 KiB, glibc's last one 128 KiB and a little.
const SCRATCH_LEN: usize = 256 * 1024;

type CryptR = unsafe extern "C" fn(*const c_char, *const c_char, *mut c_void) -> *const c_char;
type GensaltRn =
    unsafe extern "C" fn(*const c_char, c_ulong, *const c_char, c_int, *mut c_char, c_int) -> *const c_char;

/// The host's `crypt()`.
pub(super) struct Libcrypt {
    crypt_r: CryptR,
    /// Only libxcrypt has it.
    gensalt_rn: Option<GensaltRn>,
}

/// Aligned as `malloc` would, for any libcrypt's struct.
#[repr(C, align(64))]
struct Scratch([u8; SCRATCH_LEN]);

impl Libcrypt {
    /// Loads it: libxcrypt's own name, the one it shares with glibc's, then libc, where musl has it.
    pub(super) fn load() -> Option<Self> {
        let library = Library::open(&[c"libcrypt.so.2", c"libcrypt.so.1", c"libc.so"])?;
        let crypt_r = library.symbol(c"crypt_r")?.as_ptr();
        let gensalt_rn = library.symbol(c"crypt_gensalt_rn").map(ptr::NonNull::as_ptr);
        Some(Self {
            // SAFETY: crypt(3) gives this signature; the library stays loaded.
            crypt_r: unsafe { std::mem::transmute::<*mut c_void, CryptR>(crypt_r) },
            gensalt_rn: gensalt_rn.map(|symbol| {
                // SAFETY: crypt_gensalt(3) gives this signature; the library stays loaded.
                unsafe { std::mem::transmute::<*mut c_void, GensaltRn>(symbol) }
            }),
        })
    }

    /// Hashes `password` as `setting` says: a salt, or a whole hash to compare with. `None` for a failure.
    pub(super) fn crypt(&self, password: &Password, setting: &str) -> Option<Zeroizing<String>> {
        let mut phrase = Zeroizing::new(Vec::with_capacity(password.expose_secret().len() + 1));
        phrase.extend(password.expose_secret().as_bytes());
        phrase.push(0);
        let phrase = CStr::from_bytes_with_nul(&phrase).ok()?;
        let setting = CString::new(setting).ok()?;
        // SAFETY: zeros are a valid array of bytes. Wiped by the allocator when dropped.
        let mut scratch: Box<Scratch> = unsafe { Box::new_zeroed().assume_init() };
        let data = (&raw mut *scratch).cast();
        // SAFETY: both strings end with NUL; `data` is zeroed, aligned and larger than any `struct crypt_data`.
        let output = unsafe { (self.crypt_r)(phrase.as_ptr(), setting.as_ptr(), data) };
        // Copied before `scratch`, which it points into, is dropped.
        owned(output)
    }

    /// A fresh setting for the method that `prefix` names, the library's own default without one.
    pub(super) fn gensalt(&self, prefix: Option<&CStr>, random: &[u8]) -> Option<String> {
        let gensalt_rn = self.gensalt_rn?;
        let mut output = [0; HASH_LEN_MAX];
        let prefix = prefix.map_or(ptr::null(), CStr::as_ptr);
        let (random_len, output_len) = (random.len().try_into().ok()?, output.len().try_into().ok()?);
        // SAFETY: `prefix` is null or ends with NUL; the two buffers have the lengths given.
        let setting = unsafe {
            gensalt_rn(prefix, 0, random.as_ptr().cast(), random_len, output.as_mut_ptr(), output_len)
        };
        owned(setting).map(|setting| setting.as_str().to_owned())
    }
}

/// A copy of what libcrypt returned; `None` for null and for text that is not UTF-8.
fn owned(text: *const c_char) -> Option<Zeroizing<String>> {
    if text.is_null() {
        return None;
    }
    // SAFETY: libcrypt returns null or a string in the buffer it was given, which is still there.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_str().ok().map(|text| Zeroizing::new(text.to_owned()))
}
