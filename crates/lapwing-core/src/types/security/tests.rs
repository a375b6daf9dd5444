use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::types::Guid;

const fn guid(byte: u8) -> Guid {
    Guid::from_bytes([byte; 16])
}

const ATTRIBUTE: Guid = guid(0xa1);
const PROPERTY_SET: Guid = guid(0xb2);
const COMPUTER: Guid = guid(0xc3);
const READS: AccessMask = AccessMask(0x110);

fn sid(number: u32) -> Sid {
    format!("S-1-5-21-1-2-3-{number}").parse().unwrap()
}

/// An entry without object types. [MS-DTYP] 2.4.4.2.
fn plain(code: u8, flags: u8, mask: u32, trustee: &Sid) -> Vec<u8> {
    let sid = trustee.to_bytes();
    let mut bytes = vec![code, flags, u8::try_from(8 + sid.len()).unwrap(), 0];
    bytes.extend(mask.to_le_bytes());
    bytes.extend(sid);
    bytes
}

fn about(kind: AceKind, mask: AccessMask, object_type: Guid, number: u32) -> Ace {
    Ace::about((kind, AceFlags::DESCENDANTS), mask, object_type, COMPUTER, sid(number))
}

fn inherited(code: u8, number: u32) -> Vec<u8> {
    plain(code, 0x1a, 0x10, &sid(number))
}

fn acl(revision: u8, aces: &[Vec<u8>], unused: usize) -> Vec<u8> {
    let body: Vec<u8> = aces.concat();
    let len = u16::try_from(8 + body.len() + unused).unwrap();
    let mut bytes = vec![revision, 0];
    bytes.extend(len.to_le_bytes());
    bytes.extend(u16::try_from(aces.len()).unwrap().to_le_bytes());
    bytes.extend([0, 0]);
    bytes.extend(body);
    bytes.extend(vec![0xee; unused]);
    bytes
}

/// A descriptor with a list, owner and group at the end of it, as Windows orders them.
fn descriptor(dacl: &[u8]) -> Vec<u8> {
    let (owner, group) = (sid(512).to_bytes(), sid(513).to_bytes());
    let owner_at = 20 + dacl.len();
    let mut bytes = vec![1, 0, 0x04, 0x8c];
    for offset in [owner_at, owner_at + owner.len(), 0, 20] {
        bytes.extend(u32::try_from(offset).unwrap().to_le_bytes());
    }
    bytes.extend(dacl);
    bytes.extend(owner);
    bytes.extend(group);
    bytes
}

fn with_aces(aces: &[Vec<u8>]) -> SecurityDescriptor {
    SecurityDescriptor::parse(&descriptor(&acl(4, aces, 0))).unwrap()
}

fn dacl(descriptor: &SecurityDescriptor) -> &Acl {
    match descriptor.dacl() {
        Dacl::Present(acl) => acl,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_example_of_the_specification_is_written_as_it_was_read() {
    // O:SYG:BAD:(A;;GA;;;WD) by hand, in the order of [MS-DTYP] 2.4.6 with the group before the owner.
    let mut bytes = vec![1, 0, 0x04, 0x80];
    bytes.extend([36, 0, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0, 48, 0, 0, 0]);
    bytes.extend([1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0]);
    bytes.extend([1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0]);
    bytes.extend([2, 0, 28, 0, 1, 0, 0, 0]);
    bytes.extend([0, 0, 20, 0, 0, 0, 0, 0x10, 1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]);
    let read = SecurityDescriptor::parse(&bytes).unwrap();
    assert_eq!(read.owner(), Some(&Sid::local_system()));
    let [ace] = dacl(&read).aces() else { panic!("{read:?}") };
    let body = ace.body().unwrap();
    assert_eq!(
        (body.kind, body.mask, &body.trustee),
        (AceKind::Allow, AccessMask(0x1000_0000), &Sid::everyone())
    );
    assert_eq!(read.to_bytes(), bytes);
}

#[test]
fn an_edit_leaves_foreign_entries_padding_and_unused_space_as_they_were() {
    // A mandatory label, and a type that nobody has defined.
    let strange = vec![0x77, 0x00, 8, 0, 1, 2, 3, 4];
    let list = acl(4, &[plain(0, 0, 0x10, &sid(1)), strange.clone(), inherited(0, 2)], 12);
    let mut bytes = descriptor(&list);
    bytes.extend([0xdd; 5]);
    let mut read = SecurityDescriptor::parse(&bytes).unwrap();
    let ours = about(AceKind::Allow, READS, ATTRIBUTE, 7);
    read.dacl_mut().unwrap().insert(ours.clone()).unwrap();
    let longer =
        acl(4, &[plain(0, 0, 0x10, &sid(1)), strange, ours.as_bytes().to_vec(), inherited(0, 2)], 12);
    let mut expected = descriptor(&longer);
    expected.extend([0xdd; 5]);
    assert_eq!(read.to_bytes(), expected);
    assert!(read.dacl_mut().unwrap().edit(|ace| (*ace != ours).then(|| ace.clone())));
    assert_eq!(read.to_bytes(), bytes);
}

#[test]
fn an_entry_goes_where_the_canonical_order_wants_it() {
    let list = [plain(1, 0, 0x10, &sid(1)), plain(0, 0, 0x10, &sid(2)), inherited(1, 3), inherited(0, 4)];
    let mut read = with_aces(&list);
    assert!(dacl(&read).is_canonical());
    read.dacl_mut().unwrap().insert(about(AceKind::Deny, READS, ATTRIBUTE, 7)).unwrap();
    read.dacl_mut().unwrap().insert(about(AceKind::Allow, READS, ATTRIBUTE, 8)).unwrap();
    let trustees: Vec<_> = dacl(&read).aces().iter().map(|ace| ace.body().unwrap().trustee.clone()).collect();
    assert_eq!(trustees, [1, 7, 2, 8, 3, 4].map(sid));
    assert!(dacl(&read).is_canonical());
    let disorder = with_aces(&[plain(0, 0, 0x10, &sid(1)), plain(1, 0, 0x10, &sid(2))]);
    assert!(!dacl(&disorder).is_canonical());
}

#[test]
fn an_entry_about_an_attribute_raises_the_revision_and_no_other_edit_does() {
    let mut read = SecurityDescriptor::parse(&descriptor(&acl(2, &[plain(0, 0, 0x10, &sid(1))], 0))).unwrap();
    assert!(!read.dacl_mut().unwrap().edit(|ace| Some(ace.clone())));
    assert_eq!(read.to_bytes()[20], 2);
    read.dacl_mut().unwrap().insert(about(AceKind::Allow, READS, ATTRIBUTE, 7)).unwrap();
    assert_eq!(read.to_bytes()[20], 4);
}

#[test]
fn a_missing_list_is_not_made_of_nothing() {
    let mut bytes = vec![1, 0, 0, 0x80];
    bytes.extend([0; 16]);
    let mut absent = SecurityDescriptor::parse(&bytes).unwrap();
    assert_eq!(absent.dacl(), Dacl::Absent);
    assert_eq!(absent.dacl_mut().unwrap_err(), EditError::Absent);
    bytes[2] = 4;
    let mut null = SecurityDescriptor::parse(&bytes).unwrap();
    assert_eq!(null.dacl(), Dacl::Null);
    assert_eq!(null.dacl_mut().unwrap_err(), EditError::Null);
}

#[test]
fn a_list_takes_no_entry_beyond_what_its_size_can_say() {
    let ours = about(AceKind::Allow, READS, ATTRIBUTE, 7);
    let room = |unused: usize| SecurityDescriptor::parse(&descriptor(&acl(4, &[], unused))).unwrap();
    let fits = 65_535 - 8 - ours.as_bytes().len();
    assert_eq!(room(fits).dacl_mut().unwrap().insert(ours.clone()), Ok(()));
    assert_eq!(room(fits + 1).dacl_mut().unwrap().insert(ours), Err(EditError::Full));
}

#[test]
fn auditing_makes_its_list_only_when_it_is_needed() {
    let bytes = descriptor(&acl(4, &[], 0));
    let mut read = SecurityDescriptor::parse(&bytes).unwrap();
    read.edit_sacl(|acl| Ok(acl.edit(|_| None))).unwrap();
    assert_eq!(read.to_bytes(), bytes);
    let flags = AceFlags::DESCENDANTS.union(AceFlags::SUCCESSFUL_ACCESS);
    let audit = Ace::about((AceKind::Audit, flags), AccessMask::CONTROL_ACCESS, ATTRIBUTE, COMPUTER, sid(9));
    read.edit_sacl(|acl| acl.insert(audit.clone())).unwrap();
    let written = read.to_bytes();
    let read = SecurityDescriptor::parse(&written).unwrap();
    assert_eq!(read.sacl().unwrap().aces(), [audit]);
    assert_eq!((written[2], &written[12..16]), (0x14, &20_u32.to_le_bytes()[..]));
    assert_eq!(read.owner(), Some(&sid(512)));
}

#[test]
fn malformed_descriptors_are_refused() {
    let good = descriptor(&acl(4, &[plain(0, 0, 0x10, &sid(1))], 0));
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    let table = [
        ("revision", with(0, 2)),
        ("absolute", with(3, 0)),
        ("owner within the header", with(4, 19)),
        ("owner behind the end", with(5, 0xff)),
        ("parts that overlap", with(4, 24)),
        ("a list that is not there", with(2, 0)),
        ("revision of the list", with(20, 5)),
        ("size of the list", with(22, 7)),
        ("count of the list", with(24, 2)),
        ("size of the entry", with(30, 0)),
        ("entry that is no multiple of four", with(30, 35)),
        ("SID of the entry", with(37, 16)),
        ("end", good[..good.len() - 1].to_vec()),
        ("length", [good.clone(), vec![0; DESCRIPTOR_LEN_MAX]].concat()),
    ];
    for (what, bytes) in table {
        assert!(SecurityDescriptor::parse(&bytes).is_err(), "{what}");
    }
    let longest = [good.clone(), vec![0; DESCRIPTOR_LEN_MAX - good.len()]].concat();
    assert_eq!(SecurityDescriptor::parse(&longest).unwrap().to_bytes(), longest);
}

#[test]
fn an_owner_that_is_the_group_too_stays_one_part() {
    let mut bytes = descriptor(&acl(4, &[], 0));
    let owner_at = bytes[4];
    bytes[8] = owner_at;
    bytes.truncate(usize::from(owner_at) + sid(512).to_bytes().len());
    let mut read = SecurityDescriptor::parse(&bytes).unwrap();
    assert_eq!(read.to_bytes(), bytes);
    read.dacl_mut().unwrap().insert(about(AceKind::Allow, READS, ATTRIBUTE, 7)).unwrap();
    let written = read.to_bytes();
    assert_eq!(written[4..8], written[8..12]);
    assert_eq!(SecurityDescriptor::parse(&written).unwrap().owner(), Some(&sid(512)));
}

/// The rows of who can read a confidential attribute: entries, and the trustees that they make readers.
#[test]
fn who_reads_a_confidential_attribute_below_has_the_right_and_no_earlier_denial() {
    use Breadth::{Attribute, Everything, PropertySet};
    let allow = |mask, object_type, number| about(AceKind::Allow, AccessMask(mask), object_type, number);
    let deny = |mask, object_type, number| about(AceKind::Deny, AccessMask(mask), object_type, number);
    let bytes = |ace: Ace| ace.as_bytes().to_vec();
    let own = |mask, number| plain(0, 0x00, mask, &sid(number));
    let below = |code, mask, number| plain(code, 0x0a, mask, &sid(number));
    type Row = (&'static str, Vec<Vec<u8>>, Vec<(u32, Breadth)>);
    let table: Vec<Row> = vec![
        ("both on the attribute", vec![bytes(allow(0x110, ATTRIBUTE, 1))], vec![(1, Attribute)]),
        ("both on the set", vec![bytes(allow(0x110, PROPERTY_SET, 1))], vec![(1, PropertySet)]),
        ("both on the class", vec![bytes(allow(0x110, COMPUTER, 1))], vec![(1, Everything)]),
        ("both on everything", vec![below(0, 0x110, 1)], vec![(1, Everything)]),
        ("full control", vec![below(0, 0x1000_0000, 1)], vec![(1, Everything)]),
        ("only reading", vec![bytes(allow(0x10, ATTRIBUTE, 1))], vec![]),
        ("only control", vec![bytes(allow(0x100, ATTRIBUTE, 1))], vec![(1, Attribute)]),
        ("only control, of everything", vec![below(0, 0x100, 1)], vec![(1, Everything)]),
        ("another attribute", vec![bytes(allow(0x110, guid(9), 1))], vec![]),
        ("not for children", vec![own(0x110, 1)], vec![]),
        (
            "split over two entries",
            vec![bytes(allow(0x100, ATTRIBUTE, 1)), bytes(allow(0x10, PROPERTY_SET, 1))],
            vec![(1, Attribute)],
        ),
        (
            "reading as an authenticated user",
            vec![bytes(allow(0x100, ATTRIBUTE, 1)), plain(0, 0x0a, 0x10, &Sid::authenticated_users())],
            vec![(1, Attribute)],
        ),
        ("denied first", vec![bytes(deny(0x100, ATTRIBUTE, 1)), below(0, 0x110, 1)], vec![]),
        (
            "denied too late",
            vec![below(0, 0x110, 1), bytes(deny(0x100, ATTRIBUTE, 1))],
            vec![(1, Everything)],
        ),
        (
            "another one is denied",
            vec![bytes(deny(0x100, ATTRIBUTE, 2)), below(0, 0x110, 1)],
            vec![(1, Everything)],
        ),
        ("on a condition", vec![below(0x09, 0x110, 1)], vec![(1, Everything)]),
        ("denied on a condition", vec![below(0x0a, 0x110, 1), below(0, 0x110, 1)], vec![(1, Everything)]),
        (
            "the widest of two is told",
            vec![bytes(allow(0x110, ATTRIBUTE, 1)), below(0, 0x110, 1)],
            vec![(1, Everything)],
        ),
    ];
    let asked = Subject { attribute: ATTRIBUTE, property_set: Some(PROPERTY_SET), class: COMPUTER };
    for (what, aces, expected) in table {
        let read = with_aces(&aces);
        let expected: Vec<_> =
            expected.into_iter().map(|(number, breadth)| Holder { trustee: sid(number), breadth }).collect();
        assert_eq!(dacl(&read).readers_of(&asked, Reach::Descendants(COMPUTER)), expected, "{what}");
    }
}

#[test]
fn on_the_object_itself_control_without_reading_reads_nothing() {
    let asked = Subject { attribute: ATTRIBUTE, property_set: Some(PROPERTY_SET), class: COMPUTER };
    let readers = |aces: &[Vec<u8>]| dacl(&with_aces(aces)).readers_of(&asked, Reach::Itself).len();
    let (control, reading) = (plain(0, 0, 0x100, &sid(1)), plain(0, 0, 0x10, &Sid::authenticated_users()));
    assert_eq!(readers(core::slice::from_ref(&control)), 0);
    assert_eq!(readers(&[control, reading]), 1);
}

#[test]
fn a_condition_grants_nothing_to_the_strict_and_denies() {
    let token: BTreeSet<Sid> = [sid(1)].into();
    let rights = |aces: &[Vec<u8>], conditions| {
        dacl(&with_aces(aces)).rights(&token, &[ATTRIBUTE], Reach::Itself, conditions)
    };
    let granted = [plain(0x09, 0, 0x10, &sid(1))];
    assert_eq!(rights(&granted, Conditions::Strict), AccessMask::NONE);
    assert_eq!(rights(&granted, Conditions::Generous), AccessMask::READ_PROPERTY);
    let denied = [plain(0x0a, 0, 0x10, &sid(1)), plain(0, 0, 0x10, &sid(1))];
    assert_eq!(rights(&denied, Conditions::Strict), AccessMask::NONE);
    assert_eq!(rights(&denied, Conditions::Generous), AccessMask::READ_PROPERTY);
}

fn any_ace() -> impl Strategy<Value = Vec<u8>> {
    let known =
        (0_u8..0x10, any::<u8>(), any::<u32>(), 0_u32..4, proptest::collection::vec(any::<u8>(), 0..3));
    known.prop_map(|(code, flags, mask, number, padding)| {
        let mut body = mask.to_le_bytes().to_vec();
        if matches!(code, 0x05..=0x08 | 0x0b | 0x0c | 0x0f) {
            body.extend((mask & 3).to_le_bytes());
            body.extend(vec![0xa1; 16 * usize::try_from((mask & 3).count_ones()).unwrap()]);
        }
        body.extend(sid(number).to_bytes());
        body.extend(padding.iter().flat_map(|byte| [*byte; 4]));
        let mut bytes = vec![code, flags, u8::try_from(4 + body.len()).unwrap(), 0];
        bytes.extend(body);
        bytes
    })
}

proptest! {
    #[test]
    fn what_was_read_is_written_as_the_same_bytes(
        aces in proptest::collection::vec(any_ace(), 0..8),
        unused in 0_usize..16,
        behind in proptest::collection::vec(any::<u8>(), 0..8),
    ) {
        let bytes = [descriptor(&acl(4, &aces, unused)), behind].concat();
        prop_assert_eq!(SecurityDescriptor::parse(&bytes).unwrap().to_bytes(), bytes);
    }

    #[test]
    fn an_insertion_moves_no_other_entry(aces in proptest::collection::vec(any_ace(), 0..8), denies: bool) {
        let mut read = with_aces(&aces);
        let was_canonical = dacl(&read).is_canonical();
        let kind = if denies { AceKind::Deny } else { AceKind::Allow };
        // No entry that stands there is about this one.
        let ours = about(kind, READS, guid(0x5a), 99);
        read.dacl_mut().unwrap().insert(ours.clone()).unwrap();
        prop_assert!(!was_canonical || dacl(&read).is_canonical());
        let others: Vec<_> =
            dacl(&read).aces().iter().filter(|ace| **ace != ours).map(|ace| ace.as_bytes().to_vec()).collect();
        prop_assert_eq!(others, aces);
        let written = read.to_bytes();
        prop_assert_eq!(SecurityDescriptor::parse(&written).unwrap(), read);
    }

    #[test]
    fn arbitrary_bytes_never_panic_and_what_is_read_of_them_is_written(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..96),
        offsets in proptest::collection::vec(0_u8..64, 4),
    ) {
        if let [revision, _, _, control, ..] = &mut bytes[..] {
            (*revision, *control) = (1, *control | 0x80);
        }
        for (at, offset) in offsets.iter().enumerate() {
            if let Some(field) = bytes.get_mut(4 + 4 * at..8 + 4 * at) {
                field.copy_from_slice(&u32::from(*offset).to_le_bytes());
            }
        }
        if let Ok(read) = SecurityDescriptor::parse(&bytes) {
            prop_assert_eq!(read.to_bytes(), bytes);
        }
    }
}
