//! The server's TLS identity: of its own authority, renewed while running, or the operator's.

use core::time::Duration;
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use lapwing_core::types::FileTime;
use tokio_rustls::rustls::{
    self, CertificateError, DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig,
    SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, UnixTime, pem::PemObject as _},
    server::{
        ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
    sign::CertifiedKey,
};

use crate::{
    keys::{
        KeyError,
        authority::{Authority, TLS_LIFE, TlsIdentity},
    },
    os,
};

/// How often to see whether our own certificate is old. The wall clock tells, not a long timer: a timer stands still
/// while the host is suspended, and what fails once is tried again.
const AGE_CHECK: Duration = Duration::from_secs(3600);

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    #[error("{path} holds no usable certificate or key in PEM")]
    Pem { path: PathBuf, source: rustls::pki_types::pem::Error },
    #[error("the certificate and its key do not fit")]
    Identity(#[from] rustls::Error),
    #[error("the authority's certificate cannot be used for devices")]
    Devices(#[from] rustls::server::VerifierBuilderError),
    #[error("a certificate cannot be issued")]
    Issue(#[from] KeyError),
}

impl TlsError {
    pub(crate) const fn next_step(&self) -> &'static str {
        match self {
            Self::Pem { .. } | Self::Identity(_) => {
                "let server.toml name a certificate chain in PEM, its leaf first, and the leaf's private key"
            }
            Self::Devices(_) | Self::Issue(_) => "restore database and kek.toml from the same backup",
        }
    }
}

/// The identity in use; it may be replaced while connections go on.
#[derive(Debug)]
pub(crate) struct Identity(RwLock<Arc<CertifiedKey>>);

impl Identity {
    pub(crate) fn new(identity: TlsIdentity) -> Result<Self, TlsError> {
        Ok(Self(RwLock::new(certified(identity)?)))
    }

    /// Replaces a certificate of our own authority, last issued at `issued`, after two thirds of its life, for ever.
    pub(crate) async fn renew(&self, authority: &Authority, hosts: &BTreeSet<String>, mut issued: FileTime) {
        loop {
            tokio::time::sleep(AGE_CHECK).await;
            let now = os::now();
            if now < issued.saturating_add(TLS_LIFE / 3 * 2) {
                continue;
            }
            match self.reissue(authority, hosts, now) {
                Ok(()) => {
                    issued = now;
                    tracing::info!("Renewed the TLS certificate");
                }
                Err(error) => tracing::error!(%error, "Could not renew the TLS certificate"),
            }
        }
    }

    /// From here on new connections see another certificate.
    fn reissue(
        &self,
        authority: &Authority,
        hosts: &BTreeSet<String>,
        now: FileTime,
    ) -> Result<(), TlsError> {
        let certified = certified(authority.issue_tls(hosts, now, &mut os::rng())?)?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = certified;
        Ok(())
    }
}

fn certified(identity: TlsIdentity) -> Result<Arc<CertifiedKey>, TlsError> {
    let provider = aws_lc_rs::default_provider();
    Ok(Arc::new(CertifiedKey::from_der(identity.chain, identity.key, &provider)?))
}

impl ResolvesServerCert for Identity {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// Reads the operator's own chain and key.
pub(crate) fn read_identity(certificate: &Path, key: &Path) -> Result<TlsIdentity, TlsError> {
    let pem = |path: &Path| {
        let path = path.to_owned();
        move |source| TlsError::Pem { path, source }
    };
    Ok(TlsIdentity {
        chain: CertificateDer::pem_file_iter(certificate)
            .and_then(Iterator::collect)
            .map_err(pem(certificate))?,
        key: PrivateKeyDer::from_pem_file(key).map_err(pem(key))?,
    })
}

/// TLS 1.2 and 1.3 without a question for a certificate, which a browser would pass on to its user.
pub(crate) fn for_everybody(identity: Arc<Identity>) -> Result<ServerConfig, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(identity);
    Ok(http_1(config))
}

/// TLS 1.2 and 1.3; a device may show its certificate, and one that has none yet need not. Nothing is resumed: devices
/// prove themselves anew each time, and tickets for thousands would take memory for nothing.
pub(crate) fn for_devices(identity: Arc<Identity>, authority: &Authority) -> Result<ServerConfig, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate().clone())?;
    let devices = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .allow_unauthenticated()
        .build()?;
    let devices = Arc::new(AtAnyTime(devices));
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(devices)
        .with_cert_resolver(identity);
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(http_1(config))
}

/// Accepts a device's certificate that has ended too, for it may still be good for its renewal. What a certificate is good
/// for is judged by its date and more in `register::device_certificate`, through which every use of one goes.
#[derive(Debug)]
struct AtAnyTime(Arc<dyn ClientCertVerifier>);

impl ClientCertVerifier for AtAnyTime {
    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        match self.0.verify_client_cert(end_entity, intermediates, now) {
            // All the rest is verified as of its last moment.
            Err(rustls::Error::InvalidCertificate(CertificateError::ExpiredContext {
                not_after, ..
            })) => self.0.verify_client_cert(end_entity, intermediates, not_after),
            verified => verified,
        }
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.0.client_auth_mandatory()
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

fn http_1(mut config: ServerConfig) -> ServerConfig {
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}

#[cfg(test)]
mod tests {
    use core::sync::atomic::{AtomicBool, Ordering};

    use tokio_rustls::rustls::{
        ClientConfig, ClientConnection, ServerConnection, client::ResolvesClientCert,
    };

    use super::*;

    const HOST: &str = "laps.example";
    const DAY: Duration = Duration::from_secs(86_400);

    /// Has no certificate, and remembers whether it was asked for one.
    #[derive(Debug, Default)]
    struct Asked(AtomicBool);

    impl ResolvesClientCert for Asked {
        fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
            self.0.store(true, Ordering::SeqCst);
            None
        }

        fn has_certs(&self) -> bool {
            true
        }
    }

    /// The certificate that a client of today accepts in a handshake.
    fn presented(server: &Arc<ServerConfig>, authority: &Authority) -> CertificateDer<'static> {
        shaken(server, authority, &Arc::default())
    }

    fn shaken(
        server: &Arc<ServerConfig>,
        authority: &Authority,
        asked: &Arc<Asked>,
    ) -> CertificateDer<'static> {
        let mut roots = RootCertStore::empty();
        roots.add(authority.certificate().clone()).unwrap();
        let client = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_client_cert_resolver(Arc::clone(asked) as Arc<dyn ResolvesClientCert>);
        let mut client = ClientConnection::new(Arc::new(client), HOST.try_into().unwrap()).unwrap();
        let mut server = ServerConnection::new(Arc::clone(server)).unwrap();
        while client.is_handshaking() {
            let mut bytes = Vec::new();
            client.write_tls(&mut bytes).unwrap();
            server.read_tls(&mut bytes.as_slice()).unwrap();
            server.process_new_packets().unwrap();
            bytes.clear();
            server.write_tls(&mut bytes).unwrap();
            client.read_tls(&mut bytes.as_slice()).unwrap();
            client.process_new_packets().unwrap();
        }
        client.peer_certificates().unwrap()[0].clone().into_owned()
    }

    /// Before and after a day of checks, the certificate having been issued that long ago.
    async fn certificates_after(age: Duration) -> [CertificateDer<'static>; 2] {
        let now = os::now();
        let (certificate, key) = Authority::generate("Example", now, &mut os::rng()).unwrap();
        let authority = Authority::open(&certificate, &key).unwrap();
        let issued = FileTime::from_unix(now.since_unix().saturating_sub(age)).unwrap();
        let hosts = BTreeSet::from([HOST.to_owned()]);
        let identity = authority.issue_tls(&hosts, issued, &mut os::rng()).unwrap();
        let identity = Arc::new(Identity::new(identity).unwrap());
        let server = Arc::new(for_everybody(Arc::clone(&identity)).unwrap());
        let before = presented(&server, &authority);
        tokio::time::timeout(DAY, identity.renew(&authority, &hosts, issued)).await.unwrap_err();
        [before, presented(&server, &authority)]
    }

    #[test]
    fn only_devices_are_asked_for_a_certificate_and_need_none() {
        let now = os::now();
        let (certificate, key) = Authority::generate("Example", now, &mut os::rng()).unwrap();
        let authority = Authority::open(&certificate, &key).unwrap();
        let identity = authority.issue_tls(&BTreeSet::from([HOST.to_owned()]), now, &mut os::rng()).unwrap();
        let identity = Arc::new(Identity::new(identity).unwrap());
        let (everybody, devices) = (Arc::<Asked>::default(), Arc::<Asked>::default());
        let config = for_everybody(Arc::clone(&identity)).unwrap();
        shaken(&Arc::new(config), &authority, &everybody);
        assert!(!everybody.0.load(Ordering::SeqCst));
        shaken(&Arc::new(for_devices(identity, &authority).unwrap()), &authority, &devices);
        assert!(devices.0.load(Ordering::SeqCst));
    }

    // Paused, the runtime's clock jumps to its next timer.
    #[tokio::test(start_paused = true)]
    async fn a_certificate_is_renewed_after_two_thirds_of_its_life_and_not_before() {
        let [before, after] = certificates_after(DAY * 61).await;
        assert_ne!(before, after);
        let [before, after] = certificates_after(DAY * 59).await;
        assert_eq!(before, after);
    }
}
