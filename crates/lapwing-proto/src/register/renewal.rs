//! Renewing a device's certificate. docs/protocol.md, "The device's certificate".

use serde::{Deserialize, Serialize};

use super::{CertificateRequest, IssuedCertificate};

/// The code of a refusal (401) to a device whose certificate is good for nothing but its renewal.
pub const CODE_RENEWAL_REQUIRED: &str = "error_certificate_renewal_required";
/// The code of a refusal (401) to a device whose certificate ended too long ago even for that.
pub const CODE_CERTIFICATE_ENDED: &str = "error_certificate_ended";

/// The body of `POST …/manage/certificate`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RenewalRequest {
    /// PKCS#10 with a key that this device has not had, as at the join but without a nonce: TLS is bound to the old key.
    pub certificate_request: CertificateRequest,
}

/// The answer to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RenewalAnswer {
    /// The next certificate. The old one is good until this one is first used.
    pub certificate: IssuedCertificate,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renewal_has_the_members_of_a_join() {
        let text = r#"{"CertificateRequest":{"Type":"pkcs10","Data":"AA=="}}"#;
        let request: RenewalRequest = crate::json::parse(text.as_bytes()).unwrap();
        assert_eq!(serde_json::to_string(&request).unwrap(), text);
        let text = r#"{"Certificate":{"Thumbprint":"00","RawBody":"AA=="}}"#;
        let answer: RenewalAnswer = crate::json::parse(text.as_bytes()).unwrap();
        assert_eq!(serde_json::to_string(&answer).unwrap(), text);
    }
}
