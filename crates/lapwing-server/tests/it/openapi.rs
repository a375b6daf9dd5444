//! The server against its own description, by schemathesis: no server error, no status or shape that is not described, no
//! credentials ignored, and every operation once done.

use std::collections::BTreeMap;

use lapwing_proto::{
    register::{CSR_SUBJECT, Condition},
    syncml::{self, Header, Message, MsgId},
};
use serde_json::{Value, json};

use crate::{
    certificate::{other_key, renewal_body},
    device::{Device, discover, enrolment_token, join_body, version},
    harness::{Request, Server},
    python::{self, to_pem},
};

/// As `cargo xtask setup` makes it.
const PACKAGES: &str = "schemathesis==4.32.5";
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/openapi.py");
/// It opens a connection that is no longer HTTP, which schemathesis does not speak.
const UPGRADE: &str = "GET /lapwing/v1/{tenant}/wake";

/// Makes what operations are then tried on.
struct Seeds {
    server: Server,
    token: String,
    examples: BTreeMap<String, Value>,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value}")).to_owned()
}

impl Seeds {
    fn send(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let bearer = Some(self.token.as_str());
        let answer =
            self.server.send(&Request { method, path, bearer, body: body.as_bytes(), ..Request::default() });
        assert!(answer.status < 300, "{path}: {}", String::from_utf8_lossy(&answer.body));
        if answer.body.is_empty() { Value::Null } else { answer.json() }
    }

    fn graph(&self, method: &str, path: &str, body: &Value) -> Value {
        self.send(method, &format!("/beta/{path}"), body)
    }

    fn ours(&self, method: &str, path: &str, body: &Value) -> Value {
        self.send(method, &self.server.admin_path(path), body)
    }

    /// What an operation is tried with.
    fn example(&mut self, operation: &str, values: Value, body: Value) {
        let mut example = json!({ "values": values });
        if !body.is_null() {
            example["body"] = body;
        }
        self.examples.insert(operation.to_owned(), example);
    }

    fn ours_example(&mut self, method: &str, path: &str, values: Value, body: Value) {
        self.example(&format!("{method} /lapwing/v1/{{tenant}}/{path}"), values, body);
    }

    /// The same below both roots of Graph.
    fn graph_example(&mut self, method: &str, path: &str, id: impl Fn(&Self) -> String, body: Value) {
        for root in ["/v1.0", "/beta"] {
            let id = id(self);
            self.example(&format!("{method} {root}/{path}"), json!({ "id": id }), body.clone());
        }
    }

    fn group(&self) -> String {
        let group = json!({ "displayName": "web", "membershipRule": "name:web-*" });
        text(&self.graph("POST", "groups", &group)["id"])
    }

    fn policy(&self) -> String {
        text(&self.graph("POST", "deviceManagement/configurationPolicies", &policy())["id"])
    }

    fn client(&self) -> String {
        text(&self.ours("POST", "clients", &json!({ "displayName": "x", "roles": [] }))["clientId"])
    }

    fn rotation(&self) -> String {
        let request = json!({ "devices": "name:idle-*", "canaries": "0", "perMinute": 1 });
        text(&self.ours("POST", "rotations", &request)["id"])
    }

    fn graph_examples(&mut self, device: &Device) {
        let filter = format!("/v1.0/devices?$filter=deviceId%20eq%20'{}'", device.id);
        let object = text(&self.send("GET", &filter, &Value::Null)["value"][0]["id"]);
        let switch = self.graph("GET", "policies/deviceRegistrationPolicy", &Value::Null);
        let batch = json!({ "requests": [{ "id": "1", "method": "GET", "url": "/devices" }] });
        let group = json!({ "displayName": "web", "membershipRule": "tag:web" });
        let id = device.id.to_string();
        self.graph_example("POST", "$batch", |_| String::new(), batch);
        self.graph_example("POST", "groups", |_| String::new(), group);
        self.graph_example("GET", "groups/{id}", Self::group, Value::Null);
        self.graph_example("GET", "groups/{id}/members", Self::group, Value::Null);
        self.graph_example("DELETE", "groups/{id}", Self::group, Value::Null);
        self.graph_example("GET", "devices/{id}", |_| object.clone(), Value::Null);
        self.graph_example("PUT", "policies/deviceRegistrationPolicy", |_| String::new(), switch);
        for path in [
            "deviceManagement/managedDevices/{id}",
            "directory/deviceLocalCredentials/{id}",
            "deviceLocalCredentials/{id}",
        ] {
            self.graph_example("GET", path, |_| id.clone(), Value::Null);
        }
        let rotate = "POST /beta/deviceManagement/managedDevices/{id}/rotateLocalAdminPassword";
        self.example(rotate, json!({ "id": id }), Value::Null);
        let policies = "/beta/deviceManagement/configurationPolicies";
        self.example(&format!("POST {policies}"), Value::Null, policy());
        let groups = json!({ "assignments": [{ "target": {
            "@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": self.group(),
        } }] });
        for (method, rest, body) in [
            ("GET", "", Value::Null),
            ("PATCH", "", json!({ "description": "changed" })),
            ("PUT", "", json!({ "description": "replaced" })),
            ("DELETE", "", Value::Null),
            ("GET", "/settings", Value::Null),
            ("GET", "/assignments", Value::Null),
            ("POST", "/assign", groups),
        ] {
            let id = self.policy();
            self.example(&format!("{method} {policies}/{{id}}{rest}"), json!({ "id": id }), body);
        }
    }

    fn administration_examples(&mut self, device: &Device, doomed: &Device) {
        let id = device.id.to_string();
        let token = json!({ "description": "rack", "uses": 1, "hours": 1 });
        let doomed_token = text(&self.ours("POST", "enrolmentTokens", &token)["id"]);
        self.ours_example("POST", "enrolmentTokens", Value::Null, token);
        self.ours_example("DELETE", "enrolmentTokens/{id}", json!({ "id": doomed_token }), Value::Null);
        let client = json!({ "displayName": "helpdesk", "roles": ["Device.Read.All"] });
        self.ours_example("POST", "clients", Value::Null, client);
        let (changed, doomed_client) = (self.client(), self.client());
        self.ours_example("PATCH", "clients/{id}", json!({ "id": changed }), json!({ "enabled": false }));
        self.ours_example("DELETE", "clients/{id}", json!({ "id": doomed_client }), Value::Null);
        self.ours_example("PATCH", "devices/{id}", json!({ "id": id }), json!({ "enabled": true }));
        self.ours_example("DELETE", "devices/{id}", json!({ "id": doomed.id.to_string() }), Value::Null);
        self.graph(
            "POST",
            &format!("deviceManagement/managedDevices/{id}/rotateLocalAdminPassword"),
            &Value::Null,
        );
        let actions = self.ours("GET", &format!("devices/{id}/actions"), &Value::Null);
        let action = json!({ "id": id, "action": actions["value"][0]["id"] });
        self.ours_example("GET", "traces/{id}", json!({ "id": action["action"] }), Value::Null);
        self.ours_example("GET", "devices/{id}/traces", json!({ "id": id }), Value::Null);
        self.ours_example("GET", "devices/{id}/actions", json!({ "id": id }), Value::Null);
        self.ours_example("DELETE", "devices/{id}/actions/{action}", action, Value::Null);
        self.ours_example("GET", "devices/{id}/tags", json!({ "id": id }), Value::Null);
        self.ours_example("PUT", "devices/{id}/tags", json!({ "id": id }), json!({ "tags": ["web"] }));
        self.ours_example("GET", "devices/{id}/policy", json!({ "id": id }), Value::Null);
        for (method, path, body) in [
            ("GET", "policies/{id}/devices", Value::Null),
            ("GET", "policies/{id}/versions", Value::Null),
            ("POST", "policies/{id}/restore", json!({ "version": 1 })),
            ("POST", "policies/{id}/dryRun", json!({ "delete": true })),
        ] {
            let id = self.policy();
            self.ours_example(method, path, json!({ "id": id }), body);
        }
        self.ours_example("POST", "rotations", Value::Null, json!({ "devices": "all", "dryRun": true }));
        for (method, path, body) in [
            ("GET", "rotations/{id}", Value::Null),
            ("POST", "rotations/{id}/pause", Value::Null),
            ("POST", "rotations/{id}/resume", json!({ "pastCanaries": true })),
            ("POST", "rotations/{id}/cancel", Value::Null),
            ("GET", "rotations/{id}/report", Value::Null),
        ] {
            let id = self.rotation();
            self.ours_example(method, path, json!({ "id": id }), body);
        }
    }

    fn device_examples(&mut self, device: &Device, leaving: &Device) {
        let nonce = format!("/EnrollmentServer/nonce/{}/?api-version=1.0", self.server.admin.tenant);
        let nonce = self.send("GET", &nonce, &Value::Null);
        let join = join_body(nonce["Value"].as_str(), "joined", CSR_SUBJECT);
        self.example("POST /EnrollmentServer/device", Value::Null, serde_json::from_slice(&join).unwrap());
        let leave = json!({ "device": leaving.id.to_string() });
        self.example("DELETE /EnrollmentServer/device/{device}", leave, Value::Null);
        let upload = device.upload_body(&device.seal("again", version(), Condition::Any, None));
        let stored = "/manage/{tenant}/lapsdevicepasswordupdate/{device}";
        let named = json!({ "device": device.id.to_string() });
        self.example(&format!("POST {stored}"), named.clone(), serde_json::from_slice(&upload).unwrap());
        self.example(&format!("GET {stored}"), named, Value::Null);
        let challenge = json!({ "grant_type": "srv_challenge" });
        self.example("POST /{tenant}/oauth2/token", Value::Null, challenge);
        let client = json!({
            "grant_type": "client_credentials",
            "client_id": self.server.admin.client_id,
            "client_secret": self.server.admin.client_secret.expose_secret(),
        });
        self.example("POST /{tenant}/oauth2/v2.0/token", Value::Null, client);
        let message = syncml::encode(&Message {
            header: Header {
                session_id: "7".parse().unwrap(),
                msg_id: MsgId(1),
                target: self.server.url.parse().unwrap(),
                source: format!("urn:uuid:{}", device.id).parse().unwrap(),
                max_msg_size: None,
            },
            commands: Vec::new(),
            is_final: true,
        });
        let message = String::from_utf8(message).unwrap();
        self.ours_example("POST", "manage", Value::Null, message.into());
        let traces = json!({ "time": "2026-05-06T07:08:09Z", "traces": [] });
        self.ours_example("POST", "manage/traces", Value::Null, traces);
        let renewal = serde_json::from_slice(&renewal_body(other_key(0), CSR_SUBJECT)).unwrap();
        self.ours_example("POST", "manage/certificate", Value::Null, renewal);
    }
}

fn policy() -> Value {
    json!({ "name": "length", "platforms": "windows10", "technologies": "mdm", "settings": [{
        "id": "0", "settingInstance": {
            "settingDefinitionId": "device_vendor_msft_laps_policies_passwordlength",
            "simpleSettingValue": { "value": 20 },
        },
    }] })
}

#[test]
fn nothing_but_what_is_described_is_answered_and_everything_that_is_described_can_be_done() {
    let server = Server::start_with(
        "address_burst = 1000000\naddress_per_second = 1000000\ndevice_burst = 1000\ndevice_per_hour = 1000000",
    );
    let [device, doomed, leaving, _idle] =
        ["web-01", "web-02", "web-03", "idle-01"].map(|name| Device::join(&server, name));
    device.store_and_check(&server, &device.seal("secret", version(), Condition::Any, None));
    assert!(discover(&server).lapwing_service.is_some());
    let enrolment = enrolment_token(&server, 1000).bearer().to_string();
    let (token, examples) = (server.admin_token(), BTreeMap::new());
    let mut seeds = Seeds { server, token, examples };
    seeds.graph_examples(&device);
    seeds.administration_examples(&device, &doomed);
    seeds.device_examples(&device, &leaving);
    let Seeds { server, token, mut examples } = seeds;
    examples.insert(
        "values".to_owned(),
        json!({ "tenant": server.admin.tenant, "$top": 5, "after": 0, "$select": "deviceName", "format": "csv" }),
    );
    let file = |name: &str, content: &str| {
        let path = server.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    // The one who leaves shows who it is; for all else its certificate is as good as another's.
    let (certificate, key) = leaving.identity();
    let key =
        format!("-----BEGIN PRIVATE KEY-----\n{}", to_pem(key.secret_der()).split_once('\n').unwrap().1)
            .replace("END CERTIFICATE", "END PRIVATE KEY");
    let given = json!({
        "url": server.url,
        "device_url": server.device_url,
        "authority": file("authority.pem", &to_pem(&server.authority)),
        "certificate": file("device.pem", &to_pem(&certificate)),
        "key": file("device.key", &key),
        "tokens": { "client": token, "deviceToken": device.token, "enrolmentToken": enrolment },
        "examples": examples,
    });
    let found = python::run(PACKAGES, SCRIPT, &[], &given);
    let output = |at: usize| found["output"][at].as_str().unwrap();
    assert_eq!(found["ok"], json!([true, true]), "{}\n{}", output(0), output(1));
    let is_done = |answers: &Value| {
        answers
            .as_array()
            .is_some_and(|all| all.iter().any(|status| (200..300).contains(&status.as_u64().unwrap())))
    };
    let everybody = found["everybody"].as_object().unwrap();
    let undone: Vec<_> = everybody
        .iter()
        .filter(|(label, answers)| !is_done(answers) && !is_done(&found["devices"][label.as_str()]))
        .filter(|(label, _)| *label != UPGRADE)
        .collect();
    assert!(undone.is_empty(), "never done: {undone:?}\n{}", output(1));
    let described =
        server.send(&Request { method: "GET", path: "/openapi.json", ..Request::default() }).json();
    let paths = described["paths"].as_object().unwrap();
    assert_eq!(everybody.len(), paths.values().map(|item| item.as_object().unwrap().len()).sum::<usize>());
}
