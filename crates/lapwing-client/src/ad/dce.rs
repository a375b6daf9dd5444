//! Kerberos in the style of DCE: what protects the call that gets a group key, on the caller's side and on the service's.
//! [MS-KILE] 3.4.5.4.1; [MS-SPNG] 3.

mod sys;

use core::time::Duration;
use std::{ffi::CString, path::Path, sync::Arc};

use lapwing_dpapi::rpc::{Message, Seal, pdu::AuthKind};
use libgssapi::error::Error as GssError;

use self::sys::{Caller as CallerName, Context, Cred, Mechanism, Parts};
use super::{
    kerberos::{Credentials, GssFault, KerberosError, apart, file_name},
    sys::Name,
};

/// `KERB_VALIDATION_INFO` of the caller's ticket, as MIT Kerberos names it. [MS-PAC] 2.5.
const LOGON_INFO: &str = "urn:mspac:logon-info";
/// The whole certificate.
const CERTIFICATE: &str = "urn:mspac:";

/// Why a security context does not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContextError {
    /// The library refuses what came.
    #[error("Kerberos refuses it")]
    Refused(#[source] GssFault),
    /// The peer agreed to less protection than there must be.
    #[error("the peer agrees to less protection than it takes")]
    Weak,
    /// A message is signed and not encrypted.
    #[error("it is not encrypted")]
    Clear,
}

impl From<GssError> for ContextError {
    fn from(error: GssError) -> Self {
        Self::Refused(GssFault::new(error))
    }
}

/// One side of a connection that Kerberos protects.
#[derive(Debug)]
pub struct SecurityContext {
    context: Context,
    side: Side,
}

#[derive(Debug)]
enum Side {
    Initiator { credentials: Cred, target: Name, mechanism: Mechanism },
    Acceptor { credentials: Arc<Cred>, caller: Option<CallerName> },
}

/// A service's keys, by which its callers prove who they are.
#[derive(Debug, Clone)]
pub struct Acceptor(Arc<Cred>);

/// Who has proved to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The name, such as `alice@EXAMPLE.COM`.
    pub principal: String,
    /// The whole certificate that this stands in, by which its signature can be checked once more. [MS-PAC] 2.3.
    pub certificate: Option<Vec<u8>>,
    /// What the domain says of the caller's groups: `KERB_VALIDATION_INFO` of the ticket, whose signature was checked with the
    /// service's key. [MS-PAC] 2.5. None if the ticket has none.
    pub logon_info: Option<Vec<u8>>,
}

impl Acceptor {
    /// Whatever services the keytab has keys of. Blocks on the disk.
    ///
    /// # Errors
    /// When it cannot be read or has no key.
    pub fn from_keytab(keytab: &Path) -> Result<Self, GssFault> {
        Cred::accept(&file_name(keytab)).map(|credentials| Self(Arc::new(credentials))).map_err(GssFault::new)
    }

    /// The service's side of a new connection. Its steps block on the disk: the keytab is read, and tickets that were shown
    /// are recorded.
    #[must_use]
    pub fn accept(&self) -> SecurityContext {
        let side = Side::Acceptor { credentials: Arc::clone(&self.0), caller: None };
        SecurityContext { context: Context::none(), side }
    }
}

impl SecurityContext {
    /// Gets what it takes to speak with `service`, such as `host/dc1.example.com@EXAMPLE.COM`, and the first token for it,
    /// within `limit`.
    pub(super) async fn begin(
        credentials: &Credentials,
        service: &str,
        kind: AuthKind,
        limit: Duration,
    ) -> Result<(Self, Vec<u8>), KerberosError> {
        let (credentials, service) = (credentials.clone(), service.to_owned());
        apart(limit, move || {
            // Kerberos by itself first: it tells why it fails, in codes that SPNEGO does not pass on; what it gets is kept; and a
            // wrong password is tried once.
            let begun = Self::initiate(&credentials, &service, Mechanism::Kerberos);
            let begun = match kind {
                AuthKind::Kerberos => begun,
                AuthKind::Negotiate => {
                    begun.and_then(|_| Self::initiate(&credentials, &service, Mechanism::Negotiate))
                }
            };
            begun.map_err(|error| KerberosError::of(error, credentials.principal(), &service))
        })
        .await
    }

    fn initiate(
        credentials: &Credentials,
        service: &str,
        mechanism: Mechanism,
    ) -> Result<(Self, Vec<u8>), GssError> {
        let credentials = acquire(credentials, mechanism)?;
        let target = Name::import(service)?;
        let mut context = Context::none();
        let first = context.initiate(&credentials, &target, mechanism, &[])?;
        Ok((Self { context, side: Side::Initiator { credentials, target, mechanism } }, first.token))
    }

    /// Who asks; none before that is proved, and on the caller's own side.
    ///
    /// # Errors
    /// When the library does not tell the name.
    pub fn caller(&self) -> Result<Option<Caller>, GssFault> {
        let Side::Acceptor { caller: Some(caller), .. } = &self.side else { return Ok(None) };
        if !self.context.is_complete() {
            return Ok(None);
        }
        let principal = caller.principal().map_err(GssFault::new)?;
        Ok(Some(Caller {
            principal: String::from_utf8_lossy(&principal).into_owned(),
            certificate: caller.attribute(CERTIFICATE).ok().flatten(),
            // A name that lacks the attribute has an error for it.
            logon_info: caller.attribute(LOGON_INFO).ok().flatten(),
        }))
    }
}

fn acquire(credentials: &Credentials, mechanism: Mechanism) -> Result<Cred, GssError> {
    match credentials {
        Credentials::Keytab { keytab, principal, cache } => {
            let keytab = file_name(keytab);
            // It is a name of our own, and has no zero byte.
            let cache = CString::new(format!("MEMORY:{cache}")).unwrap_or_default();
            Cred::initiate(Some(principal), mechanism, &[(c"client_keytab", &keytab), (c"ccache", &cache)])
        }
        Credentials::Tickets => Cred::initiate(None, mechanism, &[]),
        Credentials::Password { principal, password } => {
            Cred::with_password(principal, password.expose_secret(), mechanism)
        }
    }
}

impl Seal for SecurityContext {
    type Error = ContextError;

    fn step(&mut self, token: &[u8]) -> Result<Vec<u8>, ContextError> {
        let stepped = match &mut self.side {
            Side::Initiator { credentials, target, mechanism } => {
                self.context.initiate(credentials, target, *mechanism, token)?
            }
            Side::Acceptor { credentials, caller } => {
                let (stepped, now) = self.context.accept(credentials, token)?;
                *caller = now.or(caller.take());
                stepped
            }
        };
        if stepped.is_weak { Err(ContextError::Weak) } else { Ok(stepped.token) }
    }

    fn is_complete(&self) -> bool {
        self.context.is_complete()
    }

    fn signature_len(&mut self, body_len: usize) -> Result<usize, ContextError> {
        // It does not depend on what is signed and not encrypted.
        Ok(self.context.signature_len([0, body_len, 0])?)
    }

    fn seal(&mut self, Message { header, body, trailer }: Message<'_>) -> Result<Vec<u8>, ContextError> {
        let mut signature = vec![0; self.signature_len(body.len())?];
        let is_private = self.context.wrap(Parts { header, body, trailer }, &mut signature)?;
        if is_private { Ok(signature) } else { Err(ContextError::Clear) }
    }

    fn open(
        &mut self,
        Message { header, body, trailer }: Message<'_>,
        signature: &[u8],
    ) -> Result<(), ContextError> {
        // It is decrypted in place too.
        let is_private = self.context.unwrap(Parts { header, body, trailer }, &mut signature.to_vec())?;
        if is_private { Ok(()) } else { Err(ContextError::Clear) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acceptor() -> Acceptor {
        let keytab = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../lapwing-proto/src/ad/keytab/fixtures/adcli-updated");
        Acceptor::from_keytab(&keytab).unwrap()
    }

    #[test]
    fn nobody_gets_in_by_tokens_that_are_none() {
        // Of Kerberos, of SPNEGO and of NTLM, as far as their first bytes go.
        for token in [&b"n\x03\x02\x01\x00"[..], b"`\x06\x06\x04+\x06\x01\x05", b"NTLMSSP\0\x01\0\0\0", b"x"]
        {
            let mut context = acceptor().accept();
            assert!(matches!(context.step(token), Err(ContextError::Refused(_))), "{token:?}");
            assert!(!context.is_complete() && context.caller().unwrap().is_none());
        }
    }

    #[test]
    fn nothing_is_sealed_or_opened_before_both_have_proved_who_they_are() {
        let mut context = acceptor().accept();
        assert!(matches!(context.signature_len(16), Err(ContextError::Refused(_))));
        let mut body = [7; 16];
        let message = Message { header: &[1; 24], body: &mut body, trailer: &[2; 8] };
        assert!(matches!(context.seal(message), Err(ContextError::Refused(_))));
        let message = Message { header: &[1; 24], body: &mut body, trailer: &[2; 8] };
        assert!(matches!(context.open(message, &[3; 76]), Err(ContextError::Refused(_))));
        assert_eq!(body, [7; 16]);
    }

    #[test]
    fn a_service_without_keys_is_none() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Acceptor::from_keytab(&folder.path().join("missing")).is_err());
        assert!(Acceptor::from_keytab(folder.path()).is_err());
    }
}
