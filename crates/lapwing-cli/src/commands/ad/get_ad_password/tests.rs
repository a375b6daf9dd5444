//! Fixtures: `lapwing-dpapi/src/fixtures/ORIGIN.md`.

use lapwing_dpapi::key_file;

use super::{row::Status, *};

const VALUE: &[u8] = include_bytes!("../../../../../lapwing-dpapi/src/fixtures/laps/windows");
const ROOT_KEY: &[u8] = include_bytes!("../../../../../lapwing-dpapi/src/fixtures/root_key/laps.json");
const OTHER_KEY: &[u8] = include_bytes!("../../../../../lapwing-dpapi/src/fixtures/root_key/sha512_dh.json");

fn keys(file: &[u8]) -> RootKeys {
    RootKeys::of(key_file::read(file).unwrap())
}

fn computer(values: &[(Source, &[u8])]) -> Entry {
    let values = values
        .iter()
        .map(|(source, value)| (source.attribute().to_owned(), SecretBytes::new(value.to_vec())));
    let name = [("name".to_owned(), SecretBytes::new(b"web-01".to_vec()))];
    Entry::new("CN=web-01,DC=corp,DC=example".to_owned(), name.into_iter().chain(values))
}

fn rows(entry: &Entry, open: impl Fn(&Blob) -> Result<SecretBytes, Locked>) -> Vec<Row> {
    let row = |stored: Stored| {
        let opened =
            stored.encrypted().map(|blob| Opened { plain: open(blob), decryptor: blob.sid.to_string() });
        stored.into_row(entry, opened)
    };
    Stored::all(entry).into_iter().map(row).collect()
}

/// The value with a time that is later by this many ticks of 2^32 each.
fn later(by: u8) -> Vec<u8> {
    let mut value = VALUE.to_vec();
    value[0] += by;
    value
}

#[test]
fn what_decrypting_came_to_is_told_for_each_value() {
    let entry = computer(&[(Source::EncryptedPassword, VALUE)]);
    let only = |open: &dyn Fn(&Blob) -> Result<SecretBytes, Locked>| rows(&entry, open).pop().unwrap();
    let row = only(&|blob| open_with(&keys(ROOT_KEY), blob));
    let shown = (row.account.as_deref(), row.password.as_ref().map(Password::expose_secret));
    assert_eq!(shown, (Some("Administrator"), Some("a998aoEUUXxO32")));
    assert_eq!((row.decryption_status, row.trouble.is_none()), (Status::Success, true));
    let updated = row.password_update_time;
    let decryptor = row.authorized_decryptor;
    assert!(decryptor.as_deref().is_some_and(|sid| sid.ends_with("-512")));

    for (locked, status, code) in [
        (Locked::Unauthorized, Status::Unauthorized, Some(Code::Refused)),
        (Locked::Failed(None), Status::Error, None),
    ] {
        let locked = std::cell::Cell::new(Some(locked));
        let row = only(&|_| Err(locked.take().unwrap()));
        assert_eq!((row.decryption_status, row.trouble.map(|trouble| trouble.code)), (status, code));
        assert!(row.password.is_none() && row.account.is_none());
        assert_eq!(
            (row.password_update_time, row.authorized_decryptor),
            (updated.clone(), decryptor.clone())
        );
    }
    let row = only(&|blob| open_with(&keys(OTHER_KEY), blob));
    let report = row.trouble.unwrap().report();
    assert!(report.contains("8b0100a4-2606-a328-6070-c5cad7cf5c0b"), "{report}");
    // What opens and is no password of LAPS is not shown.
    let row = only(&|_| Ok(SecretBytes::new(b"something else".to_vec())));
    assert_eq!((row.decryption_status, row.password.is_none()), (Status::Malformed, true));
}

#[test]
fn older_ones_follow_the_newest_first_and_a_damaged_one_keeps_none_back() {
    let (newer, newest) = (later(1), later(2));
    let entry = computer(&[
        (Source::EncryptedPasswordHistory, VALUE),
        (Source::EncryptedPasswordHistory, &newest),
        (Source::EncryptedPasswordHistory, b"damaged"),
        (Source::EncryptedPasswordHistory, &newer[..20]),
        (Source::EncryptedDsrmPassword, VALUE),
    ]);
    let rows = rows(&entry, |blob| open_with(&keys(ROOT_KEY), blob));
    let told: Vec<_> = rows.iter().map(|row| (row.source, row.decryption_status)).collect();
    let older = |status| (Source::EncryptedPasswordHistory, status);
    assert_eq!(
        told,
        [
            (Source::EncryptedDsrmPassword, Status::Success),
            older(Status::Success),
            older(Status::Malformed),
            older(Status::Success),
            older(Status::Malformed),
        ]
    );
    // The time within counts more than the one before; of what is cut off the one before is all there is.
    assert_eq!(rows[1].password_update_time, rows[3].password_update_time);
    assert!(rows[2].password_update_time.is_some() && rows[4].password_update_time.is_none());
}

#[test]
fn the_exit_code_goes_by_passwords_in_force() {
    let failure = |code| Failure::new(code, "what", "next");
    let older = (Source::EncryptedPasswordHistory, failure(Code::Failed));
    assert!(told(None, vec![older]).is_ok());
    let both = || {
        vec![
            (Source::EncryptedPassword, failure(Code::Refused)),
            (Source::EncryptedPasswordHistory, Failure::new(Code::Failed, "another", "next")),
        ]
    };
    assert_eq!(told(None, both()).unwrap_err().code, Code::Refused);
    let missing = Failure::new(Code::NotFound, "nobody", "next");
    assert_eq!(told(Some(missing), both()).unwrap_err().code, Code::NotFound);
}
