//! A host of a real domain keeps its password in Active Directory: what is stored, what an administrator can do to it, and
//! what the host does when it may not write, may not read, or its controller is cut off.

use serde::Deserialize;
use xtask::estate::{Estate, Person, Setting, UNIT};
use xtask::lab::domain::{BASE, DOMAIN, Samba};
use xtask::lab::{Host, Lab};
use xtask::programs::{self, ACCOUNT, Build};
use xtask::scene::{self};

use crate::support::{ONE_CYCLE, process, told_status};
use crate::{msldap, secrets};

/// Clear text, in the attributes of Windows LAPS.
const POLICY: &str = "BackupDirectory = 2\nADPasswordEncryptionEnabled = false\n\
    AdministratorAccountName = \"lapadmin\"\nPasswordAgeDays = 30\n";

/// Grants computers below a unit rights to themselves. Arguments: the unit, the base, and for each entry `RIGHTS:ATTRIBUTE`
/// or the GUID of a property set.
const GRANT_SELF: &str = r#"sam=/var/lib/samba/private/sam.ldb class=bf967a86-0de6-11d0-a285-00aa003049e2
    unit=$1 base=$2 entries=
    shift 2
    for right in "$@"; do
        guid=${right#*:}
        case $guid in
        *-*-*-*-*) ;;
        *) guid=$(ldbsearch -H "$sam" -b "CN=Schema,CN=Configuration,$base" "(lDAPDisplayName=$guid)" schemaIDGUID |
            sed -n 's/^schemaIDGUID: //p') ;;
        esac
        entries="$entries(OA;CIIO;${right%%:*};$guid;$class;PS)"
    done
    samba-tool dsacl set -H "$sam" --objectdn="$unit" --sddl="$entries""#;

/// What Windows' own cmdlet grants, as documented: a version may be written and not read.
const AS_WINDOWS: [&str; 3] =
    ["RPWP:msLAPS-PasswordExpirationTime", "WP:msLAPS-Password", "RPWP:f3531ec6-6330-4f8e-8d39-7a671fbac605"];
const LEGACY: [&str; 2] = ["RPWP:ms-Mcs-AdmPwdExpirationTime", "WP:ms-Mcs-AdmPwd"];

const LEGACY_SCHEMA: &str = include_str!("ad_admin/legacy_schema.ldif");

/// Has a unit's start wait at the third time for somebody who opens the gate.
const GATE: &str = "#!/bin/sh -eu\ncount=$(($(cat /run/gate/count) + 1))\necho $count >/run/gate/count\n\
    if [ $count = 3 ]; then touch /run/gate/reached; read -r open </run/gate/open; fi\n";

/// What stands in `msLAPS-Password`.
#[derive(Debug, PartialEq, Deserialize)]
struct Value {
    n: String,
    t: String,
    p: String,
}

pub(crate) struct World {
    pub(crate) estate: Estate,
    pub(crate) administrator: Person,
}

/// A host that has joined a domain and wants to keep its password there; nothing allows it to yet.
pub(crate) fn joined() -> World {
    let programs = programs::build(Build::WithFailPoints).unwrap();
    let estate = Estate::set(Lab::new().unwrap(), Samba::Current, &programs).unwrap();
    let administrator = estate.administrator().unwrap();
    estate.host.write("/etc/lapwing/policy.toml", 0o644, POLICY.as_bytes()).unwrap();
    World { estate, administrator }
}

impl World {
    fn extend_schema(&self) {
        self.estate.run_as(&self.administrator, &["lapwing", "update-ad-schema", "--yes"]).unwrap();
    }

    fn grant_self(&self, rights: &[&str]) {
        let grant = [&["sh", "-euc", GRANT_SELF, "grant", UNIT, BASE][..], rights].concat();
        self.estate.domain.controller.run(&grant).unwrap();
    }

    fn host(&self) -> &Host {
        &self.estate.host
    }

    /// Runs a cycle now; whether it ended well.
    fn process(&self) -> bool {
        process(self.host())
    }

    /// Has an administrator change the computer's entry.
    fn modify(&self, changes: &str) {
        let ldif = format!("dn: {}\nchangetype: modify\n{changes}-\n", self.estate.computer());
        self.ldapmodify(&ldif);
    }

    fn ldapmodify(&self, ldif: &str) {
        self.host().write("/root/change.ldif", 0o600, ldif.as_bytes()).unwrap();
        let controller = format!("ldap://dc1.{DOMAIN}");
        let modify = ["ldapmodify", "-Q", "-N", "-Y", "GSSAPI", "-H", &controller, "-f", "/root/change.ldif"];
        self.estate.run_as(&self.administrator, &modify).unwrap();
    }

    /// The first value of one attribute of the computer, as the administrator reads it.
    fn attribute(&self, name: &str) -> Option<String> {
        let found = self.estate.ldapsearch_as(&self.administrator, &[name]).unwrap();
        let line = found.lines().find_map(|line| line.strip_prefix(&format!("{name}:")))?;
        Some(line.trim_start_matches(':').trim().to_owned())
    }

    /// What the directory holds: exactly in the form that Windows writes.
    fn value(&self) -> Value {
        let text = self.attribute("msLAPS-Password").unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        let Value { n, t, p } = &value;
        assert_eq!(text, format!(r#"{{"n":"{n}","t":"{t}","p":"{p}"}}"#));
        assert_eq!(n, ACCOUNT);
        assert!(!t.starts_with('0') && t.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')), "{t}");
        value
    }

    /// How often the agent has raised an event.
    fn raised(&self, event: u32) -> usize {
        self.host().told(event).unwrap()
    }

    /// Runs `change`, then a cycle that must change the password for it; the new one opens the account and the old one no
    /// longer does.
    fn rotates_after(&self, what: &str, change: impl FnOnce(&Self)) {
        let before = self.value();
        change(self);
        assert!(self.process(), "{what}: {}", self.status());
        let after = self.value();
        assert_ne!(after.p, before.p, "{what}: {}", self.status());
        assert_ne!(after.t, before.t, "{what}");
        self.estate.must_open(&after.p).unwrap();
        self.estate.must_not_open(&before.p).unwrap();
    }

    /// Runs `change`, then a cycle that must not change the password for it.
    fn stays_after(&self, what: &str, change: impl FnOnce(&Self)) {
        let before = self.value();
        change(self);
        assert!(self.process(), "{what}: {}", self.status());
        assert_eq!(self.value(), before, "{what}: {}", self.status());
        self.estate.must_open(&before.p).unwrap();
    }

    fn status(&self) -> String {
        told_status(self.host())
    }
}

/// Moves the expiry to an instant of FILETIME.
fn expire_at(ticks: &str) -> impl FnOnce(&World) {
    let change = format!("replace: msLAPS-PasswordExpirationTime\nmsLAPS-PasswordExpirationTime: {ticks}\n");
    move |world: &World| world.modify(&change)
}

/// Long ago, and in some days.
const PAST: &str = "132000000000000000";

fn in_days(days: u64) -> String {
    let since_1970 = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    ((since_1970 + days * 86_400 + 11_644_473_600) * 10_000_000).to_string()
}

/// Puts a version there that nobody knows.
fn write_foreign_version(world: &World) {
    world.modify(
        "replace: msLAPS-CurrentPasswordVersion\nmsLAPS-CurrentPasswordVersion:: AAECAwQFBgcICQoLDA0ODw==\n",
    );
}

#[test]
fn a_password_is_kept_in_active_directory_as_windows_keeps_it() {
    let world = joined();
    world.estate.prepare_domain().unwrap();
    programs::switch_on(world.host()).unwrap();
    assert!(world.process(), "{}", world.status());
    let password = world.value().p;
    world.estate.must_open(&password).unwrap();
    // It passed through the agent in clear text, and the account's name is still there.
    assert_ne!(secrets::in_agent(world.host(), &[ACCOUNT.to_owned()]), "");
    assert_eq!(secrets::in_agent(world.host(), &[password]), "");
    let administrator = ("administrator", world.administrator.password());
    let (lab, domain) = (&world.estate.lab, &world.estate.domain);
    let read = msldap::read(lab, domain, administrator, "(sAMAccountName=DEVICE$)", &["msLAPS-Password"]);
    assert_eq!(read, serde_json::json!([{ "msLAPS-Password": world.attribute("msLAPS-Password") }]));
    for event in [10009, 10021, 10055, 10015, 10018, 10020, 10004] {
        assert_ne!(world.raised(event), 0, "{event}");
    }
    assert_eq!((world.raised(10010), world.raised(10108), world.raised(30006)), (0, 0, 0));

    world.stays_after("a second cycle", |_| {});
    assert_ne!(world.raised(10016), 0);
    world.stays_after("an expiry that was moved within the policy", |world| expire_at(&in_days(20))(world));
    world.rotates_after("an expiry that was moved to the past", expire_at(PAST));
    world.rotates_after("an expiry beyond the policy", |world| expire_at(&in_days(40))(world));
    world.rotates_after("an expiry that was deleted", |world| {
        world.modify("delete: msLAPS-PasswordExpirationTime\n");
    });
    world.rotates_after("a version of another writer", write_foreign_version);
    assert_eq!(world.raised(30006), 1);
    // What the directory holds is the computer's, wherever that is moved to.
    world.stays_after("a renamed computer", |world| {
        world.ldapmodify(&format!(
            "dn: {}\nchangetype: modrdn\nnewrdn: CN=RENAMED\ndeleteoldrdn: 1\n",
            world.estate.computer()
        ));
    });
}

#[test]
fn a_host_that_lacks_schema_or_rights_says_so_and_changes_nothing() {
    let world = joined();
    let shadow = || world.host().run(&["grep", ACCOUNT, "/etc/shadow"]).unwrap();
    let before = shadow();
    programs::switch_on(world.host()).unwrap();
    assert!(!world.process());
    assert_ne!(world.raised(10012), 0, "{}", world.status());
    assert!(world.status().contains("update-ad-schema"), "{}", world.status());

    world.extend_schema();
    assert!(!world.process());
    assert_ne!(world.raised(10066), 0, "{}", world.status());
    assert!(world.status().contains("set-ad-computer-self-permission"), "{}", world.status());
    assert_eq!((shadow(), world.attribute("msLAPS-Password")), (before, None));
    let told = ["journalctl", "--quiet", "--output=json", "EVENT_ID=10066"];
    assert!(world.host().run(&told).unwrap().contains(UNIT));

    // Windows' own three rights let a computer write the version that stands there, and not read it.
    world.grant_self(&AS_WINDOWS);
    assert!(world.process(), "{}", world.status());
    world.estate.must_open(&world.value().p).unwrap();
    world.stays_after("a second cycle", |_| {});
    world.rotates_after("an expiry that was moved to the past", expire_at(PAST));
    assert_eq!(world.raised(30006), 0);
    world.rotates_after("a version of another writer", write_foreign_version);
    assert_eq!(world.raised(30006), 1);
    world.stays_after("a restart", |world| {
        world.host().run(&["systemctl", "restart", "lapwingd.service"]).unwrap();
    });
}

#[test]
fn a_host_that_windows_own_cmdlet_let_store_encrypts_and_has_no_history() {
    let world = joined();
    world.extend_schema();
    world.grant_self(&AS_WINDOWS);
    world.estate.serve_group_keys(&programs::build(Build::WithFailPoints).unwrap()).unwrap();
    let policy = POLICY.replace("ADPasswordEncryptionEnabled = false", "ADEncryptedPasswordHistorySize = 2");
    world.host().write("/etc/lapwing/policy.toml", 0o644, policy.as_bytes()).unwrap();
    programs::switch_on(world.host()).unwrap();
    assert!(world.process(), "{}", world.status());
    let first = world.estate.password_as(&world.administrator).unwrap();
    world.host().run(&["lapwing", "reset-password"]).unwrap();
    let second = world.estate.password_as(&world.administrator).unwrap();
    assert_ne!(first, second);
    world.estate.must_open(&second).unwrap();
    assert_eq!(
        (world.attribute("msLAPS-EncryptedPasswordHistory"), world.attribute("msLAPS-Password")),
        (None, None)
    );
}

#[test]
fn where_the_schema_has_no_version_the_expiry_stands_for_one() {
    let world = joined();
    world.extend_schema();
    world.grant_self(&AS_WINDOWS);
    world.ldapmodify(
        "dn: CN=Computer,CN=Schema,CN=Configuration,DC=lapwing,DC=test\nchangetype: modify\n\
         delete: mayContain\nmayContain: msLAPS-CurrentPasswordVersion\n-\n\n\
         dn:\nchangetype: modify\nadd: schemaUpdateNow\nschemaUpdateNow: 1\n-\n",
    );
    programs::switch_on(world.host()).unwrap();
    assert!(world.process(), "{}", world.status());
    world.estate.must_open(&world.value().p).unwrap();
    assert_eq!(world.attribute("msLAPS-CurrentPasswordVersion"), None);
    world.stays_after("a second cycle", |_| {});
    assert_eq!(world.raised(10108), 1);
    world.stays_after("an expiry that was moved within the policy", |world| expire_at(&in_days(20))(world));
    world.rotates_after("an expiry that was moved to the past", expire_at(PAST));
    world.rotates_after("an expiry that was deleted", |world| {
        world.modify("delete: msLAPS-PasswordExpirationTime\n");
    });
}

#[test]
fn under_the_legacy_policy_alone_a_host_is_managed_as_legacy_laps_managed_it() {
    const SETTINGS: [(&str, Setting<'_>); 4] = [
        ("AdmPwdEnabled", Setting::Number(1)),
        ("AdminAccountName", Setting::Text(ACCOUNT)),
        ("PasswordLength", Setting::Number(18)),
        // Letters and digits alone, which ldapsearch prints as they are.
        ("PasswordComplexity", Setting::Number(3)),
    ];
    let world = joined();
    world.host().run(&["rm", "/etc/lapwing/policy.toml"]).unwrap();
    world.ldapmodify(LEGACY_SCHEMA);
    world.estate.add_legacy_policy("Legacy", &SETTINGS).unwrap();
    programs::switch_on(world.host()).unwrap();
    assert!(!world.process());
    assert_ne!(world.raised(10065), 0, "{}", world.status());
    assert_eq!(world.attribute("ms-Mcs-AdmPwd"), None);

    world.grant_self(&LEGACY);
    assert!(world.process(), "{}", world.status());
    let first = world.attribute("ms-Mcs-AdmPwd").unwrap();
    assert_eq!(first.chars().count(), 18);
    world.estate.must_open(&first).unwrap();
    assert_ne!(world.raised(10023), 0);
    assert!(world.process(), "{}", world.status());
    assert_eq!(world.attribute("ms-Mcs-AdmPwd").as_ref(), Some(&first));

    world.modify(&format!("replace: ms-Mcs-AdmPwdExpirationTime\nms-Mcs-AdmPwdExpirationTime: {PAST}\n"));
    assert!(world.process(), "{}", world.status());
    let second = world.attribute("ms-Mcs-AdmPwd").unwrap();
    assert_ne!(second, first);
    world.estate.must_open(&second).unwrap();
    world.estate.must_not_open(&first).unwrap();
}

#[test]
fn a_host_that_cannot_prove_itself_or_finds_nobody_says_so_and_goes_on_when_it_can() {
    let world = joined();
    world.estate.prepare_domain().unwrap();
    programs::switch_on(world.host()).unwrap();
    assert!(world.process(), "{}", world.status());
    let before = world.value();
    let controller = &world.estate.domain.controller;
    let account = format!("{}$", scene::DEVICE.to_uppercase());
    // Tickets of before would do for hours.
    let restart = || world.host().run(&["systemctl", "restart", "lapwingd.service"]).unwrap();
    let fails = |what: &str, event: u32, next_step: &str| {
        assert!(!world.process(), "{what}");
        assert_ne!(world.raised(event), 0, "{what}: {}", world.status());
        assert!(world.status().contains(next_step), "{what}: {}", world.status());
        world.estate.must_open(&before.p).unwrap();
    };

    controller.cut_link().unwrap();
    fails("nobody answers", 10056, "DNS servers of /etc/resolv.conf");
    controller.restore_link().unwrap();
    world.stays_after("a controller that is back", |_| {});

    controller.run(&["samba-tool", "user", "disable", &account]).unwrap();
    restart();
    fails("a disabled account", 10057, "have the account enabled");
    controller.run(&["samba-tool", "user", "enable", &account]).unwrap();
    world.stays_after("an account that is enabled again", |_| {});

    let other = "--newpassword=another key than the keytab's";
    controller.run(&["samba-tool", "user", "setpassword", &account, other]).unwrap();
    restart();
    fails("a keytab of before", 10057, "adcli update");
    world.stays_after("a host that has joined again", |world| {
        world.estate.domain.join_below(world.host(), UNIT).unwrap();
    });
}

#[test]
fn a_controller_cut_off_in_the_middle_of_a_store_costs_nothing() {
    let world = joined();
    world.estate.prepare_domain().unwrap();
    let second = world.estate.domain.add_controller(&world.estate.lab).unwrap();
    programs::switch_on(world.host()).unwrap();
    assert!(world.process(), "{}", world.status());
    world.estate.domain.replicate(&second).unwrap();
    let before = world.value();

    // The journal, the change, and then the count of the send that is made next; the keytab is known.
    let host = world.host();
    host.write("/usr/libexec/gate", 0o755, GATE.as_bytes()).unwrap();
    host.write("/run/gate/count", 0o644, b"0\n").unwrap();
    host.run(&["mkfifo", "/run/gate/open"]).unwrap();
    let gated = "[Service]\nExecStartPre=/usr/libexec/gate\nReadWritePaths=/run/gate\n";
    host.install_unit("lapwing-priv@.service.d/gate.conf", gated).unwrap();
    let mut asked = host.command("lapwing").arg("reset-password").spawn().unwrap();
    host.wait_until("the send is about to be made", ONE_CYCLE, |host| {
        Ok(host.run(&["test", "-e", "/run/gate/reached"]).is_ok())
    })
    .unwrap();
    let in_use = if world.raised_of(10055, "dc1") { &world.estate.domain.controller } else { &second };
    let other = if in_use.name() == second.name() { &world.estate.domain.controller } else { &second };
    in_use.cut_link().unwrap();
    host.feed(&["sh", "-c", "cat >/run/gate/open"], b"open\n").unwrap();
    asked.wait().unwrap();
    assert_ne!(world.raised(30003), 0, "{}", world.status());
    world.estate.must_open(&before.p).unwrap();

    host.wait_until("the password is changed by the other controller", 2 * ONE_CYCLE, |_| {
        Ok(world.raised(10020) == 2)
    })
    .unwrap_or_else(|error| panic!("{error:#}: {}", world.status()));
    assert!(world.raised_of(10055, other.name()));
    in_use.restore_link().unwrap();
    world.estate.domain.replicate(&second).unwrap();
    let after = world.value();
    assert_ne!(after.p, before.p);
    world.estate.must_open(&after.p).unwrap();
    world.stays_after("another cycle", |_| {});
}

impl World {
    /// Whether the agent has raised an event that names this.
    fn raised_of(&self, event: u32, name: &str) -> bool {
        self.host().run(&["journalctl", "--sync"]).unwrap();
        let filter = format!("EVENT_ID={event}");
        let search = ["--quiet", "--output=json", "SYSLOG_IDENTIFIER=lapwingd", &filter];
        let found = self.host().command("journalctl").args(search).output().unwrap();
        String::from_utf8_lossy(&found.stdout).contains(&format!("{name}.{DOMAIN}"))
    }
}
