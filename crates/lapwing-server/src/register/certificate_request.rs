//! Certificate requests of devices: PKCS#10 with an RSA key, whose possession the signature proves. RFC 2986.

use x509_parser::{
    certification_request::X509CertificationRequest, prelude::FromDer as _, public_key::PublicKey,
};

/// The least length of a device's RSA key, in bits.
const RSA_BITS_MIN: usize = 2048;
const RSA_BITS_MAX: usize = 4096;

/// Why a certificate request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CertificateRequestError {
    #[error("The certificate request is malformed.")]
    Malformed,
    #[error("The signature of the certificate request is wrong.")]
    Signature,
    #[error("The key of the certificate request must be RSA of 2048 to 4096 bits.")]
    Key,
}

/// Reads a request whose key and signature are good.
pub(crate) fn parse(der: &[u8]) -> Result<X509CertificationRequest<'_>, CertificateRequestError> {
    let (rest, request) =
        X509CertificationRequest::from_der(der).map_err(|_| CertificateRequestError::Malformed)?;
    if !rest.is_empty() {
        return Err(CertificateRequestError::Malformed);
    }
    let bits = match request.certification_request_info.subject_pki.parsed() {
        Ok(PublicKey::RSA(key)) => key.key_size(),
        Ok(_) | Err(_) => return Err(CertificateRequestError::Key),
    };
    if !(RSA_BITS_MIN..=RSA_BITS_MAX).contains(&bits) {
        return Err(CertificateRequestError::Key);
    }
    request.verify_signature().map_err(|_| CertificateRequestError::Signature)?;
    Ok(request)
}
