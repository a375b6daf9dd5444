use super::*;

fn survey() -> Survey {
    Survey {
        base: "DC=corp,DC=example".parse().unwrap(),
        stored: Stored::ALL.into_iter().zip((0x8000_0001..).map(Some)).collect(),
        passwords: Vec::new(),
        present: BTreeMap::new(),
        with_decryptors: true,
        lists: BTreeMap::new(),
        next: None,
    }
}

const EARLY: &str = "133000000000000000";
const LATE: &str = "134000000000000000";

/// One write of each stored attribute, the later in the list the later.
fn writes() -> Vec<u8> {
    let mut bytes: Vec<u8> = [1, 0, 4, 0].into_iter().flat_map(u32::to_le_bytes).collect();
    for number in 1..=4_u32 {
        bytes.extend((0x8000_0000 | number).to_le_bytes());
        bytes.extend(1_u32.to_le_bytes());
        bytes.extend((13_300_000_000 + u64::from(number)).to_le_bytes());
        bytes.extend([0; 32]);
    }
    bytes
}

fn computer(values: &[(&str, &[u8])]) -> Entry {
    let values = values.iter().map(|(name, value)| (*name, vec![value.to_vec()]));
    Entry::of("CN=web01,DC=corp,DC=example", values.collect())
}

fn judged(present: &[Stored], newer: Option<&str>, older: Option<&str>) -> Surveyed {
    let metadata = writes();
    let mut values: Vec<(&str, &[u8])> = vec![("name", b"web01"), (METADATA, &metadata)];
    values.extend(newer.map(|time| (LapsAttribute::PasswordExpirationTime.ldap_name(), time.as_bytes())));
    values.extend(older.map(|time| (LEGACY_EXPIRATION_TIME, time.as_bytes())));
    let entry = computer(&values);
    let mut survey = survey();
    let bits = present.iter().fold(0, |sum, attribute| sum | attribute.bit());
    survey.present.insert(digest_of(&entry.name), bits);
    survey.judge(&entry)
}

#[test]
fn the_form_of_a_password_is_told_by_what_is_to_be_seen() {
    use Stored::{ClearText, Encrypted, EncryptedDsrm, Legacy};
    let cases: [(&[Stored], _, _, Mode, bool, _); 10] = [
        (&[], None, None, Mode::Never, false, None),
        (&[], Some(LATE), None, Mode::Hidden, false, Some(LATE)),
        (&[], None, Some(EARLY), Mode::Hidden, false, Some(EARLY)),
        (&[ClearText], Some(LATE), None, Mode::ClearText, false, Some(LATE)),
        (&[Encrypted], Some(LATE), None, Mode::Encrypted, false, Some(LATE)),
        (&[EncryptedDsrm], Some(LATE), None, Mode::Encrypted, false, Some(LATE)),
        (&[Encrypted, ClearText], Some(LATE), None, Mode::Encrypted, true, Some(LATE)),
        (&[Legacy], None, Some(EARLY), Mode::Legacy, false, Some(EARLY)),
        (&[Legacy, ClearText], Some(LATE), Some(EARLY), Mode::ClearText, true, Some(LATE)),
        (&[Legacy], Some(LATE), Some(EARLY), Mode::Hidden, true, Some(LATE)),
    ];
    for (present, newer, older, mode, is_stale, expiry) in cases {
        let found = judged(present, newer, older);
        assert_eq!(
            (found.mode, found.has_stale_clear_text),
            (mode, is_stale),
            "{present:?} {newer:?} {older:?}"
        );
        assert_eq!(found.expiry.map(|time| time.ticks().to_string()).as_deref(), expiry, "{present:?}");
    }
}

#[test]
fn the_last_update_is_that_of_the_form_in_which_the_password_is_stored() {
    let second = |found: Surveyed| found.updated.map(|time| time.ticks() / 10_000_000 - 13_300_000_000);
    assert_eq!(second(judged(&[Stored::Encrypted], Some(LATE), None)), Some(2));
    assert_eq!(second(judged(&[Stored::ClearText], Some(LATE), None)), Some(3));
    assert_eq!(second(judged(&[Stored::Legacy], None, Some(LATE))), Some(4));
    assert_eq!(second(judged(&[], Some(LATE), None)), Some(4));
    assert_eq!(second(judged(&[], None, None)), None);
}

#[test]
fn an_expiry_that_has_passed_is_overdue_and_no_expiry_is_not() {
    let now = value::parse_expiry(LATE).unwrap();
    assert!(judged(&[Stored::ClearText], Some(EARLY), None).is_overdue(now));
    assert!(!judged(&[Stored::ClearText], Some(LATE), None).is_overdue(now));
    assert!(!judged(&[], None, None).is_overdue(now));
    // What an administrator or another program wrote to have it replaced.
    assert!(judged(&[Stored::ClearText], Some("0"), None).is_overdue(now));
}

#[test]
fn a_disabled_account_and_one_whose_flags_are_hidden_are_told_apart() {
    let judge = |values: &[(&str, &[u8])]| survey().judge(&computer(values)).is_enabled;
    assert!(judge(&[("userAccountControl", b"4096")]));
    assert!(!judge(&[("userAccountControl", b"4098")]));
    assert!(judge(&[]));
}

#[test]
fn readers_are_worked_out_once_for_each_list_and_not_guessed_without_one() {
    // A list that lets Everyone do everything: [MS-DTYP] 2.4.6, 2.4.5, 2.4.4.2.
    let mut bytes = vec![1, 0, 4, 0x80];
    bytes.extend([0, 0, 0, 20].into_iter().flat_map(u32::to_le_bytes));
    bytes.extend([2, 0, 28, 0, 1, 0, 0, 0]);
    bytes.extend([0, 0, 20, 0, 0xff, 0x01, 0x0f, 0]);
    bytes.extend(Sid::everyone().to_bytes());
    let mut survey = survey();
    let attribute = lapwing_core::types::Guid::from_bytes([1; 16]);
    survey.passwords = vec![Subject { attribute, property_set: None, class: attribute }];
    let readers = |survey: &mut Survey, values: &[(&str, &[u8])]| survey.judge(&computer(values)).readers;
    let first = readers(&mut survey, &[(DESCRIPTOR, &bytes)]).unwrap();
    assert_eq!(*first, [Sid::everyone()].into());
    let again = readers(&mut survey, &[(DESCRIPTOR, &bytes)]).unwrap();
    assert!(Rc::ptr_eq(&first, &again));
    assert_eq!(readers(&mut survey, &[]), None);
    assert_eq!(readers(&mut survey, &[(DESCRIPTOR, &bytes[..30])]), None);
}

#[test]
fn for_whom_a_password_is_encrypted_is_told_without_its_key() {
    // A value of Windows: lapwing-dpapi/src/fixtures/ORIGIN.md.
    let windows = include_bytes!("../../../../lapwing-dpapi/src/fixtures/laps/windows");
    let encrypted = LapsAttribute::EncryptedPassword.ldap_name();
    let dsrm = LapsAttribute::EncryptedDsrmPassword.ldap_name();
    let found = survey().judge(&computer(&[(encrypted, windows), (dsrm, b"none")]));
    let sid = "S-1-5-21-232386557-3557100646-3566837131-512";
    let Some(Decryptor::Sid(decryptor)) = found.decryptor else { panic!("{found:?}") };
    assert_eq!((decryptor.to_string().as_str(), found.dsrm_decryptor), (sid, Some(Decryptor::Malformed)));
    let found = survey().judge(&computer(&[]));
    assert_eq!((found.decryptor, found.dsrm_decryptor), (None, None));
}
