//! The administrator's commands for Active Directory on a real domain: by ticket, by password, and by those who may not.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::Stdio;

use serde_json::Value;
use xtask::lab::{
    self, Host, Lab,
    domain::{BASE, DOMAIN, Domain},
};
use xtask::scene::{self, Build};

/// As `cargo xtask setup` makes it.
const MSLDAP: &str = "msldap==0.5.15";
const MSLDAP_READ: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/e2e/ad_admin/msldap_read.py");
const LEGACY_SCHEMA: &str = include_str!("ad_admin/legacy_schema.ldif");
const COMPUTERS: &str = include_str!("ad_admin/computers.ldif");
/// Of people in a throw-away domain.
const PASSWORD: &str = "Correct-horse-1";

/// A domain, and a host from which it is administered, which has not joined it.
struct World {
    lab: Lab,
    domain: Domain,
    host: Host,
}

/// How a command ended.
struct Run {
    code: i32,
    out: String,
    err: String,
}

impl World {
    fn new() -> Self {
        let programs = scene::build(Build::WithFailPoints).unwrap();
        let _ = scene::build as fn(Build) -> _;
        let lab = Lab::new().unwrap();
        let domain = Domain::start(&lab).unwrap();
        let host = domain.boot_member(&lab, "desk").unwrap();
        host.copy_in(&programs.join("lapwing"), "/usr/bin/lapwing", 0o755).unwrap();
        domain.controller.run(&["samba-tool", "user", "create", "ordinary", PASSWORD]).unwrap();
        Self { lab, domain, host }
    }

    /// As whoever has the ticket.
    fn lapwing(&self, arguments: &[&str]) -> Run {
        self.fed(arguments, "")
    }

    /// As somebody, by the password.
    fn lapwing_as(&self, user: &str, arguments: &[&str]) -> Run {
        let password = if user == "administrator" {
            self.domain.administrator_password().unwrap()
        } else {
            PASSWORD.to_owned()
        };
        self.fed(&[arguments, &["--user", user, "--password-stdin"]].concat(), &password)
    }

    /// By a person before a terminal, who types `input`. What is shown is all in [`Run::out`].
    fn typed(&self, command: &str, input: &str) -> Run {
        self.run("script", &["--quiet", "--return", "--command", command, "/dev/null"], input)
    }

    fn fed(&self, arguments: &[&str], input: &str) -> Run {
        self.run("lapwing", arguments, input)
    }

    fn run(&self, program: &str, arguments: &[&str], input: &str) -> Run {
        let mut command = self.host.command(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // It may end without reading.
        drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
        let output = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Run { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Gets the administrator's ticket.
    fn kinit(&self) {
        let password = self.domain.administrator_password().unwrap();
        self.host.feed(&["kinit", "administrator"], password.as_bytes()).unwrap();
    }

    /// With OpenLDAP's own tools, as whoever has the ticket.
    fn search(&self, base: &str, filter: &str, attributes: &[&str]) -> String {
        let controller = format!("ldap://{}.{DOMAIN}", self.domain.controller.name());
        let ask = ["ldapsearch", "-LLL", "-Q", "-N", "-Y", "GSSAPI", "-o", "ldif-wrap=no", "-H", &controller];
        self.host.run(&[&ask[..], &["-b", base, filter], attributes].concat()).unwrap()
    }

    fn modify(&self, ldif: &str) {
        let controller = format!("ldap://{}.{DOMAIN}", self.domain.controller.name());
        let modify = ["ldapmodify", "-Q", "-N", "-Y", "GSSAPI", "-H", &controller];
        self.host.feed(&modify, ldif.as_bytes()).unwrap();
    }

    /// Lets Samba take changes of the schema, or not, which it reads when it starts.
    fn allow_schema_updates(&self, answer: &str) {
        let controller = &self.domain.controller;
        let set = format!("s/\\(dsdb:schema update allowed *= *\\).*/\\1{answer}/");
        controller.run(&["sed", "-i", &set, "/etc/samba/smb.conf"]).unwrap();
        controller.run(&["systemctl", "restart", "samba-ad-dc.service"]).unwrap();
        let ask = ["ldapsearch", "-LLL", "-Q", "-N", "-Y", "GSSAPI", "-H"];
        let url = format!("ldap://{}.{DOMAIN}", controller.name());
        let ask = [&ask[..], &[&url, "-b", "", "-s", "base", "defaultNamingContext"]].concat();
        self.host
            .wait_until("Samba answers again", std::time::Duration::from_secs(60), |host| {
                Ok(host.run(&ask).is_ok())
            })
            .unwrap();
    }
}

impl Run {
    fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{}", self.err);
        serde_json::from_str(&self.out).unwrap()
    }

    /// That it failed so, and said so.
    fn must_fail(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        for word in words {
            assert!(self.err.contains(word), "{word:?} is not in: {}", self.err);
        }
    }
}

/// Entries of LDIF by the value of one attribute; of each, all lines but the first.
fn entries(ldif: &str, key: &str) -> BTreeMap<String, BTreeSet<String>> {
    let blocks = ldif.split("\n\n").filter(|block| block.contains(": "));
    let entry = |block: &str| {
        let lines: BTreeSet<String> = block.trim().lines().skip(1).map(str::to_owned).collect();
        let name = lines.iter().find_map(|line| line.strip_prefix(&format!("{key}: "))).unwrap().to_owned();
        (name, lines)
    };
    blocks.map(entry).collect()
}

const SCHEMA: &str = "CN=Schema,CN=Configuration,DC=lapwing,DC=test";
const OURS: &str = "(lDAPDisplayName=msLAPS-*)";

/// That the schema is word for word what the "Schema extensions reference for Windows LAPS" has, told by OpenLDAP's tools.
fn judge_schema(world: &World) {
    const LARGE_INTEGER: (&str, &str) = ("2.5.5.16", "65");
    const PRINTABLE: (&str, &str) = ("2.5.5.5", "19");
    const OCTETS: (&str, &str) = ("2.5.5.10", "4");
    // The property set f3531ec6-6330-4f8e-8d39-7a671fbac605 in Microsoft's order of bytes.
    const PROPERTY_SET: &str = "attributeSecurityGUID:: xh5T8zBjjk+NOXpnH7rGBQ==";
    let expected = [
        (1, "msLAPS-PasswordExpirationTime", LARGE_INTEGER, "TRUE", "0", &[][..]),
        (2, "msLAPS-Password", PRINTABLE, "TRUE", "904", &[]),
        (3, "msLAPS-EncryptedPassword", OCTETS, "TRUE", "904", &[PROPERTY_SET]),
        (4, "msLAPS-EncryptedPasswordHistory", OCTETS, "FALSE", "904", &[PROPERTY_SET]),
        (5, "msLAPS-EncryptedDSRMPassword", OCTETS, "TRUE", "904", &[PROPERTY_SET]),
        (6, "msLAPS-EncryptedDSRMPasswordHistory", OCTETS, "FALSE", "904", &[PROPERTY_SET]),
        (
            7,
            "msLAPS-CurrentPasswordVersion",
            OCTETS,
            "TRUE",
            "904",
            &[PROPERTY_SET, "rangeLower: 16", "rangeUpper: 16"],
        ),
    ];
    let asked = [
        "cn",
        "lDAPDisplayName",
        "attributeID",
        "attributeSyntax",
        "oMSyntax",
        "isSingleValued",
        "searchFlags",
        "rangeLower",
        "rangeUpper",
        "attributeSecurityGUID",
        "systemOnly",
        "isMemberOfPartialAttributeSet",
    ];
    let mut found = entries(&world.search(SCHEMA, OURS, &asked), "lDAPDisplayName");
    for (number, name, (syntax, om_syntax), single, flags, more) in expected {
        let cn = name.replacen("msLAPS", "ms-LAPS", 1);
        let lines = [
            format!("cn: {cn}"),
            format!("lDAPDisplayName: {name}"),
            format!("attributeID: 1.2.840.113556.1.6.44.1.{number}"),
            format!("attributeSyntax: {syntax}"),
            format!("oMSyntax: {om_syntax}"),
            format!("isSingleValued: {single}"),
            format!("searchFlags: {flags}"),
            "systemOnly: FALSE".to_owned(),
            "isMemberOfPartialAttributeSet: FALSE".to_owned(),
        ];
        let lines = lines.into_iter().chain(more.iter().map(|line| (*line).to_owned())).collect();
        assert_eq!(found.remove(name), Some(lines), "{name}");
        let class = world.search(&format!("CN=Computer,{SCHEMA}"), "(objectClass=*)", &["mayContain"]);
        assert!(class.lines().any(|line| line == format!("mayContain: {name}")), "{class}");
    }
    assert_eq!(found, BTreeMap::new());
    let rights = format!("CN=Extended-Rights,CN=Configuration,{BASE}");
    let filter = "(rightsGuid=f3531ec6-6330-4f8e-8d39-7a671fbac605)";
    let right = world.search(&rights, filter, &["cn", "objectClass", "validAccesses", "appliesTo"]);
    for line in [
        "cn: ms-LAPS-Encrypted-Password-Attributes",
        "objectClass: controlAccessRight",
        "validAccesses: 48",
        "appliesTo: bf967a86-0de6-11d0-a285-00aa003049e2",
    ] {
        assert!(right.lines().any(|found| found == line), "{line} is not in {right}");
    }
}

#[test]
fn the_schema_is_extended_by_who_may_and_only_where_nothing_stands_in_the_way() {
    let world = World::new();
    let count = || world.search(SCHEMA, OURS, &["cn"]).matches("dn: ").count();

    world.lapwing(&["update-ad-schema", "--yes"]).must_fail(3, &["there is no Kerberos ticket", "kinit"]);
    world
        .lapwing_as("ordinary", &["update-ad-schema", "--yes"])
        .must_fail(3, &["LDAP result", "Schema Admins"]);
    world.lapwing_as("administrator", &["update-ad-schema"]).must_fail(2, &["--dry-run", "--yes", "to add"]);
    let shown = world.lapwing_as("administrator", &["update-ad-schema", "--dry-run", "--json"]).json();
    assert_eq!(shown["SchemaMaster"], format!("dc1.{DOMAIN}"));
    assert_eq!((shown["Changes"].as_array().unwrap().len(), &shown["IsChanged"]), (9, &Value::Bool(false)));
    world.kinit();
    assert_eq!(count(), 0);
    let read = world.lapwing(&["get-ad-password", "DC1", "--as-plain-text"]);
    read.must_fail(4, &["the schema of the forest has no LAPS", "lapwing update-ad-schema"]);
    let expired = world.lapwing(&["set-ad-password-expiration-time", "DC1"]);
    expired.must_fail(1, &["LDAP result", "lapwing update-ad-schema"]);

    // Somebody's attribute of that name shows passwords to everybody.
    world.modify(&format!(
        "dn: CN=ms-LAPS-Password,{SCHEMA}\nchangetype: add\nobjectClass: attributeSchema\n\
         lDAPDisplayName: msLAPS-Password\nattributeID: 1.2.840.113556.1.6.44.1.2\nattributeSyntax: 2.5.5.5\n\
         oMSyntax: 19\nisSingleValued: TRUE\nsearchFlags: 0\nsystemOnly: FALSE\n\
         isMemberOfPartialAttributeSet: FALSE\n"
    ));
    let faulty = world.lapwing(&["update-ad-schema", "--yes", "--json"]);
    faulty.must_fail(1, &["msLAPS-Password is not confidential", "nothing was changed"]);
    let told: Value = serde_json::from_str(&faulty.out).unwrap();
    assert_eq!(
        (&told["Faults"][0]["Attribute"], &told["IsChanged"]),
        (&"msLAPS-Password".into(), &false.into())
    );
    assert_eq!(count(), 1);
    // Once it is right it is what an earlier run, broken off, has left.
    let ldif = format!(
        "dn: CN=ms-LAPS-Password,{SCHEMA}\nchangetype: modify\nreplace: searchFlags\nsearchFlags: 904\n"
    );
    world.modify(&ldif);

    world.allow_schema_updates("no");
    let refused = world.lapwing(&["update-ad-schema", "--yes"]);
    refused.must_fail(3, &["LDAP result 53", "dsdb:schema update allowed"]);
    assert_eq!(count(), 1);
    world.allow_schema_updates("yes");

    let done = world.lapwing(&["update-ad-schema", "--yes", "--json"]).json();
    assert_eq!((done["Changes"].as_array().unwrap().len(), &done["IsChanged"]), (8, &Value::Bool(true)));
    judge_schema(&world);

    // Nothing is written a second time: the numbers of updates stay.
    let numbers = || world.search(&format!("CN=Configuration,{BASE}"), "(cn=*)", &["uSNChanged"]);
    let before = numbers();
    let again = world.lapwing(&["update-ad-schema", "--yes", "--json"]).json();
    assert_eq!((again["Changes"].as_array().unwrap().len(), &again["IsChanged"]), (0, &Value::Bool(false)));
    assert_eq!(numbers(), before);
}

#[test]
fn the_schema_is_extended_on_its_master_whichever_controller_is_asked() {
    let world = World::new();
    let second = world.domain.add_controller(&world.lab).unwrap();
    world.kinit();
    let update = format!("lapwing update-ad-schema --server {}", second.name());
    let no = world.typed(&update, "no\n");
    assert_eq!(no.code, 3, "{}", no.out);
    assert!(no.out.contains("for ever? [yes/no]") && no.out.contains("nothing was changed"), "{}", no.out);
    assert_eq!(world.search(SCHEMA, OURS, &["cn"]).matches("dn: ").count(), 0);
    let yes = world.typed(&update, "yes\n");
    assert_eq!(yes.code, 0, "{}", yes.out);
    assert!(yes.out.contains(&format!("Schema master  dc1.{DOMAIN}")), "{}", yes.out);
    judge_schema(&world);
    // The one that was asked learns of it, and can be asked for what is stored.
    world.domain.replicate(&second).unwrap();
    let read = world.lapwing(&["get-ad-password", "DC1", "--as-plain-text", "--server", second.name()]);
    read.must_fail(4, &["no password of CN=DC1,OU=Domain Controllers"]);
}

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
        "DecryptionStatus": "NotSupported", "AuthorizedDecryptor": null,
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
    assert_eq!(read(&["sealed"]).json(), Value::Array(vec![current.clone()]));
    assert_eq!(read(&["sealed", "--include-history"]).json(), Value::Array(vec![current, second, first]));

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
    let python = lab::cache().unwrap().join("python").join(MSLDAP).join("bin/python");
    let read = |user: &str, password: &str| -> Value {
        let given = serde_json::json!({
            "server": world.domain.controller.address(), "domain": "LAPWING", "user": user, "password": password,
            "base": BASE, "filter": "(sAMAccountName=HASH$)",
            "attributes": ["msLAPS-Password", "msLAPS-PasswordExpirationTime"],
        });
        let mut command = world.lab.command(python.to_str().unwrap()).unwrap();
        let mut child = command
            .args(["-I", "-B", MSLDAP_READ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(given.to_string().as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        serde_json::from_slice(&output.stdout).unwrap()
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
