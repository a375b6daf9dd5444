//! The server's TLS identity: of its own authority, renewed while running, or the operator's.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use tokio_rustls::rustls::{
    self, RootCertStore, ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier},
    sign::CertifiedKey,
};

use crate::keys::authority::{Authority, TlsIdentity};

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    #[error("{path} holds no usable certificate or key in PEM")]
    Pem { path: PathBuf, source: rustls::pki_types::pem::Error },
    #[error("the certificate and its key do not fit")]
    Identity(#[from] rustls::Error),
    #[error("the authority's certificate cannot be used for devices")]
    Devices(#[from] rustls::server::VerifierBuilderError),
}

/// The identity in use; it may be replaced while connections go on.
#[derive(Debug)]
pub(crate) struct Identity(RwLock<Arc<CertifiedKey>>);

impl Identity {
    pub(crate) fn new(identity: TlsIdentity) -> Result<Self, TlsError> {
        Ok(Self(RwLock::new(certified(identity)?)))
    }

    /// From here on new connections see this one.
    pub(crate) fn replace(&self, identity: TlsIdentity) -> Result<(), TlsError> {
        let certified = certified(identity)?;
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

/// TLS 1.2 and 1.3; a device may show its certificate, others need none.
pub(crate) fn server_config(
    identity: Arc<Identity>,
    authority: &Authority,
) -> Result<ServerConfig, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate().clone())?;
    let devices = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .allow_unauthenticated()
        .build()?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(devices)
        .with_cert_resolver(identity);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
