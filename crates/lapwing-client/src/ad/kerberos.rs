//! Kerberos, by the system's library: tickets and the protection of a connection.
//!
//! The library blocks, for 17 seconds and more where nobody answers. So whatever may ask the domain runs on a thread of its
//! own, which is waited for until a deadline and then left to end by itself.

use core::{fmt, time::Duration};
use std::{
    ffi::CString,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

use lapwing_core::secret::{Password, SecretBytes};
use libgssapi::{
    context::{ClientCtx, CtxFlags, SecurityContext as _},
    credential::{Cred, CredUsage},
    error::Error as GssError,
    name::Name,
    oid::{GSS_MECH_KRB5, GSS_NT_KRB5_PRINCIPAL, OidSet},
};
use tokio::{
    sync::{Semaphore, oneshot},
    time::timeout,
};

use super::sys;

/// How many threads may wait for the domain at a time, those that nobody waits for any more included.
static WAITING: Semaphore = Semaphore::const_new(4);

/// Who asks, and how they prove it.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// A machine, by its keytab; its tickets stay in this process.
    Keytab {
        /// The file.
        keytab: PathBuf,
        /// The account as Kerberos names it, such as `HOST$@EXAMPLE.COM`.
        principal: String,
        /// A name for the tickets: another one begins without any.
        cache: String,
    },
    /// Whoever the caller's ticket cache belongs to (`kinit`).
    Tickets,
    /// A person, by the password that was asked for.
    Password {
        /// The account as Kerberos names it, such as `alice@EXAMPLE.COM`.
        principal: String,
        /// The password.
        password: Arc<Password>,
    },
}

/// Why there is no ticket, or no trust in a peer. Codes: RFC 4120 section 7.5.9; MIT Kerberos, `krb5_err.et`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KerberosError {
    /// The caller has no ticket.
    #[error("there is no Kerberos ticket")]
    NoTicket(#[source] GssFault),
    /// The ticket is no longer good.
    #[error("the Kerberos ticket has expired")]
    TicketExpired(#[source] GssFault),
    /// The keytab cannot be read or holds no key for the account.
    #[error("the keytab has no key for {principal}")]
    NoKey {
        /// Whose.
        principal: String,
        /// What the library said.
        source: GssFault,
    },
    /// The domain does not accept the key or the password.
    #[error("the domain does not accept the key or password of {principal}")]
    WrongKey {
        /// Whose.
        principal: String,
        /// What the library said.
        source: GssFault,
    },
    /// The domain does not know the account.
    #[error("the domain knows no account {principal}")]
    UnknownAccount {
        /// Which.
        principal: String,
        /// What the library said.
        source: GssFault,
    },
    /// The account is disabled, locked or expired.
    #[error("the account {principal} is disabled, locked or expired")]
    Revoked {
        /// Which.
        principal: String,
        /// What the library said.
        source: GssFault,
    },
    /// The clocks differ by more than the domain allows, which is five minutes.
    #[error("this host's clock and the domain's differ by more than Kerberos allows")]
    ClockSkew(#[source] GssFault),
    /// The domain and the key have no cipher in common.
    #[error("the domain accepts none of the ciphers that {principal} has keys for")]
    NoCommonCipher {
        /// Whose.
        principal: String,
        /// What the library said.
        source: GssFault,
    },
    /// No controller answers for Kerberos.
    #[error("no domain controller answers for Kerberos")]
    Unreachable(#[source] GssFault),
    /// The same, noticed by our own deadline.
    #[error("Kerberos did not answer within {0:?}")]
    TimedOut(Duration),
    /// The domain does not know the controller by this name.
    #[error("the domain knows no service {service}")]
    UnknownService {
        /// The service asked for.
        service: String,
        /// What the library said.
        source: GssFault,
    },
    /// Anything else.
    #[error("Kerberos failed")]
    Other(#[source] GssFault),
}

/// What the library said.
#[derive(Debug, Clone, Copy)]
pub struct GssFault(GssError);

impl GssFault {
    pub(super) const fn new(error: GssError) -> Self {
        Self(error)
    }
}

impl fmt::Display for GssFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl core::error::Error for GssFault {}

impl KerberosError {
    /// Whether another controller may do better.
    #[must_use]
    pub const fn is_about_controller(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::TimedOut(_) | Self::UnknownService { .. })
    }

    /// What to do about it.
    #[must_use]
    pub const fn next_step(&self) -> &'static str {
        match self {
            Self::NoTicket(_) => "get one with `kinit`, or name an account with --user",
            Self::TicketExpired(_) => "get a new one with `kinit`",
            Self::NoKey { .. } => "join this host to the domain, with `realm join` or `adcli join`",
            Self::WrongKey { .. } => {
                "if this is the host's own account, renew its key with `adcli update` or join it again; else check the password"
            }
            Self::UnknownAccount { .. } => {
                "check the name; if this is the host's own account, join it to the domain again"
            }
            Self::Revoked { .. } => "have the account enabled in the domain",
            Self::ClockSkew(_) => {
                "set the clock: a time service that the domain controllers use too keeps it right"
            }
            Self::NoCommonCipher { .. } => {
                "allow AES for the account in the domain and give it new keys, for a host by `adcli update --computer-password-lifetime=0`"
            }
            Self::Unreachable(_) | Self::TimedOut(_) => {
                "check that a domain controller can be reached on port 88 and that DNS names it"
            }
            Self::UnknownService { .. } => "name the controller by its full name as the domain knows it",
            Self::Other(_) => "look up the message; KRB5_TRACE=/dev/stderr shows what the library does",
        }
    }

    pub(super) fn of(error: GssError, principal: &str, service: &str) -> Self {
        let source = GssFault(error);
        let principal = || principal.to_owned();
        // The codes of RFC 4120 section 7.5.9 count from here in MIT Kerberos (`ERROR_TABLE_BASE_krb5`), and its own follow.
        match error.minor.wrapping_sub(0x96c7_3a00) {
            // KDC_ERR_C_PRINCIPAL_UNKNOWN.
            6 => Self::UnknownAccount { principal: principal(), source },
            // KDC_ERR_S_PRINCIPAL_UNKNOWN.
            7 => Self::UnknownService { service: service.to_owned(), source },
            // KDC_ERR_ETYPE_NOSUPP.
            14 => Self::NoCommonCipher { principal: principal(), source },
            // KDC_ERR_NAME_EXP, KDC_ERR_CLIENT_REVOKED.
            1 | 18 => Self::Revoked { principal: principal(), source },
            // KDC_ERR_KEY_EXPIRED, KDC_ERR_PREAUTH_FAILED, KRB_AP_ERR_BAD_INTEGRITY.
            23 | 24 | 31 => Self::WrongKey { principal: principal(), source },
            // KRB_AP_ERR_TKT_EXPIRED.
            32 => Self::TicketExpired(source),
            // KRB_AP_ERR_SKEW and KRB5_KDCREP_SKEW.
            37 | 148 => Self::ClockSkew(source),
            // KRB5_CC_NOTFOUND and KRB5_FCC_NOFILE.
            141 | 195 => Self::NoTicket(source),
            // KRB5_REALM_UNKNOWN, KRB5_KDC_UNREACH and KRB5_REALM_CANT_RESOLVE.
            154 | 156 | 220 => Self::Unreachable(source),
            // KRB5_KT_NOTFOUND and KRB5_KT_IOERR.
            181 | 184 => Self::NoKey { principal: principal(), source },
            _ if error.major.contains(libgssapi::error::MajorFlags::GSS_S_CREDENTIALS_EXPIRED) => {
                Self::TicketExpired(source)
            }
            _ => Self::Other(source),
        }
    }
}

/// The protection of one connection, from the first token on.
pub(super) struct Context(ClientCtx);

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Context")
    }
}

/// Gets what it takes to speak with `service`, such as `ldap/dc1.example.com@EXAMPLE.COM`, and the first token for it, within
/// `limit`.
pub(super) async fn begin(
    credentials: &Credentials,
    service: &str,
    binding: Option<Vec<u8>>,
    limit: Duration,
) -> Result<(Context, Vec<u8>), KerberosError> {
    let (credentials, service) = (credentials.clone(), service.to_owned());
    apart(limit, move || {
        let who = credentials.principal();
        let named = |error| KerberosError::of(error, who, &service);
        let credentials = credentials.acquire().map_err(named)?;
        let target = Name::new(service.as_bytes(), Some(&GSS_NT_KRB5_PRINCIPAL)).map_err(named)?;
        let flags = CtxFlags::GSS_C_MUTUAL_FLAG
            | CtxFlags::GSS_C_REPLAY_FLAG
            | CtxFlags::GSS_C_SEQUENCE_FLAG
            | CtxFlags::GSS_C_INTEG_FLAG
            | CtxFlags::GSS_C_CONF_FLAG;
        let mut context = ClientCtx::new(Some(credentials), target, flags, Some(&GSS_MECH_KRB5));
        let token = context.step(None, binding.as_deref()).map_err(named)?;
        Ok((Context(context), token.map(|token| token.to_vec()).unwrap_or_default()))
    })
    .await
}

/// Puts the machine's tickets into a file of its own, for a child that speaks with `service` alone: the one for that service,
/// and the one that it was got with. Within `limit`; the file must not be there yet.
pub(super) async fn tickets_in_file(
    keytab: &Path,
    principal: &str,
    service: &str,
    file: &Path,
    limit: Duration,
) -> Result<(), KerberosError> {
    let (keytab, file) = (file_name(keytab), file_name(file));
    let (principal, service) = (principal.to_owned(), service.to_owned());
    apart(limit, move || {
        let named = |error| KerberosError::of(error, &principal, &service);
        let credentials = sys::from_keytab(&principal, &keytab, &file).map_err(named)?;
        let target = Name::new(service.as_bytes(), Some(&GSS_NT_KRB5_PRINCIPAL)).map_err(named)?;
        // The tickets are got with the first token, which nobody is sent.
        let mut context =
            ClientCtx::new(Some(credentials), target, CtxFlags::GSS_C_MUTUAL_FLAG, Some(&GSS_MECH_KRB5));
        context.step(None, None).map(drop).map_err(named)
    })
    .await
}

/// How the library names a file: one with a zero byte in its name is none.
pub(super) fn file_name(path: &Path) -> CString {
    CString::new([b"FILE:", path.as_os_str().as_bytes()].concat()).unwrap_or_default()
}

/// Runs what may ask the domain on a thread of its own.
pub(super) async fn apart<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce() -> Result<T, KerberosError> + Send + 'static,
) -> Result<T, KerberosError> {
    let done = async {
        // The semaphore is never closed, and a thread that cannot be started answers nothing.
        let permit = WAITING.acquire().await.ok()?;
        let (tell, told) = oneshot::channel();
        let run = move || {
            let done = work();
            drop(permit);
            // Nobody waits any more if the deadline has passed.
            drop(tell.send(done));
        };
        thread::Builder::new().name("kerberos".to_owned()).spawn(run).ok()?;
        told.await.ok()
    };
    match timeout(limit, done).await {
        Ok(Some(done)) => done,
        Ok(None) | Err(_) => Err(KerberosError::TimedOut(limit)),
    }
}

impl Credentials {
    /// Who it is, for people.
    pub(super) fn principal(&self) -> &str {
        match self {
            Self::Keytab { principal, .. } | Self::Password { principal, .. } => principal,
            Self::Tickets => "the ticket's owner",
        }
    }

    fn acquire(&self) -> Result<Cred, GssError> {
        let name = |principal: &str| Name::new(principal.as_bytes(), Some(&GSS_NT_KRB5_PRINCIPAL));
        let mut mechanisms = OidSet::new()?;
        mechanisms.add(&GSS_MECH_KRB5)?;
        match self {
            Self::Keytab { keytab, principal, cache } => {
                // Neither can hold a zero byte: one is a path that was opened, the other our own.
                let text = |text: String| CString::new(text).unwrap_or_default();
                let keytab = text(format!("FILE:{}", keytab.display()));
                let cache = text(format!("MEMORY:{cache}"));
                sys::from_keytab(principal, &keytab, &cache)
            }
            Self::Tickets => Cred::acquire(None, None, CredUsage::Initiate, Some(&mechanisms)),
            Self::Password { principal, password } => Cred::acquire_with_password(
                Some(&name(principal)?),
                password.expose_secret(),
                None,
                CredUsage::Initiate,
                Some(&mechanisms),
            ),
        }
    }
}

impl Context {
    /// Takes the peer's token: the answer to it, none if it is the last.
    pub(super) fn step(&mut self, token: &[u8], service: &str) -> Result<Option<Vec<u8>>, KerberosError> {
        let step = self.0.step(Some(token), None).map_err(|error| KerberosError::of(error, "", service))?;
        Ok(step.map(|token| token.to_vec()))
    }

    /// Whether both sides have proved who they are.
    pub(super) fn is_complete(&self) -> bool {
        self.0.is_complete()
    }

    /// Encrypts and authenticates.
    pub(super) fn seal(&mut self, message: &[u8]) -> Result<Vec<u8>, GssFault> {
        self.0.wrap(true, message).map(|sealed| sealed.to_vec()).map_err(GssFault)
    }

    /// Decrypts what [`Self::seal`] of the other side made.
    pub(super) fn open(&mut self, sealed: &[u8]) -> Result<SecretBytes, GssFault> {
        self.0.unwrap(sealed).map(|message| SecretBytes::new(message.to_vec())).map_err(GssFault)
    }
}
