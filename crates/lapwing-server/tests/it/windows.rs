//! An independent Windows device, in Python and from the specifications alone, enrols here and is managed.

use std::path::Path;

use lapwing_proto::syncml::{self, Command, StatusCode};
use serde_json::{Value, json};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};

use crate::{
    device::enrolment_token,
    harness::{Answer, ClientIdentity, Request, Server},
    policies::{EXPORTED, assignments},
    python::{self, to_pem},
};

/// As `cargo xtask setup` makes it; of it the device needs `cryptography` alone.
const PACKAGES: &str = "azure-identity==1.27.0,msgraph-beta-sdk==1.66.0,msgraph-sdk==1.65.0";
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/windows");
const ON_PREMISE: &[&str] = &["OnPremise"];
const BOTH: &[&str] = &["OnPremise", "Federated"];

/// Published examples; `lapwing-proto` says where from.
macro_rules! published {
    ($name:literal) => {
        include_str!(concat!("../../../lapwing-proto/src/syncml/fixtures/", $name))
    };
}

fn run(given: &Value) -> Value {
    python::run(PACKAGES, SCRIPT, &[] as &[(&str, &Path)], given)
}

/// With the clock of that server.
fn run_at(server: &Server, given: &Value) -> Value {
    let clock = server.clock();
    let variables: Vec<_> = clock.iter().map(|(name, value)| (*name, Path::new(value))).collect();
    python::run(PACKAGES, SCRIPT, &variables, given)
}

/// What an enrolment needs; `more` may replace any of it.
fn enrol(server: &Server, token: &str, offers: &[&str], more: &Value) -> Value {
    let mut given = json!({
        "verb": "enrol",
        "authority": to_pem(&server.authority),
        "discovery": format!("{}/EnrollmentServer/Discovery.svc", server.url),
        "token": token,
        "offers": offers,
        "name": "DESKTOP-1",
        "type": "Full",
    });
    given.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    run(&given)["device"].take()
}

struct World {
    server: Server,
    device: Value,
    operator: String,
}

impl World {
    fn new() -> Self {
        Self::at(Server::start())
    }

    fn at(server: Server) -> Self {
        let token = enrolment_token(&server, 1);
        let device = enrol(&server, &token.expose_secret(), ON_PREMISE, &json!({}));
        let operator = server.token_with_roles(&[
            "DeviceManagementManagedDevices.Read.All",
            "DeviceManagementManagedDevices.PrivilegedOperations.All",
            "DeviceManagementConfiguration.ReadWrite.All",
        ]);
        Self { server, device, operator }
    }

    fn id(&self) -> &str {
        self.device["id"].as_str().unwrap()
    }

    /// One session to its end.
    fn session(&mut self) -> Value {
        self.session_with(&json!({}))
    }

    fn session_with(&mut self, more: &Value) -> Value {
        let authority = to_pem(&self.server.authority);
        let mut given = json!({ "verb": "session", "authority": authority, "device": self.device });
        given.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let mut answer = run_at(&self.server, &given);
        self.device = answer["device"].take();
        answer["session"].take()
    }

    /// With a server that was started anew, so many days later and at another port.
    fn later(self, days: u64) -> Self {
        let Self { server, mut device, operator } = self;
        let before = server.device_url.clone();
        let server = Server::open_ahead(server.stop().1, days);
        for address in ["address", "enrolment"] {
            device[address] = json!(device[address].as_str().unwrap().replace(&before, &server.device_url));
        }
        Self { server, device, operator }
    }

    /// The device with its next certificate.
    fn renew(&self, more: &Value) -> Value {
        let authority = to_pem(&self.server.authority);
        let mut given = json!({ "verb": "renew", "authority": authority, "device": self.device, "name": "PC", "type": "Full" });
        given.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        run_at(&self.server, &given)["device"].take()
    }

    fn identity(&self) -> ClientIdentity {
        let pem = |name: &str| self.device[name].as_str().unwrap().as_bytes();
        let certificate = CertificateDer::from_pem_slice(pem("certificate")).unwrap();
        (certificate, PrivateKeyDer::from_pem_slice(pem("key")).unwrap())
    }

    fn post(&self, body: &[u8]) -> Answer {
        self.server.send(&Request {
            method: "POST",
            path: &self.server.admin_path("manage"),
            kind: Some(syncml::MEDIA_TYPE),
            body,
            identity: Some(self.identity()),
            ..Request::default()
        })
    }

    fn path(&self, rest: &str) -> String {
        format!("/beta/deviceManagement/managedDevices/{}{rest}", self.id())
    }

    fn click(&self) {
        let path = self.path("/rotateLocalAdminPassword");
        assert_eq!(self.server.post(&path, Some(&self.operator), b"").status, 204);
    }

    fn states(&self) -> Vec<Value> {
        let device = self.server.get(&self.path(""), &self.operator).json();
        let results = device["deviceActionResults"].as_array().unwrap();
        results.iter().map(|result| result["actionState"].clone()).collect()
    }

    fn actions(&self) -> Value {
        let path = self.server.admin_path(&format!("devices/{}/actions", self.id()));
        self.server.get(&path, &self.server.admin_token()).json()["value"].take()
    }

    fn devices(&self) -> Vec<Value> {
        let path = self.server.admin_path("devices");
        self.server.get(&path, &self.server.admin_token()).json()["value"].as_array().unwrap().clone()
    }

    fn graph(&self, method: &str, path: &str, body: &Value) -> Value {
        let (path, body) = (format!("/beta/{path}"), body.to_string().into_bytes());
        let bearer = Some(self.operator.as_str());
        let answer =
            self.server.send(&Request { method, path: &path, bearer, body: &body, ..Request::default() });
        assert!((200..300).contains(&answer.status), "{}", String::from_utf8_lossy(&answer.body));
        serde_json::from_slice(&answer.body).unwrap_or_default()
    }
}

#[test]
fn windows_enrols_with_a_password_or_from_the_page_and_takes_home_what_it_needs() {
    let server = Server::start();
    let token = enrolment_token(&server, 2);
    // A field for passwords is too short for the whole token: its secret does as well.
    for (given, offers, kind) in
        [(token.expose_secret(), BOTH, "Full"), (token.bearer(), ON_PREMISE, "Device")]
    {
        let device = enrol(&server, &given, offers, &json!({ "type": kind }));
        assert_eq!(device["refused"], Value::Null);
        let store = if kind == "Full" { "User" } else { "System" };
        assert_eq!(device["stores"], json!([["Root", "System"], ["CA", "System"], ["My", store]]));
        assert_eq!(device["criteria_stores"], format!("My\\{store}"));
        assert_eq!(device["levels"], json!(["CLIENT", "APPSRV"]));
        let address = format!("{}/lapwing/v1/{}/manage", server.device_url, server.admin.tenant);
        assert_eq!((&device["address"], &device["provider"]), (&json!(address), &json!("Lapwing")));
        let upn = if offers == BOTH { Value::Null } else { json!("user@laps.example") };
        assert_eq!(device["upn"], upn);
        assert_eq!(device["poll"]["IntervalForRemainingScheduledRetries"], "480");
        assert_eq!(device["auth_policy"], *offers.last().unwrap());
    }
}

#[test]
fn a_token_is_good_for_as_many_keys_as_it_says_and_a_repeat_of_one_counts_nothing() {
    let mut world = World::new();
    let token = enrolment_token(&world.server, 1);
    let secret = token.bearer();
    let first = enrol(&world.server, &secret, ON_PREMISE, &json!({}));
    let again = enrol(&world.server, &secret, ON_PREMISE, &json!({ "key": first["key"] }));
    assert_eq!(first["id"], again["id"]);
    assert_ne!(first["certificate"], again["certificate"]);
    let refused = |more: Value| enrol(&world.server, &secret, ON_PREMISE, &more)["refused"].clone();
    assert_eq!(refused(json!({})), json!(["s:Authentication", null]));
    let wrong = enrol(&world.server, &"A".repeat(43), BOTH, &json!({}));
    assert_eq!(wrong["refused"], json!(["page", null]));
    let fresh = enrolment_token(&world.server, 1).bearer();
    for spoilt in [json!({ "bits": 1024 }), json!({ "spoil": "signature" })] {
        let refused = enrol(&world.server, &fresh, ON_PREMISE, &spoilt)["refused"].clone();
        assert_eq!(refused, json!(["s:CertificateRequest", null]), "{spoilt}");
    }
    assert_eq!(world.devices().len(), 2);
    world.device = again;
    assert_eq!(world.session()["messages"], 1);
    let audit = world.server.get(&world.server.admin_path("audit"), &world.server.admin_token()).json();
    let joins = audit["value"].as_array().unwrap().iter().filter(|entry| entry["activity"] == "Add device");
    let results: Vec<_> = joins.map(|entry| entry["result"].as_str().unwrap()).collect();
    assert_eq!(results, ["success", "success", "success", "failure"]);
}

#[test]
fn windows_renews_its_certificate_by_itself_in_time_and_within_a_year_of_its_end() {
    for days in [0, 300, 365 + 300] {
        let world = World::new();
        assert_eq!(world.device["renew"]["ROBOSupport"], "true");
        assert_eq!(
            (&world.device["renew"]["RenewPeriod"], &world.device["name_there"]),
            (&json!("120"), &world.device["id"])
        );
        let mut world = world.later(days);
        let old = world.device.clone();
        world.device = world.renew(&json!({}));
        assert_eq!((&world.device["refused"], &world.device["id"]), (&Value::Null, &old["id"]), "{days}");
        assert_ne!(world.device["key"], old["key"]);
        assert_eq!(world.session()["messages"], 1, "{days}");
        let new = std::mem::replace(&mut world.device, old);
        assert_eq!(world.session(), json!({ "refused": true }), "the old one was replaced");
        world.device = new;
        assert_eq!(world.devices().len(), 1);
    }
}

#[test]
fn what_is_no_renewal_of_windows_is_refused_in_its_words() {
    let mut world = World::new();
    let refused = |world: &World, more: Value| world.renew(&more)["refused"].clone();
    let anew = json!(["s:CertificateRequest", "NotEligibleToRenew"]);
    assert_eq!(refused(&world, json!({ "shows": false })), anew);
    for more in [json!({ "bare": true }), json!({ "same": true }), json!({ "bits": 1024 })] {
        assert_eq!(refused(&world, more.clone()), json!(["s:CertificateRequest", null]), "{more}");
    }
    assert_eq!(world.session()["messages"], 1, "nothing was renewed, and nothing lost");
}

#[test]
fn a_click_reaches_windows_and_is_done_when_its_status_says_so() {
    let mut world = World::new();
    assert_eq!(world.devices()[0]["displayName"], "DESKTOP-1");
    world.click();
    assert_eq!(world.states(), ["pending"]);
    let session = world.session();
    // The Exec, then the Status of what it began, which is not over.
    assert_eq!(session["performed"], json!([["Exec", 200], ["Get", 200]]));
    assert_eq!(session["statuses"], json!([200, 200, 200]));
    assert_eq!((session["messages"].clone(), world.states()), (json!(3), vec![json!("active")]));
    let session = world.session();
    assert_eq!(session["performed"], json!([["Get", 200]]));
    assert_eq!(world.states(), ["done"]);
    let action = &world.actions()[0];
    assert_eq!((&action["storedElsewhere"], &action["version"]), (&json!(true), &Value::Null));
    assert_eq!(world.session()["messages"], 1, "there is nothing left to do");
    assert_eq!(world.device["tree"]["resets"], 1);
}

#[test]
fn a_failure_that_windows_tells_of_is_shown_until_it_has_rotated() {
    let mut world = World::new();
    world.click();
    world.session();
    // E_ACCESSDENIED, and then success.
    world.device["tree"]["statuses"] = json!([-2_147_024_891, 0]);
    world.session();
    assert_eq!(
        (world.states(), &world.actions()[0]["hresult"]),
        (vec![json!("failed")], &json!("0x80070005"))
    );
    assert_eq!(world.actions()[0]["storedElsewhere"], Value::Null);
    world.session();
    assert_eq!((world.states(), &world.device["tree"]["resets"]), (vec![json!("done")], &json!(1)));
}

#[test]
fn what_windows_sends_twice_is_answered_alike_and_does_nothing_twice() {
    let mut world = World::new();
    world.click();
    let session = world.session_with(&json!({ "repeats": true }));
    assert_eq!(session["performed"], json!([["Exec", 200], ["Get", 200]]));
    world.session_with(&json!({ "repeats": true }));
    assert_eq!((world.states(), &world.device["tree"]["resets"]), (vec![json!("done")], &json!(1)));
}

#[test]
fn two_clicks_that_wait_are_two_resets() {
    let mut world = World::new();
    world.click();
    world.click();
    world.session();
    world.session();
    assert_eq!((world.states(), &world.device["tree"]["resets"]), (vec![json!("done"); 2], &json!(2)));
}

#[test]
fn windows_takes_its_policy_whole_and_what_was_changed_there_is_put_right() {
    let mut world = World::new();
    let group =
        json!({ "displayName": "desktops", "membershipRule": "name:DESKTOP-*", "mailEnabled": false });
    let group = world.graph("POST", "groups", &group)["id"].as_str().unwrap().to_owned();
    let path = "deviceManagement/configurationPolicies";
    let policy = world.graph("POST", path, &serde_json::from_str(EXPORTED).unwrap());
    let path = format!("{path}/{}", policy["id"].as_str().unwrap());
    world.graph("POST", &format!("{path}/assign"), &assignments(&[&group]));
    let session = world.session();
    let whole = json!({
        "BackupDirectory": "2",
        "PasswordAgeDays": "20",
        "PasswordComplexity": "7",
        "PasswordLength": "21",
        "PassphraseLength": "5",
        "AdministratorAccountName": "lapadmin",
        "PasswordExpirationProtectionEnabled": "true",
        "ADPasswordEncryptionEnabled": "true",
        "ADPasswordEncryptionPrincipal": "LAPSAdmins@contoso.com",
        "ADEncryptedPasswordHistorySize": "6",
        "PostAuthenticationResetDelay": "8",
        "PostAuthenticationActions": "11",
        "AutomaticAccountManagementEnabled": "true",
        "AutomaticAccountManagementTarget": "1",
        "AutomaticAccountManagementNameOrPrefix": "WLaps",
        "AutomaticAccountManagementEnableAccount": "true",
        "AutomaticAccountManagementRandomizeName": "false",
    });
    assert_eq!(world.device["tree"]["values"], whole);
    let performed = session["performed"].as_array().unwrap();
    assert_eq!(performed.iter().filter(|did| did[0] == "Atomic").count(), 1, "{performed:?}");
    world.device["tree"]["values"] = json!({ "PasswordLength": "9", "ADPasswordEncryptionEnabled": "false" });
    world.click();
    world.session();
    assert_eq!(world.device["tree"]["values"], whole);
    assert_eq!(world.states(), ["active"], "a policy keeps no click from its way");
    let told = world.server.admin_path(&format!("devices/{}/policy", world.id()));
    let told = world.server.get(&told, &world.operator).json()["told"].take();
    assert_eq!(told["policy"], policy["id"]);
}

/// A policy for all devices, and what of it is long.
fn assign_policy(world: &World) {
    let group = json!({ "displayName": "all", "membershipRule": "name:*", "mailEnabled": false });
    let group = world.graph("POST", "groups", &group)["id"].as_str().unwrap().to_owned();
    let path = "deviceManagement/configurationPolicies";
    let policy = world.graph("POST", path, &serde_json::from_str(EXPORTED).unwrap());
    let path = format!("{path}/{}/assign", policy["id"].as_str().unwrap());
    world.graph("POST", &path, &assignments(&[&group]));
}

fn is_told(world: &World) -> bool {
    let told = world.server.admin_path(&format!("devices/{}/policy", world.id()));
    !world.server.get(&told, &world.operator).json()["told"].is_null()
}

#[test]
fn results_in_chunks_are_put_together_and_count_as_the_word_of_the_device() {
    let mut world = World::new();
    assign_policy(&world);
    let session = world.session_with(&json!({ "piece": 8 }));
    // `LAPSAdmins@contoso.com` is three pieces, `lapadmin` one.
    assert_eq!(session["chunks"], json!([213, 213]));
    assert!(is_told(&world), "{session}");
    assert_eq!(world.device["tree"]["values"]["ADPasswordEncryptionPrincipal"], "LAPSAdmins@contoso.com");
    // And once more with each message sent twice, which changes nothing.
    let session = world.session_with(&json!({ "piece": 8, "repeats": true }));
    assert_eq!(session["chunks"], json!([213, 213]));
    let performed = session["performed"].as_array().unwrap();
    assert!(!performed.iter().any(|did| did[0] == "Atomic"), "{session}");
}

#[test]
fn a_result_of_another_length_than_told_is_refused_and_not_believed() {
    for wrong in [-1, 1] {
        let mut world = World::new();
        assign_policy(&world);
        let session = world.session_with(&json!({ "piece": 8, "wrong": wrong }));
        assert_eq!(session["chunks"], json!([213, 213, 424]), "{wrong}");
        assert!(!is_told(&world), "{wrong}");
        world.session();
        assert!(is_told(&world), "{wrong}");
    }
}

#[test]
fn a_first_package_of_two_messages_has_its_work_in_the_same_session() {
    let mut world = World::new();
    world.click();
    let session = world.session_with(&json!({ "spread": true }));
    assert_eq!(session["performed"], json!([["1222", null], ["Exec", 200], ["Get", 200]]));
    world.session_with(&json!({ "spread": true, "repeats": true }));
    assert_eq!((world.states(), &world.device["tree"]["resets"]), (vec![json!("done")], &json!(1)));
}

#[test]
fn windows_is_told_whose_notifications_to_listen_to_and_tells_its_channel() {
    let credentials =
        "package_sid = 'ms-app://s'\nclient_secret = 'x'\npackage_family_name = 'Contoso.Push_1'\n";
    let mut world = World::at(Server::start_with_file("wns.toml", credentials));
    let channels = |world: &World| {
        let audit = world.server.get(&world.server.admin_path("audit"), &world.server.admin_token()).json();
        let entries = audit["value"].as_array().unwrap().iter();
        let entries = entries.filter(|entry| entry["activity"] == "Register push channel");
        entries.map(|entry| entry["result"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let session = world.session();
    assert_eq!(session["performed"], json!([["Get", 404], ["Get", 404], ["Add", 200], ["Get", 404]]));
    assert_eq!(world.device["tree"]["push"]["family"], "Contoso.Push_1");
    assert_eq!(channels(&world), [""; 0]);
    // The device has registered meanwhile, and says so each time.
    world.device["tree"]["push"]["channel"] = json!("https://db5p.notify.windows.com/?token=abc");
    for _ in 0..2 {
        let session = world.session();
        assert_eq!(session["performed"], json!([["Get", 200], ["Get", 200]]));
        assert_eq!(channels(&world), ["success"]);
    }
    // In chunks, and another one.
    world.device["tree"]["push"]["channel"] = json!("https://db5p.notify.windows.com/?token=def");
    world.session_with(&json!({ "piece": 20 }));
    assert_eq!(channels(&world), ["success"; 2]);
    world.device["tree"]["push"]["channel"] = json!("https://127.0.0.1/?token=abc");
    world.session();
    assert_eq!(channels(&world), ["success", "success", "failure"]);
    // One that belongs to another server's notifications is none of ours.
    world.device["tree"]["push"]["family"] = json!("Fabrikam.Push_2");
    let session = world.session();
    assert_eq!(session["performed"], json!([["Get", 200], ["Get", 200], ["Replace", 200], ["Get", 200]]));
    assert_eq!(world.device["tree"]["push"]["family"], "Contoso.Push_1");
}

#[test]
fn a_device_whose_user_ends_the_enrolment_is_gone() {
    let mut world = World::new();
    world.click();
    let alert = json!({ "alerts": [["1226", "com.microsoft:mdm.unenrollment.userrequest", "1"]] });
    let session = world.session_with(&alert);
    assert_eq!((&session["messages"], &session["statuses"]), (&json!(1), &json!([200, 200, 200, 200])));
    assert_eq!(world.device["tree"]["resets"], 0);
    assert_eq!(world.devices(), Vec::<Value>::new());
    assert_eq!(world.session(), json!({ "refused": true }));
    let audit = world.server.get(&world.server.admin_path("audit"), &world.server.admin_token()).json();
    let left = audit["value"].as_array().unwrap().iter().find(|entry| entry["activity"] == "Delete device");
    assert_eq!(left.unwrap()["actor"], format!("device:{}", world.id()));
}

#[test]
fn published_messages_of_devices_are_taken_and_garbage_changes_nothing() {
    let mut world = World::new();
    world.click();
    for (message, statuses) in [(published!("package1.xml"), 4), (published!("package3.xml"), 1)] {
        let answer = world.post(message.as_bytes());
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        let answer = syncml::decode(&answer.body).unwrap();
        let codes: Vec<_> = answer
            .commands
            .iter()
            .filter_map(|command| match command {
                Command::Status(status) => Some(status.code),
                _ => None,
            })
            .collect();
        assert_eq!(codes, vec![StatusCode::OK; statuses]);
    }
    let package = published!("package1.xml");
    let entity = format!("<!DOCTYPE a [<!ENTITY b \"c\">]>{}", package.split_once("?>").unwrap().1);
    let deep = "<SyncML>".repeat(1000);
    for garbage in
        ["", "\u{0}", &package[..package.len() / 2], &package.replace("SyncHdr", "Hdr"), &entity, &deep]
    {
        assert_eq!(world.post(garbage.as_bytes()).status, 400, "{garbage}");
    }
    assert_eq!(world.states(), ["pending"]);
    world.session();
    assert_eq!(world.device["tree"]["resets"], 1);
    assert_eq!(world.post(published!("unenrolment.xml").as_bytes()).status, 200);
    assert_eq!(world.post(published!("unenrolment.xml").as_bytes()).status, 403);
    assert_eq!(world.devices(), Vec::<Value>::new());
}

#[test]
fn the_published_policies_of_the_laps_csp_are_taken_by_the_device_that_judges_here() {
    for (document, count, leaf) in [
        (published!("laps_csp_entra.xml"), 7, ("PasswordLength", "32")),
        (published!("laps_csp_hybrid.xml"), 11, ("PasswordExpirationProtectionEnabled", "True")),
    ] {
        let answer = run(&json!({ "verb": "apply", "document": document }));
        assert_eq!(answer["statuses"], json!(vec![200; count]));
        let values = answer["tree"]["values"].as_object().unwrap();
        assert_eq!((values.len(), &values[leaf.0]), (count, &json!(leaf.1)));
    }
}
