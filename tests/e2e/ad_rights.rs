//! Who may do what with the passwords of a domain's computers, after our commands have delegated: judged by OpenLDAP's and
//! Samba's own tools, as each of those people and computers. "Windows LAPS", permissions; [MS-ADTS] 3.1.1.4.4, 5.1.3.

use std::process::Output;

use serde_json::{Value, json};
use xtask::lab::{
    Host, Lab,
    domain::{BASE, CONTROLLER, DOMAIN, Domain},
};
use xtask::programs::{self, Build};

/// Of people in a throw-away domain.
const PASSWORD: &str = "Correct-horse-1";
/// Runs a command with the tickets of one person, or of the machine.
const AS: &str = r#"export KRB5CCNAME="FILE:/root/tickets.$1"
    if [ "$1" = machine ]; then export KRB5_CLIENT_KTNAME=FILE:/etc/krb5.keytab; fi
    shift
    exec "$@" </dev/null"#;
/// The same for a command that reads.
const AS_FED: &str = r#"export KRB5CCNAME="FILE:/root/tickets.$1"
    if [ "$1" = machine ]; then export KRB5_CLIENT_KTNAME=FILE:/etc/krb5.keytab; fi
    shift
    exec "$@""#;
/// All parts of a security descriptor: `LDAP_SERVER_SD_FLAGS_OID` with 15.
const ALL_PARTS: &str = "!1.2.840.113556.1.4.801=::MAMCAQ8=";

const EXPIRY: &str = "msLAPS-PasswordExpirationTime";
const VERSION: &str = "msLAPS-CurrentPasswordVersion";
const CLEAR: &str = "msLAPS-Password";
const ENCRYPTED: &str = "msLAPS-EncryptedPassword";

const UNIT: &str = "OU=Servers,DC=lapwing,DC=test";
const ELSEWHERE: &str = "OU=Elsewhere,DC=lapwing,DC=test";

/// A domain with two units, in each a computer that is there and one that is only an account.
struct World {
    _lab: Lab,
    domain: Domain,
    /// The computer in the unit that is delegated; people sit at it too.
    web01: Host,
    /// The one in the other unit.
    mail01: Host,
}

/// Somebody at a host: a person by name, or `machine` for the host itself.
#[derive(Clone, Copy)]
struct Who<'a>(&'a Host, &'a str);

impl World {
    fn new() -> Self {
        let programs = programs::build(Build::WithFailPoints).unwrap();
        let lab = Lab::new().unwrap();
        let domain = Domain::start(&lab).unwrap();
        let [web01, mail01] = ["web01", "mail01"].map(|name| {
            let host = domain.boot_member(&lab, name).unwrap();
            domain.join(&host).unwrap();
            host
        });
        web01.copy_in(&programs.join("lapwing"), "/usr/bin/lapwing", 0o755).unwrap();
        let tool =
            |arguments: &[&str]| domain.controller.run(&[&["samba-tool"], arguments].concat()).unwrap();
        for unit in [UNIT, "OU=Web,OU=Servers,DC=lapwing,DC=test", ELSEWHERE] {
            tool(&["ou", "add", unit]);
        }
        tool(&["computer", "move", "web01", "OU=Web,OU=Servers"]);
        tool(&["computer", "move", "mail01", "OU=Elsewhere"]);
        tool(&["computer", "add", "db01", "--computerou=OU=Servers"]);
        tool(&["computer", "add", "far01", "--computerou=OU=Elsewhere"]);
        for user in ["reader", "expirer", "ordinary", "wide"] {
            tool(&["user", "add", user, PASSWORD]);
        }
        tool(&["group", "add", "helpdesk"]);
        tool(&["group", "addmembers", "helpdesk", "reader"]);
        let world = Self { _lab: lab, domain, web01, mail01 };
        for person in ["reader", "expirer", "ordinary"] {
            world.log_on(person, PASSWORD);
        }
        let password = world.domain.administrator_password().unwrap();
        world.log_on("administrator", &password);
        world.admin(&["update-ad-schema", "--yes"]);
        world
    }

    fn log_on(&self, person: &str, password: &str) {
        self.web01.feed(&["sh", "-euc", AS_FED, "as", person, "kinit", person], password.as_bytes()).unwrap();
    }

    fn person<'a>(&'a self, name: &'a str) -> Who<'a> {
        Who(&self.web01, name)
    }

    fn lapwing(&self, person: &str, arguments: &[&str]) -> Output {
        self.person(person).run(&[&["lapwing"], arguments].concat())
    }

    /// As a Domain Admin; it must succeed.
    fn admin(&self, arguments: &[&str]) -> String {
        let output = self.lapwing("administrator", arguments);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn admin_json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.admin(&[arguments, &["--json"]].concat())).unwrap()
    }

    /// The bytes of a security descriptor, in Base64, and the same as text.
    fn descriptor(&self, name: &str) -> (String, String) {
        let options = ["-E", ALL_PARTS, "-s", "base", "-b", name];
        let entry = self.person("administrator").search(&options, &["nTSecurityDescriptor"]);
        let bytes = entry.split_once("nTSecurityDescriptor:: ").unwrap().1.trim().to_owned();
        let controller = &self.domain.controller;
        let text = controller.run(&["samba-tool", "dsacl", "get", &format!("--objectdn={name}")]).unwrap();
        (bytes, text.lines().find(|line| line.starts_with("O:")).unwrap().to_owned())
    }

    /// Gives rights as Samba's own tool does it.
    fn dsacl(&self, name: &str, sddl: &str) {
        let (object, sddl) = (format!("--objectdn={name}"), format!("--sddl={sddl}"));
        self.domain.controller.run(&["samba-tool", "dsacl", "set", &object, &sddl]).unwrap();
    }

    fn sid(&self, account: &str) -> String {
        let filter = format!("(sAMAccountName={account})");
        let entry = self.domain.controller.run(&[
            "ldbsearch",
            "-H",
            "/var/lib/samba/private/sam.ldb",
            &filter,
            "objectSid",
        ]);
        let entry = entry.unwrap();
        entry.lines().find_map(|line| line.strip_prefix("objectSid: ")).unwrap().to_owned()
    }
}

fn url() -> String {
    format!("ldap://{CONTROLLER}.{DOMAIN}")
}

impl Who<'_> {
    fn run(self, command: &[&str]) -> Output {
        self.0.command("sh").args(["-euc", AS, "as", self.1]).args(command).output().unwrap()
    }

    /// What `ldapsearch` prints; it must succeed, for what is hidden is left out and not refused.
    fn search(self, options: &[&str], filter_and_attributes: &[&str]) -> String {
        let (url, ask) =
            (url(), ["ldapsearch", "-LLL", "-Q", "-N", "-Y", "GSSAPI", "-o", "ldif-wrap=no", "-H"]);
        let filter = if filter_and_attributes[0].starts_with('(') { &[][..] } else { &["(objectClass=*)"] };
        let output = self.run(&[&ask[..], &[&url], options, filter, filter_and_attributes].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Whether an attribute of an object is shown, by name and among all, and can be searched for: all or none of these.
    fn reads(self, name: &str, attribute: &str) -> bool {
        let at = ["-s", "base", "-b", name];
        let is_in = |text: String| text.lines().any(|line| line.starts_with(&format!("{attribute}:")));
        let shown = is_in(self.search(&at, &[attribute]));
        let among_all = is_in(self.search(&at, &["*"]));
        let found = self.search(&at, &[&format!("({attribute}=*)"), "1.1"]).contains("dn: ");
        assert!(shown == among_all && shown == found, "{attribute} of {name}: {shown} {among_all} {found}");
        shown
    }

    /// Whether a modification is made; else it must be refused for want of a right, and for nothing else.
    fn modifies(self, name: &str, lines: &str) -> bool {
        let ldif = format!("dn: {name}\nchangetype: modify\n{lines}");
        self.0.write("/root/change.ldif", 0o600, ldif.as_bytes()).unwrap();
        let url = url();
        let modify = ["ldapmodify", "-Q", "-N", "-Y", "GSSAPI", "-H", &url, "-f", "/root/change.ldif"];
        let output = self.run(&modify);
        match output.status.code() {
            Some(0) => true,
            Some(50) => false,
            other => panic!("{other:?}: {}", String::from_utf8_lossy(&output.stderr)),
        }
    }

    fn writes(self, name: &str, attribute: &str, value: &str) -> bool {
        self.modifies(name, &format!("replace: {attribute}\n{attribute}{value}\n-\n"))
    }

    /// May he read the expiry, write it, read a password, read a ciphertext, write both, read the version?
    fn may(self, name: &str) -> [bool; 6] {
        let clear = r#": {"n":"lapadmin","t":"1dd1e7a00000000","p":"Horse-staple-2"}"#;
        let writes = [self.writes(name, CLEAR, clear), self.writes(name, ENCRYPTED, ":: AAECAwQF")];
        assert_eq!(writes[0], writes[1], "of {name} clear and encrypted differ for {}", self.1);
        [
            self.reads(name, EXPIRY),
            self.writes(name, EXPIRY, ": 134000000000000000"),
            self.reads(name, CLEAR),
            self.reads(name, ENCRYPTED),
            writes[0],
            self.reads(name, VERSION),
        ]
    }
}

/// Every attribute of a computer, as an administrator puts it there.
const STORED: &str = r#"replace: msLAPS-PasswordExpirationTime
msLAPS-PasswordExpirationTime: 133000000000000000
-
replace: msLAPS-Password
msLAPS-Password: {"n":"lapadmin","t":"1dd1e7a00000000","p":"Horse-staple-2"}
-
replace: msLAPS-EncryptedPassword
msLAPS-EncryptedPassword:: AAECAwQF
-
replace: msLAPS-CurrentPasswordVersion
msLAPS-CurrentPasswordVersion:: AAAAAAAAAAAAAAAAAAAAAA==
-
"#;

#[test]
fn each_circle_may_what_it_was_let_do_and_nothing_more() {
    let world = World::new();
    let [web01, db01] = ["CN=WEB01,OU=Web,", "CN=db01,"].map(|name| format!("{name}{UNIT}"));
    let [mail01, far01] = ["CN=MAIL01", "CN=far01"].map(|name| format!("{name},{ELSEWHERE}"));
    let admin = world.person("administrator");
    for name in [&web01, &db01, &mail01, &far01] {
        assert!(admin.modifies(name, STORED), "{name}");
    }
    world.admin(&["set-ad-computer-self-permission", "Servers"]);
    world.admin(&["set-ad-read-password-permission", UNIT, "--to", r"LAPWING\helpdesk"]);
    world.admin(&["set-ad-reset-password-permission", "Servers", "--to", "expirer@lapwing.test"]);

    let [yes, no] = [true, false];
    let overwrites = control_is_writing(&world, &db01);
    let everything = [yes; 6];
    let expiry_alone = [yes, no, no, no, no, no];
    let machine = Who(&world.web01, "machine");
    // A Kerberos ticket holds the groups of the time when it was made; all of these are younger than the groups.
    for (who, name, expected) in [
        // It reads ciphertext of its own, to move it, and no password.
        (machine, &web01, [yes, yes, no, yes, yes, yes]),
        (machine, &db01, expiry_alone),
        (machine, &mail01, expiry_alone),
        (Who(&world.mail01, "machine"), &mail01, expiry_alone),
        (Who(&world.mail01, "machine"), &web01, expiry_alone),
        (world.person("ordinary"), &db01, expiry_alone),
        (world.person("reader"), &db01, [yes, no, yes, yes, overwrites, no]),
        (world.person("reader"), &web01, [yes, no, yes, yes, overwrites, no]),
        (world.person("reader"), &far01, expiry_alone),
        (world.person("expirer"), &web01, [yes, yes, no, no, no, no]),
        (world.person("expirer"), &far01, expiry_alone),
        (admin, &db01, everything),
        (admin, &far01, everything),
    ] {
        assert_eq!(who.may(name), expected, "{} at {} on {name}", who.1, who.0.name());
    }

    // A rotation: the version that is expected goes, the new one comes, with password and expiry, all or nothing.
    let rotate = |old: &str, new: &str| {
        format!(
            "delete: {VERSION}\n{VERSION}:: {old}\n-\nadd: {VERSION}\n{VERSION}:: {new}\n-\nreplace: {CLEAR}\n\
             {CLEAR}: {{\"n\":\"a\",\"t\":\"1dd1e7a00000000\",\"p\":\"x\"}}\n-\nreplace: {EXPIRY}\n{EXPIRY}: 134000000000000001\n-\n"
        )
    };
    let [old, new] = ["AAAAAAAAAAAAAAAAAAAAAA==", "AQEBAQEBAQEBAQEBAQEBAQ=="];
    assert!(machine.modifies(&web01, &rotate(old, new)));
    assert!(!machine.modifies(&db01, &rotate(old, new)));
    assert!(admin.search(&["-s", "base", "-b", &db01], &[VERSION]).contains(old));
}

/// Whether this Samba lets whoever holds `CONTROL_ACCESS` on an attribute write it, which 4.22 does and [MS-ADTS] does not
/// have: seen by an attribute that is not ours and a right that we have not granted.
fn control_is_writing(world: &World, name: &str) -> bool {
    world.log_on("wide", PASSWORD);
    let wide = world.person("wide");
    assert!(!wide.writes(name, "description", ": x"));
    // `schemaIDGUID` of `description`. [MS-ADA1] 2.150.
    world.dsacl(name, &format!("(OA;;CR;bf967950-0de6-11d0-a285-00aa003049e2;;{})", world.sid("wide")));
    wide.writes(name, "description", ": y")
}

/// What the entries that are not inherited and not about LAPS look like, with some that nobody but Samba has written.
#[test]
fn foreign_entries_keep_their_bytes_and_revoking_gives_back_the_very_ones() {
    let world = World::new();
    let [helpdesk, wide, ordinary] = ["helpdesk", "wide", "ordinary"].map(|name| world.sid(name));
    // A denial, one about another attribute, one for another class, one that is for the unit alone.
    world.dsacl(
        UNIT,
        &format!(
            "(OD;CIIO;WP;bf967950-0de6-11d0-a285-00aa003049e2;bf967a86-0de6-11d0-a285-00aa003049e2;{ordinary})\
             (OA;CIIO;RPWP;bf967950-0de6-11d0-a285-00aa003049e2;bf967aba-0de6-11d0-a285-00aa003049e2;{wide})\
             (A;;RPLC;;;{ordinary})"
        ),
    );
    let before = world.descriptor(UNIT);
    let reader = r"LAPWING\helpdesk";
    let grant: &[&str] = &["set-ad-read-password-permission", "Servers", "--to", reader];
    let tried = world.admin_json(&[grant, &["--dry-run"]].concat());
    assert_eq!((&tried["IsChanged"], tried["Added"].as_array().unwrap().len()), (&json!(false), 6));
    assert_eq!(world.descriptor(UNIT), before, "a dry run changes nothing");

    let done = world.admin_json(grant);
    assert_eq!((&done["IsChanged"], &done["Added"]), (&json!(true), &tried["Added"]));
    assert_eq!((&done["Name"], &done["DistinguishedName"]), (&json!("Servers"), &json!(UNIT)));
    let after = world.descriptor(UNIT);
    // But for what was added, the text is the same, in the same order: so no other entry was moved or changed.
    let (added, others) = split(&after.1, &helpdesk);
    assert_eq!(others, before.1);
    assert_eq!(added.len(), 6, "{added:?}");
    assert!(added.iter().all(|ace| ace.starts_with("(OA;CIIO;") && ace.contains(";bf967a86-")), "{added:?}");
    let rights = |right: &str| added.iter().filter(|ace| ace.contains(right)).count();
    assert_eq!((rights(";RPCR;") + rights(";CRRP;"), rights(";RP;")), (5, 1), "{added:?}");
    // The canonical order: what is denied before what is allowed, what is inherited last.
    let denied = after.1.find("(OD;").unwrap();
    assert!(denied < after.1.find(&added[0]).unwrap());
    assert!(after.1.rfind(&added[5]) < after.1.find("ID;"));
    assert_eq!(world.admin_json(grant)["IsChanged"], json!(false));
    assert_eq!(world.descriptor(UNIT), after, "granting twice changes nothing");

    // A wide right, which none of our commands has given, is found and told, and is not taken.
    world.dsacl(UNIT, &format!("(A;CI;CR;;;{wide})"));
    let found = world.admin_json(&["find-ad-extended-rights", "Servers", "--include-computers"]);
    let holders = |name: &str| -> Vec<String> {
        let rows = found.as_array().unwrap();
        let row = rows.iter().find(|row| row["ObjectDN"] == json!(name)).unwrap_or_else(|| panic!("{name}"));
        serde_json::from_value(row["ExtendedRightHolders"].clone()).unwrap()
    };
    for name in
        [UNIT, &format!("OU=Web,{UNIT}"), &format!("CN=WEB01,OU=Web,{UNIT}"), &format!("CN=db01,{UNIT}")]
    {
        let holders = holders(name);
        for expected in
            [r"LAPWING\helpdesk", r"LAPWING\wide", r"LAPWING\Domain Admins", r"NT AUTHORITY\SYSTEM"]
        {
            assert!(holders.contains(&expected.to_owned()), "{expected} on {name}: {holders:?}");
        }
        assert!(!holders.contains(&r"LAPWING\ordinary".to_owned()), "{name}: {holders:?}");
    }
    let listed =
        world.admin_json(&["list-ad-permissions", &format!("OU=Web,{UNIT}"), "--circle", "read-password"]);
    let sources: Vec<_> =
        listed.as_array().unwrap().iter().map(|row| (&row["Principal"], &row["InheritedFrom"])).collect();
    assert!(sources.contains(&(&json!(r"LAPWING\helpdesk"), &json!(UNIT))), "{sources:?}");
    assert!(sources.contains(&(&json!(r"LAPWING\wide"), &json!(UNIT))), "{sources:?}");

    let revoke: &[&str] = &["revoke-ad-permission", "Servers", "--circle", "read-password", "--from"];
    let silent = world.lapwing("administrator", &[revoke, &[reader]].concat());
    assert_eq!(silent.status.code(), Some(2), "without a yes nothing is taken");
    let wide_only = world.descriptor(UNIT);
    world.admin(&[revoke, &[r"LAPWING\wide", "--yes"]].concat());
    assert_eq!(world.descriptor(UNIT), wide_only, "what nobody was let do by us is not taken");
    world.admin(&[revoke, &[&helpdesk, "--yes"]].concat());
    let object = format!("--objectdn={UNIT}");
    let wide_entry = format!("--sddl=(A;CI;CR;;;{wide})");
    world.domain.controller.run(&["samba-tool", "dsacl", "delete", &object, &wide_entry]).unwrap();
    assert_eq!(world.descriptor(UNIT), before);

    audit(&world, &before);
    refusals(&world, &before);
}

/// The entries of one trustee, and the text without them.
fn split(sddl: &str, trustee: &str) -> (Vec<String>, String) {
    let (mut own, mut others) = (Vec::new(), String::new());
    for part in sddl.split_inclusive(')') {
        let at = part.find('(').unwrap_or(0);
        if part.ends_with(&format!(";{trustee})")) {
            others.push_str(&part[..at]);
            own.push(part[at..].to_owned());
        } else {
            others.push_str(part);
        }
    }
    (own, others)
}

/// Auditing is set and ended, and leaves the permissions alone.
fn audit(world: &World, before: &(String, String)) {
    let set = ["set-ad-auditing", "Servers", "--principals", "Everyone", "--audit-type"];
    let done = world.admin_json(&[&set[..], &["success", "failure"]].concat());
    assert_eq!(done["IsChanged"], json!(true));
    let audited = world.descriptor(UNIT).1;
    let entries: Vec<_> = audited.split('(').filter(|ace| ace.starts_with("OU;CIIOSAFA;CR;")).collect();
    assert_eq!(entries.len(), 5, "{audited}");
    let permissions = |text: &str| text[text.find("D:").unwrap()..].split("S:").next().unwrap().to_owned();
    assert_eq!(permissions(&audited), permissions(&before.1));
    world.admin(&[&set[..], &["none"]].concat());
    let ended = world.descriptor(UNIT).1;
    assert!(!ended.contains("OU;CIIOSAFA;CR;"), "{ended}");
    assert_eq!(permissions(&ended), permissions(&before.1));
}

/// Who may not, and names that mean nobody, are told so; nothing is changed.
fn refusals(world: &World, before: &(String, String)) {
    let text = world.descriptor(UNIT);
    let grant = ["set-ad-read-password-permission", "Servers", "--to"];
    for (person, arguments, code, words) in [
        ("ordinary", &["set-ad-computer-self-permission", "Servers"][..], 3, "may change permissions"),
        ("administrator", &[grant[0], grant[1], grant[2], "helpdesk"], 2, "DOMAIN\\name"),
        ("administrator", &[grant[0], grant[1], grant[2], r"LAPWING\nobody"], 4, "no account or group"),
        ("administrator", &[grant[0], grant[1], grant[2], r"OTHER\helpdesk"], 1, "another domain"),
        ("administrator", &[grant[0], "Nowhere", grant[2], "Everyone"], 4, "no organisational unit"),
    ] {
        let output = world.lapwing(person, arguments);
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {err}");
        assert!(err.contains(words), "{arguments:?}: {err}");
    }
    assert_eq!(world.descriptor(UNIT), text);
    assert_eq!(text.1.split("S:").next(), before.1.split("S:").next());
}

#[test]
fn a_report_tells_how_it_stands_and_reads_no_password() {
    let world = World::new();
    let admin = world.person("administrator");
    let db01 = format!("CN=db01,{UNIT}");
    let web01 = format!("CN=WEB01,OU=Web,{UNIT}");
    let far01 = format!("CN=far01,{ELSEWHERE}");
    let clear = STORED.split("replace: msLAPS-Encrypted").next().unwrap();
    assert!(admin.modifies(&db01, STORED));
    assert!(admin.modifies(&web01, clear));
    let later =
        "replace: msLAPS-PasswordExpirationTime\nmsLAPS-PasswordExpirationTime: 150000000000000000\n-\n";
    assert!(admin.modifies(&far01, later));
    world.admin(&["set-ad-read-password-permission", "Servers", "--to", r"LAPWING\helpdesk"]);

    let report = |person: &str, more: &[&str]| -> Vec<Value> {
        let output = world.lapwing(person, &[&["report-ad", "--json"], more].concat());
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(!text.contains("Horse-staple-2"));
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let told = |rows: &[Value], name: &str| {
        let row = rows.iter().find(|row| row["DistinguishedName"] == json!(name));
        let row = row.unwrap_or_else(|| panic!("{name} is not in {rows:?}"));
        (row["Mode"].clone(), row["Findings"].clone())
    };
    let rows = report("administrator", &[]);
    // The controller, the computers that are there, and the accounts alone.
    assert_eq!(rows.len(), 5);
    let disabled_and_overdue = json!(["Overdue", "StaleClearText", "Disabled"]);
    assert_eq!(told(&rows, &db01), (json!("Encrypted"), disabled_and_overdue));
    assert_eq!(told(&rows, &web01), (json!("ClearText"), json!(["Overdue", "ClearText"])));
    assert_eq!(told(&rows, &far01), (json!("Hidden"), json!(["Hidden", "Disabled"])));
    assert_eq!(told(&rows, &format!("CN=MAIL01,{ELSEWHERE}")), (json!("Never"), json!(["Never"])));
    let row = rows.iter().find(|row| row["DistinguishedName"] == json!(web01)).unwrap();
    assert!(row["Readers"].as_array().unwrap().contains(&json!(r"LAPWING\helpdesk")), "{row}");
    assert_eq!(row["ExpirationTimestamp"], json!("2022-06-18T04:26:40.0000000Z"));
    // Written a moment ago by the controller's clock, which is this machine's.
    let written = row["PasswordUpdateTime"].as_str().unwrap();
    let changed = admin.search(&["-s", "base", "-b", &web01], &["whenChanged"]);
    let changed = changed.split_once("whenChanged: ").unwrap().1;
    assert_eq!(written[..10].replace('-', ""), changed[..8]);

    // Who may read no password sees that there is one by its expiry alone.
    let rows = report("ordinary", &[]);
    assert_eq!(told(&rows, &db01).0, json!("Hidden"));
    assert_eq!(told(&rows, &web01).0, json!("Hidden"));
    // Who may read those of one unit sees them.
    let rows = report("reader", &["Servers"]);
    assert_eq!(rows.len(), 2);
    assert_eq!(told(&rows, &db01).0, json!("Encrypted"));

    let only = report("administrator", &["--only", "overdue", "--enabled"]);
    assert_eq!(only.len(), 1);
    let check = world.lapwing("administrator", &["report-ad", "--only", "stale-clear-text", "--check"]);
    assert_eq!(check.status.code(), Some(3));
    let check = world.lapwing("administrator", &["report-ad", "--only", "legacy", "--check"]);
    assert_eq!(check.status.code(), Some(0));
    let csv = world.admin(&["report-ad", BASE, "--format", "csv"]);
    assert_eq!(csv.split_terminator("\r\n").count(), 6, "{csv}");
}
