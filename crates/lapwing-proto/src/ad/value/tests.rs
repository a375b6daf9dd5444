use proptest::prelude::*;

use super::*;

fn ticks(ticks: u64) -> FileTime {
    FileTime::from_ticks(ticks).unwrap()
}

fn clear(account: &str, updated: u64, password: &str) -> ClearPassword {
    ClearPassword {
        account: account.parse().unwrap(),
        updated: ticks(updated),
        password: Password::new(password.to_owned()),
    }
}

fn text(value: &ClearPassword) -> String {
    String::from_utf8(value.to_value().expose_secret().to_vec()).unwrap()
}

#[test]
fn a_clear_password_is_written_as_windows_writes_it() {
    let sample = r#"{"n":"Administrator","t":"1dd1e7a00000000","p":"Wq7+kd{T2m.Z!x"}"#;
    assert_eq!(text(&clear("Administrator", 0x1dd_1e7a_0000_0000, "Wq7+kd{T2m.Z!x")), sample);
    assert_eq!(text(&clear("ö", 1, "a\"\\\u{1F511}")), r#"{"n":"\u00f6","t":"1","p":"a\"\\\ud83d\udd11"}"#);
}

#[test]
fn a_clear_password_is_read_in_any_order_and_nothing_else_is() {
    let read = ClearPassword::parse(br#"{ "p":"x\u00e9", "n":"root", "t":"1dd1e7a00000000" }"#).unwrap();
    assert_eq!((read.account.as_str(), read.password.expose_secret()), ("root", "xé"));
    assert_eq!(read.updated, ticks(0x1dd_1e7a_0000_0000));
    for value in [
        "",
        "hunter2",
        r#"{"n":"root","t":"1"}"#,
        r#"{"n":"root","t":"1","p":"hunter2","x":"y"}"#,
        r#"{"n":"root","t":"1","p":"hunter2","p":"hunter2"}"#,
        r#"{"n":"root","t":1,"p":"hunter2"}"#,
        r#"{"n":"root","t":"01","p":"hunter2"}"#,
        r#"{"n":"root","t":"0","p":"hunter2"}"#,
        r#"{"n":"root","t":"1DD1E7A00000000","p":"hunter2"}"#,
        r#"{"n":"root","t":"0x1","p":"hunter2"}"#,
        r#"{"n":"root","t":"+1","p":"hunter2"}"#,
        r#"{"n":"root","t":"ffffffffffffffff","p":"hunter2"}"#,
        r#"{"n":"a:b","t":"1","p":"hunter2"}"#,
        r#"{"n":"root","t":"1","p":""}"#,
        r#"{"n":"root","t":"1","p":"hunter2"} hunter2"#,
    ] {
        let error = ClearPassword::parse(value.as_bytes()).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{value}");
    }
}

#[test]
fn passwords_and_values_have_their_limits() {
    let value = |len: usize| format!(r#"{{"n":"root","t":"1","p":"{}"}}"#, "a".repeat(len));
    assert!(ClearPassword::parse(value(PASSWORD_LEN_MAX).as_bytes()).is_ok());
    assert!(ClearPassword::parse(value(PASSWORD_LEN_MAX + 1).as_bytes()).is_err());
    let padded = |len: usize| format!("{:<len$}", value(1));
    assert!(ClearPassword::parse(padded(CLEAR_PASSWORD_LEN_MAX).as_bytes()).is_ok());
    assert!(ClearPassword::parse(padded(CLEAR_PASSWORD_LEN_MAX + 1).as_bytes()).is_err());
    assert_eq!(parse_legacy_password(b"Wq7").unwrap().expose_secret(), "Wq7");
    assert!(parse_legacy_password(b"").is_err());
    assert!(parse_legacy_password(&[0xff]).is_err());
}

#[test]
fn every_number_in_the_directory_is_an_expiry() {
    for (value, expected) in [
        ("134297073225826304", "2026-07-28T10:15:22.5826304Z"),
        ("0", "1601-01-01T00:00:00.0000000Z"),
        ("-1", "1601-01-01T00:00:00.0000000Z"),
        ("9223372036854775807", "9999-12-31T23:59:59.9999999Z"),
    ] {
        assert_eq!(parse_expiry(value).unwrap().to_string(), expected, "{value}");
    }
    for value in ["", "x", "1.5", " 1", "9223372036854775808"] {
        assert!(parse_expiry(value).is_err(), "{value}");
    }
}

#[test]
fn a_version_is_stored_in_microsofts_order() {
    let version: PasswordVersion = "00112233-4455-6677-8899-aabbccddeeff".parse().unwrap();
    let bytes = [0x33, 0x22, 0x11, 0, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff];
    assert_eq!(version_value(version), bytes);
    assert_eq!(parse_version(&bytes), Ok(version));
    assert!(parse_version(&bytes[1..]).is_err());
}

fn any_version() -> impl Strategy<Value = PasswordVersion> {
    any::<[u8; 16]>().prop_map(|bytes| PasswordVersion(Guid::from_random_bytes(bytes)))
}

proptest! {
    #[test]
    fn every_password_survives_and_its_value_is_ascii(
        account in "[a-zö]{1,12}", updated in 1_u64..1 << 60, password in "\\PC{1,40}",
    ) {
        let value = clear(&account, updated, &password).to_value();
        prop_assert!(value.expose_secret().is_ascii());
        let read = ClearPassword::parse(value.expose_secret()).unwrap();
        prop_assert_eq!(read.account.as_str(), account);
        prop_assert_eq!(read.updated, ticks(updated));
        prop_assert_eq!(read.password.expose_secret(), password);
    }

    #[test]
    fn a_unique_expiry_is_never_late_and_never_taken(
        wanted in 20_000_000_u64..1 << 60, version in any_version(), others in 0_usize..5,
    ) {
        let wanted = ticks(wanted);
        let mut taken = Vec::new();
        for _ in 0..=others {
            let expiry = unique_expiry(wanted, version, &taken);
            prop_assert!(expiry <= wanted && wanted.saturating_since(expiry).as_secs() < 2);
            prop_assert!(!taken.contains(&expiry));
            prop_assert_eq!(parse_expiry(&expiry_value(expiry)), Ok(expiry));
            taken.push(expiry);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>, text: String) {
        drop(ClearPassword::parse(&bytes));
        drop(parse_legacy_password(&bytes));
        drop(parse_expiry(&text));
        drop(parse_version(&bytes));
    }
}
