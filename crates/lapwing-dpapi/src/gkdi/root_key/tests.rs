use super::*;
use crate::samples::root_key;

#[test]
fn a_debug_print_shows_no_secret() {
    let key = root_key!("own_dh");
    assert_eq!(format!("{key:?}"), "RootKey(00112233-4455-6677-8899-aabbccddeeff, SHA512, DH, redacted)");
}

#[test]
fn a_root_key_has_64_bytes() {
    for len in [0, 63, 65] {
        assert!(
            RootKey::new(
                Guid::from_bytes([7; 16]),
                KdfParameters::ABSENT,
                SecretAgreement::P256,
                &vec![7; len]
            )
            .is_none()
        );
    }
}
