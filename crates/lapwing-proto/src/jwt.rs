//! The compact form of a signed token (RFC 7515 section 7.1), without the cryptography.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::json::{self, JsonError};

/// The longest token read, in bytes: a device certificate of 2 KiB in Base64 twice, and claims.
pub const TOKEN_LEN_MAX: usize = 16 << 10;

/// The header of a token. RFC 7515 section 4.1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// `RS256` in all of Entra's.
    pub alg: String,
    /// `JWT`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub typ: Option<String>,
    /// Which key of the issuer signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// The signer's certificate, and those that vouch for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x5c: Option<CertificateChain>,
}

/// `x5c`: standard Base64 of DER. RFC 7515 section 4.1.6 asks for an array; some clients send the first as a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum CertificateChain {
    /// One certificate as a text.
    One(String),
    /// The signer's first.
    Many(Vec<String>),
}

impl CertificateChain {
    /// The signer's certificate in standard Base64; none if the array is empty.
    #[must_use]
    pub fn leaf(&self) -> Option<&str> {
        match self {
            Self::One(leaf) => Some(leaf),
            Self::Many(chain) => chain.first().map(String::as_str),
        }
    }
}

/// Why a text is not a token in compact form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompactError {
    /// Longer than any honest token.
    #[error("the token has more than {TOKEN_LEN_MAX} bytes")]
    TooLong,
    /// Not three parts.
    #[error("the token has not three parts")]
    Parts,
    /// A part is not URL-safe Base64 without padding.
    #[error("a part of the token is not URL-safe Base64")]
    Base64,
    /// The header or the claims are not the JSON expected.
    #[error("the header or the claims are not as expected")]
    Json(#[from] JsonError),
}

/// A token taken apart. Nothing in it is to be believed before the signature is verified.
#[derive(Debug)]
pub struct Compact<'a, T> {
    /// The first part.
    pub header: Header,
    /// The second part.
    pub claims: T,
    /// What was signed: the first two parts as sent.
    pub signing_input: &'a str,
    /// The signature's bytes.
    pub signature: Vec<u8>,
}

/// Takes a token apart.
///
/// # Errors
/// [`CompactError`] if it is not three parts of Base64, or their JSON is not what is expected.
pub fn split<T: DeserializeOwned>(token: &str) -> Result<Compact<'_, T>, CompactError> {
    if token.len() > TOKEN_LEN_MAX {
        return Err(CompactError::TooLong);
    }
    let (signing_input, signature) = token.rsplit_once('.').ok_or(CompactError::Parts)?;
    let (header, claims) = signing_input.split_once('.').ok_or(CompactError::Parts)?;
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| CompactError::Base64);
    Ok(Compact {
        header: json::parse(&decode(header)?)?,
        claims: json::parse(&decode(claims)?)?,
        signing_input,
        signature: decode(signature)?,
    })
}

/// The first two parts of a token, to be signed and then given to [`join`].
///
/// # Errors
/// If `claims` cannot be written as JSON.
pub fn signing_input(header: &Header, claims: &impl Serialize) -> Result<String, serde_json::Error> {
    let encode = |json: Vec<u8>| URL_SAFE_NO_PAD.encode(json);
    Ok(format!("{}.{}", encode(serde_json::to_vec(header)?), encode(serde_json::to_vec(claims)?)))
}

/// The whole token.
#[must_use]
pub fn join(signing_input: &str, signature: &[u8]) -> String {
    format!("{signing_input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_certificate_is_read_as_text_and_as_array() {
        for x5c in [json!("AAAA"), json!(["AAAA", "BBBB"])] {
            let header: Header = serde_json::from_value(json!({ "alg": "RS256", "x5c": x5c })).unwrap();
            assert_eq!(header.x5c.unwrap().leaf(), Some("AAAA"));
        }
    }

    proptest! {
        #[test]
        fn splitting_what_was_joined_is_the_identity(claim: String, signature: Vec<u8>) {
            let header = Header { alg: "RS256".to_owned(), typ: None, kid: None, x5c: None };
            let claims = json!({ "claim": claim });
            let input = signing_input(&header, &claims).unwrap();
            let token = join(&input, &signature);
            let split = split::<Value>(&token).unwrap();
            prop_assert_eq!(split.header, header);
            prop_assert_eq!(split.claims, claims);
            prop_assert_eq!(split.signing_input, input);
            prop_assert_eq!(split.signature, signature);
        }

        #[test]
        fn arbitrary_text_never_panics(text: String) {
            drop(split::<Value>(&text));
        }
    }
}
