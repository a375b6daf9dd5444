use proptest::prelude::*;

use super::*;
use crate::samples::unhex;

#[test]
fn parameters_of_the_key_derivation_function_are_the_ones_of_windows() {
    let sha512 = unhex("00000000010000000e000000000000005300480041003500310032000000");
    assert_eq!(KdfParameters::new(Hash::Sha512).to_bytes(), sha512);
    for hash in Hash::ALL {
        let parameters = KdfParameters::new(hash);
        assert_eq!(KdfParameters::parse(&parameters.to_bytes()), Ok(parameters));
    }
    assert_eq!(KdfParameters::parse(&[]), Ok(KdfParameters::ABSENT));
    assert_eq!(KdfParameters::ABSENT.hash(), Hash::Sha256);
    for fault in [&sha512[1..], &sha512[..29], &[sha512.as_slice(), &[0]].concat()] {
        assert_eq!(KdfParameters::parse(fault), Err(ParametersError::Kdf));
    }
}

#[test]
fn groups_of_another_size_or_of_no_use_are_refused() {
    use ParametersError::Dh;
    let whole = DhParameters::rfc5114().to_bytes();
    assert_eq!((whole.len(), DhParameters::parse(&whole)), (524, Ok(DhParameters::rfc5114())));
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = whole.clone();
        change(&mut bytes);
        DhParameters::parse(&bytes).unwrap_err()
    };
    assert_eq!(with(&|bytes| bytes.clear()), Dh("they end early"));
    assert_eq!(with(&|bytes| bytes.push(0)), Dh("their beginning"));
    assert_eq!(with(&|bytes| bytes[4] = b'X'), Dh("their beginning"));
    assert_eq!(with(&|bytes| bytes[9] = 2), Dh("only moduli of 2048 bits are supported"));
    // Even, of 2047 bits, and generators 0, 1 and -1.
    let of_no_use = Dh("the modulus or the generator is of no use");
    assert_eq!(with(&|bytes| bytes[267] ^= 1), of_no_use);
    assert_eq!(with(&|bytes| bytes[12] = 0x7f), of_no_use);
    assert_eq!(with(&|bytes| bytes[268..].fill(0)), of_no_use);
    assert_eq!(
        with(&|bytes| {
            bytes[268..].fill(0);
            bytes[523] = 1;
        }),
        of_no_use
    );
    assert_eq!(
        with(&|bytes| {
            bytes.copy_within(12..268, 268);
            bytes[523] ^= 1;
        }),
        of_no_use
    );
}

#[test]
fn algorithms_come_with_their_lengths_and_parameters() {
    use ParametersError::{Algorithm, KeyLengths, P521, Unexpected};
    let dh = DhParameters::rfc5114().to_bytes();
    let parse = SecretAgreement::parse;
    assert_eq!(parse("DH", &dh, 512, 2048), Ok(SecretAgreement::windows_default()));
    assert_eq!(parse("ECDH_P256", &[], 256, 256), Ok(SecretAgreement::P256));
    assert_eq!(parse("ECDH_P384", &[], 384, 384), Ok(SecretAgreement::P384));
    assert_eq!(parse("ECDH_P521", &[], 521, 521), Err(P521));
    assert_eq!(parse("RSA", &[], 512, 2048), Err(Algorithm("RSA".to_owned())));
    assert_eq!(parse("ECDH_P256", &dh, 256, 256), Err(Unexpected("ECDH_P256")));
    for (name, parameters, private, public) in [
        ("DH", dh.as_slice(), 512, 256),
        ("DH", &dh, 216, 2048),
        ("DH", &dh, 255, 2048),
        ("DH", &dh, 520, 2048),
        ("DH", &dh, u32::MAX, 2048),
        ("ECDH_P256", &[], 384, 256),
        ("ECDH_P384", &[], 384, 256),
    ] {
        assert!(
            matches!(parse(name, parameters, private, public), Err(KeyLengths { .. })),
            "{name} {private}"
        );
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
        drop(KdfParameters::parse(&bytes));
        drop(DhParameters::parse(&bytes));
    }
}
