use lapwing_core::types::Guid;
use proptest::prelude::*;

use super::*;

fn sealed(condition: Condition) -> SealedUpload {
    SealedUpload {
        instance: Some(InstanceId(Guid::from_bytes([0x17; 16]))),
        version: PasswordVersion(Guid::from_bytes([1; 16])),
        condition,
        in_force: Some(PasswordVersion(Guid::from_bytes([2; 16]))),
        expiry: "2026-12-01T00:00:00.0000000Z".parse().unwrap(),
        sealed: vec![3; SEAL_OVERHEAD + 14],
    }
}

#[test]
fn an_upload_of_windows_is_read_in_any_case_and_with_hexadecimal_numbers() {
    for body in [
        r#"{"AccountName":"Administrator","NewPassword":"p\"1","PasswordExpiryTime":0x1dd1e7a00000000,"Flags":0x1}"#,
        r#"{"accountname":"Administrator","NEWPASSWORD":"p\"1","passwordExpiryTime":"2026-07-28T10:15:22.5826304Z"}"#,
    ] {
        let upload = Upload::parse(body.as_bytes()).unwrap();
        assert_eq!(upload.account.as_str(), "Administrator");
        let UploadPassword::Clear { password, expiry } = upload.password else { panic!("sealed") };
        assert_eq!(password.expose_secret(), "p\"1");
        assert_eq!(expiry.unwrap().ticks(), 0x1dd_1e7a_0000_0000);
    }
}

#[test]
fn what_the_agent_builds_is_what_the_server_reads() {
    let account: AccountName = "lapadmin".parse().unwrap();
    for condition in
        [Condition::Any, Condition::Absent, Condition::Holds(PasswordVersion(Guid::from_bytes([9; 16])))]
    {
        let members = sealed(condition);
        let body = LapwingUpload { account: &account, members: &members }.to_json();
        let UploadPassword::Sealed(read) = Upload::parse(&body).unwrap().password else { panic!("clear") };
        assert_eq!(read, members);
    }
}

#[test]
fn uploads_that_cannot_be_stored_are_refused() {
    let long = "a".repeat(PASSWORD_LEN_MAX + 1);
    for (body, why) in [
        (r#"{"AccountName":"a"}"#.to_owned(), "neither form"),
        (r#"{"AccountName":"a","NewPassword":""}"#.to_owned(), "empty password"),
        (format!(r#"{{"AccountName":"a","NewPassword":"{long}"}}"#), "long password"),
        (r#"{"AccountName":"a","NewPassword":7}"#.to_owned(), "a number"),
        (r#"{"AccountName":"a:b","NewPassword":"x"}"#.to_owned(), "a bad name"),
        (r#"{"NewPassword":"x"}"#.to_owned(), "no name"),
        (r#"{"AccountName":"a","NewPassword":"x","newpassword":"y"}"#.to_owned(), "two passwords"),
        (
            r#"{"AccountName":"a","NewPassword":"x","PasswordExpiryTime":0xffffffffffffffff}"#.to_owned(),
            "late",
        ),
    ] {
        let error = Upload::parse(body.as_bytes()).expect_err(why);
        assert!(!format!("{error:?}").contains(&long), "{why}");
    }
    let account: AccountName = "a".parse().unwrap();
    for len in [0, SEAL_OVERHEAD, SEAL_OVERHEAD + PASSWORD_LEN_MAX + 1] {
        let members = SealedUpload { sealed: vec![0; len], ..sealed(Condition::Any) };
        let body = LapwingUpload { account: &account, members: &members }.to_json();
        assert_eq!(Upload::parse(&body).unwrap_err(), UploadError::Sealed);
    }
}

#[test]
fn a_state_tells_nothing_from_something() {
    let empty = br#"{"Lapwing":{"Version":null,"Expiry":null,"AccountName":null,"Receipt":null,"Time":"2026-12-01T00:00:00.0000000Z"}}"#;
    assert_eq!(StateAnswer::parse(empty).unwrap().version, None);
    let held = StoredMembers::new(sealed(Condition::Any).version, sealed(Condition::Any).expiry, &[5; 64]);
    let answer = serde_json::to_vec(&StoreAnswer { lapwing: held }).unwrap();
    assert_eq!(StoreAnswer::parse(&answer).unwrap().receipt, [5; 64]);
}

proptest! {
    #[test]
    fn every_password_survives_the_entra_form(password in r"\PC{1,64}", ticks in 0_u64..1 << 60) {
        let account = "lapadmin".parse().unwrap();
        let clear = Password::new(password.clone());
        let expiry = FileTime::from_ticks(ticks).unwrap();
        let body = EntraUpload { account: &account, password: &clear, expiry: Some(expiry) }.expose_json().unwrap();
        match Upload::parse(body.expose_secret()).unwrap().password {
            UploadPassword::Clear { password: read, expiry: Some(at) } => {
                prop_assert_eq!(read.expose_secret(), password);
                prop_assert_eq!(at, expiry);
            }
            other => prop_assert!(false, "{other:?}"),
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>, text in r#"[{}\[\]":,0-9xA-F\\ acountmewprd]{0,128}"#) {
        drop(Upload::parse(&bytes));
        drop(Upload::parse(text.as_bytes()));
        drop(StoreAnswer::parse(&bytes));
        drop(StateAnswer::parse(&bytes));
    }
}
