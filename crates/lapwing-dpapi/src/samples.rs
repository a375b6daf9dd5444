//! Blobs and keys of Windows, and ours. `fixtures/ORIGIN.md` says where they come from.

use lapwing_core::types::Sid;

use crate::{RootKey, key_file};

/// A published root key in the file beside.
macro_rules! root_key {
    ($name:literal) => {
        $crate::key_file::read(include_bytes!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/src/fixtures/root_key/",
            $name,
            ".json"
        )))
        .unwrap()
    };
}
pub(crate) use root_key;

/// A blob of Windows with the file of its root key.
pub(crate) struct Published {
    pub(crate) name: &'static str,
    pub(crate) bytes: &'static [u8],
    root_key: &'static [u8],
    pub(crate) is_public_key: bool,
    pub(crate) sid: &'static str,
}

impl Published {
    pub(crate) fn root_key(&self) -> RootKey {
        key_file::read(self.root_key).unwrap()
    }
}

const SYSTEM: &str = "S-1-5-18";
const USER: &str = "S-1-5-21-1773909632-2404839780-3841274756-1104";

macro_rules! published {
    ($name:literal, $key:literal, $is_public_key:literal, $sid:expr) => {
        Published {
            name: $name,
            bytes: include_bytes!(concat!("fixtures/blob/", $name)),
            root_key: include_bytes!(concat!("fixtures/root_key/", $key, ".json")),
            is_public_key: $is_public_key,
            sid: $sid,
        }
    };
}

/// Of every pair of hash function and agreement. All protect one byte, 0, in the interval (361, 17, 13).
pub(crate) const PUBLISHED: [Published; 17] = [
    published!("sha1_dh", "sha1_dh", true, SYSTEM),
    published!("sha1_ecdh_p256", "sha1_ecdh_p256", true, SYSTEM),
    published!("sha1_ecdh_p384", "sha1_ecdh_p384", true, SYSTEM),
    published!("sha1_nonce", "sha1_dh", false, USER),
    published!("sha256_dh", "sha256_dh", true, SYSTEM),
    published!("sha256_ecdh_p256", "sha256_ecdh_p256", true, SYSTEM),
    published!("sha256_ecdh_p384", "sha256_ecdh_p384", true, SYSTEM),
    published!("sha256_nonce", "sha256_dh", false, USER),
    published!("sha384_dh", "sha384_dh", true, SYSTEM),
    published!("sha384_ecdh_p256", "sha384_ecdh_p256", true, SYSTEM),
    published!("sha384_nonce", "sha384_dh", false, USER),
    published!("sha384_ecdh_p384", "sha384_ecdh_p384", true, SYSTEM),
    published!("sha512_dh", "sha512_dh", true, SYSTEM),
    published!("sha512_ecdh_p256", "sha512_ecdh_p256", true, SYSTEM),
    published!("sha512_ecdh_p384", "sha512_ecdh_p384", true, USER),
    published!("sha512_ecdh_p384_nonce", "sha512_ecdh_p384", false, USER),
    published!("sha512_nonce", "sha512_dh", false, USER),
];

/// A complete value of `msLAPS-EncryptedPassword`, of Windows.
pub(crate) const LAPS: &[u8] = include_bytes!("fixtures/laps/windows");
/// What is in it.
pub(crate) const LAPS_TEXT: &str = r#"{"n":"Administrator","t":"1da934a349b798e","p":"a998aoEUUXxO32"}"#;

/// The text, SID and domain of our own blobs.
pub(crate) const OWN_TEXT: &str = r#"{"n":"root","t":"1dd1e7a00000000","p":"Abc-123"}"#;
pub(crate) const OWN_DOMAIN: &str = "lab.example";

pub(crate) fn own_sid() -> Sid {
    "S-1-5-21-1111111111-2222222222-3333333333-512".parse().unwrap()
}

pub(crate) fn unhex(digits: &str) -> Vec<u8> {
    let mut bytes = vec![0; digits.len() / 2];
    assert!(crate::hex::read(digits, &mut bytes), "{digits}");
    bytes
}
