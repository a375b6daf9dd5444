//! The one call of GSSAPI that its bindings lack: a machine's credentials from a keytab and a ticket cache that are named,
//! so that neither is chosen by the environment; and a change of the environment, which Kerberos reads the rest from.
#![expect(unsafe_code, reason = "C functions, called for one purpose")]

use core::{
    ffi::{CStr, c_void},
    ptr,
};

use std::{env, ffi::OsStr, fs, io};

use libgssapi::{
    credential::Cred,
    error::{Error, MajorFlags},
};
use libgssapi_sys::{
    GSS_C_INITIATE, GSS_S_COMPLETE, gss_OID_desc, gss_OID_set_desc, gss_acquire_cred_from, gss_buffer_desc,
    gss_cred_id_t, gss_import_name, gss_key_value_element_desc, gss_key_value_set_desc, gss_name_t,
    gss_release_name,
};

/// As long as the domain gives. RFC 2744 section 5.2, `GSS_C_INDEFINITE`.
pub(super) const INDEFINITE: u32 = u32::MAX;

/// 1.2.840.113554.1.2.2: Kerberos. RFC 1964 section 1.
pub(super) static KERBEROS: [u8; 9] = *b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02";

/// 1.2.840.113554.1.2.2.1: a principal's name. RFC 1964 section 2.1.1.
static PRINCIPAL_NAME: [u8; 10] = *b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x01";

/// A name of the library's.
#[derive(Debug)]
pub(super) struct Name(gss_name_t);

// SAFETY: the library locks whatever it changes of a name; it belongs to no thread.
unsafe impl Send for Name {}

impl Name {
    /// Takes one that a call has made, and nobody else has.
    pub(super) const fn from_raw(name: gss_name_t) -> Self {
        Self(name)
    }

    /// For a call that reads it, while this one is there.
    pub(super) const fn as_raw(&self) -> gss_name_t {
        self.0
    }

    /// The name of a principal.
    pub(super) fn import(principal: &str) -> Result<Self, Error> {
        let mut text =
            gss_buffer_desc { length: principal.len(), value: principal.as_ptr().cast_mut().cast() };
        let mut kind = oid(&PRINCIPAL_NAME);
        let mut name: gss_name_t = ptr::null_mut();
        let mut minor = 0;
        // SAFETY: every pointer is to a value that outlives the call, which only reads `text` and `kind` and writes `minor`
        // and, if it succeeds, `name`, which `Self` then owns.
        let major = unsafe { gss_import_name(&raw mut minor, &raw mut text, &raw mut kind, &raw mut name) };
        done(major, minor).map(|()| Self(name))
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        let mut minor = 0;
        // SAFETY: the name was imported by us and is released once. It cannot fail for a name that there is.
        let _released = unsafe { gss_release_name(&raw mut minor, &raw mut self.0) };
    }
}

/// Credentials of `principal` from this keytab, with tickets kept in this cache. Tickets that are there and good are used;
/// others are asked of the domain, which blocks. MIT Kerberos, "Credential store extensions" of its GSSAPI.
///
/// # Errors
/// When the keytab cannot be read or the domain gives no ticket.
pub(super) fn from_keytab(principal: &str, keytab: &CStr, cache: &CStr) -> Result<Cred, Error> {
    let name = Name::import(principal)?;
    let mut mechanism = oid(&KERBEROS);
    let mut mechanisms = gss_OID_set_desc { count: 1, elements: &raw mut mechanism };
    let mut elements = [(c"client_keytab", keytab), (c"ccache", cache)]
        .map(|(key, value)| gss_key_value_element_desc { key: key.as_ptr(), value: value.as_ptr() });
    let store = gss_key_value_set_desc { count: 2, elements: elements.as_mut_ptr() };
    let mut minor = 0;
    let mut credentials: gss_cred_id_t = ptr::null_mut();
    // SAFETY: every pointer is to a value that outlives the call, `count` is the number of `elements`, whose strings end in
    // a zero byte; the call writes `minor` and, if it succeeds, `credentials`, which `Cred` then owns.
    let major = unsafe {
        gss_acquire_cred_from(
            &raw mut minor,
            name.0,
            INDEFINITE,
            &raw mut mechanisms,
            GSS_C_INITIATE.cast_signed(),
            &raw const store,
            &raw mut credentials,
            ptr::null_mut(),
            ptr::null_mut(),
        )
    };
    done(major, minor).map(|()| Cred::from(credentials))
}

/// Sets a variable of the environment, if this is the only thread of the process.
///
/// # Errors
/// When there are others, which may be reading the environment just now, or nobody says whether there are.
pub(super) fn set_variable(name: &str, value: &OsStr) -> io::Result<()> {
    if fs::read_dir("/proc/self/task")?.count() != 1 {
        return Err(io::Error::new(io::ErrorKind::ResourceBusy, "other threads run already"));
    }
    // SAFETY: nobody reads or writes the environment meanwhile: the only thread there is, is here.
    unsafe { env::set_var(name, value) };
    Ok(())
}

/// An identifier, which no call writes to.
pub(super) fn oid(bytes: &'static [u8]) -> gss_OID_desc {
    let elements = bytes.as_ptr().cast_mut().cast::<c_void>();
    // Identifiers are of a few bytes.
    gss_OID_desc { length: u32::try_from(bytes.len()).unwrap_or(0), elements }
}

/// Whether a call did what it was to do.
pub(super) fn done(major: u32, minor: u32) -> Result<(), Error> {
    if major == GSS_S_COMPLETE {
        Ok(())
    } else {
        Err(Error { major: MajorFlags::from_bits_retain(major), minor })
    }
}
