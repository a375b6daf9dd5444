//! One-time codes of an authenticator: HOTP over the time. RFC 4226, RFC 6238.

use aws_lc_rs::{
    constant_time::verify_slices_are_equal,
    hmac::{self, HMAC_SHA1_FOR_LEGACY_USE_ONLY},
};
use data_encoding::BASE32_NOPAD;
use lapwing_core::types::FileTime;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

/// As long as the output of its hash. RFC 4226 section 4, R6.
const SECRET_LEN: usize = 20;
const STEP_SECONDS: u64 = 30;
/// Authenticators show six digits, of a SHA-1, every 30 seconds; few can do anything else.
const DIGITS: usize = 6;

/// The secret that the server and an authenticator share.
pub(crate) struct TotpSecret(Zeroizing<Vec<u8>>);

impl core::fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("TotpSecret(redacted)")
    }
}

impl TotpSecret {
    pub(crate) fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut secret = Zeroizing::new(vec![0; SECRET_LEN]);
        rng.fill_bytes(&mut secret);
        Self(secret)
    }

    /// Nothing of another length.
    pub(crate) fn from_bytes(bytes: Zeroizing<Vec<u8>>) -> Option<Self> {
        (bytes.len() == SECRET_LEN).then_some(Self(bytes))
    }

    /// From the text that people type.
    pub(crate) fn from_base32(text: &str) -> Option<Self> {
        Self::from_bytes(Zeroizing::new(BASE32_NOPAD.decode(text.as_bytes()).ok()?))
    }

    pub(crate) fn expose_secret(&self) -> &[u8] {
        &self.0
    }

    /// For people to type: 32 characters.
    pub(crate) fn expose_base32(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE32_NOPAD.encode(&self.0))
    }

    /// For a QR code; `issuer` and `name` hold nothing that a URI would have to encode.
    pub(crate) fn expose_uri(&self, issuer: &str, name: &str) -> Zeroizing<String> {
        let mut uri = Zeroizing::new(String::with_capacity(256));
        let secret = self.expose_base32();
        for part in ["otpauth://totp/", issuer, ":", name, "?secret=", &secret, "&issuer=", issuer] {
            uri.push_str(part);
        }
        uri
    }

    /// The step whose code this is: the one of `now`, the one before, or the one after. RFC 6238 section 5.2.
    pub(crate) fn step_of(&self, code: &str, now: FileTime) -> Option<u64> {
        let code: Zeroizing<String> = Zeroizing::new(code.chars().filter(|c| !c.is_whitespace()).collect());
        let current = now.since_unix().as_secs() / STEP_SECONDS;
        [current, current.saturating_sub(1), current.saturating_add(1)]
            .into_iter()
            .find(|&step| verify_slices_are_equal(self.code(step).as_bytes(), code.as_bytes()).is_ok())
    }

    /// The code of a step. RFC 4226 section 5.3.
    fn code(&self, step: u64) -> Zeroizing<String> {
        let key = hmac::Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.0);
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let offset = tag.as_ref().last().map_or(0, |last| usize::from(last & 0xf));
        let cut = tag.as_ref().get(offset..).and_then(<[u8]>::first_chunk).copied().unwrap_or_default();
        let number = (u32::from_be_bytes(cut) & 0x7fff_ffff) % 1_000_000;
        Zeroizing::new(format!("{number:0DIGITS$}"))
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    fn at(seconds: u64) -> FileTime {
        FileTime::from_unix(Duration::from_secs(seconds)).unwrap()
    }

    #[test]
    fn the_published_codes_are_ours() {
        // RFC 6238 appendix B, SHA-1, the last six of its eight digits.
        let secret = TotpSecret::from_bytes(Zeroizing::new(b"12345678901234567890".to_vec())).unwrap();
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(secret.step_of(code, at(seconds)), Some(seconds / 30), "{seconds}");
        }
    }

    #[test]
    fn a_code_is_good_one_step_before_and_after_its_own() {
        let secret = TotpSecret::from_bytes(Zeroizing::new(b"12345678901234567890".to_vec())).unwrap();
        let step = 1_111_111_111_u64 / 30;
        for (seconds, good) in [(-31_i64, false), (-30, true), (59, true), (60, false)] {
            let now = at((step * 30).checked_add_signed(seconds).unwrap());
            assert_eq!(secret.step_of(" 050 471 ", now), good.then_some(step), "{seconds}");
        }
        assert_eq!(secret.step_of("", at(0)), None);
    }

    #[test]
    fn the_text_reads_as_it_was_written() {
        let secret = TotpSecret::from_bytes(Zeroizing::new(b"12345678901234567890".to_vec())).unwrap();
        let text = secret.expose_base32();
        assert_eq!(*text, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_eq!(TotpSecret::from_base32(&text).unwrap().expose_secret(), secret.expose_secret());
        assert!(TotpSecret::from_base32("GEZDGNBV").is_none());
        assert!(TotpSecret::from_base32("").is_none());
    }
}
