use super::{
    format::{Format, Writer},
    *,
};

const NOW: &str = "2026-01-02T03:04:05Z";

fn computer(name: &str, mode: Mode) -> Surveyed {
    Surveyed {
        name: name.to_owned(),
        dns_name: Some(format!("{name}.corp.example")),
        distinguished_name: format!("CN={name},DC=corp,DC=example"),
        is_enabled: true,
        mode,
        has_stale_clear_text: false,
        expiry: None,
        updated: None,
        readers: None,
        decryptor: None,
        dsrm_decryptor: None,
    }
}

fn by(decryptor: Option<Sid>) -> Yardstick {
    Yardstick { now: NOW.parse().unwrap(), decryptor }
}

fn rows(computers: Vec<Surveyed>) -> Vec<Row> {
    computers.into_iter().map(|computer| row(computer, &by(None), ToString::to_string)).collect()
}

fn rendered(format: Format, computers: Vec<Surveyed>) -> String {
    Writer::new(format, true).render(&rows(computers)).unwrap()
}

fn fleet() -> Vec<Surveyed> {
    let readers = std::rc::Rc::new([Sid::local_system(), Sid::everyone()].into());
    vec![
        Surveyed {
            expiry: Some("2026-01-01T00:00:00Z".parse().unwrap()),
            updated: Some("2025-12-01T00:00:00Z".parse().unwrap()),
            readers: Some(readers),
            has_stale_clear_text: true,
            decryptor: Some(Decryptor::Sid(Sid::everyone())),
            dsrm_decryptor: Some(Decryptor::Malformed),
            ..computer("web01", Mode::Encrypted)
        },
        Surveyed { is_enabled: false, dns_name: None, ..computer("db,\"01\"", Mode::Never) },
    ]
}

#[test]
fn a_report_is_a_table_for_people() {
    insta::assert_snapshot!(rendered(Format::Table, fleet()));
}

#[test]
fn a_report_is_csv_with_lines_and_quotes_as_its_rules_have_them() {
    insta::assert_debug_snapshot!(rendered(Format::Csv, fleet()).split_inclusive("\r\n").collect::<Vec<_>>());
}

#[test]
fn a_report_is_one_json_object_per_line() {
    let text = rendered(Format::Json, fleet());
    let rows: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0]["Findings"], serde_json::json!(["Overdue", "StaleClearText"]));
    assert_eq!(rows[0]["Readers"], serde_json::json!(["S-1-1-0", "S-1-5-18"]));
    assert_eq!(rows[1]["Readers"], serde_json::Value::Null);
    assert_eq!(rows[1]["Mode"], "Never");
}

#[test]
fn a_name_that_a_spreadsheet_would_run_is_text_there() {
    for name in ["=1+1", "+1", "-1", "@sum", "\t=1"] {
        let text = rendered(Format::Csv, vec![computer(name, Mode::Never)]);
        assert!(text.lines().nth(1).unwrap().starts_with(&format!("'{name}")), "{text}");
    }
}

#[test]
fn a_head_is_written_once_and_for_no_rows_too() {
    let mut writer = Writer::new(Format::Csv, true);
    let rows = rows(fleet());
    let (first, rest) = rows.split_at(1);
    let text = [first, rest, &[]].map(|rows| writer.render(rows).unwrap()).concat();
    assert_eq!(text, rendered(Format::Csv, fleet()));
    assert!(Writer::new(Format::Table, false).render(&[]).unwrap().starts_with("ComputerName"));
    assert_eq!(Writer::new(Format::Json, false).render(&[]).unwrap(), "");
}

#[test]
fn findings_are_those_of_the_computer_at_that_time() {
    let found = |computer: &Surveyed| -> Vec<Finding> {
        Finding::ALL.into_iter().filter(|finding| finding.is_of(computer, &by(None))).collect()
    };
    let soon = Some("2026-01-02T03:04:06Z".parse().unwrap());
    assert_eq!(found(&Surveyed { expiry: soon, ..computer("a", Mode::Encrypted) }), []);
    assert_eq!(found(&computer("a", Mode::Never)), [Finding::Never]);
    assert_eq!(found(&computer("a", Mode::ClearText)), [Finding::ClearText]);
    assert_eq!(found(&computer("a", Mode::Legacy)), [Finding::Legacy]);
    assert_eq!(found(&computer("a", Mode::Hidden)), [Finding::Hidden]);
    assert_eq!(found(&fleet()[0]), [Finding::Overdue, Finding::StaleClearText]);
    assert_eq!(found(&fleet()[1]), [Finding::Never, Finding::Disabled]);
}

#[test]
fn a_password_for_another_than_policy_wants_stands_out() {
    let is_found =
        |computer: &Surveyed, wanted: Option<Sid>| Finding::OtherDecryptor.is_of(computer, &by(wanted));
    let everyone = &fleet()[0];
    assert!(is_found(everyone, Some(Sid::local_system())));
    // The one for repair mode does not count.
    assert!(!is_found(everyone, Some(Sid::everyone())));
    assert!(!is_found(everyone, None) && !is_found(&fleet()[1], Some(Sid::everyone())));
    let malformed = Surveyed { decryptor: Some(Decryptor::Malformed), ..computer("a", Mode::Encrypted) };
    assert!(is_found(&malformed, Some(Sid::everyone())));
}

#[test]
fn a_table_has_the_decryptors_if_they_were_asked_for() {
    let head = |with_decryptors| Writer::new(Format::Table, with_decryptors).render(&rows(fleet())).unwrap();
    assert!(head(true).contains("Decryptors") && !head(false).contains("Decryptors"));
}
