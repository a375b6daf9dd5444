//! A device with a tree, and a server that says what the test writes.

use lapwing_core::{
    csp::{Performed, Reply, Tree},
    event::Hresult,
    types::{ActionId, DeviceId, Guid},
};
use lapwing_proto::{
    management::{ActionReport, DeviceInfo},
    syncml::{self, Command, Message, MsgId, SessionId},
};

use crate::mdm::{Cause, Done, Received, Session, Start, Work};

pub(super) const ACTION: ActionId = ActionId(Guid::from_bytes([0xac; 16]));

pub(super) struct World {
    pub(super) session: Session,
    pub(super) tree: Tree,
    /// What was performed, in order.
    pub(super) performed: Vec<String>,
    /// The device's last message.
    pub(super) last: Message,
    pub(super) first: Vec<u8>,
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(Cause::ClientInitiated, Vec::new())
    }

    pub(super) fn with(cause: Cause, reports: Vec<ActionReport>) -> Self {
        let (session, first) = Session::start(Start {
            id: SessionId::number(0x2a),
            server: "https://laps.example/manage".parse().unwrap(),
            device: DeviceInfo {
                device: DeviceId(Guid::from_bytes([0xde; 16])),
                manufacturer: "Contoso".to_owned(),
                model: "Server".to_owned(),
                language: "en-US".to_owned(),
            },
            cause,
            reports,
        });
        let last = syncml::decode(&first).unwrap();
        Self { session, tree: Tree::default(), performed: Vec::new(), last, first }
    }

    /// The server's message, in answer to the device's last one.
    pub(super) fn server(&self, body: &str) -> String {
        let MsgId(id) = self.last.header.msg_id;
        format!(
            "<SyncML><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>2A</SessionID>\
             <MsgID>{id}</MsgID><Target><LocURI>d</LocURI></Target><Source><LocURI>s</LocURI></Source></SyncHdr>\
             <SyncBody><Status><CmdID>s</CmdID><MsgRef>{id}</MsgRef><CmdRef>0</CmdRef><Cmd>SyncHdr</Cmd>\
             <Data>200</Data></Status>{body}</SyncBody></SyncML>"
        )
    }

    /// The server says `body` and ends its package; the device performs what it is asked. Gives the device's answer.
    pub(super) fn hears(&mut self, body: &str) -> Option<Vec<Command>> {
        let message = self.server(&format!("{body}<Final/>"));
        self.hears_message(&message)
    }

    pub(super) fn hears_message(&mut self, message: &str) -> Option<Vec<Command>> {
        let received = self.session.receive(message.as_bytes()).unwrap();
        let is_over = received.is_over;
        let done = self.perform(received);
        let reply = self.session.reply(&done);
        assert_eq!(reply.is_none(), is_over);
        self.last = syncml::decode(&reply?).unwrap();
        assert_eq!(self.last.header.session_id.as_str(), "2A");
        Some(self.last.commands.clone())
    }

    fn perform(&mut self, received: Received) -> Vec<Done> {
        self.performed.extend(received.work.iter().map(|work| format!("{work:?}")));
        let status = Hresult::PENDING;
        received
            .work
            .into_iter()
            .map(|work| match work {
                Work::Atomic(members) => Done::Atomic(self.tree.perform_atomic(&members, status)),
                Work::Single(operation) => Done::Single(match self.tree.perform(&operation, status) {
                    Performed::Done(reply) => reply,
                    Performed::Reset { .. } => Reply::status(lapwing_core::csp::Status::ACCEPTED),
                }),
            })
            .collect()
    }
}

/// Each Status as `CmdRef Cmd code`, everything else by its name.
pub(super) fn lines(commands: &[Command]) -> Vec<String> {
    let line = |command: &Command| match command {
        Command::Status(status) => {
            let target = status.targets.first().filter(|_| status.cmd != "SyncHdr");
            let target = target.map(|uri| format!(" {uri}")).unwrap_or_default();
            let cmd_ref = status.cmd_ref.as_ref().map_or("-", |id| id.as_str());
            format!("{cmd_ref} {} {}{target}", status.cmd, status.code)
        }
        Command::Results(results) => {
            let data = results.items[0].data.as_deref().unwrap_or_default();
            format!("{} Results {data}", results.cmd_ref)
        }
        Command::Alert(alert) => format!("Alert {}", alert.code),
        other => other.name().to_owned(),
    };
    commands.iter().map(line).collect()
}

pub(super) const RESET: &str = "./Device/Vendor/MSFT/LAPS/Actions/ResetPassword";

pub(super) fn operation(id: &str, verb: &str, node: &str, rest: &str) -> String {
    format!(
        "<{verb}><CmdID>{id}</CmdID><Item><Target><LocURI>./Device/Vendor/MSFT/LAPS/{node}</LocURI></Target>{rest}\
         </Item></{verb}>"
    )
}

pub(super) fn policy(id: &str, verb: &str, name: &str, value: &str) -> String {
    operation(id, verb, &format!("Policies/{name}"), &format!("<Data>{value}</Data>"))
}
