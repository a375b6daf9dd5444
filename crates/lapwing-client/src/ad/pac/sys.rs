//! The calls of libkrb5 that check a signature, which its GSSAPI lacks. MIT Kerberos, "Complete reference - API and datatypes".
#![expect(unsafe_code, reason = "C functions, called for one purpose")]

use core::{
    ffi::{CStr, c_char, c_int, c_uint, c_void},
    marker::PhantomData,
    ptr,
};

/// `krb5_keyblock`.
#[repr(C)]
struct KeyBlock {
    magic: i32,
    enctype: i32,
    length: c_uint,
    contents: *mut u8,
}

/// `krb5_keytab_entry`.
#[repr(C)]
struct Entry {
    magic: i32,
    principal: *mut c_void,
    timestamp: i32,
    version: c_uint,
    key: KeyBlock,
}

/// `krb5_error_code`: zero for success.
type Code = i32;

/// `KRB5_KT_END`: there are no more entries.
const KEYTAB_END: Code = -1_765_328_202;

#[link(name = "krb5")]
unsafe extern "C" {
    fn krb5_init_context(context: *mut *mut c_void) -> Code;
    fn krb5_free_context(context: *mut c_void);
    fn krb5_pac_parse(context: *mut c_void, bytes: *const c_void, len: usize, pac: *mut *mut c_void) -> Code;
    fn krb5_pac_free(context: *mut c_void, pac: *mut c_void);
    fn krb5_pac_verify(
        context: *mut c_void,
        pac: *mut c_void,
        time: i32,
        principal: *const c_void,
        server: *const KeyBlock,
        kdc: *const KeyBlock,
    ) -> Code;
    fn krb5_kt_resolve(context: *mut c_void, name: *const c_char, keytab: *mut *mut c_void) -> Code;
    fn krb5_kt_close(context: *mut c_void, keytab: *mut c_void) -> Code;
    fn krb5_kt_start_seq_get(context: *mut c_void, keytab: *mut c_void, cursor: *mut *mut c_void) -> Code;
    fn krb5_kt_next_entry(
        context: *mut c_void,
        keytab: *mut c_void,
        entry: *mut Entry,
        cursor: *mut *mut c_void,
    ) -> Code;
    fn krb5_kt_end_seq_get(context: *mut c_void, keytab: *mut c_void, cursor: *mut *mut c_void) -> Code;
    fn krb5_free_keytab_entry_contents(context: *mut c_void, entry: *mut Entry) -> Code;
}

const fn done(code: c_int) -> Result<(), Code> {
    if code == 0 { Ok(()) } else { Err(code) }
}

/// The library's own state, for one thread.
pub(super) struct Context(*mut c_void);

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: it was made by us and is freed once; all that was made of it borrows it, and is gone.
        unsafe { krb5_free_context(self.0) }
    }
}

impl Context {
    pub(super) fn new() -> Result<Self, Code> {
        let mut context = ptr::null_mut();
        // SAFETY: the call writes `context`, which `Self` then owns.
        done(unsafe { krb5_init_context(&raw mut context) }).map(|()| Self(context))
    }

    pub(super) fn parse(&self, bytes: &[u8]) -> Result<Pac<'_>, Code> {
        let mut pac = ptr::null_mut();
        // SAFETY: the call reads `bytes` within their length, and writes `pac`, which `Pac` then owns.
        done(unsafe { krb5_pac_parse(self.0, bytes.as_ptr().cast(), bytes.len(), &raw mut pac) })
            .map(|()| Pac { context: self, pac })
    }
}

/// A certificate.
pub(super) struct Pac<'a> {
    context: &'a Context,
    pac: *mut c_void,
}

impl Drop for Pac<'_> {
    fn drop(&mut self) {
        // SAFETY: it was made by us with this context and is freed once.
        unsafe { krb5_pac_free(self.context.0, self.pac) }
    }
}

impl Pac<'_> {
    pub(super) fn is_signed_with(&self, Key { entry, .. }: &Key<'_>) -> bool {
        // SAFETY: certificate and key are there while this borrows them; no principal and no key of the domain's own are
        // given, so that the service's signature alone is checked. A failure of any kind is none.
        let code = unsafe {
            krb5_pac_verify(self.context.0, self.pac, 0, ptr::null(), &raw const entry.key, ptr::null())
        };
        code == 0
    }
}

/// The keys in a keytab, one after the other.
pub(super) struct Keys<'a> {
    context: &'a Context,
    keytab: *mut c_void,
    cursor: *mut c_void,
}

impl Drop for Keys<'_> {
    fn drop(&mut self) {
        if !self.cursor.is_null() {
            // SAFETY: the cursor was begun by us on this keytab and is ended once.
            let _ended = unsafe { krb5_kt_end_seq_get(self.context.0, self.keytab, &raw mut self.cursor) };
        }
        // SAFETY: the keytab was opened by us and is closed once.
        let _closed = unsafe { krb5_kt_close(self.context.0, self.keytab) };
    }
}

impl<'a> Keys<'a> {
    pub(super) fn open(context: &'a Context, name: &CStr) -> Result<Self, Code> {
        let mut keytab = ptr::null_mut();
        // SAFETY: the call reads `name` up to its zero byte, and writes `keytab`, which `Self` then owns.
        done(unsafe { krb5_kt_resolve(context.0, name.as_ptr(), &raw mut keytab) })?;
        let mut this = Self { context, keytab, cursor: ptr::null_mut() };
        // SAFETY: the keytab is open; the call writes `cursor`.
        done(unsafe { krb5_kt_start_seq_get(context.0, keytab, &raw mut this.cursor) })?;
        Ok(this)
    }

    /// None behind the last.
    pub(super) fn next(&mut self) -> Result<Option<Key<'a>>, Code> {
        let key = KeyBlock { magic: 0, enctype: 0, length: 0, contents: ptr::null_mut() };
        let mut entry = Entry { magic: 0, principal: ptr::null_mut(), timestamp: 0, version: 0, key };
        // SAFETY: keytab and cursor are open; the call writes `entry`, whose contents `Key` then owns.
        let code =
            unsafe { krb5_kt_next_entry(self.context.0, self.keytab, &raw mut entry, &raw mut self.cursor) };
        match code {
            0 => Ok(Some(Key { context: self.context.0, entry, _context: PhantomData })),
            KEYTAB_END => Ok(None),
            code => Err(code),
        }
    }
}

/// One key, wiped by the library when it is freed.
pub(super) struct Key<'a> {
    context: *mut c_void,
    entry: Entry,
    _context: PhantomData<&'a Context>,
}

impl Drop for Key<'_> {
    fn drop(&mut self) {
        // SAFETY: the contents were given to us by the library, with this context, and are freed once.
        let _freed = unsafe { krb5_free_keytab_entry_contents(self.context, &raw mut self.entry) };
    }
}
