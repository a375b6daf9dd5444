//! A tree of elements to a message.

use core::str::FromStr;
use std::collections::BTreeSet;

use super::{
    Alert, AlertCode, COMMANDS_MAX, CmdId, Command, DATA_LEN_MAX, Format, GROUP_DEPTH_MAX, Group, GroupKind,
    Header, ITEMS_MAX, Item, LocUri, Message, Meta, MsgId, Operation, Refused, Results, Status, StatusCode,
    SyncmlError, TEXT_LEN_MAX, Verb, message::ANSWERS,
};
use crate::xml::Element;

/// Commands of the standard that device management does without. OMA-TS-DM_RepPro-V1_2 section 6.
const UNSUPPORTED: [&str; 6] = ["Copy", "Map", "Move", "Put", "Search", "Sync"];

/// What stands in a body or a group beside commands.
const NO_COMMANDS: [&str; 4] = ["CmdID", "Final", "Meta", "NoResp"];

pub(super) fn message(root: &Element) -> Result<Message, SyncmlError> {
    if !root.is("SyncML") {
        return Err(SyncmlError::Missing("SyncML"));
    }
    let header = header(root.child("SyncHdr").ok_or(SyncmlError::Missing("SyncHdr"))?)?;
    let (commands, is_final) = body(root)?;
    Ok(Message { header, commands, is_final })
}

/// The body alone, which is all that published examples show.
pub(super) fn body(root: &Element) -> Result<(Vec<Command>, bool), SyncmlError> {
    let body = root.child("SyncBody").ok_or(SyncmlError::Missing("SyncBody"))?;
    let mut reader = Reader::default();
    Ok((reader.commands(body, 0)?, body.child("Final").is_some()))
}

fn header(element: &Element) -> Result<Header, SyncmlError> {
    let is = |name, expected| element.text_of(name).is_none_or(|text| text.eq_ignore_ascii_case(expected));
    if !is("VerDTD", "1.2") || !is("VerProto", "DM/1.2") {
        return Err(SyncmlError::Version);
    }
    Ok(Header {
        session_id: required(element.text_of("SessionID"), "SessionID")?,
        msg_id: MsgId(required(element.text_of("MsgID"), "MsgID")?),
        target: required(uri_text(element, "Target"), "Target")?,
        source: required(uri_text(element, "Source"), "Source")?,
        max_msg_size: element.at(&["Meta", "MaxMsgSize"]).and_then(|size| size.trimmed().parse().ok()),
    })
}

fn required<T: FromStr>(text: Option<&str>, name: &'static str) -> Result<T, SyncmlError> {
    text.and_then(|text| text.parse().ok()).ok_or(SyncmlError::Missing(name))
}

fn uri_text<'a>(element: &'a Element, name: &str) -> Option<&'a str> {
    element.child(name)?.text_of("LocURI")
}

#[derive(Default)]
struct Reader {
    commands: usize,
    items: usize,
    ids: BTreeSet<CmdId>,
}

impl Reader {
    fn commands(&mut self, parent: &Element, depth: usize) -> Result<Vec<Command>, SyncmlError> {
        let is_command = |element: &&Element| !NO_COMMANDS.iter().any(|name| element.is(name));
        let mut commands = Vec::new();
        for element in parent.children.iter().filter(is_command) {
            self.commands = self.commands.saturating_add(1);
            let items = element.children_named("Item").count();
            self.items = self.items.saturating_add(items);
            if self.commands > COMMANDS_MAX || self.items > ITEMS_MAX {
                return Err(SyncmlError::TooMany);
            }
            commands.push(self.command(element, depth)?);
        }
        Ok(commands)
    }

    fn command(&mut self, element: &Element, depth: usize) -> Result<Command, SyncmlError> {
        let id = element.text_of("CmdID").and_then(|id| id.parse().ok()).filter(|id: &CmdId| !id.is_header());
        let refused = |code| Command::Refused(Refused { id: id.clone(), name: element.name.clone(), code });
        let Some(known) = id.clone() else { return Ok(refused(StatusCode::BAD_REQUEST)) };
        // Nothing refers to an answer.
        let is_answer = ANSWERS.iter().any(|name| element.is(name));
        let is_new = is_answer || self.ids.insert(known.clone());
        let group = GroupKind::ALL.into_iter().find(|kind| element.is(kind.name()));
        Ok(match group {
            _ if !is_new => refused(StatusCode::BAD_REQUEST),
            Some(_) if depth >= GROUP_DEPTH_MAX => refused(StatusCode::TOO_LARGE),
            Some(kind) => {
                let commands = self.commands(element, depth.saturating_add(1))?;
                Command::Group(Group { id: known, kind, commands })
            }
            None => plain(element, known).unwrap_or_else(refused),
        })
    }
}

fn plain(element: &Element, id: CmdId) -> Result<Command, StatusCode> {
    if let Some(verb) = Verb::ALL.into_iter().find(|verb| element.is(verb.name())) {
        return operation(element, id, verb).map(Command::Operation);
    }
    if element.is("Status") {
        return status(element, id).map(Command::Status);
    }
    if element.is("Results") {
        return results(element, id).map(Command::Results);
    }
    if element.is("Alert") {
        return alert(element, id).map(Command::Alert);
    }
    let is_standard = UNSUPPORTED.iter().any(|name| element.is(name));
    Err(if is_standard { StatusCode::UNSUPPORTED } else { StatusCode::BAD_REQUEST })
}

fn operation(element: &Element, id: CmdId, verb: Verb) -> Result<Operation, StatusCode> {
    let items = items(element)?;
    if items.is_empty() || items.iter().any(|item| item.target.is_none() && item.source.is_none()) {
        return Err(StatusCode::INCOMPLETE);
    }
    Ok(Operation { id, verb, correlator: short_text(element, "Correlator")?, items })
}

fn alert(element: &Element, id: CmdId) -> Result<Alert, StatusCode> {
    let code = AlertCode(number(element, "Data")?);
    Ok(Alert { id, code, correlator: short_text(element, "Correlator")?, items: items(element)? })
}

fn status(element: &Element, id: CmdId) -> Result<Status, StatusCode> {
    let references = |name: &'static str| -> Result<Vec<LocUri>, StatusCode> {
        element.children_named(name).map(|reference| uri(reference.trimmed())).collect()
    };
    let original_error = element.child("Data").and_then(|data| data.attribute("originalerror"));
    Ok(Status {
        id,
        msg_ref: msg_ref(element)?,
        cmd_ref: element.text_of("CmdRef").and_then(|text| text.parse().ok()),
        cmd: short_text(element, "Cmd")?.unwrap_or_default(),
        targets: references("TargetRef")?,
        sources: references("SourceRef")?,
        code: StatusCode(number(element, "Data")?),
        original_error: original_error.and_then(hresult),
    })
}

fn results(element: &Element, id: CmdId) -> Result<Results, StatusCode> {
    let cmd_ref = element.text_of("CmdRef").and_then(|text| text.parse().ok());
    Ok(Results {
        id,
        msg_ref: msg_ref(element)?,
        cmd_ref: cmd_ref.ok_or(StatusCode::BAD_REQUEST)?,
        items: items(element)?,
    })
}

/// Windows leaves it out where it means the first message.
fn msg_ref(element: &Element) -> Result<MsgId, StatusCode> {
    match element.text_of("MsgRef").map(str::parse) {
        None => Ok(MsgId::FIRST),
        Some(Ok(number)) => Ok(MsgId(number)),
        Some(Err(_)) => Err(StatusCode::BAD_REQUEST),
    }
}

fn number(element: &Element, name: &str) -> Result<u16, StatusCode> {
    element.text_of(name).and_then(|text| text.parse().ok()).ok_or(StatusCode::BAD_REQUEST)
}

fn hresult(text: &str) -> Option<u32> {
    let digits = text.trim().strip_prefix("0x")?;
    u32::from_str_radix(digits, 16).ok()
}

fn short_text(element: &Element, name: &str) -> Result<Option<String>, StatusCode> {
    match element.text_of(name) {
        Some(text) if text.len() > TEXT_LEN_MAX => Err(StatusCode::TOO_LARGE),
        text => Ok(text.map(str::to_owned)),
    }
}

fn uri(text: &str) -> Result<LocUri, StatusCode> {
    text.parse().map_err(|_| StatusCode::URI_TOO_LONG)
}

/// The command's own Meta holds for every item that has none. OMA-TS-SyncML_RepPro-V1_2 section 6.1.11.
fn items(command: &Element) -> Result<Vec<Item>, StatusCode> {
    let common = meta(command)?;
    command.children_named("Item").map(|element| item(element, &common)).collect()
}

fn item(element: &Element, common: &Meta) -> Result<Item, StatusCode> {
    let own = meta(element)?;
    let data = element.child("Data").map(|data| data.text.clone());
    if data.as_ref().is_some_and(|data| data.len() > DATA_LEN_MAX) {
        return Err(StatusCode::TOO_LARGE);
    }
    Ok(Item {
        target: uri_text(element, "Target").map(uri).transpose()?,
        source: uri_text(element, "Source").map(uri).transpose()?,
        meta: Meta {
            format: own.format.or(common.format),
            kind: own.kind.or_else(|| common.kind.clone()),
            size: own.size.or(common.size),
        },
        data,
        more_data: element.child("MoreData").is_some(),
    })
}

fn meta(parent: &Element) -> Result<Meta, StatusCode> {
    let Some(element) = parent.child("Meta") else { return Ok(Meta::default()) };
    let size = element.text_of("Size").map(|text| text.parse().map_err(|_| StatusCode::BAD_REQUEST));
    Ok(Meta {
        format: element.text_of("Format").filter(|text| !text.is_empty()).map(format).transpose()?,
        kind: short_text(element, "Type")?,
        size: size.transpose()?,
    })
}

fn format(name: &str) -> Result<Format, StatusCode> {
    Format::of_name(name).ok_or(StatusCode::UNSUPPORTED_FORMAT)
}
