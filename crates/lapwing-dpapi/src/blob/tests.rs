use proptest::prelude::*;

use super::*;
use crate::samples::{LAPS, PUBLISHED, unhex};

#[test]
fn blobs_of_windows_are_written_as_they_were_read() {
    for published in &PUBLISHED {
        let blob = Blob::parse(published.bytes).unwrap();
        assert_eq!(blob.placement, Placement::Inside);
        assert_eq!(blob.to_bytes(), published.bytes, "{}", published.name);
        // Windows LAPS has the same with the content behind it.
        let appended = Blob { placement: Placement::Appended, ..blob };
        assert_eq!(Blob::parse(&appended.to_bytes()), Ok(appended));
    }
    let laps = Blob::parse(&LAPS[16..]).unwrap();
    assert_eq!((laps.placement, laps.to_bytes().as_slice()), (Placement::Appended, &LAPS[16..]));
}

#[test]
fn a_blob_that_was_cut_off_is_refused() {
    for published in &PUBLISHED {
        for len in 0..published.bytes.len() {
            assert!(Blob::parse(&published.bytes[..len]).is_err(), "{} {len}", published.name);
        }
        let longer = [published.bytes, &[0]].concat();
        let error = BlobError::Malformed("bytes after the message, which has its content within");
        assert_eq!(Blob::parse(&longer), Err(error));
    }
    // Behind the message there must be a tag.
    let message = LAPS.len() - 16 - 146;
    let error = BlobError::Malformed("encrypted content shorter than its tag");
    assert_eq!(Blob::parse(&LAPS[16..][..message + 15]), Err(error));
    assert!(Blob::parse(&LAPS[16..][..message + 16]).is_ok());
    assert_eq!(Blob::parse(&vec![0; BLOB_LEN_MAX + 1]), Err(BlobError::TooLong { len: BLOB_LEN_MAX + 1 }));
}

/// The blob of a published one with one run of bytes replaced by another of the same length.
fn with(from: &str, to: &str) -> BlobError {
    let (from, to) = (unhex(from), unhex(to));
    let mut bytes = PUBLISHED[1].bytes.to_vec();
    let at = bytes.windows(from.len()).position(|window| window == from).unwrap();
    bytes[at..at + to.len()].copy_from_slice(&to);
    Blob::parse(&bytes).unwrap_err()
}

#[test]
fn each_fault_is_told() {
    use BlobError::{Algorithm, Descriptor, KeyIdentifier, Malformed};
    let oid = "06092a864886f70d0107";
    assert_eq!(with(&format!("{oid}03"), &format!("{oid}02")), Malformed("type of the message"));
    assert_eq!(with("020102318201", "020103318201"), Malformed("version"));
    assert_eq!(with("02010430", "02010330"), Malformed("version of the recipient"));
    assert_eq!(with(&format!("{oid}01"), &format!("{oid}02")), Malformed("type of the encrypted content"));
    assert_eq!(with("a2820120", "a3820120"), Malformed("recipient"));
    let oid = "06096086480165030401";
    assert_eq!(with(&format!("{oid}2d"), &format!("{oid}05")), Algorithm("AES-256 key wrap"));
    assert_eq!(with(&format!("{oid}2e"), &format!("{oid}06")), Algorithm("AES-256 in Galois/counter mode"));
    assert_eq!(with("020110", "02010c"), Malformed("length of the tag"));
    assert!(matches!(with("4b44534b", "4b44534c"), KeyIdentifier(_)));
    let oid = "060a2b0601040182374a01";
    let local = Descriptor(DescriptorError::OtherKind("the machine or the user"));
    assert_eq!(with(&format!("{oid}01"), &format!("{oid}08")), local);
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic_and_what_is_read_is_written(
        which in 0..PUBLISHED.len(), at: proptest::sample::Index, by in 1..=255_u8, bytes: Vec<u8>,
    ) {
        drop(Blob::parse(&bytes));
        let mut bytes = PUBLISHED[which].bytes.to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= by;
        if let Ok(blob) = Blob::parse(&bytes) {
            prop_assert_eq!(blob.to_bytes(), bytes);
        }
    }
}
