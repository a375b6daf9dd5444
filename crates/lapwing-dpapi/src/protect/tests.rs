use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

use super::*;
use crate::{
    Interval, RootKey,
    descriptor::security_descriptor,
    gkdi::{DomainNames, Flags, Name, SecretAgreement, Share, group_private_key},
    samples::{OWN_DOMAIN, OWN_TEXT, own_sid, root_key, unhex},
    unprotect_offline,
};

fn names() -> DomainNames {
    let name = || Name::new(OWN_DOMAIN).unwrap();
    DomainNames { domain: name(), forest: name() }
}

fn envelope(root_key: &RootKey, share: Share) -> GroupKeyEnvelope {
    envelope_of(root_key, [364, 18, 15], share)
}

fn envelope_of(root_key: &RootKey, [l0, l1, l2]: [i32; 3], share: Share) -> GroupKeyEnvelope {
    let interval = Interval::new(l0, l1, l2).unwrap();
    root_key.envelope(&security_descriptor(&own_sid()), interval, share, true, names()).unwrap()
}

fn text() -> SecretBytes {
    SecretBytes::new(OWN_TEXT.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect())
}

fn drawn(towards: Towards) -> Drawn {
    Drawn { key: secret(|out| out.fill(0x42)), nonce: [0x24; NONCE_LEN], towards }
}

fn private(agreement: &SecretAgreement, len: usize) -> PrivateKey {
    PrivateKey::new(agreement, SecretBytes::new(vec![1; len])).unwrap()
}

/// What two other implementations made of the same.
#[test]
fn blobs_without_chance_are_the_ones_expected() {
    let nonce = core::array::from_fn(|at| 0xa0 + u8::try_from(at).unwrap());
    let blob = protect_with(
        &text(),
        &own_sid(),
        &envelope(&root_key!("own_dh"), Share::Seed),
        Placement::Appended,
        &drawn(Towards::Nonce(nonce)),
    );
    assert_eq!(blob.unwrap().to_bytes(), include_bytes!("../fixtures/blob/own_nonce"));

    let of_p256 = envelope(&root_key!("own_ecdh_p256"), Share::Public);
    let towards = Towards::Private(private(of_p256.agreement(), 32));
    let blob = protect_with(&text(), &own_sid(), &of_p256, Placement::Appended, &drawn(towards));
    assert_eq!(blob.unwrap().to_bytes(), include_bytes!("../fixtures/blob/own_p256"));

    let of_dh = envelope(&root_key!("own_dh"), Share::Public);
    let towards = Towards::Private(private(of_dh.agreement(), 64));
    let blob = protect_with(&text(), &own_sid(), &of_dh, Placement::Appended, &drawn(towards)).unwrap();
    let bytes = blob.to_bytes();
    assert_eq!(bytes.len(), 1220);
    let mut digest = [0; 32];
    sha256(&bytes, &mut digest);
    assert_eq!(digest.to_vec(), unhex("0abe86e202713c884fdec5d6e14b192b8df8540c456aceacbbd3715a1566be6f"));
    assert!(blob.key_identifier.key_info.ends_with(&unhex("85b6bbf1a60dede9e3d3a54467473bb212f267b1b0c0593cc01009f5013cb3d8ec5180056d4aeab25acb865612233eecddd688fa655d05bb9b5155abf45e0497e38d1f85a8b6407ee20755305ee4cee0cc8c6f51ca015841ffbc3501a01aa5771203ee36cb03a742df8f1b9314b55c86de7e431309c85ffa6877c43443fa708382433803129d2b45d78085f22ab26400c914c43ca495566b30bce08b8c3b66ca647b318181531a79041cf7a4a33573d649fa0912d555cbc46792938d3899f2ad8cb18203382e5312a31da9ace5a5e670926b57a6d43c042f372057485de9e5e2e27ca78f75ba348875ab610b1452b636a661d1d9ef036e56a73af33a1063c2ef")));
}

fn sha256(bytes: &[u8], out: &mut [u8; 32]) {
    use sha2::Digest as _;
    out.copy_from_slice(&sha2::Sha256::digest(bytes));
}

#[test]
fn wrapping_keys_are_the_ones_expected() {
    let seed = envelope(&root_key!("own_dh"), Share::Seed);
    let seed = seed.seed(seed.interval()).unwrap();
    let nonce = core::array::from_fn(|at| 0xa0 + u8::try_from(at).unwrap());
    assert_eq!(
        derived_key(&seed, &nonce).to_vec(),
        unhex("c99452ff03e590491854b5c85976282af217117c949b871e76e9ce11445a519a")
    );
    for (root_key, len, expected) in [
        (root_key!("own_ecdh_p256"), 32, "2b8d45aceeb68242e8a8691addcb57f85adc0909ba9aa4e6fd040243d7c424b0"),
        (root_key!("own_dh"), 64, "a720b2232b9902aa6d8db6fdf5677d64b5b01d296ff51bef2e92f5ea1e7ab9fc"),
    ] {
        let private = private(root_key.agreement(), len);
        let envelope = envelope(&root_key, Share::Public);
        let GroupKey::Public(group) = envelope.key() else { panic!("asked for the public key") };
        assert_eq!(agreed_key(Hash::Sha512, &private.agree(group).unwrap()).to_vec(), unhex(expected));
    }
}

#[test]
fn group_keys_are_the_ones_expected() {
    let expected = [
        (root_key!("own_dh"), "3d9bcc58adde7ecff06875cee9e492513da21f58a595e264ec8497c0d4a58403fe419a7e773fc2a4642cf6d187fd41a1b1901b517a6d1514f307153335ede2b4557e13f2c51ff4e52b7bea4dd3d755b4718eee1f243c0f6fd278254cc68553ceaa5ea7ce2538814117c20d3192aee7d34ee8956ce0cbb546a305be870047316be694ce51e6278f98c70f6bd878e91134f7d00e539affbe1503956b8c0df84ce1d318260eefa168e7b44d08955cde30ed782f345a03c57e21d61b95f0f0f535afd280983b5fb2eae0317073475ef368ba04967f5878cc09dae31b0d69eccc449a01bd815c10c7b2936521e1022e9be55760f500495deecc6c1b65272dbb464922".to_owned()),
        (root_key!("own_ecdh_p256"), "ddc3234a907d6979eec43fc07d3fc84f09b4a6fe44a0ff7c2ba53381dd2bde5a e3ba621820bc0068a2cd6b30b6eae393b3ec0e85279364554d7253392853510b".replace(' ', "")),
        (root_key!("own_ecdh_p384"), "1e40f50d79ff84df6fc4f556805eca7cdea2d6a3832d136f57e2bcf39ec22ca18ac0ad2b4b009c05bd32c37b5ad224b6 a7aaad3ea61d41959ff5e55f6f61ff684d97ad213c5b4092addbaab502701538ab6381b3d1225e9f23896cee7881f251".replace(' ', "")),
    ];
    for (root_key, public) in expected {
        let seed = envelope(&root_key, Share::Seed);
        let seed = seed.seed(seed.interval()).unwrap();
        let key = group_private_key(&seed, root_key.agreement()).unwrap().public_key();
        assert!(key.to_bytes().ends_with(&unhex(&public)));
        let envelope = envelope(&root_key, Share::Public);
        assert!(matches!(envelope.key(), GroupKey::Public(public) if *public == key));
    }
}

/// Others take the empty L2 key for a seed there: one interval in 32, and what they protect never opens again.
#[test]
fn in_the_newest_interval_the_seed_is_derived_first() {
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    let root_key = root_key!("own_dh");
    let newest = envelope_of(&root_key, [364, 18, 31], Share::Seed);
    assert!(matches!(newest.key(), GroupKey::Newest(_)));
    let blob = protect(&text(), &own_sid(), &newest, Placement::Appended, &mut rng).unwrap();
    assert_eq!(blob.key_identifier.flags, Flags::new(false, true));
    assert_eq!(unprotect_offline(&blob, &root_key).unwrap().expose_secret(), text().expose_secret());
}

/// One implementation writes the nonce without the sequence around it and without the tag's length.
#[test]
fn parameters_of_the_content_are_a_sequence_with_the_length_of_the_tag() {
    let nonce = drawn(Towards::Nonce([7; 32]));
    let seed = envelope(&root_key!("own_dh"), Share::Seed);
    let blob = protect_with(&text(), &own_sid(), &seed, Placement::Inside, &nonce).unwrap();
    let mut expected = unhex("301e060960864801650304012e3011040c");
    expected.extend([0x24; 12]);
    expected.extend([2, 1, 16]);
    assert!(blob.to_bytes().windows(expected.len()).any(|window| window == expected));
}

#[test]
fn no_more_is_protected_than_can_be_read() {
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    let envelope = envelope(&root_key!("own_dh"), Share::Public);
    let mut protected = |len| {
        let plain = SecretBytes::new(vec![7; len]);
        protect(&plain, &own_sid(), &envelope, Placement::Inside, &mut rng).map(|blob| blob.to_bytes())
    };
    let longest = protected(PLAIN_LEN_MAX).unwrap();
    assert_eq!(Blob::parse(&longest).unwrap().to_bytes(), longest);
    assert_eq!(protected(PLAIN_LEN_MAX + 1), Err(ProtectError::TooLong { len: PLAIN_LEN_MAX + 1 }));
}

/// Python's dpapi-ng keeps the zeros, one public tool strips them: one blob in 256 with either.
#[test]
fn shared_secrets_keep_their_leading_zeros() {
    let root_key = root_key!("own_dh");
    let envelope = envelope(&root_key, Share::Public);
    let GroupKey::Public(group) = envelope.key() else { panic!("asked for the public key") };
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    let short = (0..4000)
        .map(|_| PrivateKey::draw(root_key.agreement(), &mut rng))
        .find(|private| private.agree(group).unwrap().secret.expose_secret()[0] == 0);
    let short = short.expect("one in 256 begins with a zero");
    assert_eq!(short.agree(group).unwrap().secret.expose_secret().len(), 256);
    let blob =
        protect_with(&text(), &own_sid(), &envelope, Placement::Appended, &drawn(Towards::Private(short)));
    assert_eq!(unprotect_offline(&blob.unwrap(), &root_key).unwrap().expose_secret(), text().expose_secret());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_was_protected_opens_again(
        seed: u64, plain: Vec<u8>, l1 in 0..32_i32, l2 in 0..32_i32, is_public: bool, is_inside: bool, which in 0..3_usize,
    ) {
        let root_keys = [root_key!("own_dh"), root_key!("own_ecdh_p256"), root_key!("own_ecdh_p384")];
        let root_key = &root_keys[which];
        let share = if is_public { Share::Public } else { Share::Seed };
        let placement = if is_inside { Placement::Inside } else { Placement::Appended };
        let envelope = envelope_of(root_key, [364, l1, l2], share);
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let blob = protect(&SecretBytes::new(plain.clone()), &own_sid(), &envelope, placement, &mut rng).unwrap();
        let read = Blob::parse(&blob.to_bytes()).unwrap();
        prop_assert_eq!(&read, &blob);
        let opened = unprotect_offline(&read, root_key).unwrap();
        prop_assert_eq!(opened.expose_secret(), plain);
    }
}
