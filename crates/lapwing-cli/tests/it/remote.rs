//! The commands that ask a server, against the real one.

use std::{fs, os::unix::fs::PermissionsExt as _, sync::Arc};

use lapwing_client::{
    cloud::{Material, Session, Store, StoreOutcome},
    identity::{Identity, Root},
    transport::Limits,
};
use lapwing_core::{secret::Password, types::Guid};
use serde_json::Value;

use crate::{
    run::{Run, Terminal, World},
    server::Server,
};

/// A server, its first administrator's home, and the root of one host.
pub(crate) struct Tenant {
    server: Server,
    pub(crate) admin: World,
    host: World,
}

impl Tenant {
    pub(crate) fn new() -> Self {
        let tenant = Self { server: Server::start(), admin: World::new(), host: World::new() };
        tenant.write_profile(".config/lapwing/profile.toml", &tenant.server.profile());
        tenant
    }

    fn write_profile(&self, path: &str, text: &str) {
        let path = self.admin.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// Adds lines to the administrator's profile.
    pub(crate) fn add_to_profile(&self, more: &str) {
        let path = self.admin.path().join(".config/lapwing/profile.toml");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text + more).unwrap();
    }

    /// As the administrator.
    pub(crate) fn ask(&self, line: &str) -> Run {
        self.admin.run(&line.split(' ').collect::<Vec<_>>())
    }

    pub(crate) fn ask_json(&self, line: &str) -> Value {
        let run = self.ask(&format!("{line} --json"));
        assert_eq!(run.code, 0, "{}", run.text());
        serde_json::from_str(&run.out).unwrap()
    }

    /// Joins the host; returns its device id.
    pub(crate) fn enrol(&self) -> String {
        let token = self.ask("server enrolment-token create --description rack");
        assert_eq!((token.code, token.out.lines().count()), (0, 1), "{}", token.text());
        assert!(!token.err.contains(token.out.trim()));
        let args = ["enrol", "--root", self.host.root(), "--name", "web-01", "--account", "lapadmin"];
        let run = self.host.run_with(&args, &token.out);
        assert_eq!(run.code, 0, "{}", run.text());
        run.out.trim().to_owned()
    }

    /// Stores a password as the host, in Windows' form.
    pub(crate) fn store(&self, password: &str) {
        let identity = Identity::load(&Root::at(self.host.path().to_owned())).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let outcome = runtime.block_on(async {
            let mut session = Session::open(Arc::new(identity), Limits::default()).await.unwrap();
            let (account, password) = ("lapadmin".parse().unwrap(), Password::new(password.to_owned()));
            let expiry = Some("2126-12-01T00:00:00Z".parse().unwrap());
            let store =
                Store { account: &account, material: Material::Clear { password: &password, expiry } };
            session.store(&store, Guid::from_bytes([1; 16])).await
        });
        assert!(matches!(outcome, StoreOutcome::Stored(_)), "{outcome:?}");
    }
}

#[test]
fn enrolling_writes_the_identity_and_pins_the_keys_and_leaving_undoes_it() {
    let tenant = Tenant::new();
    let managed = tenant.host.path().join("etc/lapwing/managed.toml");
    fs::create_dir_all(managed.parent().unwrap()).unwrap();
    fs::write(&managed, "# ours\nchanges_per_day = 5\n").unwrap();
    let id = tenant.enrol();

    let identity = Identity::load(&Root::at(tenant.host.path().to_owned())).unwrap();
    assert_eq!(identity.settings.device.to_string(), id);
    let text = fs::read_to_string(&managed).unwrap();
    assert!(text.starts_with("# ours\nchanges_per_day = 5\n"), "{text}");
    let table: toml::Table = text.parse().unwrap();
    assert_eq!(table["accounts"].as_array().unwrap()[0].as_str(), Some("lapadmin"));
    let pin = table["directory"].as_array().unwrap()[0].as_table().unwrap().clone();
    assert_eq!(pin["id"].as_str(), Some(format!("lapwing:{}", identity.settings.tenant).as_str()));
    assert_eq!(pin["record"].as_str(), Some(id.as_str()));
    assert_eq!(pin.keys().collect::<Vec<_>>(), ["id", "receipt_key", "record", "seal_key"]);

    let devices = tenant.ask_json("server device list");
    assert_eq!((&devices[0]["deviceId"], &devices[0]["displayName"]), (&id.clone().into(), &"web-01".into()));
    let left = tenant.host.run(&["leave", "--root", tenant.host.root()]);
    assert_eq!((left.code, left.out.as_str()), (0, ""), "{}", left.text());
    assert_eq!(tenant.ask_json("server device list"), Value::Array(Vec::new()));
    for file in ["device.key", "device.crt", "authority.crt"] {
        assert!(!tenant.host.path().join("var/lib/lapwing").join(file).exists(), "{file}");
    }
    let text = fs::read_to_string(&managed).unwrap();
    assert!(!text.contains("directory") && text.contains("lapadmin"), "{text}");
}

#[test]
fn a_used_token_is_refused_and_leaves_the_host_as_it_was() {
    let tenant = Tenant::new();
    let token = tenant.ask("server enrolment-token create").out;
    let args = ["enrol", "--root", tenant.host.root()];
    assert_eq!(tenant.host.run_with(&args, &token).code, 0);
    let another = World::new();
    let run = another.run_with(&["enrol", "--root", another.root()], &token);
    assert_eq!(run.code, 3, "{}", run.text());
    assert!(run.err.contains("next: ask for a new enrolment token"), "{}", run.text());
    assert_eq!(fs::read_dir(another.path()).unwrap().count(), 0, "something was written");
}

#[test]
fn a_device_that_the_server_has_deleted_may_leave() {
    let tenant = Tenant::new();
    let id = tenant.enrol();
    assert_eq!(tenant.ask(&format!("server device delete {id}")).code, 0);
    let left = tenant.host.run(&["leave", "--root", tenant.host.root()]);
    assert_eq!(left.code, 0, "{}", left.text());
}

#[test]
fn passwords_are_shown_newest_first_and_older_ones_if_asked_for() {
    let tenant = Tenant::new();
    let id = tenant.enrol();
    assert_eq!(tenant.ask("get-aad-password web-01").code, 4, "nothing is stored yet");
    tenant.store("the-first");
    tenant.store("the-\u{1b}[2Jsecond");
    let metadata = tenant.ask_json("get-aad-password web-01");
    assert_eq!(metadata[0]["DeviceId"], id.as_str());
    assert!(metadata[0]["PasswordExpirationTime"].is_string());
    assert!(metadata[0].get("Password").is_none() && metadata[0].get("Account").is_none());

    let newest = tenant.ask_json(&format!("get-aad-password {id} --include-passwords --as-plain-text"));
    assert_eq!(newest.as_array().unwrap().len(), 1);
    assert_eq!(
        (&newest[0]["Account"], &newest[0]["Password"]),
        (&"lapadmin".into(), &"the-\u{1b}[2Jsecond".into())
    );
    let all =
        tenant.ask_json("get-aad-password web-01 --include-passwords --include-history --as-plain-text");
    let passwords: Vec<_> =
        all.as_array().unwrap().iter().map(|row| row["Password"].as_str().unwrap()).collect();
    assert_eq!(passwords, ["the-\u{1b}[2Jsecond", "the-first"]);
    assert_eq!(all[1]["PasswordExpirationTime"], Value::Null, "only the newest has one");
    // A terminal is not steered by what a device stored.
    let table = tenant.ask("get-aad-password web-01 --include-passwords --as-plain-text");
    assert!(table.out.contains("the-\\u{1b}[2Jsecond") && !table.out.contains('\u{1b}'), "{}", table.text());
}

#[test]
fn a_terminal_is_shown_passwords_without_more_ado() {
    let tenant = Tenant::new();
    tenant.enrol();
    tenant.store("the-first");
    let mut terminal = Terminal::new();
    let mut command = tenant.admin.command(&["get-aad-password", "web-01", "--include-passwords"]);
    assert!(command.stdout(terminal.side()).status().unwrap().success());
    terminal.show("<end>");
    assert!(terminal.shown_until("<end>").contains("the-first"));
}

#[test]
fn a_device_that_is_not_found_does_not_hide_the_others() {
    let tenant = Tenant::new();
    tenant.enrol();
    tenant.store("the-first");
    let run = tenant.ask("get-aad-password nobody web-01");
    assert_eq!(run.code, 4);
    assert!(run.out.contains("web-01"), "{}", run.text());
    assert!(run.err.starts_with("lapwing: no device has the name nobody\n"), "{}", run.text());
}

#[test]
fn a_client_may_do_what_its_roles_say() {
    let tenant = Tenant::new();
    tenant.enrol();
    tenant.store("the-first");
    let roles = "--role Device.Read.All --role DeviceLocalCredential.ReadBasic.All";
    let created = tenant.ask(&format!("server client create helpdesk {roles}"));
    assert_eq!((created.code, created.err.as_str()), (0, ""));
    tenant.write_profile("helpdesk.toml", &created.out);
    let profile = tenant.admin.path().join("helpdesk.toml");
    let profile = profile.to_str().unwrap();
    let read = format!("get-aad-password web-01 --include-passwords --as-plain-text --profile {profile}");
    assert_eq!(tenant.ask(&format!("get-aad-password web-01 --profile {profile}")).code, 0);
    assert_eq!(tenant.ask(&read).code, 3);
    assert_eq!(tenant.ask(&format!("server device list --profile {profile}")).code, 3);

    let clients = tenant.ask_json("server client list");
    let client =
        clients.as_array().unwrap().iter().find(|client| client["displayName"] == "helpdesk").unwrap();
    let id = client["clientId"].as_str().unwrap();
    let set =
        format!("server client set-roles {id} --role Device.Read.All --role DeviceLocalCredential.Read.All");
    assert_eq!(tenant.ask(&set).code, 0);
    assert!(tenant.ask(&read).out.contains("the-first"));
    assert_eq!(tenant.ask(&format!("server client disable {id}")).code, 0);
    assert_ne!(tenant.ask(&read).code, 0);
    assert_eq!(tenant.ask(&format!("server client enable {id}")).code, 0);
    assert_eq!(tenant.ask(&read).code, 0);
    assert_eq!(tenant.ask(&format!("server client delete {id}")).code, 0);
    assert_ne!(tenant.ask(&read).code, 0);
}

#[test]
fn every_reading_is_in_the_audit_log_and_the_log_holds() {
    let tenant = Tenant::new();
    let id = tenant.enrol();
    tenant.store("the-first");
    let before = tenant.ask_json("server audit list");
    let last = before.as_array().unwrap().last().unwrap()["sequence"].as_u64().unwrap();
    assert_eq!(tenant.ask(&format!("get-aad-password {id} --include-passwords --as-plain-text")).code, 0);
    let after = tenant.ask_json(&format!("server audit list --after {last}"));
    let reading = after.as_array().unwrap().iter().find(|entry| entry["target"].as_str() == Some(&id));
    assert!(reading.is_some(), "{after:#}");
    assert!(after.as_array().unwrap().iter().all(|entry| entry["sequence"].as_u64().unwrap() > last));
    let verified = tenant.ask("server audit verify");
    assert_eq!(verified.code, 0, "{}", verified.text());
    assert!(verified.out.starts_with("Entries "), "{}", verified.text());
}

#[test]
fn a_revoked_token_enrols_nothing() {
    let tenant = Tenant::new();
    let created = tenant.ask_json("server enrolment-token create --uses 3");
    let listed = tenant.ask_json("server enrolment-token list");
    assert_eq!((&listed[0]["id"], &listed[0]["usesLeft"]), (&created["id"], &3.into()));
    assert!(listed[0].get("token").is_none());
    assert_eq!(
        tenant.ask(&format!("server enrolment-token revoke {}", created["id"].as_str().unwrap())).code,
        0
    );
    let run =
        tenant.host.run_with(&["enrol", "--root", tenant.host.root()], created["token"].as_str().unwrap());
    assert_eq!(run.code, 3, "{}", run.text());
}

#[test]
fn a_disabled_device_is_listed_as_such() {
    let tenant = Tenant::new();
    let id = tenant.enrol();
    assert_eq!(tenant.ask_json(&format!("server device disable {id}"))[0]["enabled"], false);
    assert_eq!(tenant.ask_json("server device list")[0]["enabled"], false);
    assert_eq!(tenant.ask_json(&format!("server device enable {id}"))[0]["enabled"], true);
}
