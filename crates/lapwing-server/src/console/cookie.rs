//! The console's two cookies, and the tokens of forms, which each follow from one of them.
//!
//! A session's cookie is a random text, of which the database has the SHA-256. Who has no session yet gets another random
//! text, for the forms of the sign-in alone. A form's token is a code over a label, keyed by the cookie: another site can
//! neither read nor compute it, and nothing has to be kept.

use aws_lc_rs::{
    digest::{SHA256, digest},
    hmac::{self, HMAC_SHA256},
};
use axum::http::{HeaderMap, HeaderValue, header};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use lapwing_proto::secret_text::SecretText;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::{http::fault::Fault, store::Sha256};

const TOKEN_LEN: usize = 32;
const LABEL: &[u8] = b"lapwing console form 1";

/// Which cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cookie {
    Session,
    /// For forms before there is a session.
    Form,
}

impl Cookie {
    const fn name(self) -> &'static str {
        match self {
            Self::Session => "__Host-lapwing-session",
            Self::Form => "__Host-lapwing-form",
        }
    }

    /// What the browser sent. RFC 6265 section 4.2.1.
    pub(super) fn read(self, headers: &HeaderMap) -> Option<Token> {
        let pairs = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs =
            pairs.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let (_, text) = pairs.find(|(name, _)| *name == self.name())?;
        let is_token =
            URL_SAFE_NO_PAD.decode(text).is_ok_and(|bytes| Zeroizing::new(bytes).len() == TOKEN_LEN);
        is_token.then(|| Token(SecretText::new(text.to_owned())))
    }

    /// The header that sets it; it ends with the browser's own session at the latest.
    pub(super) fn set(self, token: &Token) -> Result<HeaderValue, Fault> {
        self.header(token.0.expose_secret(), "")
    }

    pub(super) fn clear(self) -> Result<HeaderValue, Fault> {
        self.header("", "; Max-Age=0")
    }

    fn header(self, value: &str, rest: &str) -> Result<HeaderValue, Fault> {
        let text = format!("{}={value}; Path=/; Secure; HttpOnly; SameSite=Strict{rest}", self.name());
        HeaderValue::from_str(&text).map_err(|_| Fault::unavailable())
    }
}

/// The text of a cookie.
#[derive(Debug)]
pub(super) struct Token(SecretText);

impl Token {
    pub(super) fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = Zeroizing::new([0; TOKEN_LEN]);
        rng.fill_bytes(&mut *bytes);
        Self(SecretText::new(URL_SAFE_NO_PAD.encode(*bytes)))
    }

    pub(super) fn sha256(&self) -> Sha256 {
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(digest(&SHA256, self.0.expose_secret().as_bytes()).as_ref());
        sha256
    }

    fn key(&self) -> hmac::Key {
        hmac::Key::new(HMAC_SHA256, self.0.expose_secret().as_bytes())
    }

    /// What every form of this visitor holds.
    pub(super) fn form_token(&self) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.key(), LABEL))
    }

    pub(super) fn is_form_token(&self, text: &str) -> bool {
        URL_SAFE_NO_PAD.decode(text).is_ok_and(|tag| hmac::verify(&self.key(), LABEL, &tag).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng as _;

    use super::*;

    #[test]
    fn a_cookie_reads_as_it_was_set_and_only_under_its_name() {
        let token = Token::generate(&mut ChaCha20Rng::seed_from_u64(8));
        let set = Cookie::Session.set(&token).unwrap();
        let (pair, attributes) = set.to_str().unwrap().split_once(';').unwrap();
        assert_eq!(attributes, " Path=/; Secure; HttpOnly; SameSite=Strict");
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, format!("a=b; {pair}").parse().unwrap());
        assert_eq!(Cookie::Session.read(&headers).unwrap().sha256(), token.sha256());
        assert!(Cookie::Form.read(&headers).is_none());
        headers.insert(header::COOKIE, "__Host-lapwing-session=short".parse().unwrap());
        assert!(Cookie::Session.read(&headers).is_none());
    }

    #[test]
    fn a_form_belongs_to_its_cookie() {
        let mut rng = ChaCha20Rng::seed_from_u64(9);
        let (mine, theirs) = (Token::generate(&mut rng), Token::generate(&mut rng));
        assert!(mine.is_form_token(&mine.form_token()));
        for text in [&theirs.form_token(), "", "%", "AAAA"] {
            assert!(!mine.is_form_token(text), "{text}");
        }
    }
}
