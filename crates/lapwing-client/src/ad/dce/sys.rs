//! What DCE/RPC takes of GSSAPI that its bindings lack: contexts in the style of DCE, messages whose parts lie apart, the
//! acceptor's keytab, and what the domain says of a caller. RFC 2743, RFC 2744; MIT Kerberos, "Developing with GSSAPI".
#![expect(unsafe_code, reason = "C functions, called for one purpose")]

use core::{
    ffi::{CStr, c_int},
    ptr, slice,
};

use libgssapi::error::Error;
use libgssapi_sys::{
    GSS_C_ACCEPT, GSS_C_CONF_FLAG, GSS_C_DCE_STYLE, GSS_C_INITIATE, GSS_C_INTEG_FLAG, GSS_C_MUTUAL_FLAG,
    GSS_C_REPLAY_FLAG, GSS_C_SEQUENCE_FLAG, GSS_IOV_BUFFER_TYPE_DATA, GSS_IOV_BUFFER_TYPE_HEADER,
    GSS_IOV_BUFFER_TYPE_SIGN_ONLY, gss_OID_desc, gss_OID_set_desc, gss_accept_sec_context,
    gss_acquire_cred_from, gss_acquire_cred_with_password, gss_buffer_desc, gss_cred_id_t, gss_ctx_id_t,
    gss_delete_sec_context, gss_display_name, gss_get_name_attribute, gss_init_sec_context,
    gss_iov_buffer_desc, gss_key_value_element_desc, gss_key_value_set_desc, gss_name_t, gss_release_buffer,
    gss_release_cred, gss_set_neg_mechs, gss_unwrap_iov, gss_wrap_iov, gss_wrap_iov_length,
};

use crate::ad::sys::{INDEFINITE, KERBEROS, Name, done, oid};

/// 1.3.6.1.5.5.2: SPNEGO. RFC 4178 section 1.
static SPNEGO: [u8; 6] = *b"\x2b\x06\x01\x05\x05\x02";

/// `GSS_S_CONTINUE_NEEDED`. RFC 2744 section 3.9.1.
const CONTINUE: u32 = 1;
/// `GSS_S_GAP_TOKEN`: all is well but that a message before it has not come. RFC 2744 section 3.9.1.
const GAP: u32 = 1 << 4;

/// What a context must have, on either side.
const WANTED: u32 = GSS_C_MUTUAL_FLAG
    | GSS_C_REPLAY_FLAG
    | GSS_C_SEQUENCE_FLAG
    | GSS_C_CONF_FLAG
    | GSS_C_INTEG_FLAG
    | GSS_C_DCE_STYLE;

/// By what both sides prove who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mechanism {
    Kerberos,
    Negotiate,
}

impl Mechanism {
    fn oid(self) -> gss_OID_desc {
        match self {
            Self::Kerberos => oid(&KERBEROS),
            Self::Negotiate => oid(&SPNEGO),
        }
    }
}

/// Credentials of one side.
#[derive(Debug)]
pub(super) struct Cred(gss_cred_id_t);

// SAFETY: the library locks whatever it changes of credentials; they belong to no thread.
unsafe impl Send for Cred {}
// SAFETY: the same; nothing here changes them but `only_kerberos`, which has them to itself.
unsafe impl Sync for Cred {}

impl Drop for Cred {
    fn drop(&mut self) {
        let mut minor = 0;
        // SAFETY: they were acquired by us and are released once. It cannot fail for credentials that there are.
        let _released = unsafe { gss_release_cred(&raw mut minor, &raw mut self.0) };
    }
}

impl Cred {
    /// Those of `principal`, or of whomever the caller's environment has tickets for, from a store of these members.
    /// Blocks where the domain has to be asked.
    pub(super) fn initiate(
        principal: Option<&str>,
        mechanism: Mechanism,
        store: &[(&CStr, &CStr)],
    ) -> Result<Self, Error> {
        let name = principal.map(Name::import).transpose()?;
        Self::acquire(name.as_ref(), &mut [mechanism.oid()], GSS_C_INITIATE, store)?.only_kerberos(mechanism)
    }

    /// Those of `principal`, by the password. Blocks.
    pub(super) fn with_password(
        principal: &str,
        password: &str,
        mechanism: Mechanism,
    ) -> Result<Self, Error> {
        let name = Name::import(principal)?;
        let mut password = input(password.as_bytes());
        let mut mechanism_oid = mechanism.oid();
        let mut mechanisms = gss_OID_set_desc { count: 1, elements: &raw mut mechanism_oid };
        let (mut minor, mut cred) = (0, ptr::null_mut());
        // SAFETY: every pointer is to a value that outlives the call, which reads all of them but `minor` and, if it
        // succeeds, `cred`, which `Self` then owns.
        let major = unsafe {
            gss_acquire_cred_with_password(
                &raw mut minor,
                name.as_raw(),
                &raw mut password,
                INDEFINITE,
                &raw mut mechanisms,
                GSS_C_INITIATE.cast_signed(),
                &raw mut cred,
                ptr::null_mut(),
                ptr::null_mut(),
            )
        };
        done(major, minor)?;
        Self(cred).only_kerberos(mechanism)
    }

    /// Those of every service that the keytab has keys of, by Kerberos alone or inside SPNEGO.
    pub(super) fn accept(keytab: &CStr) -> Result<Self, Error> {
        let mut mechanisms = [Mechanism::Negotiate.oid(), Mechanism::Kerberos.oid()];
        Self::acquire(None, &mut mechanisms, GSS_C_ACCEPT, &[(c"keytab", keytab)])?
            .only_kerberos(Mechanism::Negotiate)
    }

    fn acquire(
        name: Option<&Name>,
        mechanisms: &mut [gss_OID_desc],
        usage: u32,
        store: &[(&CStr, &CStr)],
    ) -> Result<Self, Error> {
        let mut elements: Vec<_> = store
            .iter()
            .map(|(key, value)| gss_key_value_element_desc { key: key.as_ptr(), value: value.as_ptr() })
            .collect();
        // There are at most two.
        let count = u32::try_from(elements.len()).unwrap_or(0);
        let set = gss_key_value_set_desc { count, elements: elements.as_mut_ptr() };
        let set = if store.is_empty() { ptr::null() } else { &raw const set };
        let mut mechanisms = gss_OID_set_desc { count: mechanisms.len(), elements: mechanisms.as_mut_ptr() };
        let (mut minor, mut cred) = (0, ptr::null_mut());
        // SAFETY: every pointer is to a value that outlives the call, or null where that is allowed; each count is that of
        // its elements, whose strings end in a zero byte; the call writes `minor` and, if it succeeds, `cred`, which `Self`
        // then owns.
        let major = unsafe {
            gss_acquire_cred_from(
                &raw mut minor,
                name.map_or(ptr::null_mut(), Name::as_raw),
                INDEFINITE,
                &raw mut mechanisms,
                usage.cast_signed(),
                set,
                &raw mut cred,
                ptr::null_mut(),
                ptr::null_mut(),
            )
        };
        done(major, minor).map(|()| Self(cred))
    }

    /// Keeps SPNEGO from agreeing on anything but Kerberos.
    fn only_kerberos(self, mechanism: Mechanism) -> Result<Self, Error> {
        if mechanism == Mechanism::Kerberos {
            return Ok(self);
        }
        let mut kerberos = Mechanism::Kerberos.oid();
        let mut mechanisms = gss_OID_set_desc { count: 1, elements: &raw mut kerberos };
        let mut minor = 0;
        // SAFETY: the credentials are ours alone; the set outlives the call, which copies it, and writes only `minor`.
        let major = unsafe { gss_set_neg_mechs(&raw mut minor, self.0, &raw mut mechanisms) };
        done(major, minor).map(|()| self)
    }
}

/// Bytes for a call that only reads them.
fn input(bytes: &[u8]) -> gss_buffer_desc {
    gss_buffer_desc { length: bytes.len(), value: bytes.as_ptr().cast_mut().cast() }
}

/// Bytes that a call has allocated.
struct Output(gss_buffer_desc);

impl Output {
    const fn none() -> Self {
        Self(gss_buffer_desc { length: 0, value: ptr::null_mut() })
    }

    fn to_vec(&self) -> Vec<u8> {
        if self.0.value.is_null() {
            return Vec::new();
        }
        // SAFETY: the library has filled the buffer with `length` bytes, which live until it is released.
        unsafe { slice::from_raw_parts(self.0.value.cast::<u8>(), self.0.length) }.to_vec()
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        let mut minor = 0;
        // SAFETY: the buffer is the library's or empty, and is released once.
        let _released = unsafe { gss_release_buffer(&raw mut minor, &raw mut self.0) };
    }
}

/// A security context, begun or complete.
#[derive(Debug)]
pub(super) struct Context {
    id: gss_ctx_id_t,
    is_complete: bool,
    /// Whether a message of the peer has been opened.
    has_opened: bool,
}

// SAFETY: a context belongs to no thread, and every call that takes it here takes it mutably.
unsafe impl Send for Context {}

impl Drop for Context {
    fn drop(&mut self) {
        let mut minor = 0;
        // SAFETY: the context is ours or null, and is deleted once.
        let _deleted = unsafe { gss_delete_sec_context(&raw mut minor, &raw mut self.id, ptr::null_mut()) };
    }
}

/// What came of a step.
#[derive(Debug)]
pub(super) struct Stepped {
    /// The next token, empty if there is none.
    pub(super) token: Vec<u8>,
    /// Whether the context is complete, and has less than it must have.
    pub(super) is_weak: bool,
}

/// One message in parts, in the order in which they are signed.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    pub(super) header: &'a [u8],
    pub(super) body: &'a mut [u8],
    pub(super) trailer: &'a [u8],
}

impl Context {
    pub(super) const fn none() -> Self {
        Self { id: ptr::null_mut(), is_complete: false, has_opened: false }
    }

    pub(super) const fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// The initiator's next step; the first takes no token, and may block.
    pub(super) fn initiate(
        &mut self,
        cred: &Cred,
        target: &Name,
        mechanism: Mechanism,
        token: &[u8],
    ) -> Result<Stepped, Error> {
        let (mut given, mut next) = (input(token), Output::none());
        let mut mechanism = mechanism.oid();
        let (mut minor, mut flags) = (0, 0);
        // SAFETY: every pointer is to a value that outlives the call, or null where that is allowed; the call reads `given`
        // and `mechanism`, and writes `minor`, `flags`, `next`, which owns what it is given, and our own context.
        let major = unsafe {
            gss_init_sec_context(
                &raw mut minor,
                cred.0,
                &raw mut self.id,
                target.as_raw(),
                &raw mut mechanism,
                WANTED,
                0,
                ptr::null_mut(),
                if token.is_empty() { ptr::null_mut() } else { &raw mut given },
                ptr::null_mut(),
                &raw mut next.0,
                &raw mut flags,
                ptr::null_mut(),
            )
        };
        self.stepped(major, minor, flags, &next)
    }

    /// The acceptor's next step, and the caller's name once it is known.
    pub(super) fn accept(&mut self, cred: &Cred, token: &[u8]) -> Result<(Stepped, Option<Caller>), Error> {
        let (mut given, mut next) = (input(token), Output::none());
        let mut caller: gss_name_t = ptr::null_mut();
        let (mut minor, mut flags) = (0, 0);
        // SAFETY: every pointer is to a value that outlives the call, or null where that is allowed; the call reads `given`
        // and writes `minor`, `flags`, `next`, which owns what it is given, `caller`, and our own context.
        let major = unsafe {
            gss_accept_sec_context(
                &raw mut minor,
                &raw mut self.id,
                cred.0,
                &raw mut given,
                ptr::null_mut(),
                &raw mut caller,
                ptr::null_mut(),
                &raw mut next.0,
                &raw mut flags,
                ptr::null_mut(),
                ptr::null_mut(),
            )
        };
        let caller = (!caller.is_null()).then(|| Caller(Name::from_raw(caller)));
        Ok((self.stepped(major, minor, flags, &next)?, caller))
    }

    fn stepped(&mut self, major: u32, minor: u32, flags: u32, next: &Output) -> Result<Stepped, Error> {
        if major != CONTINUE {
            done(major, minor)?;
            self.is_complete = true;
        }
        let is_weak = self.is_complete && flags & WANTED != WANTED;
        Ok(Stepped { token: next.to_vec(), is_weak })
    }

    /// How long the signature of such a message is.
    pub(super) fn signature_len(&mut self, lens: [usize; 3]) -> Result<usize, Error> {
        let [header, body, trailer] = lens.map(|length| gss_buffer_desc { length, value: ptr::null_mut() });
        let none = gss_buffer_desc { length: 0, value: ptr::null_mut() };
        let mut parts = in_order(header, body, trailer, none);
        let mut minor = 0;
        // SAFETY: the context is complete or null, which is refused; of the parts only types and lengths are read, and
        // lengths written.
        let major = unsafe {
            gss_wrap_iov_length(&raw mut minor, self.id, 1, 0, ptr::null_mut(), parts.as_mut_ptr(), PARTS)
        };
        let [.., signature] = parts;
        done(major, minor).map(|()| signature.buffer.length)
    }

    /// Encrypts the body in place and fills the signature: whether it was encrypted, and the signature filled.
    pub(super) fn wrap(&mut self, message: Parts<'_>, signature: &mut [u8]) -> Result<bool, Error> {
        let len = signature.len();
        let mut parts = parts(message, signature);
        let (mut minor, mut is_private) = (0, 0);
        // SAFETY: each part is of its slice, which outlives the call: body and signature are written within their lengths,
        // those that are only signed are only read; `minor` and `is_private` are written.
        let major = unsafe {
            gss_wrap_iov(&raw mut minor, self.id, 1, 0, &raw mut is_private, parts.as_mut_ptr(), PARTS)
        };
        let [.., signature] = parts;
        done(major, minor).map(|()| is_private != 0 && signature.buffer.length == len)
    }

    /// Decrypts the body in place, with the signature, which is spoilt by that: whether it was encrypted.
    pub(super) fn unwrap(&mut self, message: Parts<'_>, signature: &mut [u8]) -> Result<bool, Error> {
        let mut parts = parts(message, signature);
        let (mut minor, mut is_private) = (0, 0);
        // SAFETY: as in `wrap`.
        let major = unsafe {
            gss_unwrap_iov(
                &raw mut minor,
                self.id,
                &raw mut is_private,
                ptr::null_mut(),
                parts.as_mut_ptr(),
                PARTS,
            )
        };
        // A message that came before, or out of sequence, has a status of its own beside completeness. SPNEGO may have had a
        // token signed that the library does not check where nothing was to be chosen: it is missing before the first.
        let is_first = !core::mem::replace(&mut self.has_opened, true);
        done(if is_first && major == GAP { 0 } else { major }, minor).map(|()| is_private != 0)
    }
}

/// How many parts a message has for the library.
const PARTS: c_int = 4;

fn in_order(
    header: gss_buffer_desc,
    body: gss_buffer_desc,
    trailer: gss_buffer_desc,
    signature: gss_buffer_desc,
) -> [gss_iov_buffer_desc; 4] {
    [
        (GSS_IOV_BUFFER_TYPE_SIGN_ONLY, header),
        (GSS_IOV_BUFFER_TYPE_DATA, body),
        (GSS_IOV_BUFFER_TYPE_SIGN_ONLY, trailer),
        (GSS_IOV_BUFFER_TYPE_HEADER, signature),
    ]
    .map(|(type_, buffer)| gss_iov_buffer_desc { type_, buffer })
}

fn parts(message: Parts<'_>, signature: &mut [u8]) -> [gss_iov_buffer_desc; 4] {
    let output = |bytes: &mut [u8]| gss_buffer_desc { length: bytes.len(), value: bytes.as_mut_ptr().cast() };
    in_order(input(message.header), output(message.body), input(message.trailer), output(signature))
}

/// Who has proved to be there.
#[derive(Debug)]
pub(super) struct Caller(Name);

impl Caller {
    /// The name, such as `alice@EXAMPLE.COM`.
    pub(super) fn principal(&self) -> Result<Vec<u8>, Error> {
        let (mut minor, mut text) = (0, Output::none());
        // SAFETY: the name is ours; the call writes `minor` and `text`, which owns what it is given.
        let major =
            unsafe { gss_display_name(&raw mut minor, self.0.as_raw(), &raw mut text.0, ptr::null_mut()) };
        done(major, minor).map(|()| text.to_vec())
    }

    /// An attribute of the name: its value, if it is proved.
    pub(super) fn attribute(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let mut attribute = input(name.as_bytes());
        let (mut value, mut display) = (Output::none(), Output::none());
        // That there is one more after it is not asked for: these attributes have one value.
        let (mut minor, mut is_proved, mut is_complete, mut more) = (0, 0, 0, -1);
        // SAFETY: the name is ours; the call reads `attribute`, and writes the others, of which each buffer owns what it is
        // given.
        let major = unsafe {
            gss_get_name_attribute(
                &raw mut minor,
                self.0.as_raw(),
                &raw mut attribute,
                &raw mut is_proved,
                &raw mut is_complete,
                &raw mut value.0,
                &raw mut display.0,
                &raw mut more,
            )
        };
        done(major, minor).map(|()| (is_proved != 0 && is_complete != 0).then(|| value.to_vec()))
    }
}
