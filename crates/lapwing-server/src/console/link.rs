//! One-time codes that people carry: sign-in links and recovery codes. The database keeps their SHA-256.

use core::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::BASE32_NOPAD;
use lapwing_core::types::FileTime;
use lapwing_proto::secret_text::SecretText;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::{
    app::record,
    rules::{
        audit::{Activity, Actor},
        operator::OperatorName,
    },
    store::{CreateLink, Sha256},
};

/// How long a link is good for.
pub(crate) const LINK_LIFE: Duration = Duration::from_secs(24 * 3600);
const LINK_LEN: usize = 20;
pub(super) const RECOVERY_CODES: usize = 10;
/// 80 random bits: enough that their SHA-256 need not be slow.
const RECOVERY_LEN: usize = 10;
const GROUP_LEN: usize = 4;

/// A code that was just drawn.
pub(crate) struct Code {
    pub(crate) text: SecretText,
    pub(super) sha256: Sha256,
}

impl Code {
    fn draw(len: usize, rng: &mut impl CryptoRng) -> Self {
        let mut bytes = Zeroizing::new(vec![0; len]);
        rng.fill_bytes(&mut bytes);
        let plain = Zeroizing::new(BASE32_NOPAD.encode(&bytes).to_ascii_lowercase());
        let sha256 = sha256_of(&plain);
        let mut text = String::with_capacity(plain.len() + plain.len() / GROUP_LEN);
        for (at, c) in plain.chars().enumerate() {
            if at > 0 && at % GROUP_LEN == 0 {
                text.push('-');
            }
            text.push(c);
        }
        Self { text: SecretText::new(text), sha256 }
    }

    pub(super) fn draw_recovery(rng: &mut impl CryptoRng) -> Self {
        Self::draw(RECOVERY_LEN, rng)
    }
}

/// Of a code as somebody typed it: case, blanks and dashes aside.
pub(super) fn sha256_of(text: &str) -> Sha256 {
    let plain: Zeroizing<String> = Zeroizing::new(
        text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect(),
    );
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(digest(&SHA256, plain.as_bytes()).as_ref());
    sha256
}

/// A link for an operator, and the change that makes it good.
pub(crate) fn draw(
    operator: OperatorName,
    now: FileTime,
    actor: Actor,
    rng: &mut impl CryptoRng,
) -> (Code, CreateLink) {
    let code = Code::draw(LINK_LEN, rng);
    let record = record(now, actor, Activity::CreateSignInLink, operator.as_str());
    let expires = now.saturating_add(LINK_LIFE);
    let change = CreateLink { operator, code_sha256: code.sha256, expires, record };
    (code, change)
}

/// Where the code is redeemed. Opening it spends nothing; it names no password.
pub(crate) fn url(server: &str, code: &Code) -> SecretText {
    let parts = [server, "/console/set-up?code=", code.text.expose_secret()];
    let mut url = String::with_capacity(parts.iter().map(|part| part.len()).sum());
    parts.iter().for_each(|part| url.push_str(part));
    SecretText::new(url)
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng as _;

    use super::*;

    #[test]
    fn a_code_is_read_however_it_is_typed() {
        let code = Code::draw_recovery(&mut ChaCha20Rng::seed_from_u64(10));
        let text = code.text.expose_secret();
        assert_eq!(text.len(), 16 + 3, "{text}");
        for typed in [text.to_owned(), text.to_uppercase(), text.replace('-', " "), format!(" {text}\n")] {
            assert_eq!(sha256_of(&typed), code.sha256, "{typed}");
        }
        assert_ne!(sha256_of(&text[1..]), code.sha256);
    }
}
