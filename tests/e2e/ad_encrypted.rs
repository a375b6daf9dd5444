//! Passwords that are encrypted in a real domain: what is stored and kept, who can read it, and what is refused.

use serde_json::Value;
use xtask::estate::{Estate, Person, Setting, UNIT};
use xtask::lab::domain::{BASE, Samba};
use xtask::lab::{Host, Lab};
use xtask::programs::{self, ACCOUNT, Build};

const GROUP: &str = "Decryptors";
/// How many earlier passwords the policy keeps.
const HISTORY: u32 = 12;

struct World {
    estate: Estate,
    administrator: Person,
    /// A member of [`GROUP`] who may read passwords.
    helpdesk: Person,
    /// May read passwords, and decrypt none.
    reader: Person,
}

impl World {
    /// A domain with a host under a policy that encrypts; nobody gives group keys yet.
    fn new(samba: Samba) -> Self {
        let programs = programs::build(Build::WithFailPoints).unwrap();
        let estate = Estate::set(Lab::new().unwrap(), samba, &programs).unwrap();
        estate.prepare_domain().unwrap();
        let administrator = estate.administrator().unwrap();
        let (helpdesk, reader) =
            (estate.add_person("helpdesk").unwrap(), estate.add_person("reader").unwrap());
        let controller = &estate.domain.controller;
        controller.run(&["samba-tool", "group", "add", GROUP]).unwrap();
        controller.run(&["samba-tool", "group", "addmembers", GROUP, "helpdesk"]).unwrap();
        for who in ["helpdesk", "reader"] {
            let who = format!("LAPWING\\{who}");
            let let_in = ["lapwing", "set-ad-read-password-permission", UNIT, "--to", &who];
            estate.run_as(&administrator, &let_in).unwrap();
        }
        let world = Self { estate, administrator, helpdesk, reader };
        world.set_policy("Encrypted", &format!("LAPWING\\{GROUP}"), HISTORY);
        programs::switch_on(world.host()).unwrap();
        world
    }

    fn serve_group_keys(&self) -> String {
        let programs = programs::build(Build::WithFailPoints).unwrap();
        self.estate.serve_group_keys(&programs).unwrap()
    }

    /// Links a policy that counts before those that were linked earlier.
    fn set_policy(&self, name: &str, principal: &str, history: u32) {
        let settings = [
            ("BackupDirectory", Setting::Number(2)),
            ("AdministratorAccountName", Setting::Text(ACCOUNT)),
            ("ADPasswordEncryptionPrincipal", Setting::Text(principal)),
            ("ADEncryptedPasswordHistorySize", Setting::Number(history)),
        ];
        self.estate.add_policy(name, &settings).unwrap();
    }

    fn host(&self) -> &Host {
        &self.estate.host
    }

    /// Runs a command of the agent's; whether it ended well.
    fn lapwing(&self, command: &str) -> bool {
        self.host().command("lapwing").arg(command).output().unwrap().status.success()
    }

    /// The values of one attribute of the computer, as the administrator's `ldapsearch` shows them.
    fn values(&self, attribute: &str) -> Vec<String> {
        let found = self.estate.ldapsearch_as(&self.administrator, &[attribute]).unwrap();
        let prefix = format!("{attribute}:");
        let value = |line: &str| Some(line.strip_prefix(&prefix)?.trim_start_matches(':').trim().to_owned());
        found.lines().filter_map(value).collect()
    }

    /// What the command shows somebody of the host's passwords, the newest first.
    fn shown_to(&self, person: &Person) -> Vec<Value> {
        let command =
            ["lapwing", "get-ad-password", "device", "--include-history", "--as-plain-text", "--json"];
        serde_json::from_str(&self.estate.run_as(person, &command).unwrap()).unwrap()
    }

    fn raised(&self, event: u32) -> usize {
        self.host().run(&["journalctl", "--sync"]).unwrap();
        let filter = format!("EVENT_ID={event}");
        let search = ["--quiet", "--output=cat", "SYSLOG_IDENTIFIER=lapwingd", &filter];
        self.host().command("journalctl").args(search).output().unwrap().stdout.split(|b| *b == b'\n').count()
            - 1
    }

    fn status(&self) -> String {
        String::from_utf8(self.host().command("lapwing").arg("status").output().unwrap().stdout).unwrap()
    }

    fn sid(&self, name: &str) -> String {
        let controller = &self.estate.domain.controller;
        let shown = controller.run(&["samba-tool", "group", "show", name, "--attributes=objectSid"]).unwrap();
        shown.lines().find_map(|line| line.strip_prefix("objectSid: ")).unwrap().to_owned()
    }
}

#[test]
fn a_password_is_encrypted_to_whom_policy_names_and_so_are_twelve_before_it() {
    let world = World::new(Samba::Current);
    // Nobody gives keys: no password is drawn, and none is stored in clear text.
    let shadow = || world.host().run(&["grep", ACCOUNT, "/etc/shadow"]).unwrap();
    let before = shadow();
    assert!(!world.lapwing("invoke-policy-processing"));
    assert_ne!(world.raised(10072), 0, "{}", world.status());
    assert!(world.status().contains("lapwing-kds"), "{}", world.status());
    assert_eq!(shadow(), before);
    assert_eq!(world.values("msLAPS-Password"), [""; 0]);

    world.serve_group_keys();
    assert!(world.lapwing("invoke-policy-processing"), "{}", world.status());
    assert_eq!(
        (world.values("msLAPS-EncryptedPassword").len(), world.values("msLAPS-Password").len()),
        (1, 0)
    );
    let mut passwords = Vec::new();
    for turn in 0..=HISTORY + 1 {
        if turn > 0 {
            assert!(world.lapwing("reset-password"), "{turn}: {}", world.status());
        }
        let shown = world.shown_to(&world.helpdesk);
        let newest = shown[0]["Password"].as_str().unwrap().to_owned();
        assert_eq!(shown[0]["DecryptionStatus"], "Success");
        assert_eq!(shown[0]["AuthorizedDecryptor"], format!("LAPWING\\{GROUP}"));
        passwords.insert(0, newest);
    }
    world.estate.must_open(&passwords[0]).unwrap();
    world.estate.must_not_open(&passwords[1]).unwrap();
    // The thirteenth before the present one is gone; the order is that of the passwords.
    let shown = world.shown_to(&world.helpdesk);
    let told: Vec<&str> = shown.iter().map(|row| row["Password"].as_str().unwrap()).collect();
    assert_eq!(told, passwords[..=HISTORY as usize]);
    assert_eq!(world.values("msLAPS-EncryptedPasswordHistory").len(), HISTORY as usize);

    // Who may read and not decrypt sees when, and for whom.
    for row in world.shown_to(&world.reader) {
        assert_eq!(
            (&row["Password"], &row["DecryptionStatus"]),
            (&Value::Null, &"Unauthorized".into()),
            "{row}"
        );
        assert!(row["PasswordUpdateTime"].is_string(), "{row}");
    }

    // The policy keeps fewer: what is older goes in the next cycle in which nothing is under way.
    world.set_policy("Fewer", &world.sid(GROUP), 2);
    assert!(world.lapwing("invoke-policy-processing"));
    assert_eq!(world.values("msLAPS-EncryptedPasswordHistory").len(), 2);
    assert_eq!(world.shown_to(&world.helpdesk).len(), 3);
    // Somebody else by policy: the password is replaced, and the one before stays whose it was.
    world.set_policy("Admins", "", 1);
    assert!(world.lapwing("invoke-policy-processing"));
    let shown = world.shown_to(&world.administrator);
    let decryptors: Vec<&Value> = shown.iter().map(|row| &row["AuthorizedDecryptor"]).collect();
    assert_eq!(decryptors, ["LAPWING\\Domain Admins", &format!("LAPWING\\{GROUP}")]);
    let statuses: Vec<&Value> = shown.iter().map(|row| &row["DecryptionStatus"]).collect();
    assert_eq!(statuses, ["Success", "Unauthorized"]);
    world.estate.must_open(shown[0]["Password"].as_str().unwrap()).unwrap();
}

#[test]
fn a_principal_that_is_nobody_or_not_allowed_by_root_stops_the_change() {
    let world = World::new(Samba::Current);
    world.serve_group_keys();
    assert!(world.lapwing("invoke-policy-processing"), "{}", world.status());
    let before = world.values("msLAPS-EncryptedPassword");
    for (number, principal, event) in [
        (0, "Decryptors", 10034),
        (1, "LAPWING\\Nobody", 10035),
        (2, "S-1-5-21-1-2-3-4", 10035),
        (3, &format!("{}9", world.sid(GROUP)), 10036),
    ] {
        world.set_policy(&format!("Nobody {number}"), principal, 0);
        let raised = world.raised(event);
        let is_refused = !world.lapwing("reset-password");
        // A SID of another domain cannot be looked up here, and is taken at its word.
        let is_foreign = principal == "S-1-5-21-1-2-3-4";
        assert_eq!(is_refused, !is_foreign, "{principal}: {}", world.status());
        if is_refused {
            assert!(world.raised(event) > raised, "{principal}: {}", world.status());
        }
    }
    assert_ne!(world.values("msLAPS-EncryptedPassword"), before);
    // Root's file names those who may decrypt, and no policy goes beyond it.
    let managed = world.host().run(&["cat", "/etc/lapwing/managed.toml"]).unwrap();
    let listed =
        managed.replace("clear_text = true", &format!("decryptors = [\"{}\"]", world.sid("Domain Admins")));
    world.host().write("/etc/lapwing/managed.toml", 0o644, listed.as_bytes()).unwrap();
    world.set_policy("Not listed", &world.sid(GROUP), 0);
    let before = world.values("msLAPS-EncryptedPassword");
    assert!(!world.lapwing("reset-password"));
    assert!(world.status().contains("decryptors = "), "{}", world.status());
    assert_eq!(world.values("msLAPS-EncryptedPassword"), before);
    world.set_policy("Listed", "", 0);
    assert!(world.lapwing("reset-password"), "{}", world.status());
}

#[test]
fn below_the_functional_level_of_2016_nothing_is_stored() {
    let world = World::new(Samba::Oldest);
    assert!(!world.lapwing("invoke-policy-processing"));
    assert_ne!(world.raised(10006), 0, "{}", world.status());
    assert!(world.status().contains("functional level"), "{}", world.status());
    assert_eq!(
        (world.values("msLAPS-EncryptedPassword").len(), world.values("msLAPS-Password").len()),
        (0, 0)
    );
    assert!(world.estate.computer().ends_with(BASE));
}
