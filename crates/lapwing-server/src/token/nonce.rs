//! Nonces: good for one use within minutes. Issuing one costs no memory, so that strangers cannot fill any.

use core::time::Duration;
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use lapwing_core::types::FileTime;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

/// How long a nonce is good for.
pub(crate) const LIFE: Duration = Duration::from_secs(300);
const RANDOM_LEN: usize = 16;
const BODY_LEN: usize = 8 + RANDOM_LEN;
/// How many used nonces are remembered. Only a valid device signature uses one.
const USED_MAX: usize = 1 << 18;

/// The text is not a nonce of this server, too old, or used before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the nonce is unknown, has ended or was used before")]
pub(crate) struct NonceError;

/// Issues and redeems nonces. Its key lives as long as the process, so that a restart ends all of them.
#[derive(Debug)]
pub(crate) struct Nonces {
    key: hmac::Key,
    /// Used ones and when they end.
    used: Mutex<BTreeMap<[u8; RANDOM_LEN], FileTime>>,
}

impl Nonces {
    pub(crate) fn new(rng: &mut impl CryptoRng) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *key);
        Self { key: hmac::Key::new(HMAC_SHA256, &*key), used: Mutex::default() }
    }

    /// A fresh nonce: time, randomness and a code over both.
    pub(crate) fn issue(&self, now: FileTime, rng: &mut impl CryptoRng) -> String {
        let mut random = [0; RANDOM_LEN];
        rng.fill_bytes(&mut random);
        let body = [&now.ticks().to_be_bytes()[..], &random].concat();
        let tag = hmac::sign(&self.key, &body);
        URL_SAFE_NO_PAD.encode([&body, tag.as_ref()].concat())
    }

    /// Whether it is of this server and fresh.
    pub(crate) fn check(&self, nonce: &str, now: FileTime) -> Result<(), NonceError> {
        self.open(nonce, now).map(drop)
    }

    /// Uses it up.
    pub(crate) fn redeem(&self, nonce: &str, now: FileTime) -> Result<(), NonceError> {
        let (random, ends) = self.open(nonce, now)?;
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.len() >= USED_MAX {
            used.retain(|_, ends| *ends > now);
        }
        if used.len() >= USED_MAX || used.insert(random, ends).is_some() {
            return Err(NonceError);
        }
        Ok(())
    }

    fn open(&self, nonce: &str, now: FileTime) -> Result<([u8; RANDOM_LEN], FileTime), NonceError> {
        let bytes = URL_SAFE_NO_PAD.decode(nonce).map_err(|_| NonceError)?;
        let (body, tag) = bytes.split_first_chunk::<BODY_LEN>().ok_or(NonceError)?;
        hmac::verify(&self.key, body, tag).map_err(|_| NonceError)?;
        let (ticks, random) = body.split_first_chunk::<8>().ok_or(NonceError)?;
        let issued = FileTime::from_ticks(u64::from_be_bytes(*ticks)).map_err(|_| NonceError)?;
        let ends = issued.saturating_add(LIFE);
        if now > ends || issued > now.saturating_add(LIFE) {
            return Err(NonceError);
        }
        Ok((random.try_into().map_err(|_| NonceError)?, ends))
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng as _;

    use super::*;

    #[test]
    fn a_nonce_is_good_once_and_for_five_minutes() {
        let mut rng = ChaCha20Rng::seed_from_u64(4);
        let nonces = Nonces::new(&mut rng);
        let now: FileTime = "2026-05-06T07:08:09Z".parse().unwrap();
        let nonce = nonces.issue(now, &mut rng);
        assert_eq!(nonces.check(&nonce, now), Ok(()));
        assert_eq!(nonces.redeem(&nonce, now.saturating_add(LIFE)), Ok(()));
        assert_eq!(nonces.redeem(&nonce, now), Err(NonceError));
        let late = nonces.issue(now, &mut rng);
        let after = now.saturating_add(LIFE + Duration::from_secs(1));
        assert_eq!(nonces.redeem(&late, after), Err(NonceError));
    }

    #[test]
    fn a_nonce_of_another_server_or_changed_is_refused() {
        let mut rng = ChaCha20Rng::seed_from_u64(5);
        let (ours, theirs) = (Nonces::new(&mut rng), Nonces::new(&mut rng));
        let now: FileTime = "2026-05-06T07:08:09Z".parse().unwrap();
        let mut nonce = theirs.issue(now, &mut rng);
        assert_eq!(ours.check(&nonce, now), Err(NonceError));
        nonce.replace_range(0..1, if nonce.starts_with('B') { "C" } else { "B" });
        assert_eq!(theirs.check(&nonce, now), Err(NonceError));
        for text in ["", "AAAA", "%%"] {
            assert_eq!(ours.check(text, now), Err(NonceError));
        }
    }
}
