//! Objects that are longer than a message, in both directions.

use lapwing_core::{
    csp::{self, Reply},
    event::Hresult,
    types::{ActionId, Guid},
};
use lapwing_proto::management::ActionReport;
use lapwing_proto::syncml::{
    AlertCode, Command, StatusCode,
    chunk::{Assembly, Taken},
    decode,
};

use super::world::{World, lines, operation};
use crate::mdm::{Cause, Done, Work};

fn chunk(id: &str, node: &str, size: &str, data: &str, more: &str) -> String {
    operation(id, "Replace", node, &format!("{size}<Data>{data}</Data>{more}"))
}

const SIZE: &str = "<Meta><Size>2</Size></Meta>";

#[test]
fn an_object_in_chunks_is_performed_once_it_is_whole() {
    let mut world = World::new();
    let first = world.server(&chunk("1", "Policies/PasswordLength", SIZE, "2", "<MoreData/>"));
    assert_eq!(
        lines(&world.hears_message(&first).unwrap()),
        ["0 SyncHdr 200", "Alert 1222", "1 Replace 213"]
    );
    assert!(world.performed.is_empty());
    let answer = world.hears(&chunk("2", "Policies/PasswordLength", "", "0", "")).unwrap();
    assert_eq!(lines(&answer), ["0 SyncHdr 200", "2 Replace 200"]);
    let values: Vec<_> = world.tree.values().map(|(_, value)| value).collect();
    assert_eq!(values, ["20"]);
}

#[test]
fn an_object_without_end_is_told_of() {
    let first = |world: &mut World| {
        let first = world.server(&chunk("1", "Policies/PasswordLength", SIZE, "2", "<MoreData/>"));
        world.hears_message(&first).unwrap();
    };
    let is_told = |commands: &[Command]| match &commands[1] {
        Command::Alert(alert) => {
            assert_eq!(alert.code, AlertCode::NO_END_OF_DATA);
            assert!(alert.items[0].target.as_ref().unwrap().as_str().ends_with("PasswordLength"));
        }
        other => panic!("{other:?}"),
    };
    let mut world = World::new();
    first(&mut world);
    let answer = world.hears(&chunk("2", "Policies/PasswordAgeDays", "", "9", "")).unwrap();
    is_told(&answer);
    assert_eq!(lines(&answer)[2..], ["2 Replace 200"]);

    let mut world = World::new();
    first(&mut world);
    is_told(&world.hears("").unwrap());
    assert_eq!(world.tree.values().count(), 0);
}

#[test]
fn an_object_of_another_length_than_told_is_not_performed() {
    for (size, code) in [(SIZE, StatusCode::SIZE_MISMATCH), ("", StatusCode::SIZE_REQUIRED)] {
        let mut world = World::new();
        let first = world.server(&chunk("1", "Policies/PasswordLength", size, "2", "<MoreData/>"));
        let mut answer = world.hears_message(&first).unwrap();
        if code == StatusCode::SIZE_MISMATCH {
            answer = world.hears(&chunk("2", "Policies/PasswordLength", "", "00", "")).unwrap();
        }
        assert!(lines(&answer).last().unwrap().ends_with(&format!("Replace {code}")), "{answer:?}");
        assert!(world.performed.is_empty());
    }
}

#[test]
fn reports_that_do_not_fit_follow_in_the_next_message() {
    let report = |number: u16| {
        let action = ActionId(Guid::from_bytes([number.to_be_bytes(); 8].concat().try_into().unwrap()));
        ActionReport { action, hresult: Hresult::SUCCESS, version: None, event: None }
    };
    let mut world = World::with(Cause::ClientInitiated, (0..200).map(report).collect());
    let mut reported = Vec::new();
    let mut messages = 0;
    loop {
        messages += 1;
        let status = |command: &Command| {
            let id = command.id().unwrap();
            format!("<Status><CmdID>s</CmdID><CmdRef>{id}</CmdRef><Cmd>Alert</Cmd><Data>200</Data></Status>")
        };
        let statuses: String = world.last.commands.iter().map(status).collect();
        let message = world.server(&format!("{statuses}<Final/>"));
        reported.extend(world.session.receive(message.as_bytes()).unwrap().reported);
        match world.session.reply(&[]) {
            Some(next) => world.last = decode(&next).unwrap(),
            None => break,
        }
    }
    assert_eq!(messages, 2);
    assert_eq!(reported, (0..200).map(|number| (report(number).action, StatusCode::OK)).collect::<Vec<_>>());
}

#[test]
fn results_are_cut_to_what_the_server_takes() {
    const LEN_MAX: usize = 1500;
    let mut world = World::new();
    let header = format!("</Source><Meta><MaxMsgSize>{LEN_MAX}</MaxMsgSize></Meta>");
    let get = operation("1", "Get", "Policies", "") + &operation("2", "Get", "Actions", "");
    let message = world.server(&format!("{get}<Final/>")).replacen("</Source>", &header, 1);
    let received = world.session.receive(message.as_bytes()).unwrap();
    let long: String = "<ä&".repeat(1000);
    let found = |data: &str| {
        let value = Some(csp::Value { format: csp::Format::Chr, data: data.to_owned() });
        Done::Single(Reply { status: csp::Status::OK, value })
    };
    assert!(matches!(received.work[..], [Work::Single(_), Work::Single(_)]));
    let mut reply = world.session.reply(&[found(&long), found("short")]).unwrap();
    let mut assembly = Assembly::default();
    let mut arrived = Vec::new();
    loop {
        assert!(reply.len() <= LEN_MAX, "{}", reply.len());
        world.last = decode(&reply).unwrap();
        assert_eq!(lines(&world.last.commands)[0], "0 SyncHdr 200");
        for command in &world.last.commands {
            let Command::Results(results) = command else { continue };
            match assembly.take(results.items[0].clone()).unwrap() {
                Taken::Chunk => assert!(!world.last.is_final),
                Taken::Whole(item) => arrived.push(item.data.unwrap()),
            }
        }
        if world.last.is_final {
            break;
        }
        let more = "<Alert><CmdID>1</CmdID><Data>1222</Data></Alert>";
        let message = world.server(&format!("{more}<Final/>"));
        assert!(world.session.receive(message.as_bytes()).unwrap().work.is_empty());
        reply = world.session.reply(&[]).unwrap();
    }
    assert_eq!(arrived, [long.as_str(), "short"]);
    assert_eq!(world.hears(""), None);
}
