use proptest::prelude::*;

use super::*;
use crate::samples::{own_sid, unhex};

#[test]
fn descriptors_are_the_ones_that_windows_hashes() {
    let windows: Sid = "S-1-5-21-232386557-3557100646-3566837131-512".parse().unwrap();
    let expected = "010004805400000060000000000000001400000002004000020000000000240003000000010500000000000515000000fdefd90d660c05d48b9d99d4000200000000140002000000010100000000000100000000010100000000000512000000010100000000000512000000";
    assert_eq!(security_descriptor(&windows), unhex(expected));
    let expected = "010004805400000060000000000000001400000002004000020000000000240003000000010500000000000515000000c7353a428e6b748455a1aec6000200000000140002000000010100000000000100000000010100000000000512000000010100000000000512000000";
    assert_eq!(security_descriptor(&own_sid()), unhex(expected));
}

#[test]
fn the_protection_descriptor_is_read_as_it_is_written() {
    let bytes = encode(&Sid::local_system());
    let expected = "3021060a2b0601040182374a010130133011300f0c035349440c08532d312d352d3138";
    assert_eq!(bytes, unhex(expected));
    assert_eq!(decode(&bytes), Ok(Sid::local_system()));
}

/// A descriptor of a kind, with these ways to open it.
fn of(kind: &[u8], ways: &[&[(&str, &str)]]) -> Vec<u8> {
    let text = |text: &str| der::element(UTF8_STRING, &[text.as_bytes()]);
    let term = |(name, value): &(&str, &str)| der::element(SEQUENCE, &[&text(name), &text(value)]);
    let way =
        |terms: &&[(&str, &str)]| der::element(SEQUENCE, &[&terms.iter().flat_map(term).collect::<Vec<_>>()]);
    let ways: Vec<_> = ways.iter().flat_map(way).collect();
    let ways = der::element(SEQUENCE, &[&ways]);
    der::element(SEQUENCE, &[&der::element(OBJECT_IDENTIFIER, &[KINDS, kind]), &ways])
}

#[test]
fn other_descriptors_are_refused_with_what_they_are() {
    use DescriptorError::{Malformed, NoSid, OtherKind, SeveralSids};
    const SYSTEM: (&str, &str) = ("SID", "S-1-5-18");
    assert_eq!(decode(&of(&[1], &[&[SYSTEM]])), Ok(Sid::local_system()));
    assert_eq!(decode(&of(&[8], &[&[("LOCAL", "user")]])), Err(OtherKind("the machine or the user")));
    assert_eq!(decode(&of(&[11], &[])), Err(OtherKind("a certificate")));
    assert_eq!(decode(&of(&[77], &[])), Err(OtherKind("means that are not known")));
    assert_eq!(decode(&of(&[1, 1], &[])), Err(OtherKind("means that are not known")));
    assert_eq!(decode(&of(&[1], &[&[SYSTEM], &[SYSTEM]])), Err(SeveralSids));
    assert_eq!(decode(&of(&[1], &[&[SYSTEM, SYSTEM]])), Err(SeveralSids));
    assert_eq!(decode(&of(&[1], &[&[("LOCAL", "S-1-5-18")]])), Err(Malformed("name of the term")));
    assert_eq!(decode(&of(&[1], &[])), Err(Malformed("terms")));
    for text in ["", "S-1-5-018", "s-1-5-18", "S-1-5-18 ", "BUILTIN"] {
        assert_eq!(decode(&of(&[1], &[&[("SID", text)]])), Err(NoSid), "{text}");
    }
    let mut longer = of(&[1], &[&[SYSTEM]]);
    longer.push(0);
    assert_eq!(decode(&longer), Err(Malformed("bytes after the descriptor")));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
        drop(decode(&bytes));
    }

    #[test]
    fn any_sid_is_read_as_it_was_written(authority in 0_u64..1 << 48, subs in proptest::collection::vec(any::<u32>(), 0..=15)) {
        let text = subs.iter().fold(format!("S-1-{authority}"), |text, sub| format!("{text}-{sub}"));
        let sid: Sid = text.parse().unwrap();
        prop_assert_eq!(decode(&encode(&sid)), Ok(sid.clone()));
        // The directory's own reader finds the same two parts.
        let read = lapwing_core::types::SecurityDescriptor::parse(&security_descriptor(&sid)).unwrap();
        prop_assert_eq!(read.owner(), Some(&Sid::local_system()));
    }
}
