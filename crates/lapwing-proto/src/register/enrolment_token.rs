//! The one line of text that lets a device join. docs/protocol.md, "Enrolment token".

use core::str::FromStr;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use lapwing_core::{secret::SecretBytes, types::TenantId};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{hex, json};

const PREFIX: &str = "lapwing-enrol-1.";
const TOKEN_LEN_MAX: usize = 4096;
/// The length of the secret, in bytes.
pub const ENROLMENT_SECRET_LEN: usize = 32;

/// Where to join, whom to trust there, and the secret that allows it.
#[derive(Debug)]
pub struct EnrolmentToken {
    /// The server's origin, such as `https://laps.example:8443`: no path, no slash at the end.
    pub server: String,
    /// The tenant to join.
    pub tenant: TenantId,
    /// SHA-256 of the authority's certificate; without it the host's own trust store decides.
    pub authority: Option<[u8; 32]>,
    /// What the server checks. As a bearer token it is written in URL-safe Base64.
    pub secret: SecretBytes,
}

/// Why a text is not an enrolment token. Repeats nothing of it: it holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnrolmentTokenError {
    /// Another kind of text.
    #[error("the text is not an enrolment token: it must begin with `{PREFIX}`")]
    NotAToken,
    /// The right start, but damaged.
    #[error("the enrolment token is damaged")]
    Damaged,
    /// The server's address is none.
    #[error("the enrolment token names no server: expected https://host or https://host:port")]
    Server,
}

impl EnrolmentTokenError {
    /// What the person who has the token can do.
    #[must_use]
    pub const fn next_step(&self) -> &'static str {
        match self {
            Self::NotAToken | Self::Damaged => {
                "copy the whole line that `lapwing-server enrolment-token` printed"
            }
            Self::Server => "ask for a new token: this one was made by a server with a wrong address",
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Wire<'a> {
    server: &'a str,
    tenant: &'a str,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    authority: Option<&'a str>,
    secret: &'a str,
}

impl EnrolmentToken {
    /// The bearer token of the join request: the secret in URL-safe Base64.
    #[must_use]
    pub fn bearer(&self) -> Zeroizing<String> {
        Zeroizing::new(URL_SAFE_NO_PAD.encode(self.secret.expose_secret()))
    }

    /// The token as one line of text.
    #[must_use]
    pub fn expose_secret(&self) -> Zeroizing<String> {
        let authority = self.authority.map(|digest| hex::encode(&digest));
        let tenant = self.tenant.to_string();
        let secret = self.bearer();
        let wire =
            Wire { server: &self.server, tenant: &tenant, authority: authority.as_deref(), secret: &secret };
        let mut json = Zeroizing::new(Vec::with_capacity(TOKEN_LEN_MAX));
        // Writing texts into memory cannot fail; an empty token is refused by every reader.
        if serde_json::to_writer(&mut *json, &wire).is_err() {
            json.clear();
        }
        let mut text = Zeroizing::new(String::with_capacity(TOKEN_LEN_MAX * 2));
        text.push_str(PREFIX);
        URL_SAFE_NO_PAD.encode_string(&*json, &mut text);
        text
    }
}

impl FromStr for EnrolmentToken {
    type Err = EnrolmentTokenError;

    fn from_str(text: &str) -> Result<Self, EnrolmentTokenError> {
        let encoded = text.trim().strip_prefix(PREFIX).ok_or(EnrolmentTokenError::NotAToken)?;
        if encoded.len() > TOKEN_LEN_MAX {
            return Err(EnrolmentTokenError::Damaged);
        }
        let bytes =
            Zeroizing::new(URL_SAFE_NO_PAD.decode(encoded).map_err(|_| EnrolmentTokenError::Damaged)?);
        parse(&bytes)
    }
}

#[derive(Deserialize)]
struct Owned {
    server: String,
    tenant: String,
    authority: Option<String>,
    #[serde(with = "crate::secret_text")]
    secret: crate::secret_text::SecretText,
}

fn parse(bytes: &[u8]) -> Result<EnrolmentToken, EnrolmentTokenError> {
    let wire: Owned = json::parse(bytes).map_err(|_| EnrolmentTokenError::Damaged)?;
    let secret = URL_SAFE_NO_PAD
        .decode(wire.secret.expose_secret())
        .ok()
        .filter(|secret| secret.len() == ENROLMENT_SECRET_LEN)
        .map(SecretBytes::new);
    let authority = wire
        .authority
        .map(|text| hex::decode_digest(&text).ok_or(EnrolmentTokenError::Damaged))
        .transpose()?;
    if !is_origin(&wire.server) {
        return Err(EnrolmentTokenError::Server);
    }
    Ok(EnrolmentToken {
        server: wire.server,
        tenant: wire.tenant.parse().map_err(|_| EnrolmentTokenError::Damaged)?,
        authority,
        secret: secret.ok_or(EnrolmentTokenError::Damaged)?,
    })
}

fn is_origin(text: &str) -> bool {
    text.strip_prefix("https://").is_some_and(|authority| {
        !authority.is_empty()
            && authority
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']'))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn token() -> EnrolmentToken {
        EnrolmentToken {
            server: "https://laps.example:8443".to_owned(),
            tenant: "f3531ec6-6330-4f8e-8d39-7a671fbac605".parse().unwrap(),
            authority: Some([0xab; 32]),
            secret: SecretBytes::new(vec![7; ENROLMENT_SECRET_LEN]),
        }
    }

    #[test]
    fn a_token_reads_as_it_prints() {
        let text = token().expose_secret();
        let read: EnrolmentToken = format!("{}\n", &*text).parse().unwrap();
        assert_eq!(read.server, token().server);
        assert_eq!(read.tenant, token().tenant);
        assert_eq!(read.authority, token().authority);
        assert_eq!(read.secret.expose_secret(), token().secret.expose_secret());
        assert!(!format!("{read:?}").contains(&*read.bearer()));
    }

    #[test]
    fn a_token_without_authority_leaves_the_member_out() {
        let text = EnrolmentToken { authority: None, ..token() }.expose_secret();
        assert_eq!(text.parse::<EnrolmentToken>().unwrap().authority, None);
    }

    #[test]
    fn damaged_tokens_are_refused() {
        let text = token().expose_secret();
        let cut = &text[..text.len() - 4];
        let other_server =
            EnrolmentToken { server: "http://laps.example".to_owned(), ..token() }.expose_secret();
        let short = EnrolmentToken { secret: SecretBytes::new(vec![7; 31]), ..token() }.expose_secret();
        assert_eq!("hello".parse::<EnrolmentToken>().unwrap_err(), EnrolmentTokenError::NotAToken);
        assert_eq!(cut.parse::<EnrolmentToken>().unwrap_err(), EnrolmentTokenError::Damaged);
        assert_eq!(short.parse::<EnrolmentToken>().unwrap_err(), EnrolmentTokenError::Damaged);
        assert_eq!(other_server.parse::<EnrolmentToken>().unwrap_err(), EnrolmentTokenError::Server);
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text: String, bytes: Vec<u8>) {
            drop(text.parse::<EnrolmentToken>());
            drop(format!("{PREFIX}{text}").parse::<EnrolmentToken>());
            drop(parse(&bytes));
        }
    }
}
