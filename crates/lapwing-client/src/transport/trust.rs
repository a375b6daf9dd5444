//! Which certificates are believed.

use core::{fmt, str::FromStr};
use std::sync::Arc;

use aws_lc_rs::digest;
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, aws_lc_rs as provider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime},
};

use super::TransportError;

/// SHA-256 of a certificate's DER.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CertificateDigest(pub [u8; 32]);

impl CertificateDigest {
    /// The digest of `certificate`.
    #[must_use]
    pub fn of(certificate: &CertificateDer<'_>) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest::digest(&digest::SHA256, certificate).as_ref());
        Self(bytes)
    }
}

/// Why a text is not a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected 64 hexadecimal digits")]
pub struct DigestError;

impl FromStr for CertificateDigest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let (pairs, odd) = text.as_bytes().as_chunks::<2>();
        let mut bytes = [0; 32];
        if !odd.is_empty() || pairs.len() != bytes.len() {
            return Err(DigestError);
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = nibble(*high)? << 4 | nibble(*low)?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for CertificateDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

fn nibble(digit: u8) -> Result<u8, DigestError> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok()).ok_or(DigestError)
}

/// What a server's certificate must lead to. In each case it must also carry the server's name and be valid now.
#[derive(Debug, Clone)]
pub enum Trust {
    /// The one authority with this digest, which the server sends with its chain. For enrolment.
    Pinned(CertificateDigest),
    /// This one authority.
    Authority(CertificateDer<'static>),
    /// The authorities that this host trusts.
    System,
}

/// The certificate by which this host shows itself in TLS, with its key.
#[derive(Debug)]
pub struct ClientCertificate {
    /// The chain, the own certificate first.
    pub chain: Vec<CertificateDer<'static>>,
    /// The private key of the first one.
    pub key: PrivateKeyDer<'static>,
}

/// TLS for HTTPS.
pub(super) fn configuration(
    trust: Trust,
    client: Option<ClientCertificate>,
) -> Result<Arc<ClientConfig>, TransportError> {
    let mut config = configure(trust, client)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// TLS for another protocol, in which this host shows no certificate.
pub(crate) fn plain(trust: Trust) -> Result<Arc<ClientConfig>, TransportError> {
    configure(trust, None).map(Arc::new)
}

/// TLS 1.2 and 1.3 with aws-lc-rs, without session resumption: each call sequence proves itself anew.
fn configure(trust: Trust, client: Option<ClientCertificate>) -> Result<ClientConfig, TransportError> {
    let provider = Arc::new(provider::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?;
    let builder = match trust {
        Trust::Pinned(digest) => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(PinnedAuthority { digest, provider })),
        Trust::Authority(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority).map_err(unusable)?;
            builder.with_root_certificates(roots)
        }
        Trust::System => builder.with_root_certificates(system_roots()?),
    };
    let mut config = match client {
        Some(client) => builder.with_client_auth_cert(client.chain, client.key).map_err(unusable)?,
        None => builder.with_no_client_auth(),
    };
    config.resumption = tokio_rustls::rustls::client::Resumption::disabled();
    Ok(config)
}

fn system_roots() -> Result<RootCertStore, TransportError> {
    let mut found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _unreadable) = roots.add_parsable_certificates(found.certs);
    if added > 0 {
        return Ok(roots);
    }
    Err(match found.errors.pop() {
        Some(error) => unusable(error),
        None => unusable("this host's trust store is empty"),
    })
}

fn unusable(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> TransportError {
    TransportError::Configuration { source: source.into() }
}

/// The server's chain does not contain the authority that was pinned.
#[derive(Debug, thiserror::Error)]
#[error("the server's chain does not contain the authority that the enrolment token names")]
struct PinnedAuthorityMissing;

/// Believes a chain that leads to the certificate with one digest, and to nothing else.
#[derive(Debug)]
struct PinnedAuthority {
    digest: CertificateDigest,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for PinnedAuthority {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, tokio_rustls::rustls::Error> {
        let other =
            |error: Arc<dyn std::error::Error + Send + Sync>| CertificateError::Other(OtherError(error));
        let authority = intermediates
            .iter()
            .find(|certificate| CertificateDigest::of(certificate) == self.digest)
            .ok_or_else(|| other(Arc::new(PinnedAuthorityMissing)))?;
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone())?;
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&self.provider))
            .build()
            .map_err(|error| other(Arc::new(error)))?
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, tokio_rustls::rustls::Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, tokio_rustls::rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_64_hexadecimal_digits() {
        let digits = "0aF".repeat(21) + "0";
        let digest: CertificateDigest = digits.parse().unwrap();
        assert_eq!(digest.0[..2], [0x0a, 0xf0]);
        assert_eq!(digest.to_string(), digits.to_lowercase());
        for text in
            ["", &digits[1..], &format!("{digits}00"), &digits.replace('F', "g"), &digits.replace("0a", "ä")]
        {
            assert_eq!(text.parse::<CertificateDigest>(), Err(DigestError), "{text}");
        }
    }
}
