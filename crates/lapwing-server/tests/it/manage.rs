//! The button, from the click to the device's last word: Graph on one side, OMA DM on the other.

use lapwing_core::types::PasswordVersion;
use lapwing_proto::syncml::{
    self, Alert, AlertCode, CmdId, Command, Header, Item, Message, Meta, MsgId, Operation, Results, Status,
    StatusCode, Verb,
};
use serde_json::Value;

use crate::{
    device::{Device, rng},
    harness::{Answer, Request, Server},
};

const RESET: &str = "./Device/Vendor/MSFT/LAPS/Actions/ResetPassword";
const STATUS: &str = "./Device/Vendor/MSFT/LAPS/Actions/ResetPasswordStatus";

/// A device's side of sessions, message by message.
pub(crate) struct Session<'a> {
    server: &'a Server,
    device: &'a Device,
    is_named: bool,
    msg_id: u32,
}

impl<'a> Session<'a> {
    pub(crate) fn named(server: &'a Server, device: &'a Device) -> Self {
        Self { server, device, is_named: true, msg_id: 0 }
    }

    pub(crate) fn unnamed(server: &'a Server, device: &'a Device) -> Self {
        Self { server, device, is_named: false, msg_id: 0 }
    }

    fn message(&self, commands: Vec<Command>) -> Vec<u8> {
        syncml::encode(&Message {
            header: Header {
                session_id: "7".parse().unwrap(),
                msg_id: MsgId(self.msg_id),
                target: self.server.url.parse().unwrap(),
                source: format!("urn:uuid:{}", self.device.id).parse().unwrap(),
                max_msg_size: None,
            },
            commands,
            is_final: true,
        })
    }

    pub(crate) fn exchange(&mut self, commands: Vec<Command>) -> Message {
        self.msg_id += 1;
        let answer = post(self.server, self.device, &self.message(commands));
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        assert_eq!(answer.header("content-type"), Some(syncml::MEDIA_TYPE));
        let answer = syncml::decode(&answer.body).unwrap();
        assert_eq!(answer.header.msg_id.0, self.msg_id);
        assert!(
            matches!(&answer.commands[0], Command::Status(status) if status.cmd == "SyncHdr" && status.code == StatusCode::OK)
        );
        answer
    }

    /// Package 1, with what there is to tell; the work that comes back.
    pub(crate) fn open(&mut self, reports: Vec<Command>) -> Vec<Operation> {
        self.msg_id = 0;
        let announcement = Item {
            meta: Meta { kind: Some("org.lapwing/Management".to_owned()), ..Meta::default() },
            data: Some("1".to_owned()),
            ..Item::default()
        };
        let mut commands = vec![alert(1, AlertCode::CLIENT_INITIATED, None, Vec::new())];
        if self.is_named {
            commands.push(alert(2, AlertCode::CLIENT_EVENT, None, vec![announcement]));
        }
        commands.extend(reports);
        operations(&self.exchange(commands))
    }

    pub(crate) fn answer(&mut self, operations: &[(&Operation, u16)]) -> Vec<Operation> {
        let status = |(number, (operation, code)): (usize, &(&Operation, u16))| {
            status(number + 2, self.msg_id, operation, *code)
        };
        let statuses = operations.iter().enumerate().map(status).collect();
        self::operations(&self.exchange(statuses))
    }
}

fn post(server: &Server, device: &Device, body: &[u8]) -> Answer {
    let head = format!("/lapwing/v1/{}/manage", server.admin.tenant);
    server.send(&Request {
        method: "POST",
        path: &head,
        kind: Some(syncml::MEDIA_TYPE),
        body,
        identity: Some(device.identity()),
        ..Request::default()
    })
}

pub(crate) fn alert(id: u32, code: AlertCode, correlator: Option<String>, items: Vec<Item>) -> Command {
    Command::Alert(Alert { id: CmdId::number(id), code, correlator, items })
}

fn status(id: usize, msg_ref: u32, operation: &Operation, code: u16) -> Command {
    Command::Status(Status {
        id: CmdId::number(u32::try_from(id).unwrap()),
        msg_ref: MsgId(msg_ref),
        cmd_ref: Some(operation.id.clone()),
        cmd: operation.verb.name().to_owned(),
        targets: Vec::new(),
        sources: Vec::new(),
        code: StatusCode(code),
        original_error: None,
    })
}

pub(crate) fn report(id: u32, action: &str, data: &str) -> Command {
    let item = Item {
        source: Some(RESET.parse().unwrap()),
        meta: Meta { kind: Some("org.lapwing.action".to_owned()), ..Meta::default() },
        data: Some(data.to_owned()),
        ..Item::default()
    };
    alert(id, AlertCode::GENERIC, Some(action.to_owned()), vec![item])
}

fn operations(message: &Message) -> Vec<Operation> {
    let operation = |command: &Command| match command {
        Command::Operation(operation) => Some(operation.clone()),
        _ => None,
    };
    message.commands.iter().filter_map(operation).collect()
}

struct Fleet {
    server: Server,
    device: Device,
    operator: String,
}

impl Fleet {
    fn new() -> Self {
        let server = Server::start();
        let device = Device::join(&server, "web01");
        let operator = server.token_with_roles(&[
            "DeviceManagementManagedDevices.Read.All",
            "DeviceManagementManagedDevices.PrivilegedOperations.All",
        ]);
        Self { server, device, operator }
    }

    fn path(&self, rest: &str) -> String {
        format!("/beta/deviceManagement/managedDevices/{}{rest}", self.device.id)
    }

    fn click(&self) -> Answer {
        self.server.post(&self.path("/rotateLocalAdminPassword"), Some(&self.operator), b"")
    }

    /// The states of all actions, newest first.
    fn states(&self) -> Vec<String> {
        let device = self.server.get(&self.path(""), &self.operator).json();
        let results = device["deviceActionResults"].as_array().unwrap();
        results.iter().map(|result| result["actionState"].as_str().unwrap().to_owned()).collect()
    }

    fn actions(&self) -> Vec<Value> {
        let path = self.server.admin_path(&format!("devices/{}/actions", self.device.id));
        self.server.get(&path, &self.server.admin_token()).json()["value"].as_array().unwrap().clone()
    }

    fn cancel(&self, action: &str) -> u16 {
        let path = self.server.admin_path(&format!("devices/{}/actions/{action}", self.device.id));
        let token = self.server.admin_token();
        self.server
            .send(&Request { method: "DELETE", path: &path, bearer: Some(&token), ..Request::default() })
            .status
    }
}

#[test]
fn a_click_waits_for_the_device_and_is_done_when_the_device_says_so() {
    let fleet = Fleet::new();
    assert!(fleet.states().is_empty());
    assert_eq!((fleet.click().status, fleet.states()), (204, vec!["pending".to_owned()]));
    let mut session = Session::named(&fleet.server, &fleet.device);
    let work = session.open(Vec::new());
    let [exec] = work.as_slice() else { panic!("{work:?}") };
    assert_eq!((exec.verb, exec.items[0].target.as_ref().unwrap().as_str()), (Verb::Exec, RESET));
    let action = exec.correlator.clone().unwrap();
    assert_eq!(action, fleet.actions()[0]["id"].as_str().unwrap());
    assert!(session.answer(&[(exec, 202)]).is_empty());
    assert_eq!(fleet.states(), ["active"]);
    // Cut off before the device could tell: it is asked again, and answers alike.
    let again = session.open(Vec::new());
    assert_eq!(again, work);
    assert!(session.answer(&[(&again[0], 202)]).is_empty());
    let version = PasswordVersion::random(&mut rng());
    assert!(session.open(vec![report(3, &action, &format!("0 {version} -"))]).is_empty());
    assert_eq!(fleet.states(), ["done"]);
    assert_eq!(fleet.actions()[0]["version"], version.to_string());
    // The last answer was lost, so it is told again.
    session.open(vec![report(3, &action, &format!("0 {version} -"))]);
    assert_eq!(fleet.states(), ["done"]);
    assert_eq!(fleet.cancel(&action), 409);
}

#[test]
fn every_alert_has_a_status_and_a_repeated_message_the_same_answer() {
    let fleet = Fleet::new();
    fleet.click();
    let session = Session { msg_id: 1, ..Session::named(&fleet.server, &fleet.device) };
    let announcement = Item {
        meta: Meta { kind: Some("org.lapwing/Management".to_owned()), ..Meta::default() },
        data: Some("1".to_owned()),
        ..Item::default()
    };
    let body = session.message(vec![
        alert(1, AlertCode::SERVER_INITIATED, None, Vec::new()),
        alert(2, AlertCode::CLIENT_EVENT, None, vec![announcement]),
        report(3, "00000000-0000-0000-0000-00000000abcd", "0 - -"),
    ]);
    let first = post(&fleet.server, &fleet.device, &body);
    let answer = syncml::decode(&first.body).unwrap();
    let answered: Vec<_> = answer
        .commands
        .iter()
        .filter_map(|command| match command {
            Command::Status(status) => Some((status.cmd_ref.clone().unwrap(), status.code)),
            _ => None,
        })
        .collect();
    let ids =
        [0, 1, 2, 3].map(|id| (if id == 0 { CmdId::header() } else { CmdId::number(id) }, StatusCode::OK));
    assert_eq!(answered, ids);
    assert_eq!(operations(&answer).len(), 1);
    assert_eq!(post(&fleet.server, &fleet.device, &body).body, first.body);
}

#[test]
fn a_failure_is_shown_with_its_code_and_event_until_a_later_success() {
    let fleet = Fleet::new();
    fleet.click();
    let mut session = Session::named(&fleet.server, &fleet.device);
    let work = session.open(Vec::new());
    let action = work[0].correlator.clone().unwrap();
    session.answer(&[(&work[0], 202)]);
    session.open(vec![report(3, &action, "-2147012867 - 30016")]);
    assert_eq!(fleet.states(), ["failed"]);
    let shown = &fleet.actions()[0];
    assert_eq!((shown["state"].as_str(), shown["hresult"].as_str()), (Some("failing"), Some("0x80072EFD")));
    assert_eq!(shown["event"], 30016);
    session.open(vec![report(3, &action, "0 - -")]);
    assert_eq!(fleet.states(), ["done"]);
}

#[test]
fn only_what_no_device_has_accepted_can_be_cancelled_and_a_disabled_device_is_asked_nothing() {
    let fleet = Fleet::new();
    fleet.click();
    let action = fleet.actions()[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(fleet.cancel(&action), 200);
    assert_eq!(fleet.states(), ["canceled"]);
    let mut session = Session::named(&fleet.server, &fleet.device);
    assert!(session.open(Vec::new()).is_empty());
    fleet.click();
    let path = fleet.server.admin_path(&format!("devices/{}", fleet.device.id));
    let token = fleet.server.admin_token();
    let body = br#"{"enabled":false}"#;
    let disable = Request { method: "PATCH", path: &path, bearer: Some(&token), body, ..Request::default() };
    assert_eq!(fleet.server.send(&disable).status, 200);
    assert_eq!(fleet.states(), ["canceled", "canceled"]);
    let refused = post(&fleet.server, &fleet.device, &session.message(Vec::new()));
    assert_eq!(refused.status, 403);
    assert_eq!(fleet.click().status, 400);
}

#[test]
fn a_device_that_names_no_actions_is_asked_for_the_status_of_the_last() {
    let fleet = Fleet::new();
    fleet.click();
    let mut session = Session::unnamed(&fleet.server, &fleet.device);
    let work = session.open(Vec::new());
    assert_eq!((work.len(), work[0].verb, work[0].correlator.as_ref()), (1, Verb::Exec, None));
    let next = session.answer(&[(&work[0], 200)]);
    assert_eq!((next.len(), next[0].verb), (1, Verb::Get));
    let tell = |session: &mut Session<'_>, get: &Operation, data: &str| {
        let results = Command::Results(Results {
            id: CmdId::number(3),
            msg_ref: MsgId(session.msg_id),
            cmd_ref: get.id.clone(),
            items: vec![Item {
                source: Some(STATUS.parse().unwrap()),
                data: Some(data.to_owned()),
                ..Item::default()
            }],
        });
        let status = status(2, session.msg_id, get, 200);
        operations(&session.exchange(vec![status, results]))
    };
    // E_PENDING, as the page of the CSP prints it.
    assert!(tell(&mut session, &next[0], "134217728").is_empty());
    assert_eq!(fleet.states(), ["active"]);
    let next = session.open(Vec::new());
    assert_eq!((next.len(), next[0].verb), (1, Verb::Get), "what is unnamed is not begun anew");
    assert!(tell(&mut session, &next[0], "0").is_empty());
    assert_eq!(fleet.states(), ["done"]);
}

#[test]
fn the_queue_survives_a_restart_of_the_server() {
    let Fleet { server, device, operator } = Fleet::new();
    let fleet = Fleet { server, device, operator };
    fleet.click();
    let Fleet { server, device, .. } = fleet;
    let (status, folder) = server.stop();
    assert!(status.success());
    let server = Server::open(folder, None);
    let mut session = Session::named(&server, &device);
    assert_eq!(session.open(Vec::new()).len(), 1);
}

#[test]
fn the_button_wants_its_own_right_and_management_its_own_certificate() {
    let fleet = Fleet::new();
    for (roles, status) in [
        (&["DeviceManagementManagedDevices.Read.All"][..], 403),
        (&["Lapwing.Administer", "Device.Read.All"][..], 403),
        (&["DeviceManagementManagedDevices.PrivilegedOperations.All"][..], 204),
    ] {
        let token = fleet.server.token_with_roles(roles);
        let path = fleet.path("/rotateLocalAdminPassword");
        assert_eq!(fleet.server.post(&path, Some(&token), b"{}").status, status, "{roles:?}");
    }
    let path = fleet.server.admin_path("manage");
    for bearer in [None, Some(fleet.device.token.as_str()), Some(&fleet.operator)] {
        assert_eq!(fleet.server.post(&path, bearer, b"").status, 401);
    }
    let body = Session { msg_id: 1, ..Session::named(&fleet.server, &fleet.device) }.message(Vec::new());
    let plain = fleet.server.send(&Request {
        method: "POST",
        path: &path,
        body: &body,
        identity: Some(fleet.device.identity()),
        ..Request::default()
    });
    assert_eq!(plain.status, 415);
    assert_eq!(post(&fleet.server, &fleet.device, b"<SyncML/>").status, 400);
    // Not part of v1.0, as with Graph itself.
    let v1 = fleet.path("/rotateLocalAdminPassword").replace("/beta/", "/v1.0/");
    assert_eq!(fleet.server.post(&v1, Some(&fleet.operator), b"").status, 404);
}

#[test]
fn no_more_than_sixteen_clicks_wait_for_one_device() {
    let fleet = Fleet::new();
    for _ in 0..16 {
        assert_eq!(fleet.click().status, 204);
    }
    assert_eq!(fleet.click().status, 409);
    let mut session = Session::named(&fleet.server, &fleet.device);
    assert_eq!(session.open(Vec::new()).len(), 16);
}

#[test]
fn the_way_of_a_rotation_is_told_by_the_device_and_found_by_any_of_its_names() {
    let fleet = Fleet::new();
    fleet.click();
    let mut session = Session::named(&fleet.server, &fleet.device);
    let work = session.open(Vec::new());
    let action = work[0].correlator.clone().unwrap();
    session.answer(&[(&work[0], 202)]);
    let (id, version) = (PasswordVersion::random(&mut rng()), PasswordVersion::random(&mut rng()));
    let trace = serde_json::json!({
        "id": id.to_string(), "causes": ["management"], "reasons": 0x100_0000, "actions": [action],
        "version": version.to_string(), "leftOut": 0, "end": "rotated",
        "attempts": [{
            "began": "2026-01-02T03:04:05.0000000Z", "failure": null,
            "steps": [
                {"name": "journal", "afterMicros": 0, "tookMicros": 70},
                {"name": "commit", "afterMicros": 1_000_000, "tookMicros": 90},
            ],
        }],
    });
    let tell = |trace: &Value, identity| {
        let body = serde_json::json!({"time": "2026-01-02T03:04:07.0000000Z", "traces": [trace]}).to_string();
        let path = fleet.server.admin_path("manage/traces");
        let body = body.as_bytes();
        fleet
            .server
            .send(&Request { method: "POST", path: &path, body, identity, ..Request::default() })
            .status
    };
    assert_eq!(tell(&trace, None), 401);
    assert_eq!(tell(&trace, Some(fleet.device.identity())), 204);
    // Told again, for the answer was lost.
    assert_eq!(tell(&trace, Some(fleet.device.identity())), 204);
    let mut unknown = trace.clone();
    unknown["causes"] = serde_json::json!(["moon"]);
    assert_eq!(tell(&unknown, Some(fleet.device.identity())), 400);
    session.open(vec![report(3, &action, &format!("0 {version} -"))]);

    let token = fleet.server.admin_token();
    let flow = |name: &str| fleet.server.get(&fleet.server.admin_path(&format!("traces/{name}")), &token);
    let found = flow(&id.to_string()).json();
    assert_eq!(found["actions"], serde_json::json!([action]));
    let names: Vec<_> = found["steps"].as_array().unwrap().iter().map(|step| step["name"].clone()).collect();
    // The device's clock is long behind, and drawn by ours.
    let expected = [
        "asked for",
        "sent in a session",
        "accepted by the device",
        "read the journal",
        "set and read back the account",
        "done",
    ];
    let both = |name: &str| names.iter().any(|found| found == name);
    assert!(expected.iter().all(|name| both(name)), "{names:?}");
    let seconds = |index: usize| {
        let at: lapwing_core::types::FileTime =
            found["steps"][index]["at"].as_str().unwrap().parse().unwrap();
        at.since_unix().as_secs()
    };
    assert!(seconds(0).abs_diff(seconds(5)) < 60, "{found}");
    for name in [&action, &version.to_string()] {
        assert_eq!(flow(name).json(), found);
    }
    assert_eq!(flow("00000000-0000-0000-0000-00000000abcd").status, 404);
    let path = fleet.server.admin_path(&format!("devices/{}/traces", fleet.device.id));
    assert_eq!(fleet.server.get(&path, &token).json()["value"], serde_json::json!([found]));
}
