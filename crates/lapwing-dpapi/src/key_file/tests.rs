use proptest::prelude::*;

use super::*;
use crate::samples::root_key;

const OWN: &str = include_str!("../fixtures/root_key/own_dh.json");

#[test]
fn files_are_written_as_they_were_read() {
    for key in [root_key!("own_dh"), root_key!("sha1_ecdh_p256"), root_key!("sha384_ecdh_p384")] {
        let read = read(write(&key).expose_secret()).unwrap();
        assert_eq!((read.id(), read.hash(), read.agreement()), (key.id(), key.hash(), key.agreement()));
        assert_eq!(read.expose_secret(), key.expose_secret());
    }
    assert_eq!(write(&root_key!("own_dh")).expose_secret(), OWN.as_bytes());
}

/// A group of another generator, which is as good as any.
fn other_group() -> DhParameters {
    let mut bytes = DhParameters::rfc5114().to_bytes();
    *bytes.last_mut().unwrap() ^= 2;
    DhParameters::parse(&bytes).unwrap()
}

#[test]
fn parameters_are_left_out_where_they_are_those_of_windows() {
    let agreement = SecretAgreement::Dh { parameters: other_group(), private_key_bits: 256 };
    let key = RootKey::new(Guid::from_bytes([7; 16]), KdfParameters::new(Hash::Sha1), agreement, &[7; 64]);
    let json = write(&key.unwrap());
    let text = str::from_utf8(json.expose_secret()).unwrap();
    assert!(text.contains("\"secret_agreement_parameters\": \"0c0200004448504d00010000"), "{text}");
    let expected = SecretAgreement::Dh { parameters: other_group(), private_key_bits: 256 };
    assert_eq!(*read(text.as_bytes()).unwrap().agreement(), expected);
    assert!(!OWN.contains("parameters"));
}

#[test]
fn each_fault_is_told_without_the_key() {
    use KeyFileError::{Json, Member, Parameters, TooLong};
    let with = |from: &str, to: &str| {
        assert!(OWN.contains(from), "{from}");
        let error = read(OWN.replace(from, to).as_bytes()).map(|_| ()).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("0a0b0c"), "{error:?}");
        error
    };
    assert_eq!(with("\"00112233", "\"0011223"), Member("id"));
    assert_eq!(with("SHA512", "SHA3"), Member("hash"));
    assert_eq!(with("\"DH\"", "\"ECDH_P521\""), Parameters(ParametersError::P521));
    assert!(matches!(with("512,", "2048,"), Parameters(ParametersError::KeyLengths { .. })));
    assert!(matches!(with("512,", "208,"), Parameters(ParametersError::KeyLengths { .. })));
    assert_eq!(with("3f\"", "3\""), Member("key"));
    assert_eq!(with("3f\"", "3f0\""), Member("key"));
    assert_eq!(with("3f\"", "3x\""), Member("key"));
    assert!(matches!(with("\"key\"", "\"keys\""), Json { line: 7, .. }));
    assert!(matches!(with("\"key\": \"", "\"key\": \"\\u0030"), Json { .. }));
    assert!(matches!(with("{", "{\"more\": 1,"), Json { .. }));
    assert!(matches!(with("}", ""), Json { .. }));
    assert_eq!(
        with("512,", "512, \"secret_agreement_parameters\": \"00\","),
        Member("secret_agreement_parameters")
    );
    let long = format!("{OWN}{}", " ".repeat(FILE_LEN_MAX));
    assert_eq!(read(long.as_bytes()).map(|_| ()).unwrap_err(), TooLong { len: long.len() });
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>, at: proptest::sample::Index, by: u8) {
        drop(read(&bytes));
        let mut bytes = OWN.as_bytes().to_vec();
        let at = at.index(bytes.len());
        bytes[at] = by;
        drop(read(&bytes));
    }
}
