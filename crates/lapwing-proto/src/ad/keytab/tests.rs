use proptest::prelude::*;

use super::*;

const JOINED: &[u8] = include_bytes!("fixtures/adcli-joined");
const UPDATED: &[u8] = include_bytes!("fixtures/adcli-updated");
const AES_128: u16 = 17;
const AES_256: u16 = 18;
const RC4: u16 = 23;
const DES: u16 = 3;

fn entry(components: &[&str], realm: &str, version: u32, cipher: u16) -> Vec<u8> {
    let counted =
        |text: &str| [&u16::try_from(text.len()).unwrap().to_be_bytes()[..], text.as_bytes()].concat();
    let mut body = u16::try_from(components.len()).unwrap().to_be_bytes().to_vec();
    body.extend(counted(realm));
    body.extend(components.iter().flat_map(|component| counted(component)));
    body.extend([0, 0, 0, 1, 0, 0, 0, 0, version.to_be_bytes()[3]]);
    body.extend(cipher.to_be_bytes());
    body.extend(counted("sixteen byte key"));
    body.extend(version.to_be_bytes());
    [&u32::try_from(body.len()).unwrap().to_be_bytes()[..], &body].concat()
}

fn keytab(entries: &[Vec<u8>]) -> Vec<u8> {
    [&HEADER[..], &entries.concat()].concat()
}

fn device(version: u32, ciphers: &[u16]) -> Machine {
    Machine {
        account: "DEVICE$".to_owned(),
        realm: "LAPWING.TEST".to_owned(),
        version,
        ciphers: ciphers.iter().copied().map(Cipher::from_number).collect(),
    }
}

#[test]
fn what_adcli_leaves_tells_the_account_and_its_newest_keys() {
    let joined = Machine::read(JOINED).unwrap();
    assert_eq!(joined, device(2, &[AES_128, AES_256, RC4]));
    assert_eq!(joined.principal(), "DEVICE$@LAPWING.TEST");
    assert_eq!(joined.domain(), "lapwing.test");
    assert_eq!(Machine::read(UPDATED), Ok(device(3, &[AES_128, AES_256, RC4])));
}

#[test]
fn names_of_services_before_the_accounts_own_are_passed_over() {
    // As `net ads keytab` writes them.
    let file = keytab(&[
        entry(&["host", "device.lapwing.test"], "LAPWING.TEST", 9, AES_256),
        entry(&["host", "DEVICE$"], "LAPWING.TEST", 9, AES_256),
        entry(&["device"], "LAPWING.TEST", 9, AES_256),
        entry(&["DEVICE$"], "LAPWING.TEST", 4, AES_256),
        entry(&["DEVICE$"], "LAPWING.TEST", 5, AES_128),
        entry(&["DEVICE$"], "LAPWING.TEST", 3, RC4),
        entry(&["OTHER$"], "LAPWING.TEST", 9, RC4),
        entry(&["DEVICE$"], "OTHER.TEST", 9, RC4),
    ]);
    assert_eq!(Machine::read(&file), Ok(device(5, &[AES_128])));
}

#[test]
fn versions_beyond_a_byte_are_read_from_where_they_stand_in_full() {
    let long = entry(&["DEVICE$"], "LAPWING.TEST", 258, AES_256);
    assert_eq!(Machine::read(&keytab(std::slice::from_ref(&long))), Ok(device(258, &[AES_256])));
    // Old files lack it.
    let mut short = long[..long.len() - 4].to_vec();
    short[3] -= 4;
    assert_eq!(Machine::read(&keytab(&[short])), Ok(device(2, &[AES_256])));
}

#[test]
fn deleted_entries_are_holes_and_a_length_of_zero_is_the_end() {
    let own = entry(&["DEVICE$"], "LAPWING.TEST", 1, AES_256);
    let hole = [&(-5_i32).to_be_bytes()[..], b"holes"].concat();
    let end = vec![0; 4];
    let later = entry(&["DEVICE$"], "LAPWING.TEST", 2, AES_256);
    assert_eq!(Machine::read(&keytab(&[hole, own, end, later])), Ok(device(1, &[AES_256])));
}

#[test]
fn a_file_that_names_no_machine_says_why() {
    let service = entry(&["host", "device"], "LAPWING.TEST", 1, AES_256);
    let own = entry(&["DEVICE$"], "LAPWING.TEST", 1, AES_256);
    let table: [(&str, Vec<u8>, KeytabError); 9] = [
        ("nothing", Vec::new(), KeytabError::Header),
        ("version 1", vec![5, 1], KeytabError::Header),
        ("no entry", keytab(&[]), KeytabError::Empty),
        ("services only", keytab(&[service]), KeytabError::NoMachine),
        ("DES only", keytab(&[entry(&["DEVICE$"], "LAPWING.TEST", 1, DES)]), KeytabError::Outdated),
        ("a realm to quote", keytab(&[entry(&["DEVICE$"], "A@B", 1, AES_256)]), KeytabError::NoMachine),
        ("no realm", keytab(&[entry(&["DEVICE$"], "", 1, AES_256)]), KeytabError::NoMachine),
        ("a bare dollar", keytab(&[entry(&["$"], "LAPWING.TEST", 1, AES_256)]), KeytabError::NoMachine),
        ("too long", vec![0; FILE_LEN_MAX + 1], KeytabError::TooLong { len: FILE_LEN_MAX + 1 }),
    ];
    for (what, file, expected) in table {
        assert_eq!(Machine::read(&file), Err(expected), "{what}");
        assert!(!expected.next_step().is_empty());
    }
    // RC4 alone may still be taken, by old domains.
    assert!(Machine::read(&keytab(&[entry(&["DEVICE$"], "LAPWING.TEST", 1, RC4)])).is_ok());
    // Cut anywhere but between entries, it is malformed, and the place is told.
    let whole = keytab(&[own.clone(), own.clone()]);
    for len in 2 + own.len() + 1..whole.len() {
        let at = 2 + own.len();
        assert_eq!(Machine::read(&whole[..len]), Err(KeytabError::Malformed { at, what: "it ends early" }));
    }
}

proptest! {
    #[test]
    fn arbitrary_entries_never_panic(entries: Vec<u8>) {
        let _any = Machine::read(&[&HEADER[..], &entries].concat());
    }

    #[test]
    fn a_changed_byte_never_panics(at in 0..UPDATED.len(), byte: u8) {
        let mut file = UPDATED.to_vec();
        file[at] = byte;
        let _any = Machine::read(&file);
    }
}
