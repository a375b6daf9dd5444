//! Messages as they are published.

use crate::{
    syncml::{
        AlertCode, Command, Format, GroupKind, Item, Message, MsgId, Operation, StatusCode, Verb, decode,
        encode, read,
    },
    xml,
};

const PACKAGE_1: &[u8] = include_bytes!("../fixtures/package1.xml");
const PACKAGE_2: &[u8] = include_bytes!("../fixtures/package2.xml");
const PACKAGE_3: &[u8] = include_bytes!("../fixtures/package3.xml");
const UNENROLMENT: &[u8] = include_bytes!("../fixtures/unenrolment.xml");

/// Name, format and value of each leaf that a published example of the LAPS CSP sets.
fn policy(example: &[u8]) -> Vec<(String, Format, String)> {
    let (commands, is_final) = read::body(&xml::parse(example).unwrap()).unwrap();
    assert!(!is_final, "the published `Final` is escaped, and so it is text");
    let leaf = |command: Command| match command {
        Command::Operation(Operation { verb: Verb::Add, items, .. }) => {
            let [Item { target: Some(target), meta, data: Some(data), .. }] = &items[..] else {
                panic!("an Add without target or data")
            };
            let name = target.as_str().strip_prefix("./Device/Vendor/MSFT/LAPS/Policies/").unwrap();
            assert_eq!(meta.kind.as_deref(), Some("text/plain"));
            (name.to_owned(), meta.format.unwrap(), data.clone())
        }
        other => panic!("{other:?}"),
    };
    commands.into_iter().map(leaf).collect()
}

#[test]
fn the_examples_of_the_laps_csp_are_read() {
    let entra = policy(include_bytes!("../fixtures/laps_csp_entra.xml"));
    assert_eq!(entra.len(), 7);
    assert_eq!(entra[1], ("PasswordAgeDays".to_owned(), Format::Int, "7".to_owned()));
    let hybrid = policy(include_bytes!("../fixtures/laps_csp_hybrid.xml"));
    assert_eq!(hybrid.len(), 11);
    assert_eq!(
        hybrid[5],
        ("PasswordExpirationProtectionEnabled".to_owned(), Format::Bool, "True".to_owned())
    );
}

#[test]
fn a_device_says_what_it_is() {
    let Message { header, commands, is_final } = decode(PACKAGE_1).unwrap();
    assert!(is_final);
    assert_eq!(header.target.as_str(), "https://mdm.laps.example/manage?mode=Maintenance&Platform=WoA");
    assert_eq!((header.msg_id, header.max_msg_size), (MsgId::FIRST, Some(524_288)));
    let [Command::Alert(start), Command::Alert(log_on), Command::Operation(device)] = &commands[..] else {
        panic!("{commands:?}")
    };
    assert_eq!(start.code, AlertCode::CLIENT_INITIATED);
    assert_eq!(log_on.items[0].meta.kind.as_deref(), Some("com.microsoft/MDM/LoginStatus"));
    assert_eq!(log_on.items[0].data.as_deref(), Some("user"));
    assert_eq!((device.verb, device.items.len()), (Verb::Replace, 3));
    assert_eq!(device.items[1].data.as_deref(), Some("Contoso & Sons"));
}

#[test]
fn a_server_says_what_to_do() {
    let commands = decode(PACKAGE_2).unwrap().commands;
    let [Command::Status(header), Command::Group(atomic), Command::Operation(get), Command::Operation(exec)] =
        &commands[..]
    else {
        panic!("{commands:?}")
    };
    assert!(header.cmd_ref.as_ref().unwrap().is_header());
    assert_eq!(header.code, StatusCode::AUTHENTICATED);
    assert_eq!(atomic.kind, GroupKind::Atomic);
    let [Command::Operation(replace)] = &atomic.commands[..] else { panic!("{atomic:?}") };
    // The Meta of the command holds where an item has none of its own.
    let formats: Vec<_> = replace.items.iter().map(|item| item.meta.format).collect();
    assert_eq!(formats, [Some(Format::Int), Some(Format::Chr)]);
    assert_eq!(replace.items[1].meta.kind.as_deref(), Some("text/plain"));
    assert_eq!(replace.items[1].data.as_deref(), Some("a & b"));
    assert_eq!((get.verb, exec.verb), (Verb::Get, Verb::Exec));
    assert_eq!((exec.items[0].meta.format, &exec.items[0].data), (Some(Format::Null), &None));
}

#[test]
fn a_device_says_how_it_went() {
    let commands = decode(PACKAGE_3).unwrap().commands;
    let statuses: Vec<_> = commands
        .iter()
        .filter_map(|command| match command {
            Command::Status(status) => Some((status.msg_ref, status.code.0, status.original_error)),
            _ => None,
        })
        .collect();
    let first = |code| (MsgId::FIRST, code, None);
    let failed = (MsgId::FIRST, 500, Some(0x8007_0057));
    assert_eq!(statuses, [first(200), first(507), failed, first(200), first(400)]);
    let Command::Results(results) = &commands[4] else { panic!("{commands:?}") };
    assert_eq!(results.items[0].data.as_deref(), Some("-2147483638"));
    let Command::Status(of_nameless) = &commands[5] else { panic!("{commands:?}") };
    assert_eq!(of_nameless.cmd_ref, None);
}

#[test]
fn a_generic_alert_is_read() {
    let commands = decode(UNENROLMENT).unwrap().commands;
    let [Command::Alert(alert)] = &commands[..] else { panic!("{commands:?}") };
    assert_eq!(alert.code, AlertCode::GENERIC);
    assert_eq!(alert.items[0].meta.kind.as_deref(), Some("com.microsoft:mdm.unenrollment.userrequest"));
}

#[test]
fn a_published_message_means_the_same_as_we_write_it() {
    for message in [PACKAGE_1, PACKAGE_2, PACKAGE_3, UNENROLMENT].map(|bytes| decode(bytes).unwrap()) {
        assert_eq!(decode(&encode(&message)).as_ref(), Ok(&message));
    }
    insta::assert_snapshot!(String::from_utf8(encode(&decode(PACKAGE_2).unwrap())).unwrap());
    insta::assert_snapshot!(String::from_utf8(encode(&decode(PACKAGE_3).unwrap())).unwrap());
}
