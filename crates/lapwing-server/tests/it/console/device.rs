//! The page of a device: what is stored, what of it the device has answered for, and the policy in effect on it.

use lapwing_proto::register::Condition;
use serde_json::{Value, json};

use super::visitor::administrator;
use crate::{
    device::{Device, version},
    harness::{Answer, Request, Server},
};

const UNANSWERED: &str = "not confirmed yet";

fn tell(server: &Server, device: &Device, what: &str, body: &Value) -> Answer {
    server.send(&Request {
        method: "POST",
        path: &server.admin_path(&format!("manage/{what}")),
        body: body.to_string().as_bytes(),
        identity: Some(device.identity()),
        ..Request::default()
    })
}

#[test]
fn a_candidate_is_named_until_the_device_has_said_that_it_took_it() {
    let server = Server::start();
    let device = Device::join(&server, "web-01");
    let (mut visitor, _) = administrator(&server);
    let page = format!("/console/devices/{}", device.id);
    let (first, second) = (version(), version());
    device.store_and_check(&server, &device.seal("one", first, Condition::Any, None));
    device.store_and_check(&server, &device.seal("two", second, Condition::Holds(first), Some(first)));
    visitor.get(&page);
    assert_eq!(visitor.page.matches(UNANSWERED).count(), 1);
    assert!(visitor.page.contains("in force before"), "the last good one is named too: {}", visitor.page);
    for (of, is_answered) in [(first, false), (second, true)] {
        let trace = json!({
            "id": version().to_string(), "causes": ["schedule"], "reasons": 1, "actions": [],
            "version": of.to_string(), "leftOut": 0, "end": "rotated", "attempts": [],
        });
        let upload = json!({ "time": "2026-01-02T03:05:07.0000000Z", "traces": [trace] });
        let told = tell(&server, &device, "traces", &upload);
        assert_eq!(told.status, 204, "{}", String::from_utf8_lossy(&told.body));
        visitor.get(&page);
        assert_eq!(!visitor.page.contains(UNANSWERED), is_answered);
    }
}

#[test]
fn the_policy_in_effect_is_shown_as_the_device_told_it_last() {
    let server = Server::start();
    let device = Device::join(&server, "web-01");
    let (mut visitor, _) = administrator(&server);
    let page = format!("/console/devices/{}", device.id);
    visitor.get(&page);
    assert!(visitor.page.contains("It has not told which values are in effect"));
    let report = |value: &str, remark: &str| {
        json!({
            "source": "Local",
            "settings": [{
                "name": "PasswordLength", "value": value, "origin": "/etc/lapwing/policy.toml:3",
                "remarks": [remark],
            }],
            "remarks": [],
        })
    };
    for value in ["20", "24"] {
        let told = tell(&server, &device, "policy", &report(value, "<b>CSP: 99: unsupported"));
        assert_eq!(told.status, 204, "{}", String::from_utf8_lossy(&told.body));
    }
    visitor.get(&page);
    for text in ["<strong>Local</strong>", "/etc/lapwing/policy.toml:3", ">24</td>", "CSP: 99: unsupported"] {
        assert!(visitor.page.contains(text), "{text}: {}", visitor.page);
    }
    assert!(!visitor.page.contains(">20</td>") && !visitor.page.contains("<b>CSP"));
    assert_eq!(tell(&server, &device, "policy", &report("24", &"a".repeat(4096))).status, 400);
    assert_eq!(tell(&server, &device, "policy", &json!({ "settings": [] })).status, 400);
    let form = [("enabled", "false")];
    assert_eq!(visitor.post(&format!("{page}/enabled"), &form).status, 303);
    assert_eq!(tell(&server, &device, "policy", &report("24", "")).status, 403);
}
