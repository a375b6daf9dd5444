//! Certificate requests of devices: PKCS#10 with an RSA key, whose possession the signature proves. RFC 2986.

use x509_parser::{
    asn1_rs::{Any, Class, Tag},
    certification_request::X509CertificationRequest,
    prelude::FromDer as _,
    public_key::PublicKey,
};

/// The least length of a device's RSA key, in bits.
const RSA_BITS_MIN: usize = 2048;
const RSA_BITS_MAX: usize = 4096;

/// 1.2.840.113549.1.7.2. RFC 5652 section 5.1.
const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];

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

/// The request in a renewal of [MS-MDE2]: PKCS#7 signed with the certificate to be replaced. RFC 5652 section 5. That
/// signature is not looked at: the handshake has proved the same of the same key, and freshly.
pub(crate) fn signed_content(der: &[u8]) -> Result<&[u8], CertificateRequestError> {
    content(der).ok_or(CertificateRequestError::Malformed)
}

fn content(der: &[u8]) -> Option<&[u8]> {
    let (info, rest) = element(der, Class::Universal, Tag::Sequence)?;
    let (kind, signed) = element(info, Class::Universal, Tag::Oid)?;
    if !rest.is_empty() || kind != SIGNED_DATA {
        return None;
    }
    let (signed, _) = element(signed, Class::ContextSpecific, Tag(0))?;
    let (signed, _) = element(signed, Class::Universal, Tag::Sequence)?;
    let (_version, signed) = element(signed, Class::Universal, Tag::Integer)?;
    let (_digests, signed) = element(signed, Class::Universal, Tag::Set)?;
    let (content, _) = element(signed, Class::Universal, Tag::Sequence)?;
    let (_kind, content) = element(content, Class::Universal, Tag::Oid)?;
    let (content, _) = element(content, Class::ContextSpecific, Tag(0))?;
    Some(element(content, Class::Universal, Tag::OctetString)?.0)
}

/// What the first element holds, which must be such a one, and what follows it.
fn element(der: &[u8], class: Class, tag: Tag) -> Option<(&[u8], &[u8])> {
    let (rest, any) = Any::from_der(der).ok()?;
    (any.class() == class && any.tag() == tag).then_some((any.data, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// DER of a short element.
    fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let content = parts.concat();
        [&[tag, u8::try_from(content.len()).unwrap()], content.as_slice()].concat()
    }

    /// Signed data around `abc`, its signers left out.
    fn signed(kind: &[u8]) -> Vec<u8> {
        let data = der(0x06, &[&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01]]);
        let content = der(0x30, &[&data, &der(0xa0, &[&der(0x04, &[b"abc"])])]);
        let signed = der(0x30, &[&[0x02, 1, 1], &[0x31, 0], &content, &[0x31, 0]]);
        der(0x30, &[&der(0x06, &[kind]), &der(0xa0, &[&signed])])
    }

    #[test]
    fn the_content_of_signed_data_is_found_and_nothing_else_has_any() {
        let whole = signed(SIGNED_DATA);
        assert_eq!(signed_content(&whole), Ok(&b"abc"[..]));
        for len in 0..whole.len() {
            assert_eq!(signed_content(&whole[..len]), Err(CertificateRequestError::Malformed), "{len}");
        }
        let trailing = [whole.as_slice(), &[0]].concat();
        let mut enveloped = SIGNED_DATA.to_vec();
        *enveloped.last_mut().unwrap() = 3;
        for other in [trailing, signed(&enveloped)] {
            assert_eq!(signed_content(&other), Err(CertificateRequestError::Malformed));
        }
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            if let Ok(found) = signed_content(&bytes) {
                proptest::prop_assert!(found.len() < bytes.len());
            }
        }
    }
}
