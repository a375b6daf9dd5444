//! LAPS policies by Graph and beside it: made, assigned, tried out, returned to, and in conflict.

use lapwing_core::{
    csp::{self, Member, Performed, Tree},
    event::Hresult,
    policy::Setting,
};
use lapwing_proto::syncml::{AlertCode, CmdId, Command, Item, MsgId, Operation, Results, Status, StatusCode};
use serde_json::{Value, json};

use crate::{
    device::Device,
    harness::{Answer, Request, Server},
    manage::{Session, alert},
};

pub(crate) const EXPORTED: &str =
    include_str!("../../../lapwing-proto/tests/fixtures/configuration_policy.json");

/// A server and a client that may write policies and nothing else.
struct World {
    server: Server,
    token: String,
}

impl World {
    fn new() -> Self {
        let server = Server::start();
        let token = server.token_with_roles(&["DeviceManagementConfiguration.ReadWrite.All"]);
        Self { server, token }
    }

    fn send(&self, method: &str, path: &str, body: &Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let bearer = Some(self.token.as_str());
        self.server.send(&Request { method, path, bearer, body: body.as_bytes(), ..Request::default() })
    }

    fn graph(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.send(method, &format!("/beta/{path}"), body)
    }

    fn ours(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.send(method, &self.server.admin_path(path), body)
    }

    /// Makes a policy that sets a length, and is for the group of this rule.
    fn policy(&self, length: u16, rule: &str) -> (String, String) {
        let group = json!({ "displayName": rule, "membershipRule": rule, "mailEnabled": false });
        let group = text(&self.graph("POST", "groups", &group).json()["id"]);
        let policy = json!({ "name": rule, "settings": settings(length) });
        let policy =
            text(&self.graph("POST", "deviceManagement/configurationPolicies", &policy).json()["id"]);
        let assigned = self.graph(
            "POST",
            &format!("deviceManagement/configurationPolicies/{policy}/assign"),
            &assignments(&[&group]),
        );
        assert_eq!(assigned.status, 200, "{}", String::from_utf8_lossy(&assigned.body));
        (policy, group)
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn settings(length: u16) -> Value {
    json!([{ "id": "0", "settingInstance": {
        "settingDefinitionId": "device_vendor_msft_laps_policies_passwordlength",
        "simpleSettingValue": { "value": length },
    } }])
}

pub(crate) fn assignments(groups: &[&str]) -> Value {
    let target = |group: &&str| {
        json!({ "target": {
        "@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": group,
    } })
    };
    json!({ "assignments": groups.iter().map(target).collect::<Vec<_>>() })
}

/// Without what is the server's own: ids and times.
fn bare(mut policy: Value) -> Value {
    let members = policy.as_object_mut().unwrap();
    for member in ["@odata.context", "id", "createdDateTime", "lastModifiedDateTime", "isAssigned"] {
        members.remove(member);
    }
    policy
}

#[test]
fn an_imported_policy_is_exported_as_it_was() {
    let world = World::new();
    let exported: Value = serde_json::from_str(EXPORTED).unwrap();
    let created = world.graph("POST", "deviceManagement/configurationPolicies", &exported);
    assert_eq!(created.status, 201, "{}", String::from_utf8_lossy(&created.body));
    let id = text(&created.json()["id"]);
    assert_ne!(id, exported["id"].as_str().unwrap());
    let path = format!("deviceManagement/configurationPolicies('{id}')");
    let again = world.graph("GET", &format!("{path}?$expand=settings"), &Value::Null).json();
    assert_eq!(bare(again), bare(exported.clone()));
    let settings = world.graph("GET", &format!("{path}/settings"), &Value::Null).json();
    assert_eq!(settings["value"], exported["settings"]);
    let listed = world.graph("GET", "deviceManagement/configurationPolicies", &Value::Null).json();
    assert_eq!((&listed["value"][0]["id"], listed["value"][0].get("settings")), (&json!(id), None));
    let filter = "$filter=templateReference/templateFamily%20eq%20'endpointSecurityAccountProtection'";
    let filtered =
        world.graph("GET", &format!("deviceManagement/configurationPolicies?{filter}"), &Value::Null).json();
    assert_eq!(filtered["value"].as_array().unwrap().len(), 1);
    assert_eq!(world.send("GET", "/v1.0/deviceManagement/configurationPolicies", &Value::Null).status, 404);
}

#[test]
fn what_is_no_laps_policy_is_refused_by_name() {
    let world = World::new();
    let foreign = json!({ "name": "x", "settings": [{ "settingInstance": {
        "settingDefinitionId": "device_vendor_msft_bitlocker_y", "simpleSettingValue": { "value": 1 },
    } }] });
    for (body, said) in [
        (foreign, "device_vendor_msft_bitlocker_y"),
        (json!({ "name": "x", "settings": settings(7) }), "8 to 64"),
        (json!({ "name": "", "settings": [] }), "`name`"),
        (json!({ "settings": [] }), "members"),
    ] {
        let answer = world.graph("POST", "deviceManagement/configurationPolicies", &body);
        let message = text(&answer.json()["error"]["message"]);
        assert!(answer.status == 400 && message.contains(said), "{} {message}", answer.status);
    }
}

#[test]
fn each_edit_is_a_version_and_an_earlier_one_can_be_returned_to() {
    let world = World::new();
    let (id, _) = world.policy(20, "name:*");
    let path = format!("deviceManagement/configurationPolicies/{id}");
    let changed = world.graph("PATCH", &path, &json!({ "settings": settings(30), "id": "ignored" }));
    assert_eq!((changed.status, &changed.json()["id"]), (200, &json!(id)));
    assert_eq!(world.graph("PATCH", &path, &json!({ "name": "renamed" })).json()["name"], "renamed");
    let restored = world.ours("POST", &format!("policies/{id}/restore"), &json!({ "version": 1 }));
    assert_eq!(restored.json(), json!({ "version": 4 }));
    let versions = world.ours("GET", &format!("policies/{id}/versions"), &Value::Null).json();
    let versions = versions["value"].as_array().unwrap();
    let value =
        |at: usize| &versions[at]["policy"]["settings"][0]["settingInstance"]["simpleSettingValue"]["value"];
    assert_eq!((versions.len(), value(0), value(1), value(3)), (4, &json!(20), &json!(30), &json!(20)));
    assert_eq!(versions[0]["restores"], 1);
    let missing = world.ours("POST", &format!("policies/{id}/restore"), &json!({ "version": 9 }));
    assert_eq!(missing.status, 404);
    assert_eq!(world.graph("DELETE", &path, &Value::Null).status, 204);
    assert_eq!(world.graph("GET", &path, &Value::Null).status, 404);
    assert_eq!(world.ours("GET", &format!("policies/{id}/versions"), &Value::Null).status, 200);
}

#[test]
fn a_dry_run_says_which_devices_would_change_and_changes_nothing() {
    let world = World::new();
    let web = Device::join(&world.server, "web-01");
    Device::join(&world.server, "db-01");
    let (id, group) = world.policy(20, "name:web-*");
    let dry_run = |body: Value| world.ours("POST", &format!("policies/{id}/dryRun"), &body).json();
    let found = dry_run(json!({ "settings": settings(30) }));
    assert_eq!((&found["count"], &found["value"][0]["deviceId"]), (&json!(1), &json!(web.id.to_string())));
    assert_eq!(found["value"][0]["before"], json!({ "state": "assigned", "policies": [id], "version": 1 }));
    assert_eq!(found["value"][0]["after"], json!({ "state": "assigned", "policies": [id], "version": 2 }));
    assert_eq!(dry_run(json!({ "settings": settings(20) }))["count"], 0);
    assert_eq!(dry_run(json!({ "groups": [group] }))["count"], 0);
    for taken in [json!({ "groups": [] }), json!({ "delete": true }), json!({ "settings": [] })] {
        let found = dry_run(taken);
        assert_eq!((&found["count"], &found["value"][0]["after"]["state"]), (&json!(1), &json!("none")));
    }
    let standing = world.ours("GET", &format!("devices/{}/policy", web.id), &Value::Null).json();
    assert_eq!(standing["standing"]["version"], 1);
}

#[test]
fn two_policies_for_one_device_are_in_conflict_for_everybody_to_see() {
    let world = World::new();
    let web = Device::join(&world.server, "web-01");
    let (first, _) = world.policy(20, "name:web-*");
    let (second, _) = world.policy(30, "tag:eu");
    let conflicts = || world.ours("GET", "policyConflicts", &Value::Null).json();
    assert_eq!(conflicts(), json!({ "count": 0, "value": [] }));
    let path = format!("devices/{}/tags", web.id);
    let tagged = world.ours("PUT", &path, &json!({ "tags": ["EU", "rack-7"] }));
    assert_eq!(tagged.json(), json!({ "tags": ["eu", "rack-7"] }));
    assert_eq!(world.ours("GET", &path, &Value::Null).json(), tagged.json());
    let mut policies = [first, second];
    policies.sort_unstable();
    let conflict = json!({ "deviceId": web.id.to_string(), "displayName": "web-01", "policies": policies });
    assert_eq!(conflicts(), json!({ "count": 1, "value": [conflict] }));
    let standing = world.ours("GET", &format!("devices/{}/policy", web.id), &Value::Null).json();
    assert_eq!((&standing["standing"]["state"], &standing["told"]), (&json!("conflict"), &Value::Null));
    assert_eq!(world.ours("PUT", &path, &json!({ "tags": ["two words"] })).status, 400);
}

#[test]
fn a_policy_is_for_groups_alone() {
    let world = World::new();
    let (id, group) = world.policy(20, "name:*");
    let path = format!("deviceManagement/configurationPolicies/{id}");
    let listed = world.graph("GET", &format!("{path}/assignments"), &Value::Null).json();
    assert_eq!(listed["value"][0]["id"], json!(format!("{id}_{group}")));
    assert_eq!(listed["value"][0]["target"]["groupId"], json!(group));
    let everyone = json!({ "assignments": [{ "target": { "@odata.type": "#microsoft.graph.allDevicesAssignmentTarget" } }] });
    assert_eq!(world.graph("POST", &format!("{path}/assign"), &everyone).status, 400);
    let unknown = assignments(&["00000000-0000-0000-0000-000000000009"]);
    assert_eq!(world.graph("POST", &format!("{path}/assign"), &unknown).status, 400);
    assert_eq!(world.graph("DELETE", &format!("groups/{group}"), &Value::Null).status, 409);
    assert_eq!(world.graph("POST", &format!("{path}/assign"), &assignments(&[])).status, 200);
    assert_eq!(world.graph("DELETE", &format!("groups/{group}"), &Value::Null).status, 204);
    assert_eq!(world.graph("GET", &format!("groups/{group}"), &Value::Null).status, 404);
    for rule in ["os:linux", "tag:", "name:"] {
        let body = json!({ "displayName": "x", "membershipRule": rule });
        assert_eq!(world.graph("POST", "groups", &body).status, 400, "{rule}");
    }
}

#[test]
fn reading_policies_and_writing_them_are_roles_of_their_own() {
    let world = World::new();
    let (id, _) = world.policy(20, "name:*");
    let reader = world.server.token_with_roles(&["DeviceManagementConfiguration.Read.All"]);
    let stranger = world.server.token_with_roles(&["Lapwing.Administer", "Device.Read.All"]);
    let path = format!("/beta/deviceManagement/configurationPolicies/{id}");
    let send = |method, path: &str, bearer: &str| {
        let bearer = Some(bearer);
        world.server.send(&Request { method, path, bearer, body: b"{}", ..Request::default() }).status
    };
    assert_eq!((send("GET", &path, &reader), send("PATCH", &path, &reader)), (200, 403));
    assert_eq!((send("GET", &path, &stranger), send("DELETE", &path, &stranger)), (403, 403));
    let restore = world.server.admin_path(&format!("policies/{id}/restore"));
    assert_eq!((send("POST", &restore, &reader), send("POST", &restore, &stranger)), (403, 403));
}

/// What a device answers to one message, and whether there was anything to answer.
fn perform(tree: &mut Tree, msg_ref: u32, commands: &[Command]) -> Vec<Command> {
    let mut replies = Vec::new();
    for command in commands {
        let (id, code, value) = match command {
            Command::Operation(operation) => {
                let Performed::Done(reply) = tree.perform(&to_core(operation), Hresult(0)) else { panic!() };
                (&operation.id, reply.status, reply.value)
            }
            Command::Group(group) => {
                let member = |command: &Command| match command {
                    Command::Operation(operation) => Member::Operation(to_core(operation)),
                    other => panic!("{other:?}"),
                };
                let members: Vec<_> = group.commands.iter().map(member).collect();
                (&group.id, tree.perform_atomic(&members, Hresult(0)).status, None)
            }
            _ => continue,
        };
        let (number, msg_ref) = (CmdId::number(u32::try_from(replies.len()).unwrap() + 10), MsgId(msg_ref));
        replies.push(Command::Status(Status {
            id: number.clone(),
            msg_ref,
            cmd_ref: Some(id.clone()),
            cmd: command.name().to_owned(),
            targets: Vec::new(),
            sources: Vec::new(),
            code: StatusCode(code.0),
            original_error: None,
        }));
        if let (Some(value), Command::Operation(operation)) = (value, command) {
            let source = operation.items[0].target.clone();
            let items = vec![Item { source, data: Some(value.data), ..Item::default() }];
            replies.push(Command::Results(Results { id: number, msg_ref, cmd_ref: id.clone(), items }));
        }
    }
    replies
}

fn to_core(operation: &Operation) -> csp::Operation {
    let item = &operation.items[0];
    csp::Operation {
        verb: *csp::Verb::ALL.iter().find(|verb| verb.name() == operation.verb.name()).unwrap(),
        uri: item.target.as_ref().unwrap().to_string(),
        format: item.meta.format.map(|format| csp::Format::of_name(format.name())),
        data: item.data.clone(),
        correlator: None,
    }
}

/// A whole session of a device that holds `tree`; how many messages it sent.
fn session(world: &World, device: &Device, tree: &mut Tree) -> u32 {
    let mut session = Session::unnamed(&world.server, device);
    let mut commands = vec![alert(1, AlertCode::CLIENT_INITIATED, None, Vec::new())];
    for sent in 1..10 {
        let answer = session.exchange(commands);
        commands = perform(tree, sent, &answer.commands);
        if commands.is_empty() {
            return sent;
        }
    }
    panic!("the session has no end")
}

#[test]
fn a_device_is_told_its_policy_whole_and_drift_is_put_right() {
    let world = World::new();
    let device = Device::join(&world.server, "web-01");
    let mut tree = Tree::default();
    assert_eq!(session(&world, &device, &mut tree), 1, "nothing is for it, and it is left as it is");

    let (id, _) = world.policy(20, "name:web-*");
    let standing = || world.ours("GET", &format!("devices/{}/policy", device.id), &Value::Null).json();
    assert_eq!(standing()["told"], Value::Null);
    session(&world, &device, &mut tree);
    assert_eq!(tree.values().collect::<Vec<_>>(), [(Setting::PasswordLength, "20")]);
    assert_eq!((&standing()["told"]["policy"], &standing()["told"]["version"]), (&json!(id), &json!(1)));
    let first = standing();
    assert_eq!(session(&world, &device, &mut tree), 2, "it is asked, and has what it should");
    assert_eq!(standing(), first);

    for drift in [vec![(Setting::PasswordLength, "9")], vec![(Setting::PasswordAgeDays, "3")], Vec::new()] {
        tree = Tree::holding(drift.into_iter().map(|(setting, data)| (setting, data.to_owned()))).unwrap();
        session(&world, &device, &mut tree);
        assert_eq!(tree.values().collect::<Vec<_>>(), [(Setting::PasswordLength, "20")]);
    }
    let path = format!("deviceManagement/configurationPolicies/{id}");
    world.graph("PATCH", &path, &json!({ "settings": settings(30) }));
    session(&world, &device, &mut tree);
    assert_eq!(
        (tree.value(Setting::PasswordLength), &standing()["told"]["version"]),
        (Some("30"), &json!(2))
    );

    let (other, _) = world.policy(40, "name:*-01");
    world.graph("PATCH", &path, &json!({ "settings": settings(31) }));
    session(&world, &device, &mut tree);
    assert_eq!(standing()["standing"]["state"], "conflict");
    assert_eq!(tree.value(Setting::PasswordLength), Some("30"), "it keeps the last whole one");

    world.graph("DELETE", &path, &Value::Null);
    session(&world, &device, &mut tree);
    assert_eq!(tree.value(Setting::PasswordLength), Some("40"));
    world.graph("DELETE", &format!("deviceManagement/configurationPolicies/{other}"), &Value::Null);
    session(&world, &device, &mut tree);
    assert_eq!((tree, &standing()["told"]), (Tree::default(), &Value::Null));
}

/// How each device stands to a policy, by name.
fn standings(world: &World, policy: &str) -> Vec<(String, String)> {
    let found = world.ours("GET", &format!("policies/{policy}/devices"), &Value::Null).json();
    let value = found["value"].as_array().unwrap();
    let count = |state: &str| value.iter().filter(|device| device["state"] == state).count();
    for state in ["has", "pending", "conflict", "refused", "leaving"] {
        assert_eq!(found["counts"][state], json!(count(state)), "{state}");
    }
    value.iter().map(|device| (text(&device["displayName"]), text(&device["state"]))).collect()
}

#[test]
fn a_policy_shows_which_devices_have_it_and_which_do_not() {
    let world = World::new();
    let [has, _pending, both, refuses, leaves] =
        ["web-1", "web-2", "web-3", "web-4", "db-5"].map(|name| Device::join(&world.server, name));
    let (id, _) = world.policy(20, "name:*");
    let is = |expected: &[(&str, &str)]| {
        let expected: Vec<_> =
            expected.iter().map(|(name, state)| ((*name).to_owned(), (*state).to_owned())).collect();
        assert_eq!(standings(&world, &id), expected);
    };
    let pending = [
        ("db-5", "pending"),
        ("web-1", "pending"),
        ("web-2", "pending"),
        ("web-3", "pending"),
        ("web-4", "pending"),
    ];
    is(&pending);
    session(&world, &has, &mut Tree::default());
    session(&world, &leaves, &mut Tree::default());
    refuse(&world, &refuses);
    world.policy(30, "name:web-3");
    let group = json!({ "displayName": "web", "membershipRule": "name:web-*" });
    let group = text(&world.graph("POST", "groups", &group).json()["id"]);
    let assign = format!("deviceManagement/configurationPolicies/{id}/assign");
    assert_eq!(world.graph("POST", &assign, &assignments(&[&group])).status, 200);
    let all = [
        ("web-4", "refused"),
        ("web-3", "conflict"),
        ("web-2", "pending"),
        ("db-5", "leaving"),
        ("web-1", "has"),
    ];
    is(&all);
    let found = world.ours("GET", &format!("policies/{id}/devices"), &Value::Null).json();
    assert_eq!((&found["version"], &found["value"][0]["status"]), (&json!(1), &json!(507)));
    assert_eq!((&found["value"][4]["version"], found["value"][4]["since"].is_string()), (&json!(1), true));
    let told = world.ours("GET", &format!("devices/{}/policy", refuses.id), &Value::Null).json();
    assert_eq!(told["refused"]["policy"], json!(id));

    // What was refused is taken in the end.
    session(&world, &refuses, &mut Tree::default());
    assert!(standings(&world, &id).contains(&("web-4".to_owned(), "has".to_owned())));
    // And a version that is newer than what a device has is pending there.
    let path = format!("deviceManagement/configurationPolicies/{id}");
    world.graph("PATCH", &path, &json!({ "settings": settings(22) }));
    assert!(standings(&world, &id).contains(&("web-1".to_owned(), "pending".to_owned())));
    let unassigned = both.id.to_string();
    assert!(world.ours("GET", &format!("policies/{unassigned}/devices"), &Value::Null).status == 404);
}

/// A session of a device on which one leaf of the policy cannot be set.
fn refuse(world: &World, device: &Device) {
    let mut tree = Tree::default();
    let mut session = Session::unnamed(&world.server, device);
    let asked = session.exchange(vec![alert(1, AlertCode::CLIENT_INITIATED, None, Vec::new())]);
    let mut set = session.exchange(perform(&mut tree, 1, &asked.commands));
    for command in &mut set.commands {
        let Command::Group(group) = command else { continue };
        let Some(Command::Operation(member)) = group.commands.first_mut() else { panic!("{group:?}") };
        member.items[0].target = "./Device/Vendor/MSFT/LAPS/Policies/Unknown".parse().ok();
    }
    session.exchange(perform(&mut tree, 2, &set.commands));
    assert_eq!(tree, Tree::default());
}

#[test]
fn drift_is_shown_and_recorded() {
    let world = World::new();
    let device = Device::join(&world.server, "web-01");
    let (id, _) = world.policy(20, "name:web-*");
    let mut tree = Tree::default();
    session(&world, &device, &mut tree);
    let shown =
        || world.ours("GET", &format!("policies/{id}/devices"), &Value::Null).json()["value"][0].clone();
    assert!(shown().get("drifted").is_none(), "{}", shown());
    tree = Tree::holding([(Setting::PasswordLength, "9".to_owned())]).unwrap();
    session(&world, &device, &mut tree);
    assert_eq!((tree.value(Setting::PasswordLength), shown()["state"].as_str()), (Some("20"), Some("has")));
    assert!(shown()["drifted"].is_string(), "{}", shown());
    let audit = world.server.get(&world.server.admin_path("audit"), &world.server.admin_token()).json();
    let said = |entry: &&Value| entry["detail"].as_str().unwrap().contains("something else than it had said");
    assert_eq!(audit["value"].as_array().unwrap().iter().filter(said).count(), 1);
}

#[test]
fn the_members_of_a_group_are_those_that_its_rule_is_for_now() {
    let world = World::new();
    let [web, _db] = ["web-01", "db-01"].map(|name| Device::join(&world.server, name));
    let group = json!({ "displayName": "europe", "membershipRule": "tag:eu" });
    let group = text(&world.graph("POST", "groups", &group).json()["id"]);
    let members =
        || world.graph("GET", &format!("groups/{group}/members"), &Value::Null).json()["value"].clone();
    assert_eq!(members(), json!([]));
    world.ours("PUT", &format!("devices/{}/tags", web.id), &json!({ "tags": ["eu"] }));
    let found = members();
    assert_eq!((found.as_array().unwrap().len(), &found[0]["deviceId"]), (1, &json!(web.id.to_string())));
    assert_eq!(found[0]["@odata.type"], "#microsoft.graph.device");
    let nobody = world.graph("GET", &format!("groups/{}/members", web.id), &Value::Null);
    assert_eq!(nobody.status, 404);
}

#[test]
fn a_change_of_policy_is_recorded_when_a_device_holds_it() {
    let world = World::new();
    let device = Device::join(&world.server, "web-01");
    let (id, _) = world.policy(20, "name:web-*");
    session(&world, &device, &mut Tree::default());
    let audit = world.server.get(&world.server.admin_path("audit"), &world.server.admin_token()).json();
    let entries = audit["value"].as_array().unwrap();
    let delivered: Vec<_> =
        entries.iter().filter(|entry| entry["activity"] == "Deliver LAPS policy").collect();
    assert_eq!(delivered.len(), 1);
    assert_eq!(delivered[0]["actor"], json!(format!("device:{}", device.id)));
    assert_eq!(delivered[0]["detail"], json!(format!("policy {id}, version 1")));
}
