//! Envelope encryption: a key per record, all record keys under one key-encryption key outside the database.
//!
//! INVARIANT: what is opened was sealed for the same tenant, device, version and account; a row moved is refused.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use lapwing_core::{
    secret::Password,
    types::{AccountName, DeviceId, Guid, PasswordVersion, TenantId},
};
use lapwing_proto::secret_text::{self, SecretText};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::KeyError;
use crate::rules::operator::OperatorName;

const KEY_LEN: usize = 32;
const TAG_LEN: usize = 16;

/// What a ciphertext belongs to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Binding<'a> {
    Password {
        tenant: TenantId,
        device: DeviceId,
        /// None for a password stored in Windows' form.
        version: Option<PasswordVersion>,
        account: &'a AccountName,
    },
    Key {
        tenant: TenantId,
        name: &'a str,
    },
    /// The secret of an operator's authenticator.
    Totp {
        tenant: TenantId,
        operator: OperatorName,
    },
}

impl Binding<'_> {
    fn to_bytes(self) -> Vec<u8> {
        match self {
            Self::Password { tenant, device, version, account } => [
                &b"lapwing password 1\0"[..],
                &tenant.0.to_bytes(),
                &device.0.to_bytes(),
                &[u8::from(version.is_some())],
                &version.map_or([0; 16], |version| version.0.to_bytes()),
                account.as_str().as_bytes(),
            ]
            .concat(),
            Self::Key { tenant, name } => {
                [&b"lapwing key 1\0"[..], &tenant.0.to_bytes(), name.as_bytes()].concat()
            }
            Self::Totp { tenant, operator } => {
                [&b"lapwing totp 1\0"[..], &tenant.0.to_bytes(), operator.as_str().as_bytes()].concat()
            }
        }
    }
}

/// The key-encryption key.
pub(crate) struct Kek {
    id: Guid,
    key: Zeroizing<[u8; KEY_LEN]>,
}

impl core::fmt::Debug for Kek {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Kek({}, redacted)", self.id)
    }
}

/// The file that holds it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KekFile {
    id: String,
    #[serde(with = "secret_text")]
    key: SecretText,
}

/// A password as the database holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SealedRecord {
    /// The record's key under the key-encryption key.
    pub(crate) wrapped_key: Vec<u8>,
    /// The password under the record's key.
    pub(crate) ciphertext: Vec<u8>,
}

impl Kek {
    pub(crate) fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut key = Zeroizing::new([0; KEY_LEN]);
        rng.fill_bytes(&mut *key);
        Self { id: Guid::random(rng), key }
    }

    pub(crate) const fn id(&self) -> Guid {
        self.id
    }

    /// Reads the text of its file.
    pub(crate) fn parse(text: &str) -> Result<Self, KeyError> {
        let malformed = || KeyError::Malformed("key-encryption key's file");
        let file: KekFile = toml::from_str(text).map_err(|_| malformed())?;
        let bytes = Zeroizing::new(STANDARD.decode(file.key.expose_secret()).map_err(|_| malformed())?);
        let mut key = Zeroizing::new([0; KEY_LEN]);
        if bytes.len() != KEY_LEN {
            return Err(malformed());
        }
        key.copy_from_slice(&bytes);
        Ok(Self { id: file.id.parse().map_err(|_| malformed())?, key })
    }

    /// The text of its file: the only way out of the program.
    pub(crate) fn expose_file(&self) -> Zeroizing<String> {
        let key = Zeroizing::new(STANDARD.encode(*self.key));
        let mut text = Zeroizing::new(String::with_capacity(256));
        for part in [
            "# The key-encryption key of lapwing-server. Whoever has it and the database can read every password.\n\
             # Back it up apart from the database; without it every password is lost.\nid = \"",
            &self.id.to_string(),
            "\"\nkey = \"",
            &key,
            "\"\n",
        ] {
            text.push_str(part);
        }
        text
    }

    /// Encrypts a password under a key of its own.
    pub(crate) fn seal_password(
        &self,
        rng: &mut impl CryptoRng,
        password: &Password,
        binding: Binding<'_>,
    ) -> Result<SealedRecord, KeyError> {
        let mut record_key = Zeroizing::new([0; KEY_LEN]);
        rng.fill_bytes(&mut *record_key);
        Ok(SealedRecord {
            wrapped_key: self.wrap(&*record_key, binding)?,
            ciphertext: seal(&record_key, password.expose_secret().as_bytes(), binding)?,
        })
    }

    /// Decrypts a password.
    pub(crate) fn open_password(
        &self,
        record: &SealedRecord,
        binding: Binding<'_>,
    ) -> Result<Password, KeyError> {
        let mut record_key = Zeroizing::new([0; KEY_LEN]);
        let unwrapped = self.unwrap(&record.wrapped_key, binding)?;
        if unwrapped.len() != KEY_LEN {
            return Err(KeyError::Malformed("record's key"));
        }
        record_key.copy_from_slice(&unwrapped);
        let clear = open(&record_key, &record.ciphertext, binding, "password record")?;
        let text = core::str::from_utf8(&clear).map_err(|_| KeyError::Malformed("password record"))?;
        Ok(Password::new(text.to_owned()))
    }

    /// Encrypts a key.
    pub(crate) fn wrap(&self, key: &[u8], binding: Binding<'_>) -> Result<Vec<u8>, KeyError> {
        seal(&self.key, key, binding)
    }

    /// Decrypts a key.
    pub(crate) fn unwrap(
        &self,
        wrapped: &[u8],
        binding: Binding<'_>,
    ) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        open(&self.key, wrapped, binding, "wrapped key")
    }
}

/// AES-256-GCM with a random nonce, written before the ciphertext. NIST SP 800-38D 8.2.2.
fn seal(key: &[u8; KEY_LEN], clear: &[u8], binding: Binding<'_>) -> Result<Vec<u8>, KeyError> {
    let refused = |_| KeyError::Refused("encryption");
    let key = RandomizedNonceKey::new(&AES_256_GCM, key).map_err(refused)?;
    let mut body = Zeroizing::new(Vec::with_capacity(clear.len() + TAG_LEN));
    body.extend_from_slice(clear);
    let nonce = key.seal_in_place_append_tag(Aad::from(binding.to_bytes()), &mut *body).map_err(refused)?;
    Ok([&nonce.as_ref()[..], &body].concat())
}

fn open(
    key: &[u8; KEY_LEN],
    sealed: &[u8],
    binding: Binding<'_>,
    what: &'static str,
) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let (nonce, body) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(KeyError::Malformed(what))?;
    let key = RandomizedNonceKey::new(&AES_256_GCM, key).map_err(|_| KeyError::Refused("decryption"))?;
    let mut body = Zeroizing::new(body.to_vec());
    let len = key
        .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(binding.to_bytes()), &mut body)
        .map_err(|_| KeyError::Tampered(what))?
        .len();
    body.truncate(len);
    Ok(body)
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng as _;

    use super::*;

    fn binding(n: u8, account: &AccountName) -> Binding<'_> {
        let guid = Guid::from_bytes([n; 16]);
        Binding::Password {
            tenant: TenantId(guid),
            device: DeviceId(guid),
            version: Some(PasswordVersion(guid)),
            account,
        }
    }

    #[test]
    fn a_record_opens_only_for_what_it_was_sealed_for() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let kek = Kek::generate(&mut rng);
        let account = "lapadmin".parse().unwrap();
        let other = "root".parse().unwrap();
        let password = Password::new("correct horse".to_owned());
        let record = kek.seal_password(&mut rng, &password, binding(1, &account)).unwrap();
        assert_eq!(
            kek.open_password(&record, binding(1, &account)).unwrap().expose_secret(),
            "correct horse"
        );
        assert!(matches!(kek.open_password(&record, binding(2, &account)), Err(KeyError::Tampered(_))));
        assert!(matches!(kek.open_password(&record, binding(1, &other)), Err(KeyError::Tampered(_))));
        let stranger = Kek::generate(&mut rng);
        assert!(matches!(stranger.open_password(&record, binding(1, &account)), Err(KeyError::Tampered(_))));
    }

    #[test]
    fn the_key_file_reads_as_it_was_written() {
        let kek = Kek::generate(&mut ChaCha20Rng::seed_from_u64(2));
        let read = Kek::parse(&kek.expose_file()).unwrap();
        assert_eq!(read.id(), kek.id());
        assert_eq!(*read.key, *kek.key);
        assert!(Kek::parse("id = \"x\"\nkey = \"\"").is_err());
        assert!(!format!("{kek:?}").contains(&STANDARD.encode(*kek.key)));
    }
}
