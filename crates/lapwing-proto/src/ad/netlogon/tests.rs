use proptest::prelude::*;

use super::*;

const SAMBA: &[u8] = include_bytes!("fixtures/samba-4.22");
const SAMBA_OTHER_DOMAIN: &[u8] = include_bytes!("fixtures/samba-4.22-other-domain");

fn name(text: &str) -> DnsName {
    DnsName::parse(text).unwrap()
}

#[test]
fn the_question_is_a_search_as_the_rfc_writes_it() {
    let expected =
        b"\x30\x5e\x02\x01\x07\x63\x59\x04\x00\x0a\x01\x00\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00\
        \xa0\x3a\
        \xa3\x19\x04\x09DnsDomain\x04\x0clapwing.test\
        \xa3\x0e\x04\x04Host\x04\x06member\
        \xa3\x0d\x04\x05NtVer\x04\x04\x06\0\0\0\
        \x30\x0a\x04\x08Netlogon";
    assert_eq!(question(7, &name("lapwing.test"), "member"), expected);
}

#[test]
fn sambas_answer_is_read_as_adcli_reads_it() {
    let site = SiteName::parse("Default-First-Site-Name").unwrap();
    let answer = Answer::parse(1, SAMBA).unwrap();
    let expected = Answer {
        roles: Roles(0x1_d3fd),
        domain_id: "cdf73199-92b5-4395-a2b3-753c95fb7ff1".parse().unwrap(),
        forest: name("lapwing.test"),
        domain: name("lapwing.test"),
        controller: name("dc1.lapwing.test"),
        site: Some(site.clone()),
        client_site: Some(site),
    };
    assert_eq!(answer, expected);
    // `adcli info`: pdc gc ldap ds kdc timeserv closest writable good-timeserv full-secret.
    let roles = answer.roles;
    assert!(roles.is_primary() && roles.is_directory() && roles.is_kdc() && roles.is_closest());
    assert!(roles.is_writable());
}

/// What a controller says, as [MS-ADTS] 6.3.1.9 lays it out, without references.
fn told(kind: u16, roles: u32, names: [&str; 8]) -> Vec<u8> {
    let mut value = kind.to_le_bytes().to_vec();
    value.extend([0, 0]);
    value.extend(roles.to_le_bytes());
    value.extend([7; 16]);
    for name in names {
        for label in name.split('.').filter(|label| !label.is_empty()) {
            value.push(u8::try_from(label.len()).unwrap());
            value.extend(label.bytes());
        }
        value.push(0);
    }
    value.extend(b"\x05\0\0\0\xff\xff\xff\xff");
    let attribute =
        nested(&[(ber::OCTET_STRING, b"netlogon"), (SET, &nested(&[(ber::OCTET_STRING, &value)]))]);
    let attributes = nested(&[(ber::SEQUENCE, &attribute)]);
    let entry = nested(&[(ber::OCTET_STRING, b""), (ber::SEQUENCE, &attributes)]);
    nested(&[(ber::SEQUENCE, &nested(&[(ber::INTEGER, &[1]), (SEARCH_ENTRY, &entry)]))])
}

#[test]
fn a_read_only_controller_without_sites_and_with_an_odd_short_name_is_understood() {
    let names = ["example", "east.example", "ro.east.example", "EA ST&", "RO", "", "", ""];
    let answer = Answer::parse(1, &told(23, 0x0000_f8b8, names)).unwrap();
    assert!(!answer.roles.is_writable() && answer.roles.is_kdc());
    assert_eq!((answer.site, answer.client_site), (None, None));
    assert_eq!(answer.controller, name("ro.east.example"));
}

#[test]
fn what_names_no_controller_is_told_apart() {
    let names = ["example", "example", "dc.example", "EX", "DC", "", "Here", "There"];
    assert!(Answer::parse(1, &told(23, 0, names)).is_ok());
    assert_eq!(Answer::parse(1, SAMBA_OTHER_DOMAIN), Err(PingError::NotServed));
    assert_eq!(Answer::parse(2, SAMBA), Err(PingError::Other));
    assert_eq!(Answer::parse(1, &told(24, 0, names)), Err(PingError::Paused));
    assert_eq!(Answer::parse(1, &told(19, 0, names)), Err(PingError::Kind(19)));
    let nameless = ["example", "example", "", "EX", "DC", "", "", ""];
    assert_eq!(Answer::parse(1, &told(23, 0, nameless)), Err(PingError::Malformed));
    assert_eq!(Answer::parse(1, b"\x31\0"), Err(PingError::Ldap(BerError::Unexpected)));
    // All but the closing message, which adds nothing.
    let entry_len = SAMBA.len() - 14;
    for len in 0..entry_len {
        assert_eq!(Answer::parse(1, &SAMBA[..len]), Err(PingError::Ldap(BerError::Truncated)), "{len}");
    }
    assert!(Answer::parse(1, &SAMBA[..entry_len]).is_ok());
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
        let _any = Answer::parse(1, &bytes);
        let _any = Answer::of_value(&[&RESPONSE.to_le_bytes()[..], &bytes].concat());
    }

    #[test]
    fn a_changed_byte_never_panics(at in 0..SAMBA.len(), byte: u8) {
        let mut bytes = SAMBA.to_vec();
        bytes[at] = byte;
        let _any = Answer::parse(1, &bytes);
    }
}
