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
    /// The Group Policy object.
    policy: String,
}

impl World {
    /// A domain with a host under a policy that encrypts; nobody gives group keys yet.
    fn new() -> Self {
        let programs = programs::build(Build::WithFailPoints).unwrap();
        let estate = Estate::set(Lab::new().unwrap(), Samba::Current, &programs).unwrap();
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
        let policy = settings(&format!("LAPWING\\{GROUP}"), HISTORY, |settings| {
            estate.add_policy("Encrypted", settings).unwrap()
        });
        programs::switch_on(&estate.host).unwrap();
        Self { estate, administrator, helpdesk, reader, policy }
    }

    fn serve_group_keys(&self) -> String {
        let programs = programs::build(Build::WithFailPoints).unwrap();
        self.estate.serve_group_keys(&programs).unwrap()
    }

    fn set_policy(&self, principal: &str, history: u32) {
        settings(principal, history, |settings| self.estate.change_policy(&self.policy, settings).unwrap());
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
        // Code 3 where some of them are for others.
        let read = "lapwing get-ad-password device --include-history --as-plain-text --json || [ $? = 3 ]";
        serde_json::from_str(&self.estate.run_as(person, &["sh", "-c", read]).unwrap()).unwrap()
    }

    fn raised(&self, event: u32) -> usize {
        self.host().told(event).unwrap()
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

/// What the policy sets.
fn settings<T>(principal: &str, history: u32, with: impl FnOnce(&[(&str, Setting<'_>)]) -> T) -> T {
    with(&[
        ("BackupDirectory", Setting::Number(2)),
        ("AdministratorAccountName", Setting::Text(ACCOUNT)),
        ("ADPasswordEncryptionPrincipal", Setting::Text(principal)),
        ("ADEncryptedPasswordHistorySize", Setting::Number(history)),
    ])
}

#[test]
fn a_password_is_encrypted_to_whom_policy_names_and_so_are_twelve_before_it() {
    let world = World::new();
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
    let kept = || world.values("msLAPS-EncryptedPasswordHistory").len();
    world.set_policy(&world.sid(GROUP), 4);
    assert!(world.lapwing("invoke-policy-processing"));
    assert_eq!(kept(), 4);
    // After a restart nobody knows what was replaced last, and nothing goes but by the next store.
    world.host().run(&["systemctl", "restart", "lapwingd"]).unwrap();
    world.set_policy(&world.sid(GROUP), 2);
    assert!(world.lapwing("invoke-policy-processing"));
    assert_eq!(kept(), 4);
    assert!(world.lapwing("reset-password"));
    assert_eq!(kept(), 2);
    assert_eq!(world.shown_to(&world.helpdesk).len(), 3);
    // Somebody else by policy: the password is replaced, and the one before stays whose it was.
    world.set_policy("", 1);
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
    let world = World::new();
    world.serve_group_keys();
    assert!(world.lapwing("invoke-policy-processing"), "{}", world.status());
    let before = world.values("msLAPS-EncryptedPassword");
    for (principal, event) in [
        ("Decryptors", 10034),
        ("LAPWING\\Nobody", 10035),
        ("nobody@lapwing.test", 10035),
        ("S-1-5-nonsense", 10036),
        // Of a domain that this one does not trust, and what each host has for itself.
        ("S-1-5-21-1-2-3-512", 10036),
        ("S-1-5-32-544", 10036),
        (&format!("{}9", world.sid(GROUP)), 10036),
    ] {
        world.set_policy(principal, 0);
        assert!(!world.lapwing("reset-password"), "{principal}: {}", world.status());
        assert_ne!(world.raised(event), 0, "{principal}: {}", world.status());
        assert_eq!(world.values("msLAPS-EncryptedPassword"), before, "{principal}");
    }
    // Root's file names those who may decrypt, and no policy goes beyond it.
    let managed = world.host().run(&["cat", "/etc/lapwing/managed.toml"]).unwrap();
    let listed =
        managed.replace("clear_text = true", &format!("decryptors = [\"{}\"]", world.sid("Domain Admins")));
    world.host().write("/etc/lapwing/managed.toml", 0o644, listed.as_bytes()).unwrap();
    world.set_policy(&world.sid(GROUP), 0);
    let before = world.values("msLAPS-EncryptedPassword");
    assert!(!world.lapwing("reset-password"));
    assert!(world.status().contains("decryptors = "), "{}", world.status());
    assert_eq!(world.values("msLAPS-EncryptedPassword"), before);
    world.set_policy("", 0);
    assert!(world.lapwing("reset-password"), "{}", world.status());
}

#[test]
fn below_the_functional_level_of_2016_nothing_is_stored() {
    let programs = programs::build(Build::WithFailPoints).unwrap();
    let estate = Estate::set(Lab::new().unwrap(), Samba::Oldest, &programs).unwrap();
    estate.prepare_domain().unwrap();
    // The level that this Samba really has, of which the lab's domain says more. It is read at the start.
    let controller = &estate.domain.controller;
    let level =
        format!("dn: {BASE}\nchangetype: modify\nreplace: msDS-Behavior-Version\nmsDS-Behavior-Version: 6\n");
    controller.feed(&["ldbmodify", "-H", "/var/lib/samba/private/sam.ldb"], level.as_bytes()).unwrap();
    estate.domain.restart().unwrap();
    let policy = format!("BackupDirectory = 2\nAdministratorAccountName = \"{ACCOUNT}\"\n");
    estate.host.write("/etc/lapwing/policy.toml", 0o644, policy.as_bytes()).unwrap();
    programs::switch_on(&estate.host).unwrap();
    let run = |command: &str| estate.host.command("lapwing").arg(command).output().unwrap();
    assert!(!run("invoke-policy-processing").status.success());
    let status = String::from_utf8(run("status").stdout).unwrap();
    assert!(status.contains("functional level"), "{status}");
    estate.host.run(&["journalctl", "--sync"]).unwrap();
    assert_ne!(estate.host.run(&["journalctl", "--quiet", "EVENT_ID=10006"]).unwrap(), "", "{status}");
    let administrator = estate.administrator().unwrap();
    let passwords = ["msLAPS-EncryptedPassword", "msLAPS-Password", "msLAPS-CurrentPasswordVersion"];
    let held = estate.ldapsearch_as(&administrator, &passwords).unwrap();
    assert!(!held.contains("msLAPS-"), "{held}");
}

#[test]
fn a_domain_controllers_emergency_account_is_kept_for_the_domain_admins_alone() {
    const CONTROLLERS: &str = "OU=Domain Controllers,DC=lapwing,DC=test";
    let programs = programs::build(Build::WithFailPoints).unwrap();
    let estate = Estate::set(Lab::new().unwrap(), Samba::Current, &programs).unwrap();
    estate.prepare_domain().unwrap();
    estate.serve_group_keys(&programs).unwrap();
    let administrator = estate.administrator().unwrap();
    estate.run_as(&administrator, &["lapwing", "set-ad-computer-self-permission", CONTROLLERS]).unwrap();
    let controller = &estate.domain.controller;
    programs::install(controller, &programs).unwrap();
    let managed = "accounts = [\"lapadmin\"]\nchanges_per_day = 100\nallow_container = true\n\
        keytab = \"/var/lib/samba/private/secrets.keytab\"\n[[directory]]\nid = \"ad:lapwing.test\"\n";
    controller.write("/etc/lapwing/managed.toml", 0o644, managed.as_bytes()).unwrap();
    let set_policy = |rest: &str| {
        let policy = format!("BackupDirectory = 2\nAdministratorAccountName = \"{ACCOUNT}\"\n{rest}");
        controller.write("/etc/lapwing/policy.toml", 0o644, policy.as_bytes()).unwrap();
    };
    let lapwing = |command: &str| controller.command("lapwing").arg(command).output().unwrap();
    let raised = |event: u32| controller.told(event).unwrap() > 0;
    // A policy for all hosts leaves controllers alone, and one that would store clear text is not followed.
    for (rest, event) in
        [("", 10008), ("ADBackupDSRMPassword = true\nADPasswordEncryptionEnabled = false\n", 10037)]
    {
        set_policy(rest);
        if event == 10008 {
            programs::switch_on(controller).unwrap();
        }
        assert!(!lapwing("invoke-policy-processing").status.success());
        assert!(raised(event), "{event}: {}", String::from_utf8_lossy(&lapwing("status").stdout));
    }
    set_policy(
        "ADBackupDSRMPassword = true\nADEncryptedPasswordHistorySize = 1\nADPasswordEncryptionPrincipal = \"S-1-5-32-545\"\n",
    );
    // As if it had been a member until now.
    let database = ["-H", "/var/lib/samba/private/sam.ldb"];
    let member = "msLAPS-EncryptedPassword: of a member";
    let computer = format!("dn: CN=DC1,{CONTROLLERS}\nchangetype: modify\n");
    let promoted = format!("{computer}add: msLAPS-EncryptedPassword\n{member}\n");
    controller.feed(&[&["ldbmodify"], &database[..]].concat(), promoted.as_bytes()).unwrap();
    for turn in 0..3 {
        let done = lapwing(if turn == 0 { "invoke-policy-processing" } else { "reset-password" });
        let status = lapwing("status").stdout;
        assert!(done.status.success(), "{turn}: {}", String::from_utf8_lossy(&status));
    }
    let held = controller.run(&[&["ldbsearch"], &database[..], &["cn=DC1", "*"]].concat()).unwrap();
    let retired = "msLAPS-EncryptedPasswordHistory: of a member";
    assert!(held.contains(retired) && !held.contains(member), "{held}");
    let cleaned = format!("{computer}delete: msLAPS-EncryptedPasswordHistory\n");
    controller.feed(&[&["ldbmodify"], &database[..]].concat(), cleaned.as_bytes()).unwrap();
    let log = controller.run(&["journalctl", "--quiet", "--unit=lapwingd", "--output=cat"]).unwrap();
    assert!(raised(10039), "{log}");
    assert!(!raised(10020), "{log}");
    let read = "lapwing get-ad-password dc1 --include-history --as-plain-text --json";
    let shown = estate.run_as(&administrator, &["sh", "-c", read]).unwrap();
    let rows: Vec<Value> = serde_json::from_str(&shown).unwrap();
    let told: Vec<[&Value; 4]> = rows
        .iter()
        .map(|row| ["Source", "AuthorizedDecryptor", "DecryptionStatus", "Account"].map(|name| &row[name]))
        .collect();
    let row = |source: &str| {
        [source, "LAPWING\\Domain Admins", "Success", ACCOUNT].map(|text| Value::from(text.to_owned()))
    };
    let expected = [row("EncryptedDSRMPassword"), row("EncryptedDSRMPasswordHistory")];
    assert_eq!(told, expected.iter().map(|row| row.each_ref()).collect::<Vec<_>>());
    let password = rows[0]["Password"].as_str().unwrap();
    // As libcrypt sees it, for nobody logs on to a controller of the lab.
    let opens = r#"chomp(my $p = <STDIN>); my $h = (getpwnam($ARGV[0]))[1]; exit(crypt($p, $h) ne $h)"#;
    controller.feed(&["perl", "-e", opens, ACCOUNT], format!("{password}\n").as_bytes()).unwrap();
}
