//! The device's key: RSA-2048, because the registration service asks for it and devices sign with RS256.

use core::fmt;

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use lapwing_core::secret::SecretBytes;
use lapwing_proto::register::RsaPublicBlob;
use rcgen::{KeyPair, PKCS_RSA_SHA256, PublicKeyData as _, RsaKeySize};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use zeroize::Zeroizing;

use crate::transport::{CertificateDer, PrivateKeyDer};

/// A private key of RSA-2048.
pub struct DeviceKey {
    pair: RsaKeyPair,
    pkcs8: SecretBytes,
}

/// Why a key or certificate cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Not PEM, or PEM of something else.
    #[error("the file is not PEM of the kind expected")]
    Pem,
    /// Not an RSA private key of at least 2048 bits.
    #[error("the key is not RSA of at least 2048 bits")]
    NotRsa,
    /// The library refuses to draw a key, sign or write a request.
    #[error("the cryptographic library refused")]
    Library(#[source] rcgen::Error),
    /// The certificate is not for this key, or names no device.
    #[error("the certificate {0}")]
    Certificate(&'static str),
}

impl KeyError {
    /// What to do about it.
    #[must_use]
    pub const fn next_step(&self) -> &'static str {
        match self {
            Self::Pem | Self::NotRsa | Self::Certificate(_) => {
                "run `lapwing enrol` again with a new enrolment token"
            }
            Self::Library(_) => "report this: it is a defect",
        }
    }
}

impl fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeviceKey(redacted)")
    }
}

impl DeviceKey {
    /// Draws a new key from the library's own random source, which TLS uses too.
    ///
    /// # Errors
    /// [`KeyError::Library`] if the library refuses.
    pub fn generate() -> Result<Self, KeyError> {
        let pair =
            KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).map_err(KeyError::Library)?;
        Self::from_pkcs8(SecretBytes::new(pair.serialize_der()))
    }

    fn from_pkcs8(pkcs8: SecretBytes) -> Result<Self, KeyError> {
        let pair = RsaKeyPair::from_pkcs8(pkcs8.expose_secret()).map_err(|_| KeyError::NotRsa)?;
        Ok(Self { pair, pkcs8 })
    }

    /// Reads PKCS#8 in PEM.
    ///
    /// # Errors
    /// [`KeyError::Pem`] or [`KeyError::NotRsa`] if it is something else.
    pub fn from_pem(pem: &SecretBytes) -> Result<Self, KeyError> {
        match PrivateKeyDer::from_pem_slice(pem.expose_secret()) {
            Ok(PrivateKeyDer::Pkcs8(key)) => {
                Self::from_pkcs8(SecretBytes::new(key.secret_pkcs8_der().to_vec()))
            }
            Ok(_) | Err(_) => Err(KeyError::Pem),
        }
    }

    /// The key as PKCS#8 in PEM.
    #[must_use]
    pub fn to_pem(&self) -> SecretBytes {
        let encoded = Zeroizing::new(STANDARD.encode(self.expose_pkcs8()));
        SecretBytes::new(to_pem("PRIVATE KEY", &encoded).into_bytes())
    }

    /// The key itself, for TLS and the file.
    pub(super) fn expose_pkcs8(&self) -> &[u8] {
        self.pkcs8.expose_secret()
    }

    /// Signs with RSASSA-PKCS1-v1_5 and SHA-256: RS256 of RFC 7518 section 3.3.
    ///
    /// # Errors
    /// [`KeyError::Library`] if the library refuses.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
            .map_err(|_| KeyError::Library(rcgen::Error::RemoteKeyError))?;
        Ok(signature)
    }

    /// A PKCS#10 request for `common_name` with one more extension, in DER. RFC 2986.
    ///
    /// # Errors
    /// [`KeyError::Library`] if the library refuses.
    pub(crate) fn certificate_request(
        &self,
        common_name: &str,
        extension: Option<(&[u64], Vec<u8>)>,
    ) -> Result<Vec<u8>, KeyError> {
        let mut parameters = rcgen::CertificateParams::default();
        parameters.distinguished_name = rcgen::DistinguishedName::new();
        parameters.distinguished_name.push(rcgen::DnType::CommonName, common_name);
        if let Some((oid, content)) = extension {
            parameters.custom_extensions.push(rcgen::CustomExtension::from_oid_content(oid, content));
        }
        let request = parameters.serialize_request(&self.for_requests()?).map_err(KeyError::Library)?;
        Ok(request.der().to_vec())
    }

    pub(crate) fn for_requests(&self) -> Result<KeyPair, KeyError> {
        let key = PrivateKeyDer::Pkcs8(self.expose_pkcs8().into());
        KeyPair::from_der_and_sign_algo(&key, &PKCS_RSA_SHA256).map_err(KeyError::Library)
    }

    /// The public half as the join request carries it.
    ///
    /// # Errors
    /// [`KeyError::NotRsa`] if the key is not of 2048 bits with exponent 65537, as [`Self::generate`] draws it.
    pub(crate) fn public_blob(&self) -> Result<RsaPublicBlob, KeyError> {
        // RSAPublicKey of RFC 8017 A.1.1: at this size its DER has one form.
        match self.pair.public_key().as_ref() {
            [0x30, 0x82, 0x01, 0x0a, 0x02, 0x82, 0x01, 0x01, 0x00, modulus @ .., 0x02, 0x03, 1, 0, 1]
                if modulus.len() == 256 =>
            {
                Ok(RsaPublicBlob { exponent: vec![1, 0, 1], modulus: modulus.to_vec() })
            }
            _ => Err(KeyError::NotRsa),
        }
    }

    /// The public half as a certificate carries it: SubjectPublicKeyInfo in DER. RFC 5280 section 4.1.2.7.
    ///
    /// # Errors
    /// [`KeyError::Library`] if the library refuses.
    pub fn public_key_info(&self) -> Result<Vec<u8>, KeyError> {
        Ok(self.for_requests()?.subject_public_key_info())
    }

    /// Checks that a certificate is for this key.
    ///
    /// # Errors
    /// [`KeyError::Certificate`] if it is malformed, or for another.
    pub(crate) fn fits(&self, certificate: &CertificateDer<'_>) -> Result<(), KeyError> {
        let parsed = webpki::EndEntityCert::try_from(certificate)
            .map_err(|_| KeyError::Certificate("is malformed"))?;
        if parsed.subject_public_key_info().as_ref() == self.public_key_info()? {
            Ok(())
        } else {
            Err(KeyError::Certificate("is for another key"))
        }
    }
}

pub(super) fn certificate_from_pem(pem: &[u8]) -> Result<CertificateDer<'static>, KeyError> {
    CertificateDer::from_pem_slice(pem).map_err(|_| KeyError::Pem)
}

/// RFC 7468: 64 characters a line. Built in one buffer of its final size, as it may hold a key.
pub(super) fn to_pem(label: &str, base64: &str) -> String {
    let size =
        base64.len().saturating_add(base64.len() / 64).saturating_add(2 * label.len()).saturating_add(48);
    let mut pem = String::with_capacity(size);
    pem.extend(["-----BEGIN ", label, "-----\n"]);
    let mut rest = base64;
    while let Some((line, after)) = rest.split_at_checked(64) {
        pem.extend([line, "\n"]);
        rest = after;
    }
    if !rest.is_empty() {
        pem.extend([rest, "\n"]);
    }
    pem.extend(["-----END ", label, "-----\n"]);
    pem
}
