//! A message to bytes. The order of elements is that of OMA-TS-SyncML_RepPro_DTD-V1_2.

use super::{Alert, CmdId, Command, Header, Item, LocUri, Message, Meta, MsgId, Results, Status};
use crate::xml::Writer;

const SYNCML: &str = "SYNCML:SYNCML1.2";
const METINF: (&str, &str) = ("xmlns", "syncml:metinf");
/// [MS-MDM] 2.2.4: the namespace of the HRESULT behind a Status.
const MSFT: (&str, &str) = ("xmlns:msft", "http://schemas.microsoft.com/MobileDevice/MDM");

pub(super) fn message(message: &Message) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.element_with("SyncML", &[("xmlns", SYNCML)], |writer| {
        writer.element("SyncHdr", |writer| header(writer, &message.header));
        writer.element("SyncBody", |writer| {
            message.commands.iter().for_each(|part| command(writer, part));
            if message.is_final {
                writer.empty("Final", &[]);
            }
        });
    });
    writer.finish()
}

/// How many bytes a command takes in a message.
pub(super) fn len(part: &Command) -> usize {
    let mut writer = Writer::default();
    command(&mut writer, part);
    writer.finish().len()
}

fn header(writer: &mut Writer, header: &Header) {
    writer.text("VerDTD", "1.2");
    writer.text("VerProto", "DM/1.2");
    writer.text("SessionID", header.session_id.as_str());
    number(writer, "MsgID", header.msg_id);
    address(writer, "Target", Some(&header.target));
    address(writer, "Source", Some(&header.source));
    if let Some(size) = header.max_msg_size {
        writer.element("Meta", |writer| writer.text_with("MaxMsgSize", &[METINF], &size.to_string()));
    }
}

fn command(writer: &mut Writer, command: &Command) {
    match command {
        Command::Status(part) => writer.element(command.name(), |writer| status(writer, part)),
        Command::Results(part) => writer.element(command.name(), |writer| results(writer, part)),
        Command::Alert(part) => writer.element(command.name(), |writer| alert(writer, part)),
        Command::Operation(part) => writer.element(command.name(), |writer| {
            id(writer, &part.id);
            writer.optional("Correlator", part.correlator.as_deref());
            items(writer, &part.items);
        }),
        Command::Group(part) => writer.element(command.name(), |writer| {
            id(writer, &part.id);
            part.commands.iter().for_each(|part| self::command(writer, part));
        }),
        Command::Refused(_) => {}
    }
}

fn status(writer: &mut Writer, status: &Status) {
    id(writer, &status.id);
    number(writer, "MsgRef", status.msg_ref);
    writer.text("CmdRef", status.cmd_ref.as_ref().map_or("", CmdId::as_str));
    writer.text("Cmd", &status.cmd);
    status.targets.iter().for_each(|uri| writer.text("TargetRef", uri.as_str()));
    status.sources.iter().for_each(|uri| writer.text("SourceRef", uri.as_str()));
    let code = status.code.to_string();
    match status.original_error {
        None => writer.text("Data", &code),
        Some(error) => {
            let error = format!("0x{error:08X}");
            writer.text_with("Data", &[MSFT, ("msft:originalerror", &error)], &code);
        }
    }
}

fn results(writer: &mut Writer, results: &Results) {
    id(writer, &results.id);
    number(writer, "MsgRef", results.msg_ref);
    writer.text("CmdRef", results.cmd_ref.as_str());
    items(writer, &results.items);
}

fn alert(writer: &mut Writer, alert: &Alert) {
    id(writer, &alert.id);
    writer.text("Data", &alert.code.to_string());
    writer.optional("Correlator", alert.correlator.as_deref());
    items(writer, &alert.items);
}

fn items(writer: &mut Writer, items: &[Item]) {
    for item in items {
        writer.element("Item", |writer| {
            address(writer, "Target", item.target.as_ref());
            address(writer, "Source", item.source.as_ref());
            meta(writer, &item.meta);
            writer.optional("Data", item.data.as_deref());
            if item.more_data {
                writer.empty("MoreData", &[]);
            }
        });
    }
}

fn meta(writer: &mut Writer, meta: &Meta) {
    if *meta == Meta::default() {
        return;
    }
    writer.element("Meta", |writer| {
        if let Some(format) = meta.format {
            writer.text_with("Format", &[METINF], format.name());
        }
        if let Some(kind) = &meta.kind {
            writer.text_with("Type", &[METINF], kind);
        }
        if let Some(size) = meta.size {
            writer.text_with("Size", &[METINF], &size.to_string());
        }
    });
}

fn id(writer: &mut Writer, id: &CmdId) {
    writer.text("CmdID", id.as_str());
}

fn number(writer: &mut Writer, name: &str, number: MsgId) {
    writer.text(name, &number.to_string());
}

fn address(writer: &mut Writer, name: &str, uri: Option<&LocUri>) {
    if let Some(uri) = uri {
        writer.element(name, |writer| writer.text("LocURI", uri.as_str()));
    }
}
