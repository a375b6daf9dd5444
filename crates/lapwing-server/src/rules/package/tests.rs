use lapwing_core::{
    event::Hresult,
    policy::Setting,
    types::{ActionId, Guid},
};
use lapwing_proto::management::ActionReport;
use lapwing_proto::syncml::{Alert, AlertCode, Header, Meta, Status};

use super::*;
use crate::rules::session::{Work, answer};

const NODE: &str = "./Device/Vendor/MSFT/LAPS/Policies/ADPasswordEncryptionPrincipal";

fn device(byte: u8) -> DeviceId {
    DeviceId(Guid::from_bytes([byte; 16]))
}

fn message(msg_id: u32, is_final: bool, commands: Vec<Command>) -> Message {
    let header = Header {
        session_id: "7".parse().unwrap(),
        msg_id: MsgId(msg_id),
        target: "https://laps.example".parse().unwrap(),
        source: "urn:uuid:1".parse().unwrap(),
        max_msg_size: None,
    };
    Message { header, commands, is_final }
}

/// What was read of a node: a part of it, and the length of the whole in the first.
fn part(id: u32, node: &str, data: &str, size: Option<u32>, more_data: bool) -> Command {
    let meta = Meta { size, ..Meta::default() };
    let source = Some(node.parse().unwrap());
    let item = Item { source, meta, data: Some(data.to_owned()), more_data, ..Item::default() };
    let (id, cmd_ref) = (CmdId::number(id), CmdId::number(900_208));
    Command::Results(Results { id, msg_ref: MsgId(1), cmd_ref, items: vec![item] })
}

fn announcement() -> Command {
    let item = Item {
        meta: Meta { kind: Some("org.lapwing/Management".to_owned()), ..Meta::default() },
        data: Some("1".to_owned()),
        ..Item::default()
    };
    let (id, code) = (CmdId::number(9), AlertCode::CLIENT_EVENT);
    Command::Alert(Alert { id, code, correlator: None, items: vec![item] })
}

fn action(number: u8) -> ActionId {
    ActionId(Guid::from_bytes([number; 16]))
}

fn report(number: u8) -> Command {
    let report =
        ActionReport { action: action(number), hresult: Hresult::SUCCESS, version: None, event: None };
    Command::Alert(report.alert(CmdId::number(number.into())))
}

/// A device's side, message by message.
#[derive(Default)]
struct Session(Sessions);

impl Session {
    fn says(&mut self, msg_id: u32, is_final: bool, commands: Vec<Command>) -> (Package, Message) {
        let mut message = message(msg_id, is_final, commands);
        let package = Package::of(self.0.find(device(1)).cloned(), &mut message);
        self.0.keep(device(1), package.next.clone());
        let source = "https://laps.example".parse().unwrap();
        let work = vec![Work::TellStatus.command()];
        let answer = answer(&message, &package, &source, work);
        (package, answer)
    }
}

/// Each Status of the answer with the code, by what it is about; then the other commands by their names.
fn lines(answer: &Message) -> Vec<String> {
    let line = |command: &Command| match command {
        Command::Status(Status { cmd_ref: Some(about), code, .. }) => format!("{about} {code}"),
        Command::Alert(alert) => format!("Alert {}", alert.code),
        other => other.name().to_owned(),
    };
    answer.commands.iter().map(line).collect()
}

fn value(package: &Package) -> Option<String> {
    package.heard.policy.value(Setting::ADPasswordEncryptionPrincipal)
}

#[test]
fn a_result_in_chunks_is_put_together_and_each_chunk_is_asked_for() {
    let mut session = Session::default();
    let (package, answer) = session.says(2, false, vec![part(1, NODE, "LAPS", Some(9), true)]);
    assert_eq!(lines(&answer), ["0 200", "1 213", "Alert 1222"]);
    assert_eq!(value(&package), None);
    let (_, answer) = session.says(3, false, vec![part(1, NODE, "Adm", None, true)]);
    assert_eq!(lines(&answer), ["0 200", "1 213", "Alert 1222"]);
    let (package, answer) = session.says(4, true, vec![part(1, NODE, "in", None, false)]);
    assert_eq!(lines(&answer), ["0 200", "Get"]);
    assert_eq!(value(&package).as_deref(), Some("LAPSAdmin"));
    assert!(session.says(5, true, Vec::new()).0.next.is_none(), "nothing is left of it");
}

#[test]
fn a_chunk_that_comes_again_counts_once() {
    let mut session = Session::default();
    for _ in 0..2 {
        session.says(2, false, vec![part(1, NODE, "LAPS", Some(6), true)]);
    }
    for _ in 0..2 {
        let (package, answer) = session.says(3, true, vec![part(1, NODE, "XY", None, false)]);
        assert_eq!(lines(&answer), ["0 200", "Get"]);
        assert_eq!(value(&package).as_deref(), Some("LAPSXY"));
    }
}

#[test]
fn an_object_that_is_not_as_told_is_refused_and_not_looked_at() {
    for (size, rest, codes) in [
        (Some(9), "X", vec![213, 424]),
        (Some(4), "X", vec![213, 424]),
        (None, "X", vec![411]),
        (Some(u32::MAX), "X", vec![413]),
    ] {
        let mut session = Session::default();
        let first = session.says(2, false, vec![part(1, NODE, "LAPS", size, true)]).0;
        let mut found: Vec<u16> = first.chunks.iter().map(|(_, code)| code.0).collect();
        if codes.len() > 1 {
            let (package, answer) = session.says(3, true, vec![part(1, NODE, rest, None, false)]);
            found.extend(package.chunks.iter().map(|(_, code)| code.0));
            assert_eq!(lines(&answer), ["0 200".to_owned(), format!("1 {}", codes[1]), "Get".to_owned()]);
            assert_eq!(value(&package), None);
        }
        assert_eq!(found, codes, "{size:?}");
    }
}

#[test]
fn an_object_without_end_is_told_of_and_what_interrupts_it_is_taken() {
    let mut session = Session::default();
    session.says(2, false, vec![part(1, NODE, "LAPS", Some(9), true)]);
    let length = "./Device/Vendor/MSFT/LAPS/Policies/PasswordLength";
    let (package, answer) = session.says(3, true, vec![part(1, length, "20", None, false)]);
    assert_eq!(lines(&answer), ["0 200", "Alert 1225", "Get"]);
    let Command::Alert(alert) = &answer.commands[1] else { panic!("{answer:?}") };
    assert_eq!(alert.items[0].source.as_ref().unwrap().as_str(), NODE);
    assert_eq!(package.heard.policy.value(Setting::PasswordLength).as_deref(), Some("20"));
    // And one whose package ends with it.
    session.says(4, false, vec![part(1, NODE, "LAPS", Some(9), true)]);
    assert_eq!(lines(&session.says(5, true, Vec::new()).1), ["0 200", "Alert 1225", "Get"]);
}

#[test]
fn more_than_any_honest_package_has_is_refused() {
    let mut session = Session::default();
    let long = "x".repeat(PACKAGE_LEN_MAX / 2);
    let size = u32::try_from(PACKAGE_LEN_MAX * 2).unwrap();
    let codes = |package: Package| package.chunks.iter().map(|(_, code)| code.0).collect::<Vec<_>>();
    assert_eq!(codes(session.says(2, false, vec![part(1, NODE, &long, Some(size), true)]).0), [213]);
    assert_eq!(codes(session.says(3, false, vec![part(1, NODE, &long, None, true)]).0), [213]);
    assert_eq!(codes(session.says(4, false, vec![part(1, NODE, "x", None, true)]).0), [413]);
}

#[test]
fn a_device_is_told_the_longest_message_that_a_request_may_carry() {
    let (_, answer) = Session::default().says(1, true, Vec::new());
    let told = usize::try_from(answer.header.max_msg_size.unwrap()).unwrap();
    assert_eq!(told, crate::http::request::BODY_LEN_MAX);
}

#[test]
fn a_first_package_of_several_messages_has_its_work_when_it_is_complete() {
    let mut session = Session::default();
    let (package, answer) = session.says(1, false, vec![report(4)]);
    assert_eq!(lines(&answer), ["0 200", "4 200", "Alert 1222"]);
    assert!(package.heard.starts && !package.heard.is_named);
    // What is told of actions is taken note of at once, and once.
    assert_eq!(package.heard.reports.iter().map(|report| report.action).collect::<Vec<_>>(), [action(4)]);
    assert!(!package.heard.for_now().starts, "nothing begins before it is complete");
    let (package, answer) = session.says(2, true, vec![announcement(), report(5)]);
    assert!(package.heard.starts && package.heard.is_named);
    assert_eq!(package.heard.reports.iter().map(|report| report.action).collect::<Vec<_>>(), [action(5)]);
    assert_eq!(lines(&answer), ["0 200", "9 200", "5 200", "Get"]);
    assert!(!session.says(3, true, Vec::new()).0.heard.starts);
}

#[test]
fn another_session_begins_anew_and_the_oldest_is_forgotten_first() {
    let mut session = Session::default();
    session.says(1, false, vec![announcement()]);
    let mut other = message(2, true, Vec::new());
    other.header.session_id = "8".parse().unwrap();
    assert!(!Package::of(session.0.find(device(1)).cloned(), &mut other).heard.starts);
    let unfinished = session.0.find(device(1)).cloned();
    for number in 0..SESSIONS_MAX {
        let mut bytes = [2; 16];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        session.0.keep(DeviceId(Guid::from_bytes(bytes)), unfinished.clone());
    }
    assert_eq!(session.0.open.len(), SESSIONS_MAX);
    assert!(session.0.find(device(1)).is_none());
}
