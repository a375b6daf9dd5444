//! A password that somebody has read is rotated some hours later, where the policy says so.

use lapwing_proto::{
    register::Condition,
    syncml::{Operation, Verb},
};
use serde_json::{Value, json};

use crate::{
    device::{Device, version},
    graph::sql,
    harness::{Answer, Request, Server},
    manage::{Session, report},
    policies::assignments,
    wake::{called, connect},
};

fn send(server: &Server, method: &str, path: &str, body: &Value) -> Answer {
    let (token, body) = (server.admin_token(), body.to_string());
    let bearer = Some(token.as_str());
    server.send(&Request { method, path, bearer, body: body.as_bytes(), ..Request::default() })
}

fn policy(hours: u16, settings: &Value) -> Value {
    json!({ "name": "reveal", "rotateAfterRevealHours": hours, "settings": settings })
}

fn settings() -> Value {
    json!([{ "id": "0", "settingInstance": {
        "settingDefinitionId": "device_vendor_msft_laps_policies_passwordlength",
        "simpleSettingValue": { "value": 20 },
    } }])
}

/// Makes a policy for every device, by which a password is rotated so many hours after it was shown.
pub(crate) fn rotate_after(server: &Server, hours: u16) {
    let policies = "/beta/deviceManagement/configurationPolicies";
    let made = send(server, "POST", policies, &policy(hours, &settings()));
    assert_eq!(made.status, 201, "{}", String::from_utf8_lossy(&made.body));
    let group = json!({ "displayName": "everybody", "membershipRule": "name:*" });
    let group = send(server, "POST", "/beta/groups", &group).json()["id"].as_str().unwrap().to_owned();
    let path = format!("{policies}/{}/assign", made.json()["id"].as_str().unwrap());
    assert_eq!(send(server, "POST", &path, &assignments(&[&group])).status, 200);
}

fn stored(server: &Server, name: &str) -> Device {
    let device = Device::join(server, name);
    device.store_and_check(server, &device.seal("secret", version(), Condition::Any, None));
    device
}

/// Where a device's passwords are shown.
pub(crate) fn credentials(device: &Device) -> String {
    format!("/v1.0/directory/deviceLocalCredentials/{}?$select=credentials", device.id)
}

fn read(server: &Server, path: &str) {
    assert_eq!(server.get(path, &server.admin_token()).status, 200);
}

pub(crate) fn actions(server: &Server, device: &Device) -> Vec<Value> {
    let path = server.admin_path(&format!("devices/{}/actions", device.id));
    server.get(&path, &server.admin_token()).json()["value"].as_array().unwrap().clone()
}

/// Of the work in a session, the rotations.
fn rotations(work: Vec<Operation>) -> Vec<Operation> {
    work.into_iter().filter(|operation| operation.verb == Verb::Exec).collect()
}

#[test]
fn a_password_that_was_read_is_rotated_when_it_is_due_also_after_a_restart() {
    let server = Server::start();
    let device = stored(&server, "web-01");
    rotate_after(&server, 1);
    read(&server, &format!("/v1.0/directory/deviceLocalCredentials/{}", device.id));
    read(&server, "/v1.0/directory/deviceLocalCredentials?$select=credentials");
    assert_eq!(actions(&server, &device), Vec::<Value>::new(), "nothing was shown so far");
    read(&server, &credentials(&device));
    read(&server, &credentials(&device));
    let waiting = actions(&server, &device);
    let [action] = waiting.as_slice() else { panic!("{waiting:?}") };
    let text = |member: &str| action[member].as_str().unwrap().to_owned();
    let reason = format!("revealed by client:{} at {}", server.admin.client_id, text("requested"));
    assert_eq!(
        (text("state"), text("requestedBy"), text("reason")),
        ("pending".into(), "server".into(), reason)
    );
    assert!(text("notBefore") > text("requested") && text("expires") > text("notBefore"), "{action}");
    assert_eq!(rotations(Session::named(&server, &device).open(Vec::new())), Vec::new(), "it is not due");

    let (_, folder) = server.stop();
    // As if the hour were over in four seconds, counted from the reading.
    sql(
        folder.path(),
        "UPDATE action SET requested = requested - 35960000000, since = since - 35960000000,
         not_before = not_before - 35960000000, expires = expires - 35960000000",
    )
    .unwrap();
    let server = Server::open(folder, None);
    called(&mut connect(&server, &device));
    let mut session = Session::named(&server, &device);
    let work = rotations(session.open(Vec::new()));
    assert_eq!((work.len(), work[0].correlator.as_deref()), (1, action["id"].as_str()));
    session.answer(&[(&work[0], 202)]);
    assert_eq!(actions(&server, &device)[0]["state"], "accepted");
    session.open(vec![report(3, action["id"].as_str().unwrap(), "0 - -")]);
    assert_eq!(actions(&server, &device)[0]["state"], "done");
}

#[test]
fn a_rotation_meanwhile_answers_for_the_reveal() {
    let server = Server::start();
    let device = stored(&server, "web-01");
    rotate_after(&server, 4);
    let batch = json!({ "requests": [{
        "id": "1", "method": "GET",
        "url": format!("/directory/deviceLocalCredentials/{}?$select=credentials", device.id),
    }] });
    assert_eq!(send(&server, "POST", "/v1.0/$batch", &batch).json()["responses"][0]["status"], 200);
    assert_eq!(actions(&server, &device)[0]["state"], "pending", "a batch shows it too");
    device.store_and_check(&server, &device.seal("newer", version(), Condition::Any, None));
    assert_eq!(actions(&server, &device)[0]["state"], "cancelled");
    read(&server, &credentials(&device));
    let states: Vec<_> = actions(&server, &device).iter().map(|action| action["state"].clone()).collect();
    assert_eq!(states, ["pending", "cancelled"]);
    let audit = server.get(&server.admin_path("audit"), &server.admin_token()).json();
    let said = |detail: &str| {
        let is_it =
            |entry: &&Value| entry["actor"] == "server" && entry["detail"].as_str().unwrap().contains(detail);
        audit["value"].as_array().unwrap().iter().filter(is_it).count()
    };
    assert_eq!((said("revealed by client:"), said("that was revealed is replaced")), (2, 1));
}

#[test]
fn the_hours_have_a_range_and_none_are_written_as_nothing() {
    let server = Server::start();
    let policies = "/beta/deviceManagement/configurationPolicies";
    for (hours, settings, status) in
        [(169, settings(), 400), (4, json!([]), 400), (168, settings(), 201), (1, settings(), 201)]
    {
        let answer = send(&server, "POST", policies, &policy(hours, &settings));
        assert_eq!(answer.status, status, "{hours} {settings}");
        if status == 201 {
            assert_eq!(answer.json()["rotateAfterRevealHours"], json!(hours));
        } else {
            assert!(answer.json()["error"]["message"].as_str().unwrap().contains("rotateAfterRevealHours"));
        }
    }
    let none = send(&server, "POST", policies, &policy(0, &settings())).json();
    assert_eq!(none.get("rotateAfterRevealHours"), None);
    let path = format!("{policies}/{}", none["id"].as_str().unwrap());
    let set = send(&server, "PATCH", &path, &json!({ "rotateAfterRevealHours": 9 })).json();
    assert_eq!(set["rotateAfterRevealHours"], 9);
    let kept = send(&server, "PATCH", &path, &json!({ "description": "x" })).json();
    assert_eq!(kept["rotateAfterRevealHours"], 9, "what is not named stays");
    let gone = send(&server, "PATCH", &path, &json!({ "rotateAfterRevealHours": null })).json();
    assert_eq!(gone.get("rotateAfterRevealHours"), None);
}
