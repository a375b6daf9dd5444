//! The key distribution service beside a real Samba: Python's dpapi-ng, which knows nothing of us, gets what it may, and
//! nobody gets more, however they ask.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use serde_json::{Value, json};
use xtask::lab::{
    self, Host, Lab,
    domain::{ADMIN_PASSWORD, DOMAIN, Domain, Samba},
};
use xtask::programs::{self, Build};

/// As `cargo xtask setup` makes it.
const PACKAGES: &str = "dpapi-ng[kerberos]==0.2.0,impacket==0.13.1";
const JUDGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/e2e/kds/judge.py");
const ALICE: &str = "alice counts lapwings";
/// What Samba says of some alice of another domain, for tickets of our own making.
const LOGON_INFO: &[u8] = include_bytes!("../../crates/lapwing-proto/src/ad/pac/fixtures/alice");
/// That alice's account: [`LOGON_INFO`] names it.
const FORGED: &str = "S-1-5-21-2973248877-342079120-2750306412-1104";
/// A second address of the controller: at its first, Samba's own endpoint mapper has the port.
const SECOND: &str = "10.123.0.5";
/// Names and Kerberos as a client of the domain has them, with the service at the second address. Arguments: a folder, and
/// what to run.
const AS_CLIENT: &str = r#"mount --bind "$1/.hosts" /etc/hosts
    export KRB5_CONFIG="$1/.krb5.conf" TMPDIR="$1"
    shift
    exec "$@""#;
/// The controller's own keys.
const KEYTAB: &str = "/var/lib/samba/private/secrets.keytab";

/// A domain with the service, and a host that has joined.
struct World {
    lab: Lab,
    domain: Domain,
    /// The domain's SID.
    sid: String,
    administrator: Value,
}

fn alice() -> Value {
    json!({"user": "alice", "password": ALICE})
}

/// Ready to serve, and not serving.
fn prepared(samba: Samba) -> World {
    let programs = programs::build(Build::WithFailPoints).unwrap();
    let lab = Lab::new().unwrap();
    let domain = Domain::start_on(&lab, samba).unwrap();
    let controller = &domain.controller;
    controller.run(&["samba-tool", "user", "add", "alice", ALICE]).unwrap();
    controller.run(&["ip", "address", "add", &format!("{SECOND}/24"), "dev", "eth0"]).unwrap();
    programs::install_kds(controller, &programs, &format!("endpoint_mapper = \"{SECOND}\"\n")).unwrap();
    controller.run(&["sh", "-euc", &format!("kinit administrator <{ADMIN_PASSWORD} >/dev/null")]).unwrap();
    let shown = controller.run(&["samba-tool", "user", "show", "alice", "--attributes=objectSid"]).unwrap();
    let account = shown.lines().find_map(|line| line.strip_prefix("objectSid: ")).unwrap();
    let (sid, _) = account.rsplit_once('-').unwrap();
    let password = domain.administrator_password().unwrap();
    let administrator = json!({"user": "administrator", "password": password.trim()});
    let folder = lab.folder();
    fs::write(folder.join(".hosts"), format!("127.0.0.1 localhost\n{SECOND} dc1.{DOMAIN} dc1\n")).unwrap();
    let realm = DOMAIN.to_uppercase();
    let kerberos = format!(
        "[libdefaults]\ndefault_realm = {realm}\nrdns = false\ndns_canonicalize_hostname = false\n\
         dns_lookup_kdc = false\n[realms]\n{realm} = {{\nkdc = {}\n}}\n",
        controller.address()
    );
    fs::write(folder.join(".krb5.conf"), kerberos).unwrap();
    World { sid: sid.to_owned(), administrator, lab, domain }
}

impl World {
    fn new() -> Self {
        let world = prepared(Samba::Current);
        world.add_root_key();
        world.serve();
        world
    }

    fn controller(&self) -> &Host {
        &self.domain.controller
    }

    fn add_root_key(&self) -> Value {
        let add = ["lapwing", "add-kds-root-key", "--effective-immediately", "--yes", "--json"];
        serde_json::from_str(&self.controller().run(&add).unwrap()).unwrap()
    }

    fn serve(&self) {
        self.controller().run(&["systemctl", "start", "lapwing-kds.service"]).unwrap();
    }

    /// What became of each step.
    fn judge(&self, steps: &[Value]) -> Vec<Value> {
        let python = lab::cache().unwrap().join("python").join(PACKAGES);
        assert!(python.join("complete").exists(), "{} is missing: run `cargo xtask setup`", python.display());
        let mut judge = self.lab.command("unshare").unwrap();
        judge.args(["--mount", "sh", "-euc", AS_CLIENT, "client"]).arg(self.lab.folder());
        judge.arg(python.join("bin/python")).args(["-I", "-B", JUDGE]);
        judge.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = judge.spawn().unwrap();
        child.stdin.take().unwrap().write_all(json!(steps).to_string().as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn one(&self, step: Value) -> Value {
        self.judge(&[step]).remove(0)
    }

    /// A file of a host, for the judge.
    fn hand_over(&self, host: &Host, path: &str) -> String {
        let copy = self.lab.folder().join(format!(".{}.keytab", host.name()));
        let hexed = host.run(&["sh", "-euc", "od -An -v -tx1 \"$1\" | tr -d ' \\n'", "hex", path]).unwrap();
        let bytes: Vec<u8> = (0..hexed.len() / 2)
            .map(|at| u8::from_str_radix(&hexed[2 * at..2 * at + 2], 16).unwrap())
            .collect();
        fs::write(&copy, bytes).unwrap();
        copy.to_str().unwrap().to_owned()
    }

    fn group(&self, relative: u32) -> String {
        format!("{}-{relative}", self.sid)
    }

    fn log(&self) -> String {
        let journal = ["journalctl", "--unit=lapwing-kds", "--output=cat"];
        self.controller().run(&journal).unwrap()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The descriptor of whoever this SID means, byte for byte. [MS-GKDI] 3.1.4.1.1.
fn descriptor(sid: &str) -> String {
    let numbers: Vec<u64> = sid.split('-').skip(2).map(|part| part.parse().unwrap()).collect();
    let packed = |numbers: &[u64]| {
        let (authority, subs) = numbers.split_first().unwrap();
        let mut bytes = vec![1, u8::try_from(subs.len()).unwrap()];
        bytes.extend(&authority.to_be_bytes()[2..]);
        bytes.extend(subs.iter().flat_map(|sub| u32::try_from(*sub).unwrap().to_le_bytes()));
        bytes
    };
    let entry = |mask: u8, sid: &[u8]| {
        [&[0, 0, u8::try_from(8 + sid.len()).unwrap(), 0, mask, 0, 0, 0][..], sid].concat()
    };
    let entries = [entry(3, &packed(&numbers)), entry(2, &packed(&[1, 0]))].concat();
    let len = u8::try_from(8 + entries.len()).unwrap();
    let mut bytes = vec![1, 0, 4, 0x80, 20 + len, 0, 0, 0, 32 + len, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0];
    bytes.extend([2, 0, len, 0, 2, 0, 0, 0]);
    bytes.extend(entries);
    bytes.extend([packed(&[5, 18]), packed(&[5, 18])].concat());
    hex(&bytes)
}

/// The flags of an answer: 2 with seed keys, 3 with the public key.
fn flags(outcome: &Value) -> u64 {
    outcome["ok"].as_u64().unwrap_or_else(|| panic!("{outcome}"))
}

#[test]
fn a_client_that_knows_nothing_of_us_protects_and_opens_by_its_rights_and_no_others() {
    let world = World::new();
    let member = world.domain.boot_member(&world.lab, "member").unwrap();
    world.domain.join(&member).unwrap();
    let machine = json!({"keytab": world.hand_over(&member, "/etc/krb5.keytab")});
    let admins = world.group(512);

    let protected = world.one(json!({"do": "protect", "as": world.administrator, "sid": admins}));
    let by_machine = world.one(json!({"do": "protect", "as": machine, "sid": admins}));
    let open =
        |who: &Value, blob: &Value| world.one(json!({"do": "unprotect", "as": who, "blob": blob["ok"]}));
    assert_eq!(open(&world.administrator, &protected), json!({"ok": "hello"}));
    assert_eq!(open(&world.administrator, &by_machine), json!({"ok": "hello"}));
    for who in [&machine, &alice()] {
        for blob in [&protected, &by_machine] {
            let refused = open(who, blob);
            assert!(refused["error"].as_str().unwrap().contains("80070005"), "{refused}");
        }
        let asked = world.one(json!({"do": "key", "as": who, "descriptor": descriptor(&admins)}));
        assert_eq!(flags(&asked), 3, "the public key, and no seed");
    }
    // As soon as the domain says so, and by a new ticket.
    world.controller().run(&["samba-tool", "group", "addmembers", "Domain Admins", "alice"]).unwrap();
    assert_eq!(open(&alice(), &by_machine), json!({"ok": "hello"}));

    let log = world.log();
    let line = |caller: &str, given: &str| {
        let begins = format!("Gave {caller}@{} at ", DOMAIN.to_uppercase());
        log.lines().any(|line| {
            line.starts_with(&begins) && line.contains(&format!("{given} of the group key of {admins}: "))
        })
    };
    for (caller, given) in [
        ("Administrator", "seed keys"),
        ("MEMBER$", "public key"),
        ("MEMBER$", "nothing"),
        ("alice", "nothing"),
        ("alice", "seed keys"),
    ] {
        assert!(line(caller, given), "{caller} {given}: {log}");
    }
}

#[test]
fn whatever_is_forged_old_replayed_or_broken_gets_no_key_and_a_line_in_the_log() {
    let world = World::new();
    let member = world.domain.boot_member(&world.lab, "member").unwrap();
    world.domain.join(&member).unwrap();
    let keytab = world.hand_over(world.controller(), KEYTAB);
    let (own, admins) = (descriptor(FORGED), descriptor(&world.group(512)));
    let forged = |wrong: Option<&str>| {
        let made = json!({"keytab": keytab, "logon_info": hex(LOGON_INFO), "wrong": wrong});
        json!({"do": "key", "as": {"forged": made}, "descriptor": own})
    };
    // With nothing wrong the ticket is as good as the domain's: whoever has the service's key is the domain to it.
    assert_eq!(flags(&world.one(forged(None))), 2);
    let broken: Vec<Value> = ["key", "realm", "expired", "signature", "no PAC"]
        .map(|wrong| forged(Some(wrong)))
        .into_iter()
        .chain([
            json!({"do": "other_service", "as": alice(), "host": format!("member.{DOMAIN}")}),
            json!({"do": "ntlm", "user": "alice", "password": ALICE}),
            json!({"do": "repeated", "as": alice(), "descriptor": admins}),
            // A bit of the call's number, and one of what is sealed.
            json!({"do": "spoilt", "as": alice(), "descriptor": admins, "at": 20}),
            json!({"do": "spoilt", "as": alice(), "descriptor": admins, "at": 60}),
            json!({"do": "cut", "as": alice(), "descriptor": admins}),
            json!({"do": "key", "as": alice(), "descriptor": format!("{admins}{}", "00".repeat(5000))}),
            json!({"do": "key", "as": alice(), "descriptor": format!("{admins}00")}),
            json!({"do": "key", "as": alice(), "descriptor": admins, "opnum": 1}),
            json!({"do": "raw", "data": "00".repeat(100)}),
            json!({"do": "raw", "data": "ff".repeat(70_000)}),
            json!({"do": "raw", "data": "05000b0310000000ffff000001000000"}),
        ])
        .collect();
    for step in broken {
        let lines = |log: &str| {
            log.lines()
                .filter(|line| line.starts_with("Ended a connection") || line.contains(" nothing of "))
                .count()
        };
        let before = lines(&world.log());
        let outcome = world.one(step.clone());
        let is_keyless =
            outcome["error"].is_string() || outcome["ok"].as_str().is_some_and(|sent| sent.len() < 200);
        assert!(is_keyless, "{step}: {outcome}");
        let is_told = |_: &Host| Ok(lines(&world.log()) > before);
        // A connection that was cut off is noticed by its end.
        let silent = step["do"] == "cut";
        if !silent {
            world
                .controller()
                .wait_until("it is logged", std::time::Duration::from_secs(10), is_told)
                .unwrap();
        }
    }
    // Nothing of it has hurt, and nothing has started anew.
    let still = world.one(json!({"do": "key", "as": alice(), "descriptor": admins}));
    assert_eq!(flags(&still), 3);
    let restarts = ["systemctl", "show", "--property=NRestarts", "--value", "lapwing-kds"];
    assert_eq!(world.controller().run(&restarts).unwrap().trim(), "0");
}

#[test]
fn a_domain_of_the_oldest_samba_gets_what_root_keys_need_and_the_service_learns_of_keys_by_itself() {
    let world = prepared(Samba::Oldest);
    let controller = world.controller();
    let check = controller.command("lapwing-kds").arg("check").output().unwrap();
    let told = String::from_utf8(check.stdout).unwrap();
    assert_eq!(check.status.code(), Some(1), "{told}");
    assert!(told.contains("lapwing add-kds-root-key"), "{told}");
    world.serve();
    let descriptor = descriptor(&world.group(512));
    let ask = || world.one(json!({"do": "key", "as": alice(), "descriptor": descriptor}));
    assert!(ask()["error"].as_str().unwrap().contains("8009000D"), "there is none yet");
    let added = world.add_root_key();
    assert_eq!(added["Surroundings"].as_array().unwrap().len(), 4, "{added}");
    controller
        .wait_until("the key is known", std::time::Duration::from_secs(30), |_| Ok(ask()["ok"] == json!(3)))
        .unwrap();
    let listed: Value =
        serde_json::from_str(&controller.run(&["lapwing", "get-kds-root-key", "--json"]).unwrap()).unwrap();
    assert_eq!(listed[0]["KeyId"], added["KeyId"]);
    let id = added["KeyId"].as_str().unwrap();
    controller.run(&["lapwing", "export-kds-root-key", id, "/root/key.json"]).unwrap();
    assert_eq!(controller.run(&["stat", "--format=%a", "/root/key.json"]).unwrap().trim(), "600");
    let file: Value = serde_json::from_str(&controller.run(&["cat", "/root/key.json"]).unwrap()).unwrap();
    assert_eq!((&file["id"], file["private_key_bits"].as_u64()), (&added["KeyId"], Some(512)));
    let said = controller.run(&["journalctl", "--output=cat", "--no-pager"]).unwrap();
    assert!(!said.contains(file["key"].as_str().unwrap()), "the key is in the log");
}
