use std::collections::BTreeMap;

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

use super::*;
use crate::{Hash, samples::root_key};

const CREATOR_DN: &str = "CN=DC1,OU=Domain Controllers,DC=lab,DC=example";

fn time(ticks: u64) -> FileTime {
    FileTime::from_ticks(ticks).unwrap()
}

fn values(key: &RootKey) -> BTreeMap<&'static str, Vec<u8>> {
    let values = attributes(key, time(1000), time(2000), CREATOR_DN);
    values.into_iter().map(|(name, value)| (name, value.expose_secret().to_vec())).collect()
}

fn read(values: &BTreeMap<&'static str, Vec<u8>>) -> Result<StoredRootKey, StoredRootKeyError> {
    StoredRootKey::read(Guid::from_bytes([7; 16]), |name| values.get(name).map(Vec::as_slice))
}

#[test]
fn a_new_key_is_one_that_windows_would_make() {
    let key = RootKey::generate(&mut ChaCha20Rng::seed_from_u64(7));
    let values = values(&key);
    let text = |name: &str| str::from_utf8(&values[name]).unwrap();
    assert_eq!(ATTRIBUTES.map(|name| values.contains_key(name)), [true; 11]);
    assert_eq!((text(VERSION), text(KDF)), ("1", "SP800_108_CTR_HMAC"));
    assert_eq!((text(AGREEMENT), text(PRIVATE_KEY_BITS), text(PUBLIC_KEY_BITS)), ("DH", "512", "2048"));
    assert_eq!((text(CREATED), text(USE_START), text(CREATOR)), ("1000", "2000", CREATOR_DN));
    let sha512 = crate::samples::unhex("00000000010000000e000000000000005300480041003500310032000000");
    assert_eq!(values[KDF_PARAMETERS], sha512);
    assert_eq!((values[DATA].len(), values[AGREEMENT_PARAMETERS].len()), (64, 524));
    assert_ne!(values[DATA], RootKey::generate(&mut ChaCha20Rng::seed_from_u64(8)).expose_secret());
}

#[test]
fn keys_are_read_as_they_are_written() {
    for key in [root_key!("own_dh"), root_key!("sha1_ecdh_p256"), root_key!("sha384_ecdh_p384")] {
        let stored = read(&values(&key)).unwrap();
        assert_eq!((stored.created, stored.use_start), (time(1000), time(2000)));
        let read = stored.key.unwrap();
        assert_eq!((read.hash(), read.agreement()), (key.hash(), key.agreement()));
        assert_eq!(read.expose_secret(), key.expose_secret());
        assert_eq!(read.id(), stored.id);
    }
}

/// As some tools leave it out, and then SHA-256 is meant.
#[test]
fn without_parameters_the_hash_function_is_sha256() {
    let mut without = values(&root_key!("own_ecdh_p256"));
    without.remove(KDF_PARAMETERS);
    let key = read(&without).unwrap().key.unwrap();
    assert_eq!(key.hash(), Hash::Sha256);
    assert!(!values(&key).contains_key(KDF_PARAMETERS), "and stays left out");
}

#[test]
fn each_fault_is_told() {
    use StoredRootKeyError::{KeyLength, Malformed, Missing, OtherKdf, Parameters, Version};
    let whole = values(&root_key!("own_dh"));
    let with = |name: &'static str, value: &[u8]| {
        let mut values = whole.clone();
        values.insert(name, value.to_vec());
        read(&values).and_then(|stored| stored.key).map(|_| ()).unwrap_err()
    };
    for name in
        ATTRIBUTES.into_iter().filter(|name| ![KDF_PARAMETERS, AGREEMENT_PARAMETERS, CREATOR].contains(name))
    {
        let mut values = whole.clone();
        values.remove(name);
        let error = read(&values).and_then(|stored| stored.key).map(|_| ()).unwrap_err();
        assert_eq!(error, Missing(name));
    }
    assert_eq!(with(VERSION, b"2"), Version(2));
    assert_eq!(with(VERSION, b"-1"), Malformed(VERSION));
    assert_eq!(with(KDF, b"SP800_108_CTR_CMAC"), OtherKdf);
    assert_eq!(with(KDF_PARAMETERS, b"SHA512"), Parameters(ParametersError::Kdf));
    assert_eq!(with(AGREEMENT, b"ECDH_P521"), Parameters(ParametersError::P521));
    assert_eq!(with(AGREEMENT, b"\xff"), Malformed(AGREEMENT));
    assert!(matches!(with(AGREEMENT_PARAMETERS, b""), Parameters(ParametersError::Dh(_))));
    assert_eq!(with(PRIVATE_KEY_BITS, b"x"), Malformed(PRIVATE_KEY_BITS));
    assert_eq!(
        with(PUBLIC_KEY_BITS, b"4096"),
        Parameters(ParametersError::KeyLengths { algorithm: "DH", private: 512, public: 4096 })
    );
    assert_eq!(with(DATA, &[7; 63]), KeyLength { len: 63 });
    assert_eq!(with(USE_START, b"-1"), Malformed(USE_START));
    assert_eq!(with(CREATED, b"99999999999999999999"), Malformed(CREATED));
}

/// Samba's own keys.
#[test]
fn private_keys_of_256_bits_are_taken() {
    let mut samba = values(&root_key!("own_dh"));
    samba.insert(PRIVATE_KEY_BITS, b"256".to_vec());
    assert_eq!(read(&samba).unwrap().key.unwrap().agreement().private_key_bits(), 256);
}
