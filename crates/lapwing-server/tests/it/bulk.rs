//! Rotations of many devices at once, from the dry run to the report.

use serde_json::{Value, json};

use crate::{
    device::Device,
    harness::{Answer, Request, Server},
    manage::{Session, report},
    wake,
};

/// How often a test asks before it gives up.
const QUESTIONS_MAX: usize = 1500;

struct Fleet {
    server: Server,
    devices: Vec<Device>,
    operator: String,
}

impl Fleet {
    fn new(names: &[&str]) -> Self {
        let server = Server::start();
        let devices = names.iter().map(|name| Device::join(&server, name)).collect();
        let operator = server.token_with_roles(&["Lapwing.BulkRotate"]);
        Self { server, devices, operator }
    }

    fn post(&self, path: &str, body: &Value) -> Answer {
        let body = body.to_string();
        self.server.post(&self.server.admin_path(path), Some(&self.operator), body.as_bytes())
    }

    fn get(&self, path: &str) -> Value {
        let answer = self.server.get(&self.server.admin_path(path), &self.operator);
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        answer.json()
    }

    /// Makes one at a rate that no test waits for; its id.
    fn begin(&self, devices: &str, canaries: &str) -> String {
        let answer =
            self.post("rotations", &json!({ "devices": devices, "canaries": canaries, "perMinute": 6000 }));
        assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(&answer.body));
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    /// Asks until it stands so.
    fn until(&self, id: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let mut answers = (0..QUESTIONS_MAX).map(|_| self.get(&format!("rotations/{id}")));
        answers.find(is_so).expect("it comes to stand so")
    }

    fn say(&self, id: &str, word: &str) -> u16 {
        self.post(&format!("rotations/{id}/{word}"), &json!({})).status
    }

    fn report(&self, id: &str) -> Vec<Value> {
        self.get(&format!("rotations/{id}/report"))["value"].as_array().unwrap().clone()
    }

    /// The device takes its work and ends it so.
    fn rotate(&self, device: &Device, hresult: &str) {
        let mut session = Session::named(&self.server, device);
        let work = session.open(Vec::new());
        let [exec] = work.as_slice() else { panic!("asked {} times", work.len()) };
        session.answer(&[(exec, 202)]);
        session.open(vec![report(3, exec.correlator.as_deref().unwrap(), hresult)]);
    }

    /// Whether the device was asked.
    fn is_asked(&self, device: &Device) -> bool {
        let path = self.server.admin_path(&format!("devices/{}/actions", device.id));
        let actions = self.server.get(&path, &self.server.admin_token()).json();
        let actions = actions["value"].as_array().unwrap().len();
        assert!(actions <= 1, "never twice");
        actions == 1
    }
}

fn counted(info: &Value, standing: &str, devices: u64) -> bool {
    info["counts"][standing] == devices
}

#[test]
fn a_dry_run_tells_who_it_would_be_and_asks_nobody() {
    let fleet = Fleet::new(&["web-01", "web-02", "db-01"]);
    let dry = fleet.post(
        "rotations",
        &json!({ "devices": "name:WEB-*", "canaries": "50%", "perMinute": 1, "dryRun": true }),
    );
    let mut told = dry.json();
    told["first"].as_array_mut().unwrap().sort_by_key(ToString::to_string);
    let expected = json!({ "count": 2, "canaries": 1, "minutes": 2, "first": ["web-01", "web-02"] });
    assert_eq!((dry.status, told), (200, expected));
    assert_eq!(fleet.get("rotations")["value"], json!([]));
    for body in [
        json!({ "devices": "some" }),
        json!({ "devices": "all", "canaries": "101%" }),
        json!({ "devices": "all", "perMinute": 0 }),
        json!({ "devices": "all", "stopAtPercent": 0 }),
        json!({ "canaries": "1" }),
    ] {
        assert_eq!(fleet.post("rotations", &body).status, 400, "{body}");
    }
    assert_eq!(fleet.post("rotations", &json!({ "devices": "name:mail-*" })).status, 409);
    assert!(!fleet.devices.iter().any(|device| fleet.is_asked(device)));
}

#[test]
fn the_others_are_woken_and_asked_once_the_canary_is_done() {
    let fleet = Fleet::new(&["=web,01", "web-02", "web-03"]);
    let [canary, second, third] = fleet.devices.as_slice() else { panic!() };
    // Whoever called home last goes first.
    Session::named(&fleet.server, canary).open(Vec::new());
    let mut lines = [canary, second, third].map(|device| wake::connect(&fleet.server, device));
    let id = fleet.begin("all", "1");
    wake::called(&mut lines[0]);
    let info = fleet.get(&format!("rotations/{id}"));
    assert_eq!(
        (info["holdsForCanaries"].as_bool(), info["canaries"]["pending"].as_u64()),
        (Some(true), Some(1))
    );
    fleet.rotate(canary, "-2147012867 - 30016");
    assert!(fleet.until(&id, |info| counted(info, "failing", 1))["holdsForCanaries"].as_bool().unwrap());
    assert!(!fleet.is_asked(second) && !fleet.is_asked(third));
    let action = fleet.server.get(
        &fleet.server.admin_path(&format!("devices/{}/actions", canary.id)),
        &fleet.server.admin_token(),
    );
    let action = action.json()["value"][0]["id"].as_str().unwrap().to_owned();
    Session::named(&fleet.server, canary).open(vec![report(3, &action, "0 - -")]);
    wake::called(&mut lines[1]);
    wake::called(&mut lines[2]);
    fleet.rotate(second, "0 - -");
    fleet.rotate(third, "0 - -");
    let end = fleet.until(&id, |info| info["state"] == "finished");
    assert_eq!(end["counts"]["done"], 3);

    let rows = fleet.report(&id);
    assert_eq!((rows[0]["displayName"].as_str(), rows[0]["canary"].as_bool()), (Some("=web,01"), Some(true)));
    assert!(rows.iter().all(|row| row["state"] == "done" && row["requested"].is_string()));
    let path = fleet.server.admin_path(&format!("rotations/{id}/report?format=csv"));
    let table = fleet.server.get(&path, &fleet.operator);
    assert_eq!(table.header("content-type"), Some("text/csv; charset=utf-8"));
    let table = String::from_utf8(table.body).unwrap();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines[0], "device,name,state,requested,since,hresult,event,version,canary,detail");
    assert!(lines[1].starts_with(&format!("{},\"'=web,01\",done,", canary.id)), "{table}");
    assert_eq!(lines.len(), 4);
}

#[test]
fn an_operators_word_sends_the_others_past_a_canary_that_never_answers() {
    let fleet = Fleet::new(&["web-01", "web-02"]);
    let mut lines: Vec<_> = fleet.devices.iter().map(|device| wake::connect(&fleet.server, device)).collect();
    let id = fleet.begin("all", "1");
    fleet.until(&id, |info| counted(info, "pending", 1));
    assert_eq!(fleet.say(&id, "resume"), 200);
    assert!(fleet.get(&format!("rotations/{id}"))["holdsForCanaries"].as_bool().unwrap());
    assert_eq!(fleet.post(&format!("rotations/{id}/resume"), &json!({ "pastCanaries": true })).status, 200);
    lines.iter_mut().for_each(wake::called);
    assert!(fleet.devices.iter().all(|device| fleet.is_asked(device)));
}

#[test]
fn what_is_cancelled_asks_nobody_more_and_takes_back_what_no_device_has_accepted() {
    let fleet = Fleet::new(&["web-01", "web-02", "web-03"]);
    let id = fleet.begin("all", "2");
    fleet.until(&id, |info| counted(info, "pending", 2));
    let accepted = fleet.devices.iter().find(|device| fleet.is_asked(device)).unwrap();
    let mut session = Session::named(&fleet.server, accepted);
    let work = session.open(Vec::new());
    session.answer(&[(&work[0], 202)]);
    assert_eq!(fleet.say(&id, "pause"), 200);
    assert_eq!(fleet.say(&id, "pause"), 409);
    assert_eq!(fleet.say(&id, "cancel"), 200);
    assert_eq!(fleet.say(&id, "resume"), 409);
    let info = fleet.get(&format!("rotations/{id}"));
    assert_eq!(info["state"], "cancelled");
    assert!(counted(&info, "accepted", 1) && counted(&info, "cancelled", 2), "{info}");
    // What was accepted is told to the end.
    session.open(vec![report(3, work[0].correlator.as_deref().unwrap(), "0 - -")]);
    assert!(counted(&fleet.get(&format!("rotations/{id}")), "done", 1));
}

#[test]
fn a_device_that_is_disabled_meanwhile_is_skipped_and_told_of() {
    let fleet = Fleet::new(&["web-01", "web-02"]);
    let [canary, other] = fleet.devices.as_slice() else { panic!() };
    Session::named(&fleet.server, canary).open(Vec::new());
    let id = fleet.begin("all", "1");
    fleet.until(&id, |info| counted(info, "pending", 1));
    wake::patch(&fleet.server, other, false);
    fleet.rotate(canary, "0 - -");
    fleet.until(&id, |info| info["state"] == "finished");
    let rows = fleet.report(&id);
    assert_eq!(
        (rows[1]["state"].as_str(), rows[1]["detail"].as_str()),
        (Some("skipped"), Some("the device is disabled"))
    );
    assert!(!fleet.is_asked(other));
}

#[test]
fn it_stops_by_itself_when_too_many_fail_and_goes_on_when_it_is_told_to() {
    let names: Vec<String> = (0..22).map(|n| format!("web-{n:02}")).collect();
    let fleet = Fleet::new(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let id = fleet.begin("all", "21");
    fleet.until(&id, |info| counted(info, "pending", 21));
    let asked: Vec<&Device> = fleet.devices.iter().filter(|device| fleet.is_asked(device)).collect();
    for (at, device) in asked.iter().enumerate() {
        fleet.rotate(device, if at < 2 { "-2147012867 - 30016" } else { "0 - -" });
    }
    fleet.until(&id, |info| info["state"] == "stopped");
    let resume = fleet.post(&format!("rotations/{id}/resume"), &json!({ "pastCanaries": true }));
    assert_eq!((resume.status, resume.json()["state"].as_str()), (200, Some("running")));
    fleet.until(&id, |info| counted(info, "waiting", 0));
    assert!(fleet.devices.iter().all(|device| fleet.is_asked(device)));
}

#[test]
fn a_restart_in_the_middle_loses_nobody_and_asks_nobody_twice() {
    let fleet = Fleet::new(&["web-01", "web-02", "web-03", "web-04"]);
    let id = fleet.begin("all", "2");
    fleet.until(&id, |info| counted(info, "pending", 2));
    let Fleet { server, devices, .. } = fleet;
    let (_, folder) = server.stop();
    let server = Server::open(folder, None);
    let operator = server.token_with_roles(&["Lapwing.BulkRotate"]);
    let fleet = Fleet { server, devices, operator };
    let (first, rest): (Vec<&Device>, Vec<&Device>) =
        fleet.devices.iter().partition(|device| fleet.is_asked(device));
    assert_eq!((first.len(), rest.len()), (2, 2));
    first.into_iter().for_each(|device| fleet.rotate(device, "0 - -"));
    fleet.until(&id, |info| counted(info, "pending", 2));
    rest.into_iter().for_each(|device| fleet.rotate(device, "0 - -"));
    fleet.until(&id, |info| info["state"] == "finished");
    assert!(fleet.devices.iter().all(|device| fleet.is_asked(device)));
}

#[test]
fn to_act_in_bulk_is_a_right_of_its_own_and_is_recorded() {
    let fleet = Fleet::new(&["web-01"]);
    let id = fleet.begin("all", "0");
    let others = fleet
        .server
        .token_with_roles(&["Lapwing.Administer", "DeviceManagementManagedDevices.PrivilegedOperations.All"]);
    for (method, path) in [
        ("POST", "rotations".to_owned()),
        ("GET", "rotations".to_owned()),
        ("GET", format!("rotations/{id}")),
        ("GET", format!("rotations/{id}/report")),
        ("POST", format!("rotations/{id}/pause")),
        ("POST", format!("rotations/{id}/resume")),
        ("POST", format!("rotations/{id}/cancel")),
    ] {
        let path = fleet.server.admin_path(&path);
        let ask =
            |bearer| fleet.server.send(&Request { method, path: &path, bearer, ..Request::default() }).status;
        assert_eq!((ask(Some(others.as_str())), ask(None)), (403, 401), "{method} {path}");
    }
    fleet.until(&id, |info| counted(info, "pending", 1));
    let audit = fleet.server.get(&fleet.server.admin_path("audit"), &fleet.server.admin_token()).json();
    let asked = audit["value"].as_array().unwrap().iter().find(|entry| {
        entry["activity"] == "Rotate local administrator password" && entry["actor"] == "server"
    });
    let asked = asked.expect("an entry for the device");
    assert_eq!(asked["target"], fleet.devices[0].id.to_string());
    assert!(asked["detail"].as_str().unwrap().contains(&id));
}
