//! Hashing by the host's own libcrypt, by the method that the host is set to.
//!
//! INVARIANT: a hash is returned only if the host's `crypt()` accepts the password with it: else nobody could log on.

mod sys;

use std::{ffi::CStr, fs};

use lapwing_core::secret::Password;
use rand_core::CryptoRng;

use self::sys::Libcrypt;
use crate::{hash::PasswordHash, log, root::Root};

/// The host's libcrypt gives no hash of a strong method that it would accept again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CryptError {
    #[error("the host has no libcrypt")]
    NoLibrary,
    #[error("the host's libcrypt accepts none of its own hashes: tried {tried}")]
    NoMethod { tried: String },
}

impl CryptError {
    pub(crate) const fn next_step(&self) -> &'static str {
        match self {
            Self::NoLibrary => "install the distribution's libcrypt (libxcrypt)",
            Self::NoMethod { .. } => {
                "see crypt(5) and ENCRYPT_METHOD in /etc/login.defs for what the host supports"
            }
        }
    }
}

/// A way of hashing that is strong enough. crypt(5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    LibraryDefault,
    Yescrypt,
    Bcrypt,
    Sha512,
    Sha256,
}

/// What is tried, in this order, if the host's own choice fails.
const FALL_BACK: [Method; 3] = [Method::Yescrypt, Method::Sha512, Method::Sha256];
/// bcrypt ignores what comes after. crypt(5).
const BCRYPT_PASSWORD_LEN_MAX: usize = 72;
/// What a default of the library must begin with to be taken: a `DES` hash is none.
const STRONG_PREFIXES: [&str; 6] = ["$y$", "$gy$", "$7$", "$2b$", "$6$", "$5$"];

impl Method {
    /// What the method's settings begin with; `None` for whatever the library prefers.
    const fn prefix(self) -> Option<&'static CStr> {
        match self {
            Self::LibraryDefault => None,
            Self::Yescrypt => Some(c"$y$"),
            Self::Bcrypt => Some(c"$2b$"),
            Self::Sha512 => Some(c"$6$"),
            Self::Sha256 => Some(c"$5$"),
        }
    }

    /// What `ENCRYPT_METHOD` of login.defs(5) means; `None` for a weak or unknown method.
    fn from_login_defs(name: &str) -> Option<Self> {
        [
            ("YESCRYPT", Self::Yescrypt),
            ("BCRYPT", Self::Bcrypt),
            ("SHA512", Self::Sha512),
            ("SHA256", Self::Sha256),
        ]
        .into_iter()
        .find(|(known, _)| name.eq_ignore_ascii_case(known))
        .map(|(_, method)| method)
    }
}

/// Hashes a password by the host's method, or by the next one that the host's own `crypt()` accepts.
///
/// # Errors
/// [`CryptError`].
pub(crate) fn hash(
    root: &Root,
    password: &Password,
    rng: &mut impl CryptoRng,
) -> Result<PasswordHash, CryptError> {
    let library = Libcrypt::load().ok_or(CryptError::NoLibrary)?;
    let chosen = chosen_method(root);
    let mut tried = Vec::new();
    for method in [chosen].into_iter().chain(FALL_BACK) {
        if method == Method::Bcrypt && password.expose_secret().len() > BCRYPT_PASSWORD_LEN_MAX {
            continue;
        }
        if let Some(hash) = hash_by(&library, method, password, rng) {
            if method != chosen {
                log::warning(
                    "The host's own choice of hash failed; fell back",
                    &[("METHOD", &format!("{method:?}"))],
                );
            }
            return Ok(hash);
        }
        tried.push(format!("{method:?}"));
    }
    Err(CryptError::NoMethod { tried: tried.join(", ") })
}

fn hash_by(
    library: &Libcrypt,
    method: Method,
    password: &Password,
    rng: &mut impl CryptoRng,
) -> Option<PasswordHash> {
    let mut random = [0; 32];
    rng.fill_bytes(&mut random);
    let setting = library.gensalt(method.prefix(), &random).or_else(|| sha_setting(method, &random))?;
    if !STRONG_PREFIXES.iter().any(|prefix| setting.starts_with(prefix)) {
        return None;
    }
    let hash: PasswordHash = library.crypt(password, &setting)?.parse().ok()?;
    // Verified as a log-on does it: the hash is the setting.
    let again = library.crypt(password, hash.as_str())?;
    (hash.as_str().starts_with(&setting) && *again == hash.as_str()).then_some(hash)
}

/// A setting for libraries without `crypt_gensalt_rn`: sixteen characters of six bits each.
fn sha_setting(method: Method, random: &[u8; 32]) -> Option<String> {
    const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let prefix = match method {
        Method::Sha512 | Method::LibraryDefault => "$6$",
        Method::Sha256 => "$5$",
        Method::Yescrypt | Method::Bcrypt => return None,
    };
    let salt = random.iter().take(16).map(|byte| char::from(ALPHABET[usize::from(byte & 63)]));
    Some(prefix.chars().chain(salt).collect())
}

fn chosen_method(root: &Root) -> Method {
    let read = |path: &str| fs::read_to_string(root.as_path().join(path)).unwrap_or_default();
    // Under FIPS 140 no other method of libcrypt is approved.
    if read("proc/sys/crypto/fips_enabled").trim() == "1" {
        return Method::Sha512;
    }
    method_of(&read("etc/login.defs"))
}

fn method_of(login_defs: &str) -> Method {
    let named = login_defs.lines().rev().find_map(|line| {
        let mut words = line.split_ascii_whitespace();
        (words.next() == Some("ENCRYPT_METHOD")).then(|| words.next()).flatten()
    });
    match named.map(|name| (name, Method::from_login_defs(name))) {
        None => Method::LibraryDefault,
        Some((_, Some(method))) => method,
        Some((name, None)) => {
            log::warning(
                "ENCRYPT_METHOD of login.defs is weak or unknown and was not used",
                &[("METHOD", name)],
            );
            Method::LibraryDefault
        }
    }
}

#[cfg(test)]
mod tests {
    use rand_core::SeedableRng as _;

    use super::*;
    use crate::test_dir::TestDir;

    fn hash_with(login_defs: &str, password: &str) -> String {
        let dir = TestDir::new();
        dir.write("etc/login.defs", login_defs.as_bytes());
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(7);
        let password = Password::new(password.to_owned());
        hash(&Root::new(dir.path()), &password, &mut rng).unwrap().as_str().to_owned()
    }

    #[test]
    fn the_hosts_method_is_used() {
        for (method, prefix) in
            [("SHA512", "$6$"), ("SHA256", "$5$"), ("YESCRYPT", "$y$"), ("bcrypt", "$2b$")]
        {
            let hash =
                hash_with(&format!("# ENCRYPT_METHOD DES\nENCRYPT_METHOD\t{method}\n"), "correct horse");
            assert!(hash.starts_with(prefix), "{method} {hash}");
        }
    }

    #[test]
    fn a_weak_or_absent_method_gives_a_strong_hash() {
        for login_defs in ["", "ENCRYPT_METHOD DES", "ENCRYPT_METHOD MD5", "ENCRYPT_METHOD"] {
            let hash = hash_with(login_defs, "correct horse");
            assert!(STRONG_PREFIXES.iter().any(|prefix| hash.starts_with(prefix)), "{login_defs} {hash}");
        }
    }

    #[test]
    fn a_password_too_long_for_bcrypt_is_hashed_by_another_method() {
        assert!(hash_with("ENCRYPT_METHOD BCRYPT", &"x".repeat(73)).starts_with("$y$"));
    }

    #[test]
    fn a_setting_of_our_own_is_one_that_the_host_accepts() {
        let library = Libcrypt::load().unwrap();
        for method in [Method::Sha512, Method::Sha256] {
            let setting = sha_setting(method, &[0xff; 32]).unwrap();
            let hash = library.crypt(&Password::new("p".to_owned()), &setting).unwrap();
            assert!(hash.parse::<PasswordHash>().is_ok() && hash.starts_with(&setting));
        }
    }
}
