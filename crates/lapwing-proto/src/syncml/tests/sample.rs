//! Messages, drawn and by hand.

use proptest::{collection::vec, option, prelude::*, sample::select};

use crate::syncml::{
    Alert, AlertCode, CmdId, Command, Format, Group, GroupKind, Header, Item, LocUri, Message, Meta, MsgId,
    Operation, Results, Status, StatusCode, Verb,
};

pub(super) fn header() -> Header {
    Header {
        session_id: "2A".parse().unwrap(),
        msg_id: MsgId(2),
        target: "https://laps.example/manage".parse().unwrap(),
        source: "urn:uuid:d5c3f5e0-0b3f-4d5c-9e0a-8e5d8a9f3b11".parse().unwrap(),
        max_msg_size: None,
    }
}

pub(super) fn message(commands: Vec<Command>) -> Message {
    Message { header: header(), commands, is_final: true }
}

pub(super) fn results(id: u32, data: String) -> Command {
    Command::Results(Results {
        id: CmdId::number(id),
        msg_ref: MsgId(1),
        cmd_ref: CmdId::number(4),
        items: vec![Item {
            source: Some("./DevDetail/Ext".parse().unwrap()),
            meta: Meta { format: Some(Format::Chr), ..Meta::default() },
            data: Some(data),
            ..Item::default()
        }],
    })
}

pub(super) fn status(id: u32, cmd: &str, code: StatusCode) -> Command {
    Command::Status(Status {
        id: CmdId::number(id),
        msg_ref: MsgId(1),
        cmd_ref: Some(CmdId::number(id)),
        cmd: cmd.to_owned(),
        targets: Vec::new(),
        sources: Vec::new(),
        code,
        original_error: None,
    })
}

/// Any message that has a form on the wire.
pub(super) fn messages() -> impl Strategy<Value = Message> {
    let header = ("[0-9A-F]{1,4}", any::<u32>(), uris(), uris(), option::of(any::<u32>())).prop_map(
        |(session_id, msg_id, target, source, max_msg_size)| Header {
            session_id: session_id.parse().unwrap(),
            msg_id: MsgId(msg_id),
            target,
            source,
            max_msg_size,
        },
    );
    (header, vec(commands(), 0..6), any::<bool>()).prop_map(|(header, mut commands, is_final)| {
        number(&mut commands, &mut 1);
        Message { header, commands, is_final }
    })
}

/// Gives every command an id of its own.
fn number(commands: &mut [Command], next: &mut u32) {
    for command in commands {
        let fresh = CmdId::number(*next);
        *next += 1;
        match command {
            Command::Status(Status { id, .. })
            | Command::Results(Results { id, .. })
            | Command::Alert(Alert { id, .. })
            | Command::Operation(Operation { id, .. }) => *id = fresh,
            Command::Group(group) => {
                group.id = fresh;
                number(&mut group.commands, next);
            }
            Command::Refused(_) => {}
        }
    }
}

fn commands() -> impl Strategy<Value = Command> {
    let plain = prop_oneof![statuses(), found(), alerts(), operations()];
    plain.prop_recursive(3, 8, 3, |inner| {
        (select(&GroupKind::ALL[..]), vec(inner, 0..3))
            .prop_map(|(kind, commands)| Command::Group(Group { id: CmdId::header(), kind, commands }))
    })
}

fn statuses() -> impl Strategy<Value = Command> {
    let references = || vec(uris(), 0..2);
    (
        any::<u32>(),
        option::of(words()),
        words(),
        references(),
        references(),
        any::<u16>(),
        option::of(any::<u32>()),
    )
        .prop_map(|(msg_ref, cmd_ref, cmd, targets, sources, code, original_error)| {
            Command::Status(Status {
                id: CmdId::header(),
                msg_ref: MsgId(msg_ref),
                cmd_ref: cmd_ref.map(|text| text.parse().unwrap()),
                cmd,
                targets,
                sources,
                code: StatusCode(code),
                original_error,
            })
        })
}

fn found() -> impl Strategy<Value = Command> {
    (any::<u32>(), words(), vec(items(), 0..3)).prop_map(|(msg_ref, cmd_ref, items)| {
        Command::Results(Results {
            id: CmdId::header(),
            msg_ref: MsgId(msg_ref),
            cmd_ref: cmd_ref.parse().unwrap(),
            items,
        })
    })
}

fn alerts() -> impl Strategy<Value = Command> {
    (any::<u16>(), option::of(words()), vec(items(), 0..3)).prop_map(|(code, correlator, items)| {
        Command::Alert(Alert { id: CmdId::header(), code: AlertCode(code), correlator, items })
    })
}

fn operations() -> impl Strategy<Value = Command> {
    let targeted = (uris(), items()).prop_map(|(target, item)| Item { target: Some(target), ..item });
    (select(&Verb::ALL[..]), option::of(words()), vec(targeted, 1..3)).prop_map(
        |(verb, correlator, items)| {
            Command::Operation(Operation { id: CmdId::header(), verb, correlator, items })
        },
    )
}

fn items() -> impl Strategy<Value = Item> {
    let meta = (option::of(select(&Format::ALL[..])), option::of(words()), option::of(any::<u32>()))
        .prop_map(|(format, kind, size)| Meta { format, kind, size });
    (option::of(uris()), option::of(uris()), meta, option::of("[\\PC\r\n\t]{0,24}"), any::<bool>())
        .prop_map(|(target, source, meta, data, more_data)| Item { target, source, meta, data, more_data })
}

fn uris() -> impl Strategy<Value = LocUri> {
    "\\./[!-~äß€]{0,24}".prop_map(|text| text.parse().unwrap())
}

fn words() -> impl Strategy<Value = String> {
    "[!-~]{1,16}"
}
