//! The catalogue is whole, prints as documented, and what is raised has the form of its entry.

use super::*;
use crate::{
    policy::Since,
    types::{FileTime, Guid, PasswordVersion, Uid},
};

#[test]
fn every_number_of_windows_is_there_once_and_in_order() {
    let codes: Vec<u16> = EventId::ALL.iter().map(|id| id.code()).collect();
    let windows: Vec<u16> = codes.iter().copied().filter(|&code| code < OWN_CODE_MIN).collect();
    assert_eq!(windows, (10_000..=10_108).chain([20_000]).collect::<Vec<_>>());
    assert!(codes.is_sorted_by(|a, b| a < b));
}

#[test]
fn windows_added_everything_from_10073_on_in_24h2() {
    for id in EventId::ALL {
        let since = match id.code() {
            30_000.. => Since::Lapwing,
            10_073..=10_108 => Since::Windows24H2,
            _ => Since::Windows,
        };
        assert_eq!(id.since(), since, "{id}");
    }
}

#[test]
fn an_event_is_found_by_its_number() {
    for &id in EventId::ALL {
        assert_eq!(EventId::from_code(id.code()), Some(id));
    }
    for code in [0, 9_999, 10_109, 20_001, 29_999, u16::MAX] {
        assert_eq!(EventId::from_code(code), None);
    }
}

#[test]
fn no_event_has_two_fields_of_one_name() {
    for id in EventId::ALL {
        let names: std::collections::BTreeSet<_> = id.fields().iter().map(|field| field.name).collect();
        assert_eq!(names.len(), id.fields().len(), "{id}");
    }
}

#[test]
fn what_is_raised_has_the_form_of_its_entry() {
    let sid: crate::types::Sid = "S-1-5-21-1-2-3-1001".parse().unwrap();
    let account: crate::types::AccountName = "lapadmin".parse().unwrap();
    let events = [
        Event::Loaded,
        Event::AccountUpdateFailed {
            account: account.clone(),
            rid: Uid(1001).into(),
            hr: Hresult(0x8007_0005),
        },
        Event::ModificationBlocked {
            account,
            sid,
            client_name: "root".to_owned(),
            client_address: String::new(),
            client_process_id: 42,
            client_process_exe: "/usr/bin/passwd".to_owned(),
        },
        Event::VersionNeverOurs {
            directory: "ad:corp.example".parse().unwrap(),
            version: None,
            written: "2026-01-01T00:00:00.0000000Z".to_owned(),
        },
    ];
    for event in events {
        let raised: Vec<Field> =
            event.fields().iter().map(|(name, value)| Field { name, kind: value.kind() }).collect();
        assert_eq!(raised, event.id().fields());
    }
}

#[test]
fn values_print_as_windows_shows_them() {
    let version = PasswordVersion(Guid::from_bytes([0xab; 16]));
    for (value, shown) in [
        (FieldValue::Hresult(Hresult(0x8007_0005)), "0x80070005"),
        (FieldValue::Hresult(Hresult(1)), "0x00000001"),
        (FieldValue::Rid(Rid(500)), "0x1F4"),
        (FieldValue::Hex32(0x1a06), "0x1A06"),
        (FieldValue::Hex64(0x1_0000_0001), "0x100000001"),
        (FieldValue::Switch(true), "1"),
        (FieldValue::Integer(-3), "-3"),
        (FieldValue::Sid("S-1-5-18".parse().unwrap()), "S-1-5-18"),
        (FieldValue::Time(FileTime::from_ticks(0).unwrap()), "1601-01-01T00:00:00.0000000Z"),
        (FieldValue::Version(version), "abababab-abab-abab-abab-abababababab"),
        (FieldValue::FoundVersion(None), "unreadable"),
        (FieldValue::Directory("ad:corp.example".parse().unwrap()), "ad:corp.example"),
    ] {
        assert_eq!(value.to_string(), shown);
    }
}

#[test]
fn an_event_prints_as_one_line_whatever_a_peer_puts_into_it() {
    let event = Event::EntraAnsweredFailure {
        http_status: 400,
        response: "no\n10018 Active Directory updated".to_owned(),
    };
    insta::assert_snapshot!(
        event,
        @r#"Entra ID or lapwing-server answered with a failure http_status=400 response="no\n10018 Active Directory updated""#
    );
}

/// Compares a printed page with the one in the checkout, or puts it there.
fn is_as_printed(page: &str, printed: &str) {
    let path = format!("{}/../../{page}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, printed).unwrap();
    }
    let documented = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        documented == printed,
        "{page} is not what the catalogue prints: run `UPDATE_DOCS=1 cargo test -p lapwing-core --lib event`"
    );
}

#[test]
fn the_documented_catalogue_is_this_one() {
    is_as_printed("docs/events.md", &render_markdown());
}

#[test]
fn the_catalogue_for_the_journal_is_this_one() {
    is_as_printed("dist/lapwing.catalog", &render_journal_catalogue());
    assert_eq!(EventId::PolicyIsAd.message_id(), "5b1f0c7e93a24d868e4c7a1d09f32725");
}
