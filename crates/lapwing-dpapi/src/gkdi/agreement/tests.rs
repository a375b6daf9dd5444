use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

use super::*;
use crate::primitives::modular::Group;

fn agreements() -> [SecretAgreement; 4] {
    let parameters = DhParameters::rfc5114();
    [
        SecretAgreement::windows_default(),
        SecretAgreement::Dh { parameters, private_key_bits: 256 },
        SecretAgreement::P256,
        SecretAgreement::P384,
    ]
}

#[test]
fn both_sides_agree_on_a_secret_of_full_width() {
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    for (agreement, len) in agreements().iter().zip([256, 256, 32, 48]) {
        let [one, other] = [0, 1].map(|_| PrivateKey::draw(agreement, &mut rng));
        let (left, right) =
            (one.agree(&other.public_key()).unwrap(), other.agree(&one.public_key()).unwrap());
        assert_eq!(left.secret.expose_secret(), right.secret.expose_secret());
        assert_eq!(left.secret.expose_secret().len(), len);
        let bytes = one.public_key().to_bytes();
        let blinded = other.agree_blinded(&UncheckedKey::parse(&bytes, agreement).unwrap()).unwrap();
        assert_eq!(left.secret.expose_secret(), blinded.secret.expose_secret());
        assert!(PublicKey::parse(&bytes, agreement) == Ok(one.public_key()));
    }
}

#[test]
fn keys_of_different_kinds_agree_on_nothing() {
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    let [dh, _, p256, p384] = agreements().map(|agreement| PrivateKey::draw(&agreement, &mut rng));
    assert!(dh.agree(&p256.public_key()).is_none());
    assert!(p256.agree(&p384.public_key()).is_none());
    assert!(p384.agree(&dh.public_key()).is_none());
}

#[test]
fn a_private_key_of_0_or_beyond_its_curve_is_none() {
    let key = |agreement, bytes: Vec<u8>| PrivateKey::new(agreement, SecretBytes::new(bytes)).is_ok();
    let [dh, _, p256, p384] = &agreements();
    assert!(!key(dh, vec![0; 64]) && key(dh, vec![0xff; 64]));
    assert!(!key(p256, vec![0; 32]) && !key(p256, vec![0xff; 32]) && key(p256, vec![1; 32]));
    assert!(!key(p384, vec![0; 48]) && !key(p384, vec![0xff; 48]) && key(p384, vec![1; 48]));
}

#[test]
fn points_off_the_curve_and_of_other_forms_are_refused() {
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    for (agreement, other) in
        [(SecretAgreement::P256, SecretAgreement::P384), (SecretAgreement::P384, SecretAgreement::P256)]
    {
        let bytes = PrivateKey::draw(&agreement, &mut rng).public_key().to_bytes();
        let error =
            |bytes: &[u8], agreement: &SecretAgreement| PublicKey::parse(bytes, agreement).unwrap_err();
        let mut off = bytes.clone();
        *off.last_mut().unwrap() ^= 1;
        assert_eq!(error(&off, &agreement), PublicKeyError::Outside);
        let zeros = [&bytes[..8], &vec![0; bytes.len() - 8]].concat();
        assert_eq!(error(&zeros, &agreement), PublicKeyError::Outside);
        assert_eq!(error(&bytes, &other), PublicKeyError::Malformed);
        assert_eq!(error(&bytes, &SecretAgreement::windows_default()), PublicKeyError::Malformed);
        for len in 0..bytes.len() {
            assert_eq!(error(&bytes[..len], &agreement), PublicKeyError::Malformed);
        }
        assert_eq!(error(&[bytes.as_slice(), &[0]].concat(), &agreement), PublicKeyError::Malformed);
    }
}

/// Elements of small order would tell a private key's remainder to whoever chose them.
#[test]
fn elements_that_tell_something_of_a_private_key_are_refused() {
    let agreement = SecretAgreement::windows_default();
    let valid = PrivateKey::draw(&agreement, &mut ChaCha20Rng::seed_from_u64(7)).public_key().to_bytes();
    let with = |element: &[u8; LEN]| PublicKey::parse(&[&valid[..520], element].concat(), &agreement);
    let small = |number: u8| core::array::from_fn(|at| if at == LEN - 1 { number } else { 0 });
    let modulus = Group::rfc5114().modulus();
    let mut last = modulus;
    last[LEN - 1] -= 1;
    // 0, 1, -1, the modulus, and 2, which is of another order than the generator.
    for element in [small(0), small(1), last, modulus, small(2), [0xff; LEN]] {
        assert_eq!(with(&element).unwrap_err(), PublicKeyError::Outside);
    }
    assert!(with(&Group::rfc5114().generator()).is_ok());
}

/// What opens a blob and what does not is seen by whoever wrote it.
#[test]
fn a_blinded_agreement_tells_no_remainder_of_a_private_key() {
    let (agreement, mut rng) = (SecretAgreement::windows_default(), ChaCha20Rng::seed_from_u64(7));
    let valid = PrivateKey::draw(&agreement, &mut rng).public_key().to_bytes();
    let outside = [&valid[..520], &Group::rfc5114().of_order(7)].concat();
    let read = || UncheckedKey::parse(&outside, &agreement).unwrap();
    assert_eq!(read().check().unwrap_err(), PublicKeyError::Outside);
    let told = (0..64).filter(|_| {
        let private = PrivateKey::draw(&agreement, &mut rng);
        let remainder = private.agree(&PublicKey(read().0)).unwrap().secret;
        private.agree_blinded(&read()).unwrap().secret.expose_secret() == remainder.expose_secret()
    });
    // One in seven is right by chance.
    assert!((1..20).contains(&told.count()));
}

#[test]
fn a_debug_print_names_the_algorithm() {
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    let [dh, _, p256, p384] =
        agreements().map(|agreement| PrivateKey::draw(&agreement, &mut rng).public_key());
    assert_eq!(
        format!("{dh:?} {p256:?} {p384:?}"),
        "PublicKey(DH) PublicKey(ECDH_P256) PublicKey(ECDH_P384)"
    );
}
