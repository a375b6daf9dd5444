//! Operators' passwords: Argon2id. RFC 9106; the parameters are those of the OWASP Password Storage Cheat Sheet.

use core::time::Duration;

use argon2::{
    Algorithm, Argon2, Params, PasswordVerifier as _, Version,
    password_hash::{PasswordHasher as _, phc::PasswordHash},
};
use lapwing_core::secret::Password;
use rand_core::CryptoRng;
use tokio::sync::Semaphore;

use super::KeyError;

const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const SALT_LEN: usize = 16;
/// How many are computed at once: each holds its memory and one core.
const PARALLEL_MAX: usize = 2;
/// How long one waits for its turn.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// A password's hash as the database holds it: a PHC string, with its own parameters.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct OperatorHash(String);

impl core::fmt::Debug for OperatorHash {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("OperatorHash(redacted)")
    }
}

impl OperatorHash {
    pub(crate) const fn from_column(text: String) -> Self {
        Self(text)
    }

    pub(crate) fn as_column(&self) -> &str {
        &self.0
    }
}

/// Hashes and compares, a few at a time.
#[derive(Debug)]
pub(crate) struct Hasher {
    turns: Semaphore,
    /// Of a password that nobody has: an unknown name costs what a known one does.
    nobody: OperatorHash,
}

/// Too many wait already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords are being checked")]
pub(crate) struct Busy;

impl Hasher {
    pub(crate) fn new(rng: &mut impl CryptoRng) -> Result<Self, KeyError> {
        let mut bytes = [0; SALT_LEN];
        rng.fill_bytes(&mut bytes);
        let nobody = hash(&Password::new(data_encoding::BASE32_NOPAD.encode(&bytes)), &bytes)?;
        Ok(Self { turns: Semaphore::new(PARALLEL_MAX), nobody })
    }

    /// The hash of a new password.
    pub(crate) async fn hash(
        &self,
        password: Password,
        rng: &mut (impl CryptoRng + Send),
    ) -> Result<Result<OperatorHash, KeyError>, Busy> {
        let mut salt = [0; SALT_LEN];
        rng.fill_bytes(&mut salt);
        self.run(move || hash(&password, &salt)).await
    }

    /// Whether the password is the one of the hash; never without one, at the same cost.
    pub(crate) async fn verify(&self, password: Password, hash: Option<OperatorHash>) -> Result<bool, Busy> {
        let is_known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.nobody.clone());
        let is_right = self
            .run(move || {
                PasswordHash::new(hash.as_column()).is_ok_and(|hash| {
                    Argon2::default().verify_password(password.expose_secret().as_bytes(), &hash).is_ok()
                })
            })
            .await?;
        Ok(is_right && is_known)
    }

    /// On a thread for blocking work, when it is its turn.
    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Busy> {
        let turn = tokio::time::timeout(WAIT_MAX, self.turns.acquire()).await;
        let Ok(Ok(_turn)) = turn else { return Err(Busy) };
        tokio::task::spawn_blocking(work).await.map_err(|_| Busy)
    }
}

fn hash(password: &Password, salt: &[u8]) -> Result<OperatorHash, KeyError> {
    let refused = || KeyError::Refused("password's hashing");
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|_| refused())?;
    let hash: PasswordHash = Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_with_salt(password.expose_secret().as_bytes(), salt)
        .map_err(|_| refused())?;
    Ok(OperatorHash(hash.to_string()))
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng as _;

    use super::*;

    fn password(text: &str) -> Password {
        Password::new(text.to_owned())
    }

    #[tokio::test]
    async fn only_the_right_password_of_a_known_name_is_accepted() {
        let mut rng = ChaCha20Rng::seed_from_u64(6);
        let hasher = Hasher::new(&mut rng).unwrap();
        let hash = hasher.hash(password("correct horse battery"), &mut rng).await.unwrap().unwrap();
        assert!(hash.as_column().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.as_column());
        let read = || Some(OperatorHash::from_column(hash.as_column().to_owned()));
        assert_eq!(hasher.verify(password("correct horse battery"), read()).await, Ok(true));
        assert_eq!(hasher.verify(password("correct horse batterz"), read()).await, Ok(false));
        assert_eq!(hasher.verify(password("correct horse battery"), None).await, Ok(false));
        let damaged = Some(OperatorHash::from_column("$argon2id$".to_owned()));
        assert_eq!(hasher.verify(password("correct horse battery"), damaged).await, Ok(false));
    }

    #[tokio::test]
    async fn equal_passwords_have_unequal_hashes() {
        let mut rng = ChaCha20Rng::seed_from_u64(7);
        let hasher = Hasher::new(&mut rng).unwrap();
        let one = hasher.hash(password("correct horse battery"), &mut rng).await.unwrap().unwrap();
        let two = hasher.hash(password("correct horse battery"), &mut rng).await.unwrap().unwrap();
        assert_ne!(one, two);
    }
}
