//! Passwords that are stored, read and expired, in every form, by everybody who may and some who may not.

use serde_json::Value;
use xtask::lab::domain::BASE;

use super::{PASSWORD, World};
use crate::msldap;

const LEGACY_SCHEMA: &str = include_str!("legacy_schema.ldif");
const COMPUTERS: &str = include_str!("computers.ldif");

/// A domain whose schema has both LAPS, with the computers of [`COMPUTERS`].
fn with_computers() -> World {
    let world = World::new();
    world.kinit();
    assert_eq!(world.lapwing(&["update-ad-schema", "--yes"]).code, 0);
    world.modify(LEGACY_SCHEMA);
    world.modify(COMPUTERS);
    world
}

/// One stored password as the command tells it.
fn row(computer: &str, rest: Value) -> Value {
    let mut row = serde_json::json!({
        "Account": null,
        "Password": null,
        "PasswordUpdateTime": null,
        "ExpirationTimestamp": "2100-01-01T00:00:00.0000000Z",
        "DecryptionStatus": "NotApplicable",
        "AuthorizedDecryptor": "NotApplicable",
    });
    let (name, cn) = match computer {
        "SALES1" => ("Sales, Köln #1", "Sales\\, Köln \\#1"),
        "HASH" => ("#hash", "\\#hash"),
        "LEAD" => (" lead", "\\ lead"),
        other => (other, other),
    };
    row["ComputerName"] = name.into();
    row["DistinguishedName"] = format!("CN={cn},CN=Computers,{BASE}").into();
    row.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    row
}

fn sealed(source: &str, updated: &str, expiry: Option<&str>) -> Value {
    let rest = serde_json::json!({
        "PasswordUpdateTime": updated, "ExpirationTimestamp": expiry, "Source": source,
        "DecryptionStatus": "Malformed", "AuthorizedDecryptor": null,
    });
    row("sealed", rest)
}

#[test]
fn passwords_of_every_form_are_read_by_any_name_of_their_computer() {
    let world = with_computers();
    let read = |arguments: &[&str]| {
        world.lapwing(&[&["get-ad-password", "--as-plain-text", "--json"], arguments].concat())
    };
    let (updated, legacy_expiry) = ("2026-07-28T10:15:22.5826304Z", "2025-08-18T00:00:00.0000000Z");
    let sales = row(
        "SALES1",
        serde_json::json!({"Account": "Jörg", "Password": "a \"b\\c", "PasswordUpdateTime": updated, "Source": "CleartextPassword"}),
    );
    let hash = row(
        "HASH",
        serde_json::json!({"Account": "lapadmin", "Password": "Wq7+kd{T2m.Z!x", "PasswordUpdateTime": updated, "Source": "CleartextPassword"}),
    );
    let lead = row(
        "LEAD",
        serde_json::json!({"Password": "legacy password", "ExpirationTimestamp": legacy_expiry, "Source": "LegacyLapsCleartextPassword"}),
    );
    let guid = world
        .domain
        .controller
        .run(&["samba-tool", "computer", "show", "HASH", "--attributes=objectGUID"])
        .unwrap();
    let guid = guid.lines().find_map(|line| line.strip_prefix("objectGUID: ")).unwrap();

    let by_any_name = [
        ("Sales, Köln #1", &sales),
        ("sales1", &sales),
        ("SALES1$", &sales),
        ("sales1.lapwing.test", &sales),
        ("CN=Sales\\, Köln \\#1,CN=Computers,DC=lapwing,DC=test", &sales),
        ("cn=sales\\2c K\\c3\\b6ln #1, cn=computers, dc=lapwing, dc=test", &sales),
        ("#hash", &hash),
        (guid, &hash),
        ("CN=\\#hash,CN=Computers,DC=lapwing,DC=test", &hash),
        (" lead", &lead),
        ("CN=\\20lead,CN=Computers,DC=lapwing,DC=test", &lead),
    ];
    let names: Vec<&str> = by_any_name.iter().map(|(name, _)| *name).collect();
    let rows: Vec<Value> = by_any_name.iter().map(|(_, row)| (*row).clone()).collect();
    assert_eq!(read(&names).json(), Value::Array(rows));

    let current =
        sealed("EncryptedPassword", "2026-03-01T00:00:00.0000000Z", Some("2100-01-01T00:00:00.0000000Z"));
    let older = ["2026-02-01T00:00:00.0000000Z", "2026-01-01T00:00:00.0000000Z"];
    let [second, first] = older.map(|updated| sealed("EncryptedPasswordHistory", updated, None));
    for (arguments, rows) in [
        (&["sealed"][..], vec![current.clone()]),
        (&["sealed", "--include-history"], vec![current, second, first]),
    ] {
        let run = read(arguments);
        run.must_fail(1, &["msLAPS-EncryptedPassword of sealed is not in the form of LAPS"]);
        assert_eq!(serde_json::from_str::<Value>(&run.out).unwrap(), Value::Array(rows));
    }

    // What cannot be read is told, and keeps nothing else from being shown; nor is it repeated.
    let broken = read(&["broken", "HASH"]);
    broken.must_fail(1, &["msLAPS-Password of broken is not in the form of LAPS"]);
    let rows: Value = serde_json::from_str(&broken.out).unwrap();
    assert_eq!((&rows[0]["DecryptionStatus"], &rows[1]), (&"Malformed".into(), &hash));
    assert!(!format!("{}{}", broken.out, broken.err).contains("not shown"));

    let shown = world.typed("lapwing get-ad-password HASH", "");
    assert_eq!(shown.code, 0, "{}", shown.out);
    assert!(shown.out.contains("Password             Wq7+kd{T2m.Z!x\r\n"), "{}", shown.out);

    let table = world.lapwing(&["get-ad-password", "HASH", "--as-plain-text", "--ldaps"]);
    table.must_fail(5, &["no trusted TLS connection", "trust store"]);
    let authority = world.host.run(&["cat", "/etc/ssl/lapwing-lab.pem"]).unwrap();
    world.host.write("/etc/ssl/certs/ca-certificates.crt", 0o644, authority.as_bytes()).unwrap();
    let table = world.lapwing(&["get-ad-password", "HASH", "--as-plain-text", "--ldaps"]);
    assert!(table.out.contains("Password             Wq7+kd{T2m.Z!x\n"), "{}{}", table.out, table.err);

    read_by_others(&world);
}

/// What we store is what an independent program reads, and only for those who may.
fn read_by_others(world: &World) {
    let read = |user: &str, password: &str| {
        let attributes = ["msLAPS-Password", "msLAPS-PasswordExpirationTime"];
        msldap::read(&world.lab, &world.domain, (user, password), "(sAMAccountName=HASH$)", &attributes)
    };
    let expiry = "2100-01-01 00:00:00+00:00";
    let password = r#"{"n":"lapadmin","t":"1dd1e7a00000000","p":"Wq7+kd{T2m.Z!x"}"#;
    let seen = read("administrator", &world.domain.administrator_password().unwrap());
    assert_eq!(
        seen,
        serde_json::json!([{"msLAPS-Password": password, "msLAPS-PasswordExpirationTime": expiry}])
    );
    let seen = read("ordinary", PASSWORD);
    assert_eq!(seen, serde_json::json!([{"msLAPS-PasswordExpirationTime": expiry}]));
}

#[test]
fn a_refused_or_mistaken_administrator_is_told_what_to_do_and_changes_nothing() {
    let world = with_computers();
    let read = ["get-ad-password", "HASH", "--as-plain-text"];
    let expire = ["set-ad-password-expiration-time", "HASH"];
    let expiry = |account: &str, attribute: &str| {
        let found = world.search(BASE, &format!("(sAMAccountName={account})"), &[attribute]);
        let value = found.lines().find_map(|line| line.strip_prefix(&format!("{attribute}: ")));
        value.map(|ticks| ticks.parse::<u64>().unwrap())
    };
    let stored = || expiry("HASH$", "msLAPS-PasswordExpirationTime");
    assert_eq!(stored(), Some(157_469_184_000_000_000));

    world.lapwing(&["get-ad-password", "HASH"]).must_fail(2, &["not a terminal", "--as-plain-text"]);
    let hidden = world.lapwing_as("ordinary", &read);
    hidden.must_fail(3, &["you may not read", "set-ad-read-password-permission"]);
    assert_eq!(hidden.out, "");
    let hidden = world.lapwing_as("ordinary", &["get-ad-password", "never", "--as-plain-text"]);
    hidden.must_fail(4, &["no password of CN=never", "or you may not read it", "no expiry"]);
    world
        .lapwing_as("ordinary", &expire)
        .must_fail(3, &["LDAP result 50", "set-ad-reset-password-permission"]);
    for (identity, code, words) in [
        ("nobody", 4, &["no computer of DC=lapwing,DC=test is called nobody", "--domain"][..]),
        ("CN=nobody,CN=Computers,DC=lapwing,DC=test", 4, &["no computer"]),
        ("CN=Computers,DC=lapwing,DC=test", 4, &["no computer"]),
        ("CN=HASH,DC=elsewhere,DC=test", 4, &["no computer", "--domain"]),
        ("twin", 1, &["2 computers are called twin", "CN=twin,CN=Computers", "CN=twin,OU=Devices"]),
        ("CN=", 2, &["not a distinguished name"]),
    ] {
        world.lapwing(&["get-ad-password", identity, "--as-plain-text"]).must_fail(code, words);
    }
    let to = |more: &[&str]| world.lapwing(&[&expire[..], more].concat());
    to(&["--server", "dc 1"]).must_fail(2, &["--server"]);
    to(&["--server", "dc9"]).must_fail(5, &["dc9.lapwing.test: DNS has no address for it"]);
    to(&["--server", "desk.lapwing.test"]).must_fail(5, &["desk.lapwing.test", "Connection refused"]);
    for server in ["dc1", "DC1.lapwing.test", "10.123.0.2"] {
        let table = world.lapwing(&[&read[..], &["--server", server]].concat());
        assert_eq!(table.code, 0, "{server}: {}", table.err);
    }
    to(&["--domain", "elsewhere.test"]).must_fail(5, &["no domain controller of elsewhere.test"]);
    to(&["--user", "ordinary"]).must_fail(2, &["--password-stdin"]);
    let wrong = world.fed(&[&expire[..], &["--user", "ordinary", "--password-stdin"]].concat(), "wrong");
    wrong.must_fail(3, &["does not accept", "ordinary@LAPWING.TEST"]);
    assert!(!wrong.err.contains("wrong\n"), "{}", wrong.err);
    let unknown = world.lapwing_as("somebody", &expire);
    unknown.must_fail(3, &["knows no account somebody@LAPWING.TEST"]);
    assert_eq!(stored(), Some(157_469_184_000_000_000));

    // Of several, each is done that can be.
    let several = [
        "set-ad-password-expiration-time",
        "LEAD",
        "nobody",
        "HASH",
        "--at",
        "2030-01-01T00:00:00Z",
        "--json",
    ];
    let done = world.lapwing(&several);
    done.must_fail(4, &["nobody"]);
    let rows: Value = serde_json::from_str(&done.out).unwrap();
    let names: Vec<&str> =
        rows.as_array().unwrap().iter().map(|row| row["DistinguishedName"].as_str().unwrap()).collect();
    assert_eq!(names, [" lead", "#hash"].map(|cn| format!("CN=\\{cn},CN=Computers,{BASE}")));
    assert!(rows.as_array().unwrap().iter().all(|row| row["Status"] == "PasswordReset"));
    assert_eq!(stored(), Some(135_379_296_000_000_000));
    assert_eq!(expiry("LEAD$", "ms-Mcs-AdmPwdExpirationTime"), Some(133_999_488_000_000_000));
    let legacy = ["set-ad-password-expiration-time", "LEAD", "--legacy"];
    assert_eq!(world.lapwing(&[&legacy[..], &["--at", "2030-01-01T00:00:00Z"]].concat()).code, 0);
    assert_eq!(expiry("LEAD$", "ms-Mcs-AdmPwdExpirationTime"), Some(135_379_296_000_000_000));
    // Now, by the clock of whoever expires it.
    let since_1601 = |text: String| (text.trim().parse::<u64>().unwrap() + 11_644_473_600) * 10_000_000;
    let clock = || since_1601(world.host.run(&["date", "+%s"]).unwrap());
    let before = clock();
    assert_eq!(to(&[]).code, 0);
    let now = stored().unwrap();
    assert!((before..=clock() + 10_000_000).contains(&now), "{before} {now}");
}
