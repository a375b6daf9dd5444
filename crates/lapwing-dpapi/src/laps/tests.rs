use proptest::prelude::*;

use super::*;
use crate::{
    Placement,
    samples::{LAPS, LAPS_TEXT, root_key},
    unprotect_offline,
};

#[test]
fn a_value_of_windows_is_read_opened_and_written() {
    let read = EncryptedPassword::parse(LAPS).unwrap();
    // The same time stands in the text: the high half comes first.
    assert_eq!(read.updated.ticks(), 0x1da_934a_349b_798e);
    assert_eq!(read.blob.placement, Placement::Appended);
    assert_eq!(read.to_bytes(), LAPS);
    let plain = unprotect_offline(&read.blob, &root_key!("laps")).unwrap();
    assert_eq!(decode_text(&plain).unwrap().expose_secret(), LAPS_TEXT.as_bytes());
    assert_eq!(encode_text(LAPS_TEXT).expose_secret(), plain.expose_secret());
}

#[test]
fn the_prefix_has_the_high_half_first_and_tells_its_time_whatever_follows() {
    let prefix = [0x7a, 0x1e, 0xdd, 0x01, 1, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0];
    let updated = EncryptedPassword::updated(&prefix).unwrap();
    assert_eq!(updated.ticks(), 0x1dd_1e7a_0000_0001);
    assert_eq!(EncryptedPassword::updated(&[&prefix[..], b"abcd"].concat()), Ok(updated));
    assert_eq!(EncryptedPassword::updated(&prefix[..15]), Err(EncryptedPasswordError::Short));
    assert_eq!(EncryptedPassword::updated(&[0xff; 16]), Err(EncryptedPasswordError::Time));
    assert_eq!(EncryptedPassword::parse(&prefix), Err(EncryptedPasswordError::Short));
}

#[test]
fn what_is_reserved_and_what_follows_is_passed_over() {
    let mut value = LAPS.to_vec();
    value[12] = 1;
    value.extend([7; 5]);
    assert_eq!(EncryptedPassword::parse(&value), EncryptedPassword::parse(LAPS));
}

#[test]
fn each_fault_is_told() {
    use EncryptedPasswordError::{Blob, Short, Time};
    for len in 0..LAPS.len() {
        assert_eq!(EncryptedPassword::parse(&LAPS[..len]), Err(Short), "{len}");
    }
    let with = |at: usize, by: u8| {
        let mut value = LAPS.to_vec();
        value[at] = by;
        EncryptedPassword::parse(&value).unwrap_err()
    };
    assert_eq!(with(3, 0xff), Time);
    assert_eq!(with(8, LAPS[8].wrapping_add(1)), Short);
    assert!(matches!(with(16, 0), Blob(_)));
}

#[test]
fn a_text_ends_with_its_only_nul() {
    let decode = |bytes: &[u8]| {
        decode_text(&SecretBytes::new(bytes.to_vec())).map(|text| text.expose_secret().to_vec())
    };
    assert_eq!(decode(&[0, 0]), Ok(Vec::new()));
    assert_eq!(decode(&[b'a', 0, 0, 0]), Ok(b"a".to_vec()));
    assert_eq!(decode(&[0x3d, 0xd8, 0x00, 0xde, 0, 0]), Ok("😀".into()));
    let faults: [&[u8]; 6] = [&[], &[0], &[b'a', 0], &[0, 0, 0, 0], &[b'a', 0, 0, 0, 0], &[0x3d, 0xd8, 0, 0]];
    for bytes in faults {
        assert_eq!(decode(bytes), Err(TextError), "{bytes:?}");
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
        drop(EncryptedPassword::parse(&bytes));
        drop(decode_text(&SecretBytes::new(bytes)));
    }

    #[test]
    fn a_text_is_read_as_it_was_written(text in "[^\0]*") {
        let decoded = decode_text(&encode_text(&text)).unwrap();
        prop_assert_eq!(decoded.expose_secret(), text.as_bytes());
    }
}
