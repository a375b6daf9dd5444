//! Reading and writing, at the limits and beyond.

use proptest::prelude::*;

use super::sample::{message, messages, results};
use crate::{
    spoil::{mutate, mutations},
    syncml::{
        COMMANDS_MAX, Command, DATA_LEN_MAX, GROUP_DEPTH_MAX, Group, ITEMS_MAX, Refused, StatusCode,
        SyncmlError, TEXT_LEN_MAX, URI_LEN_MAX, decode, encode,
    },
    xml::XmlError,
};

const HEADER: &str = "<SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>1</SessionID><MsgID>1</MsgID>\
                      <Target><LocURI>a</LocURI></Target><Source><LocURI>b</LocURI></Source></SyncHdr>";

fn read(body: &str) -> Result<Vec<Command>, SyncmlError> {
    let text = format!("<SyncML>{HEADER}<SyncBody>{body}</SyncBody></SyncML>");
    decode(text.as_bytes()).map(|message| message.commands)
}

fn get(id: usize, items: usize) -> String {
    let items = "<Item><Target><LocURI>./x</LocURI></Target></Item>".repeat(items);
    format!("<Get><CmdID>{id}</CmdID>{items}</Get>")
}

/// The answer to the only command of a body; none if it can be carried out.
fn refusal(body: &str) -> Option<u16> {
    match &read(body).unwrap()[..] {
        [Command::Refused(refused)] => Some(refused.code.0),
        [_] => None,
        several => panic!("{several:?}"),
    }
}

#[test]
fn a_command_that_cannot_be_carried_out_says_what_its_status_needs() {
    let with = |inner: &str| format!("<Replace><CmdID>1</CmdID>{inner}</Replace>");
    let item = |inner: &str| with(&format!("<Item><Target><LocURI>./x</LocURI></Target>{inner}</Item>"));
    let text = |len: usize| "x".repeat(len);
    let uri = |len| with(&format!("<Item><Target><LocURI>{}</LocURI></Target></Item>", text(len)));
    for (body, code) in [
        (get(1, 1), None),
        ("<Get><Item><Target><LocURI>./x</LocURI></Target></Item></Get>".to_owned(), Some(400)),
        (get(0, 1), Some(400)),
        (get(1, 0), Some(412)),
        (with("<Item><Data>1</Data></Item>"), Some(412)),
        ("<Copy><CmdID>1</CmdID></Copy>".to_owned(), Some(406)),
        ("<Frobnicate><CmdID>1</CmdID></Frobnicate>".to_owned(), Some(400)),
        ("<Alert><CmdID>1</CmdID></Alert>".to_owned(), Some(400)),
        ("<Alert><CmdID>1</CmdID><Data>x</Data></Alert>".to_owned(), Some(400)),
        (item("<Meta><Format>frob</Format></Meta>"), Some(415)),
        (item("<Meta><Format/></Meta>"), None),
        (item("<Meta><Size>-1</Size></Meta>"), Some(400)),
        (item(&format!("<Data>{}</Data>", text(DATA_LEN_MAX))), None),
        (item(&format!("<Data>{}</Data>", text(DATA_LEN_MAX + 1))), Some(413)),
        (item(&format!("<Meta><Type>{}</Type></Meta>", text(TEXT_LEN_MAX))), None),
        (item(&format!("<Meta><Type>{}</Type></Meta>", text(TEXT_LEN_MAX + 1))), Some(413)),
        (uri(URI_LEN_MAX), None),
        (uri(URI_LEN_MAX + 1), Some(414)),
    ] {
        assert_eq!(refusal(&body), code, "{:.200}", body);
    }
    let nameless = read("<Copy/>").unwrap();
    let refused = Refused { id: None, name: "Copy".to_owned(), code: StatusCode::BAD_REQUEST };
    assert_eq!(nameless, [Command::Refused(refused)]);
}

#[test]
fn an_id_names_one_command() {
    let commands = read(&format!("{}{}", get(1, 1), get(1, 1))).unwrap();
    assert!(
        matches!(&commands[..], [Command::Operation(_), Command::Refused(refused)] if refused.code.0 == 400)
    );
    let status = "<Status><CmdID>1</CmdID><CmdRef>1</CmdRef><Data>200</Data></Status>";
    let commands = read(&format!("{status}{status}{}", get(1, 1))).unwrap();
    assert!(matches!(&commands[..], [Command::Status(_), Command::Status(_), Command::Operation(_)]));
}

#[test]
fn commands_items_and_groups_are_bounded() {
    let many = |commands: usize| read(&(1..=commands).map(|id| get(id, 1)).collect::<String>());
    assert_eq!(many(COMMANDS_MAX).unwrap().len(), COMMANDS_MAX);
    assert_eq!(many(COMMANDS_MAX + 1), Err(SyncmlError::TooMany));
    assert!(read(&get(1, ITEMS_MAX)).is_ok());
    assert_eq!(read(&get(1, ITEMS_MAX + 1)), Err(SyncmlError::TooMany));
    let nested = |depth: usize| {
        let open: String = (1..=depth).map(|id| format!("<Atomic><CmdID>{id}</CmdID>")).collect();
        read(&format!("{open}{}", "</Atomic>".repeat(depth))).unwrap()
    };
    let innermost = |mut commands: Vec<Command>| {
        while let Some(Command::Group(Group { commands: inner, .. })) = commands.pop() {
            commands = inner;
            if let Some(Command::Refused(refused)) = commands.first() {
                return Some(refused.code);
            }
        }
        None
    };
    assert_eq!(innermost(nested(GROUP_DEPTH_MAX)), None);
    assert_eq!(innermost(nested(GROUP_DEPTH_MAX + 1)), Some(StatusCode::TOO_LARGE));
}

#[test]
fn a_message_without_the_header_that_an_answer_needs_is_an_error() {
    let whole = format!("<SyncML>{HEADER}<SyncBody/></SyncML>");
    assert!(decode(whole.as_bytes()).is_ok());
    for (from, to, error) in [
        ("<SessionID>1</SessionID>", "", SyncmlError::Missing("SessionID")),
        ("<SessionID>1<", "<SessionID>12345<", SyncmlError::Missing("SessionID")),
        ("<MsgID>1<", "<MsgID>x<", SyncmlError::Missing("MsgID")),
        ("<Target><LocURI>a</LocURI></Target>", "", SyncmlError::Missing("Target")),
        ("<LocURI>b</LocURI>", "<LocURI/>", SyncmlError::Missing("Source")),
        ("<SyncBody/>", "", SyncmlError::Missing("SyncBody")),
        (HEADER, "", SyncmlError::Missing("SyncHdr")),
        ("SyncML>", "SynkML>", SyncmlError::Missing("SyncML")),
        ("DM/1.2", "DM/1.1", SyncmlError::Version),
        ("<VerDTD>1.2", "<VerDTD>1.1", SyncmlError::Version),
        ("<SyncML>", "<!DOCTYPE SyncML><SyncML>", SyncmlError::Xml(XmlError::Forbidden { at: 0 })),
    ] {
        assert_eq!(decode(whole.replace(from, to).as_bytes()), Err(error), "{to}");
    }
}

#[test]
fn what_is_not_known_is_passed_over() {
    let known = "<Alert><CmdID>1</CmdID><Data>1201</Data></Alert>";
    let unknown =
        "<Alert><NoResp/><CmdID>1</CmdID><New a=\"b\"><Data>7</Data></New><Data>1201</Data></Alert>";
    assert_eq!(read(known), read(unknown));
}

/// Without what is never written.
fn writable(commands: Vec<Command>) -> Vec<Command> {
    let of_group = |command| match command {
        Command::Group(group) => Command::Group(Group { commands: writable(group.commands), ..group }),
        other => other,
    };
    commands.into_iter().filter(|command| !matches!(command, Command::Refused(_))).map(of_group).collect()
}

proptest! {
    #[test]
    fn what_is_written_is_read(message in messages()) {
        prop_assert_eq!(decode(&encode(&message)), Ok(message));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
        drop(decode(&bytes));
    }

    #[test]
    fn what_is_read_of_a_spoilt_message_can_be_written(
        message in messages(),
        mutations in proptest::collection::vec(mutations(), 1..4),
    ) {
        let mut bytes = encode(&message);
        mutations.iter().for_each(|mutation| mutate(&mut bytes, mutation));
        if let Ok(mut read) = decode(&bytes) {
            read.commands = writable(read.commands);
            prop_assert_eq!(decode(&encode(&read)), Ok(read));
        }
    }
}

#[test]
fn an_error_repeats_no_input() {
    let error = decode(b"<SyncML><SyncHdr><SessionID>hunter2</SessionID></SyncHdr></SyncML>").unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hunter2"));
    assert!(
        encode(&message(vec![results(1, "hunter2".to_owned())])).windows(7).any(|part| part == b"hunter2")
    );
}
