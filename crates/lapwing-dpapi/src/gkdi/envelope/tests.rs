use proptest::prelude::*;

use super::*;
use crate::{
    Hash, RootKey,
    gkdi::{DhParameters, Share},
    samples::root_key,
};

const WINDOWS: &[u8] = include_bytes!("../../fixtures/envelope/windows");

fn of(root_key: &RootKey, [l0, l1, l2]: [i32; 3], share: Share) -> GroupKeyEnvelope {
    let names =
        DomainNames { domain: Name::new("lab.example").unwrap(), forest: Name::new("example").unwrap() };
    let interval = Interval::new(l0, l1, l2).unwrap();
    root_key.envelope(b"descriptor", interval, share, true, names).unwrap()
}

#[test]
fn an_answer_of_windows_is_read_and_written() {
    let read = GroupKeyEnvelope::parse(WINDOWS).unwrap();
    assert_eq!(read.interval().indexes(), [361, 17, 8]);
    assert_eq!(read.root_key_id().to_string(), "d778c271-9025-9a82-f6dc-b8960b8ad8c5");
    assert_eq!((read.names().domain.as_str(), read.names().forest.as_str()), ("domain.test", "domain.test"));
    assert_eq!((read.kdf().hash(), read.agreement()), (Hash::Sha512, &SecretAgreement::windows_default()));
    assert!(matches!(read.key(), GroupKey::Below { older: Some(_), .. }));
    assert_eq!(read.to_bytes().expose_secret(), WINDOWS);
}

#[test]
fn every_kind_of_answer_is_read_as_it_is_written() {
    for root_key in [root_key!("own_dh"), root_key!("own_ecdh_p256"), root_key!("sha1_ecdh_p384")] {
        for indexes in [[364, 18, 15], [364, 18, 31], [364, 0, 31], [364, 0, 15], [0, 0, 0]] {
            for share in [Share::Seed, Share::Public] {
                let bytes = of(&root_key, indexes, share).to_bytes();
                let read = GroupKeyEnvelope::parse(bytes.expose_secret()).unwrap();
                assert_eq!(read.to_bytes().expose_secret(), bytes.expose_secret());
                assert_eq!(read.flags().is_public_key(), share == Share::Public);
            }
        }
    }
}

/// With names of 14 characters, as measured.
#[test]
fn lengths_are_those_that_were_measured() {
    let name = || Name::new("lapwing.exampl").unwrap();
    let interval = Interval::new(364, 18, 15).unwrap();
    let len = |share| {
        let names = DomainNames { domain: name(), forest: name() };
        root_key!("own_dh")
            .envelope(b"", interval, share, true, names)
            .unwrap()
            .to_bytes()
            .expose_secret()
            .len()
    };
    assert_eq!((len(Share::Seed), len(Share::Public)), (866, 1514));
}

#[test]
fn what_was_cut_off_or_added_to_is_refused() {
    for share in [Share::Seed, Share::Public] {
        let bytes = of(&root_key!("own_dh"), [364, 18, 15], share).to_bytes();
        let bytes = bytes.expose_secret();
        for len in 0..bytes.len() {
            assert!(GroupKeyEnvelope::parse(&bytes[..len]).is_err(), "{len}");
        }
        assert!(GroupKeyEnvelope::parse(&[bytes, &[0]].concat()).is_err());
    }
}

fn error_of(change: impl FnOnce(&mut Vec<u8>)) -> EnvelopeError {
    let mut bytes = WINDOWS.to_vec();
    change(&mut bytes);
    GroupKeyEnvelope::parse(&bytes).unwrap_err()
}

#[test]
fn each_fault_is_told() {
    use EnvelopeError::Malformed;
    use ParametersError::{Algorithm, Kdf, KeyLengths};
    assert_eq!(error_of(|bytes| bytes[0] = 2), Malformed("it is not of version 1"));
    assert_eq!(error_of(|bytes| bytes[16] = 32), Malformed("its interval"));
    assert_eq!(error_of(|bytes| bytes[80] = b'X'), EnvelopeError::OtherKdf);
    assert_eq!(error_of(|bytes| bytes[134] = b'X'), EnvelopeError::Parameters(Kdf));
    assert_eq!(error_of(|bytes| bytes[148] = b'X'), EnvelopeError::Parameters(Algorithm("XH".to_owned())));
    assert_eq!(
        error_of(|bytes| bytes[57] = 4),
        EnvelopeError::Parameters(KeyLengths { algorithm: "DH", private: 1024, public: 2048 })
    );
    // The newest of an L1 interval has no L2 key, and the oldest no L1 key.
    let seeds = Malformed("its seed keys are not those of its interval");
    assert_eq!(error_of(|bytes| bytes[20] = 31), seeds);
    assert_eq!(error_of(|bytes| bytes[16] = 0), seeds);
    assert_eq!(error_of(|bytes| bytes[8] = 3), Malformed("it has an L1 key beside a public key"));
}

#[test]
fn a_public_key_of_another_group_or_outside_is_refused() {
    let bytes = of(&root_key!("own_dh"), [364, 18, 15], Share::Public).to_bytes();
    let start = bytes.expose_secret().len() - 776;
    let error = |change: &dyn Fn(&mut [u8])| {
        let mut bytes = bytes.expose_secret().to_vec();
        change(&mut bytes[start..]);
        GroupKeyEnvelope::parse(&bytes).unwrap_err()
    };
    assert_eq!(error(&|key| key[263] ^= 2), EnvelopeError::PublicKey(PublicKeyError::OtherGroup));
    assert_eq!(error(&|key| key[519] ^= 2), EnvelopeError::PublicKey(PublicKeyError::OtherGroup));
    assert_eq!(error(&|key| key[775] ^= 1), EnvelopeError::PublicKey(PublicKeyError::Outside));
    assert_eq!(error(&|key| key[3] = b'M'), EnvelopeError::PublicKey(PublicKeyError::Malformed));
}

#[test]
fn a_debug_print_shows_no_secret() {
    let read = GroupKeyEnvelope::parse(WINDOWS).unwrap();
    let printed = format!("{read:?}");
    assert!(printed.contains("L2Key([361, 17, 8], redacted)"), "{printed}");
    assert!(!printed.contains(&format!("{:?}", &WINDOWS[WINDOWS.len() - 8..])));
    assert_eq!(format!("{:?}", DhParameters::rfc5114()), "DhParameters(RFC 5114)");
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic_and_what_is_read_is_written(
        at: proptest::sample::Index, by in 1..=255_u8, bytes: Vec<u8>,
    ) {
        drop(GroupKeyEnvelope::parse(&bytes));
        let mut bytes = WINDOWS.to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= by;
        if let Ok(read) = GroupKeyEnvelope::parse(&bytes) {
            let written = read.to_bytes();
            prop_assert_eq!(written.expose_secret(), bytes);
        }
    }
}
