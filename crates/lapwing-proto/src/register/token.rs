//! How a device gets a token as itself, and what the token endpoint answers.

use serde::{Deserialize, Serialize};

use crate::secret_text::{self, SecretText};

/// `grant_type` of the first round trip.
pub const SRV_CHALLENGE_GRANT: &str = "srv_challenge";
/// `grant_type` of the second round trip's form.
pub const JWT_BEARER_GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// `grant_type` within the signed request.
pub const DEVICE_TOKEN_GRANT: &str = "device_token";
/// Microsoft Authentication Broker: the client that devices say they are.
pub const BROKER_CLIENT_ID: &str = "29d9ed98-a469-4536-ade2-f981bc1d605e";

/// The answer to `grant_type=srv_challenge`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ChallengeAnswer {
    /// Goes into the signed request; good for one use within minutes.
    pub nonce: String,
}

/// The claims of the signed request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceTokenClaims {
    /// The audience wanted.
    pub resource: String,
    /// [`BROKER_CLIENT_ID`].
    pub client_id: String,
    /// The nonce of the challenge.
    pub request_nonce: String,
    /// [`DEVICE_TOKEN_GRANT`].
    pub grant_type: String,
    /// Of no effect, but asked for.
    #[serde(default)]
    pub redirect_uri: String,
    /// `aad:brokerplugin`.
    #[serde(default)]
    pub iss: String,
    /// Version of the operating system.
    #[serde(default)]
    pub win_ver: String,
}

impl DeviceTokenClaims {
    /// The request for a token whose audience is `resource`.
    #[must_use]
    pub fn new(resource: &str, nonce: &str, os_version: &str) -> Self {
        Self {
            resource: resource.to_owned(),
            client_id: BROKER_CLIENT_ID.to_owned(),
            request_nonce: nonce.to_owned(),
            grant_type: DEVICE_TOKEN_GRANT.to_owned(),
            redirect_uri: format!("ms-appx-web://Microsoft.AAD.BrokerPlugin/{BROKER_CLIENT_ID}"),
            iss: "aad:brokerplugin".to_owned(),
            win_ver: os_version.to_owned(),
        }
    }
}

/// The answer with a device token. The version 1 endpoint writes numbers as texts.
#[derive(Debug, Serialize, Deserialize)]
pub struct DeviceTokenAnswer {
    /// `Bearer`.
    pub token_type: String,
    /// Seconds, as text; some servers write a number.
    #[serde(deserialize_with = "text_or_number")]
    pub expires_in: String,
    /// Seconds, as text.
    #[serde(default, deserialize_with = "text_or_number")]
    pub ext_expires_in: String,
    /// Seconds since 1970, as text.
    #[serde(default, deserialize_with = "text_or_number")]
    pub expires_on: String,
    /// The audience.
    #[serde(default)]
    pub resource: String,
    /// The token.
    #[serde(with = "secret_text")]
    pub access_token: SecretText,
}

fn text_or_number<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Text(String),
        Number(u64),
    }
    Ok(match Either::deserialize(deserializer)? {
        Either::Text(text) => text,
        Either::Number(number) => number.to_string(),
    })
}

/// The error body of the token endpoint. RFC 6749 section 5.2, with Entra ID's members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenError {
    /// Such as `invalid_grant`.
    pub error: String,
    /// `AADSTS<number>: …`.
    #[serde(default)]
    pub error_description: String,
    /// The numbers of the description.
    #[serde(default)]
    pub error_codes: Vec<u32>,
    /// The server's clock.
    #[serde(default)]
    pub timestamp: String,
    /// GUID.
    #[serde(default)]
    pub trace_id: String,
    /// GUID.
    #[serde(default)]
    pub correlation_id: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_read_as_text_and_as_number() {
        for seconds in ["\"3599\"", "3599"] {
            let body = format!(r#"{{"token_type":"Bearer","expires_in":{seconds},"access_token":"a.b.c"}}"#);
            let answer: DeviceTokenAnswer = crate::json::parse(body.as_bytes()).unwrap();
            assert_eq!(answer.expires_in, "3599");
            assert!(!format!("{answer:?}").contains("a.b.c"));
        }
    }
}
