use lapwing_core::types::{Guid, Sid};
use proptest::prelude::*;

use super::*;
use crate::{
    Hash, Interval, Placement,
    gkdi::{KdfParameters, SecretAgreement},
    protect,
    samples::{LAPS, LAPS_TEXT, PUBLISHED, root_key},
};

#[test]
fn every_published_blob_of_windows_opens_with_its_root_key() {
    for published in &PUBLISHED {
        let blob = Blob::parse(published.bytes).unwrap();
        assert_eq!(blob.sid.to_string(), published.sid);
        let flags = blob.key_identifier.flags;
        assert_eq!((flags.is_public_key(), flags.may_protect()), (published.is_public_key, true));
        assert_eq!(blob.key_identifier.interval.indexes(), [361, 17, 13]);
        let plain = unprotect_offline(&blob, &published.root_key()).unwrap();
        assert_eq!(plain.expose_secret(), [0], "{}", published.name);
    }
}

#[test]
fn a_value_that_windows_laps_wrote_opens() {
    // Behind 16 bytes that are not protected.
    let blob = Blob::parse(&LAPS[16..]).unwrap();
    assert_eq!(blob.placement, Placement::Appended);
    let plain = unprotect_offline(&blob, &root_key!("laps")).unwrap();
    let text: Vec<u8> = LAPS_TEXT.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
    assert_eq!(plain.expose_secret(), text);
}

/// Every bit of it: what is not covered by the tag decides the keys or has one form.
#[test]
fn a_blob_that_was_changed_anywhere_but_in_its_names_and_flags_does_not_open() {
    for name in ["sha512_nonce", "sha1_ecdh_p256"] {
        let published = PUBLISHED.iter().find(|published| published.name == name).unwrap();
        let root_key = published.root_key();
        let whole = Blob::parse(published.bytes).unwrap();
        let mut ignored = Vec::new();
        for at in 0..published.bytes.len() {
            let mut bytes = published.bytes.to_vec();
            bytes[at] ^= 0x10;
            if let Ok(blob) = Blob::parse(&bytes)
                && unprotect_offline(&blob, &root_key).is_ok()
            {
                ignored.push(at);
            }
        }
        let identifier = whole.key_identifier.to_bytes();
        let start = published.bytes.windows(8).position(|window| window == &identifier[..8]).unwrap();
        let names = start + 52 + whole.key_identifier.key_info.len();
        let is_harmless = |at: &usize| {
            (start + 8..start + 12).contains(at) || (names..start + identifier.len()).contains(at)
        };
        assert!(ignored.iter().all(is_harmless), "{name}: {ignored:?}");
    }
}

fn own() -> RootKey {
    root_key!("own_ecdh_p256")
}

fn envelope(root_key: &RootKey, sid: &Sid, indexes: [i32; 3], share: Share) -> GroupKeyEnvelope {
    let [l0, l1, l2] = indexes;
    let interval = Interval::new(l0, l1, l2).unwrap();
    root_key.envelope(&security_descriptor(sid), interval, share, true, DomainNames::default()).unwrap()
}

fn protected(indexes: [i32; 3], share: Share) -> Blob {
    let mut rng = <rand_chacha::ChaCha20Rng as rand_core::SeedableRng>::seed_from_u64(7);
    let plain = SecretBytes::new(b"secret".to_vec());
    let sid = Sid::local_system();
    protect(&plain, &sid, &envelope(&own(), &sid, indexes, share), Placement::Appended, &mut rng).unwrap()
}

#[test]
fn seed_keys_open_what_is_of_their_interval_or_older() {
    let sid = Sid::local_system();
    let intervals =
        [[364, 0, 0], [364, 0, 15], [364, 0, 31], [364, 1, 0], [364, 18, 15], [364, 18, 31], [364, 31, 31]];
    for (at, of_blob) in intervals.into_iter().enumerate() {
        for share in [Share::Seed, Share::Public] {
            let blob = protected(of_blob, share);
            for (other, of_key) in intervals.into_iter().enumerate() {
                let opened = unprotect(&blob, &envelope(&own(), &sid, of_key, Share::Seed));
                match opened.as_ref().map(SecretBytes::expose_secret) {
                    Ok(plain) => assert_eq!(
                        (plain, other >= at),
                        (b"secret".as_slice(), true),
                        "{of_blob:?} {of_key:?}"
                    ),
                    Err(error) => assert_eq!(
                        (*error, other < at),
                        (UnprotectError::OtherInterval, true),
                        "{of_blob:?} {of_key:?}"
                    ),
                }
            }
        }
    }
}

#[test]
fn keys_that_are_of_no_use_are_told_apart() {
    let (sid, now) = (Sid::local_system(), [364, 18, 15]);
    let blob = protected(now, Share::Public);
    let error = |envelope: &GroupKeyEnvelope| unprotect(&blob, envelope).unwrap_err();
    assert_eq!(error(&envelope(&own(), &sid, now, Share::Public)), UnprotectError::NotAMember);
    assert_eq!(error(&envelope(&own(), &sid, [365, 18, 15], Share::Seed)), UnprotectError::OtherInterval);
    assert_eq!(error(&envelope(&own(), &Sid::everyone(), now, Share::Seed)), UnprotectError::WrongKey);
    let other = RootKey::new(
        Guid::from_bytes([7; 16]),
        KdfParameters::new(Hash::Sha512),
        SecretAgreement::P256,
        &[7; 64],
    );
    let other = other.unwrap();
    assert_eq!(error(&envelope(&other, &sid, now, Share::Seed)), UnprotectError::OtherRootKey);
    assert_eq!(unprotect_offline(&blob, &other).unwrap_err(), UnprotectError::OtherRootKey);
    let mut damaged = blob.clone();
    *damaged.encrypted.last_mut().unwrap() ^= 1;
    assert_eq!(unprotect_offline(&damaged, &own()).unwrap_err(), UnprotectError::Damaged);
    let mut forged = blob.clone();
    forged.key_identifier.key_info.pop();
    assert_eq!(
        unprotect_offline(&forged, &own()).unwrap_err(),
        UnprotectError::KeyInfo(Some(PublicKeyError::Malformed))
    );
    let dh = PUBLISHED.iter().find(|published| published.name == "sha512_dh").unwrap();
    let mut forged = Blob::parse(dh.bytes).unwrap();
    let last = forged.key_identifier.key_info.last_mut().unwrap();
    *last ^= 1;
    assert_eq!(
        unprotect_offline(&forged, &dh.root_key()).unwrap_err(),
        UnprotectError::KeyInfo(Some(PublicKeyError::Outside))
    );
    let mut forged = protected(now, Share::Seed);
    forged.key_identifier.key_info.clear();
    assert_eq!(unprotect_offline(&forged, &own()).unwrap_err(), UnprotectError::KeyInfo(None));
}

proptest! {
    #[test]
    fn a_changed_blob_never_panics_and_never_gives_another_text(at: proptest::sample::Index, by in 1..=255_u8) {
        for published in &PUBLISHED[..2] {
            let mut bytes = published.bytes.to_vec();
            let at = at.index(bytes.len());
            bytes[at] ^= by;
            if let Ok(blob) = Blob::parse(&bytes)
                && let Ok(plain) = unprotect_offline(&blob, &published.root_key())
            {
                prop_assert_eq!(plain.expose_secret(), [0]);
            }
        }
    }
}
