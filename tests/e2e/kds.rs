//! The key distribution service beside a real Samba: Python's dpapi-ng, which knows nothing of us, gets what it may, and
//! nobody gets more, however they ask.

use std::time::Duration;

use serde_json::{Value, json};
use xtask::key_service::{KeyService, descriptor, hex};
use xtask::lab::{
    Host, Lab,
    domain::{DOMAIN, Samba},
};
use xtask::programs::{self, Build};

const ALICE: &str = "alice counts lapwings";
/// What Samba says of some alice of another domain, for tickets of our own making.
const LOGON_INFO: &[u8] = include_bytes!("../../crates/lapwing-proto/src/ad/pac/fixtures/alice");
/// That alice's account: [`LOGON_INFO`] names it.
const FORGED: &str = "S-1-5-21-2973248877-342079120-2750306412-1104";
/// The controller's own keys.
const KEYTAB: &str = "/var/lib/samba/private/secrets.keytab";
const LOGGED_MAX: Duration = Duration::from_secs(10);
/// It asks the directory again for a key that it does not know, once in ten seconds.
const LEARNT_MAX: Duration = Duration::from_secs(40);

struct World(KeyService);

fn alice() -> Value {
    json!({"user": "alice", "password": ALICE})
}

/// Ready to serve, and not serving.
fn prepared(samba: Samba) -> World {
    let programs = programs::build(Build::WithFailPoints).unwrap();
    let service = KeyService::set(Lab::new().unwrap(), samba, &programs).unwrap();
    service.domain.controller.run(&["samba-tool", "user", "add", "alice", ALICE]).unwrap();
    World(service)
}

impl World {
    fn new() -> Self {
        let world = prepared(Samba::Current);
        world.0.add_root_key().unwrap();
        world.0.serve().unwrap();
        world
    }

    fn controller(&self) -> &Host {
        &self.0.domain.controller
    }

    /// A host that has joined.
    fn member(&self) -> Host {
        let member = self.0.domain.boot_member(&self.0.lab, "member").unwrap();
        self.0.domain.join(&member).unwrap();
        member
    }

    fn administrator(&self) -> Value {
        let password = self.0.domain.administrator_password().unwrap();
        json!({"user": "administrator", "password": password.trim()})
    }

    fn one(&self, step: Value) -> Value {
        self.0.judge(&[step]).unwrap().remove(0)
    }

    fn group(&self, relative: u32) -> String {
        format!("{}-{relative}", self.0.sid)
    }

    fn log(&self) -> String {
        self.controller().run(&["journalctl", "--unit=lapwing-kds", "--output=cat"]).unwrap()
    }
}

/// The flags of an answer: 2 with seed keys, 3 with the public key.
fn flags(outcome: &Value) -> u64 {
    outcome["ok"].as_u64().unwrap_or_else(|| panic!("{outcome}"))
}

#[test]
fn a_client_that_knows_nothing_of_us_protects_and_opens_by_its_rights_and_no_others() {
    let world = World::new();
    let machine = json!({"keytab": world.0.hand_over(&world.member(), "/etc/krb5.keytab").unwrap()});
    let administrator = world.administrator();
    let admins = world.group(512);

    let protected = world.one(json!({"do": "protect", "as": administrator, "sid": admins}));
    let by_machine = world.one(json!({"do": "protect", "as": machine, "sid": admins}));
    let open =
        |who: &Value, blob: &Value| world.one(json!({"do": "unprotect", "as": who, "blob": blob["ok"]}));
    assert_eq!(open(&administrator, &protected), json!({"ok": "hello"}));
    assert_eq!(open(&administrator, &by_machine), json!({"ok": "hello"}));
    for who in [&machine, &alice()] {
        for blob in [&protected, &by_machine] {
            let refused = open(who, blob);
            assert!(refused["error"].as_str().unwrap().contains("80070005"), "{refused}");
        }
        let asked = world.one(json!({"do": "key", "as": who, "descriptor": descriptor(&admins).unwrap()}));
        assert_eq!(flags(&asked), 3, "the public key, and no seed");
    }
    // As soon as the domain says so, and by a new ticket.
    world.controller().run(&["samba-tool", "group", "addmembers", "Domain Admins", "alice"]).unwrap();
    assert_eq!(open(&alice(), &by_machine), json!({"ok": "hello"}));

    let log = world.log();
    // The lab's machine may let nothing be locked; then that is said.
    let pid = world
        .controller()
        .run(&["systemctl", "show", "--property=MainPID", "--value", "lapwing-kds"])
        .unwrap();
    let status = world.controller().run(&["cat", &format!("/proc/{}/status", pid.trim())]).unwrap();
    let is_unlocked = status.lines().any(|line| line.split_whitespace().eq(["VmLck:", "0", "kB"]));
    assert_eq!(is_unlocked, log.contains("Could not lock memory"), "{status}{log}");
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
    // Whose key the domain gives tickets for.
    let _member = world.member();
    let keytab = world.0.hand_over(world.controller(), KEYTAB).unwrap();
    let (own, admins) = (descriptor(FORGED).unwrap(), descriptor(&world.group(512)).unwrap());
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
    let lines = |log: &str| {
        log.lines()
            .filter(|line| line.starts_with("Ended a connection") || line.contains(" nothing of "))
            .count()
    };
    for step in broken {
        let before = lines(&world.log());
        let outcome = world.one(step.clone());
        let is_keyless =
            outcome["error"].is_string() || outcome["ok"].as_str().is_some_and(|sent| sent.len() < 200);
        assert!(is_keyless, "{step}: {outcome}");
        let is_told = |_: &Host| Ok(lines(&world.log()) > before);
        let logged = world.controller().wait_until("it is logged", LOGGED_MAX, is_told);
        logged.unwrap_or_else(|error| panic!("{step}: {error:#}"));
    }
    // A call may come in fragments, in their order, each once, and in no other way.
    let fragments = |[sealed, sent]: [&str; 2]| json!({"do": "fragments", "as": alice(), "descriptor": admins, "sealed": sealed, "sent": sent});
    assert_eq!(flags(&world.one(fragments(["abc", "abc"]))), 3);
    let disordered = [
        // Moved, lost and doubled on their way.
        ["abc", "bac"],
        ["abc", "acb"],
        ["abc", "cba"],
        ["abc", "bc"],
        ["abc", "ac"],
        ["abc", "ab"],
        ["abc", "aabc"],
        ["abc", "abbc"],
        ["abxc", "abc"],
        // In the order in which they were sealed, and that is a wrong one.
        ["bac", "bac"],
        ["axbc", "axbc"],
        ["xabc", "xabc"],
    ];
    let before = lines(&world.log());
    for (order, outcome) in disordered.iter().zip(world.0.judge(&disordered.map(fragments)).unwrap()) {
        let is_keyless = outcome["ok"] == json!("nothing")
            || outcome["error"].as_str().is_some_and(|error| error.contains("1C01000B"));
        assert!(is_keyless, "{order:?}: {outcome}");
    }
    let is_told = |_: &Host| Ok(lines(&world.log()) == before + disordered.len());
    world.controller().wait_until("each is logged", LOGGED_MAX, is_told).unwrap();
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
    world.0.serve().unwrap();
    let descriptor = descriptor(&world.group(512)).unwrap();
    let ask = || world.one(json!({"do": "key", "as": alice(), "descriptor": descriptor}));
    assert!(ask()["error"].as_str().unwrap().contains("8009000D"), "there is none yet");
    let added = world.0.add_root_key().unwrap();
    assert_eq!(added["Surroundings"].as_array().unwrap().len(), 4, "{added}");
    controller.wait_until("the key is known", LEARNT_MAX, |_| Ok(ask()["ok"] == json!(3))).unwrap();
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
