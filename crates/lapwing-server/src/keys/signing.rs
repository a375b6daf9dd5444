//! Signing and checking this server's own access tokens: RS256 (RFC 7518 section 3.3), and nothing else.

use aws_lc_rs::{
    encoding::AsDer as _,
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use lapwing_core::types::Guid;
use lapwing_proto::{
    jwt::{self, Compact, Header},
    secret_text::SecretText,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;
use zeroize::Zeroizing;

use super::KeyError;

const RS256: &str = "RS256";

/// The RSA key pair that signs access tokens.
pub(crate) struct SigningKey {
    id: Guid,
    pair: KeyPair,
}

impl core::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "SigningKey({}, redacted)", self.id)
    }
}

impl SigningKey {
    /// Draws a private key, as PKCS#8.
    pub(crate) fn generate() -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| KeyError::Refused("signing key"))?;
        let der = pair.as_der().map_err(|_| KeyError::Refused("signing key"))?;
        Ok(Zeroizing::new(der.as_ref().to_vec()))
    }

    pub(crate) fn open(id: Guid, pkcs8: &[u8]) -> Result<Self, KeyError> {
        let pair = KeyPair::from_pkcs8(pkcs8).map_err(|_| KeyError::Malformed("signing key"))?;
        Ok(Self { id, pair })
    }

    /// The public key as a JSON Web Key. RFC 7517.
    pub(crate) fn to_jwk(&self) -> serde_json::Value {
        let public = self.pair.public_key();
        let number = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({
            "kty": "RSA", "use": "sig", "alg": RS256, "kid": self.id.to_string(),
            "n": number(public.modulus().big_endian_without_leading_zero()),
            "e": number(public.exponent().big_endian_without_leading_zero()),
        })
    }

    /// Signs a token.
    pub(crate) fn sign(&self, claims: &impl Serialize) -> Result<SecretText, KeyError> {
        let header = Header {
            alg: RS256.to_owned(),
            typ: Some("JWT".to_owned()),
            kid: Some(self.id.to_string()),
            x5c: None,
        };
        let input = jwt::signing_input(&header, claims).map_err(|_| KeyError::Malformed("claims"))?;
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), input.as_bytes(), &mut signature)
            .map_err(|_| KeyError::Refused("signature"))?;
        Ok(SecretText::new(jwt::join(&input, &signature)))
    }

    /// The claims of a token that this key signed.
    pub(crate) fn verify<T: DeserializeOwned>(&self, token: &str) -> Result<T, KeyError> {
        let compact = jwt::split(token).map_err(|_| KeyError::Malformed("token"))?;
        verify_rs256(compact, self.pair.public_key().as_ref())
    }
}

/// The claims of a token, if the RSA key (PKCS#1 DER, 2048 bits or more) signed it.
pub(crate) fn verify_rs256<T>(compact: Compact<'_, T>, public_key: &[u8]) -> Result<T, KeyError> {
    if compact.header.alg != RS256 {
        return Err(KeyError::Malformed("token's algorithm"));
    }
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public_key)
        .verify(compact.signing_input.as_bytes(), &compact.signature)
        .map_err(|_| KeyError::Tampered("token"))?;
    Ok(compact.claims)
}
