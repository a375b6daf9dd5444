//! Servers and networks that misbehave.

use lapwing_proto::{
    syncml::{AlertCode, CmdId, Command, StatusCode, decode},
    xml::XmlError,
};
use proptest::prelude::*;

use super::world::{World, lines, operation, policy};
use crate::mdm::{Done, MESSAGES_MAX, Received, SessionError};

#[test]
fn a_message_that_comes_again_is_answered_alike_and_performed_once() {
    let mut world = World::new();
    let message = world.server(&format!("{}<Final/>", operation("1", "Exec", "Actions/ResetPassword", "")));
    let answer = world.hears_message(&message).unwrap();
    assert_eq!(lines(&answer), ["0 SyncHdr 200", "1 Exec 202"]);
    let again = world.session.receive(message.as_bytes()).unwrap();
    assert_eq!(again, Received::default());
    let reply = world.session.reply(&[]).unwrap();
    assert_eq!(decode(&reply).unwrap(), world.last);
    assert_eq!(world.performed.len(), 1);
    // Nor is the last one once the session is over.
    let last = world.server("<Final/>");
    assert_eq!(world.hears_message(&last), None);
    assert_eq!(world.session.receive(last.as_bytes()), Ok(Received { is_over: true, ..Received::default() }));
    assert_eq!(world.session.reply(&[]), None);
    let beyond = last.replace("<MsgID>2<", "<MsgID>3<");
    assert_eq!(world.session.receive(beyond.as_bytes()), Err(SessionError::OutOfOrder));
}

#[test]
fn what_is_of_another_session_or_refused_is_not_performed() {
    let exec = operation("1", "Exec", "Actions/ResetPassword", "");
    for (from, to, error) in [
        ("<SessionID>2A<", "<SessionID>2B<", SessionError::Elsewhere),
        ("<MsgRef>1<", "<MsgRef>2<", SessionError::Elsewhere),
        ("<Data>200<", "<Data>401<", SessionError::Refused(StatusCode::INVALID_CREDENTIALS)),
        ("<Data>200<", "<Data>407<", SessionError::Refused(StatusCode::MISSING_CREDENTIALS)),
        ("<SyncML>", "<!DOCTYPE a><SyncML>", SessionError::Message(XmlError::Forbidden { at: 0 }.into())),
    ] {
        let mut world = World::new();
        let message = world.server(&exec).replacen(from, to, 1);
        assert_eq!(world.session.receive(message.as_bytes()), Err(error), "{to}");
    }
    let mut world = World::new();
    let message = world.server("").replace("<MsgID>1<", "<MsgID>7<");
    world.hears_message(&message).unwrap();
    let earlier = world.server(&exec).replace("<MsgID>2<", "<MsgID>6<");
    assert_eq!(world.session.receive(earlier.as_bytes()), Err(SessionError::OutOfOrder));
}

#[test]
fn a_message_waits_until_the_one_before_is_answered() {
    let mut world = World::new();
    let message = world.server(&operation("1", "Exec", "Actions/ResetPassword", ""));
    assert_eq!(world.session.receive(message.as_bytes()).unwrap().work.len(), 1);
    for message in [message.clone(), message.replace("<MsgID>1<", "<MsgID>2<")] {
        assert_eq!(world.session.receive(message.as_bytes()), Err(SessionError::OutOfOrder));
    }
}

#[test]
fn work_that_nobody_answers_for_has_failed() {
    let mut world = World::new();
    let atomic =
        format!("<Atomic><CmdID>1</CmdID>{}</Atomic>", policy("2", "Replace", "PasswordLength", "20"));
    let message = world.server(&format!("{atomic}{}<Final/>", operation("3", "Get", "Actions", "")));
    assert_eq!(world.session.receive(message.as_bytes()).unwrap().work.len(), 2);
    let other_kind = Done::Single(lapwing_core::csp::Reply::status(lapwing_core::csp::Status::OK));
    let reply = decode(&world.session.reply(&[other_kind]).unwrap()).unwrap();
    assert_eq!(lines(&reply.commands), ["0 SyncHdr 200", "1 Atomic 200", "2 Replace 500", "3 Get 500"]);
}

#[test]
fn a_session_has_an_end() {
    let mut world = World::new();
    let get = operation("1", "Get", "Nothing", "");
    for _ in 1..MESSAGES_MAX {
        world.hears(&get).unwrap();
    }
    assert_eq!(world.last.header.msg_id.0, MESSAGES_MAX);
    let one_more = world.server(&format!("{get}<Final/>"));
    assert_eq!(world.session.receive(one_more.as_bytes()), Err(SessionError::TooLong));
    assert_eq!(world.hears(""), None);
}

#[test]
fn either_side_breaks_off() {
    let mut world = World::new();
    let abort = "<Alert><CmdID>1</CmdID><Data>1223</Data></Alert>";
    assert_eq!(world.hears(&[&operation("2", "Exec", "Actions/ResetPassword", ""), abort].concat()), None);
    assert!(world.performed.is_empty());

    let mut world = World::new();
    world.hears(&operation("1", "Get", "Actions", "")).unwrap();
    let commands = decode(&world.session.abort()).unwrap().commands;
    assert!(matches!(&commands[..], [Command::Alert(alert)] if alert.code == AlertCode::SESSION_ABORT));
    assert_eq!(world.session.reply(&[]), None);
}

/// The commands that need a Status.
fn asked(commands: Vec<Command>) -> Vec<CmdId> {
    let of_one = |command: Command| {
        let id = command.id().cloned();
        let inner = match command {
            Command::Group(group) => asked(group.commands),
            _ => Vec::new(),
        };
        id.into_iter().chain(inner)
    };
    commands.into_iter().filter(|command| !command.is_answer()).flat_map(of_one).collect()
}

/// The command that a Status is about.
fn answered(command: Command) -> Option<CmdId> {
    match command {
        Command::Status(status) => status.cmd_ref,
        _ => None,
    }
}

proptest! {
    #[test]
    fn whatever_a_server_says_is_answered_or_refused(
        bytes: Vec<u8>,
        parts in proptest::collection::vec(proptest::sample::select(&[
            "<Atomic>", "</Atomic>", "<Sequence>", "</Sequence>", "<CmdID>1</CmdID>", "<CmdID>2</CmdID>", "<Get>", "</Get>",
            "<Replace>", "</Replace>", "<Item>", "</Item>", "<Target><LocURI>./a</LocURI></Target>", "<Data>1</Data>",
            "<Meta><Size>2</Size></Meta>", "<MoreData/>", "<Final/>", "<Alert><CmdID>3</CmdID><Data>1222</Data></Alert>",
            "<Status><CmdID>4</CmdID><CmdRef>1</CmdRef><Data>200</Data></Status>", "<Copy/>",
            "<Get><CmdID>5</CmdID><Item><Target><LocURI>./b</LocURI></Target></Item></Get>",
            "<Replace><CmdID>6</CmdID><Item><Target><LocURI>./a</LocURI></Target><Meta><Size>2</Size></Meta>\
             <Data>1</Data><MoreData/></Item></Replace>",
        ][..]), 0..8),
    ) {
        let mut world = World::new();
        drop(world.session.receive(&bytes));
        let message = world.server(&parts.concat());
        if let Ok(received) = world.session.receive(message.as_bytes()) {
            let reply = world.session.reply(&[]);
            prop_assert_eq!(reply.is_none(), received.is_over);
            if let Some(reply) = reply {
                let answered: Vec<_> = decode(&reply).unwrap().commands.into_iter().filter_map(answered).collect();
                prop_assert_eq!(answered.first(), Some(&CmdId::header()));
                let asked = asked(decode(message.as_bytes()).unwrap().commands);
                prop_assert!(asked.iter().all(|id| answered.contains(id)), "{asked:?} {answered:?}");
            }
        }
    }
}
