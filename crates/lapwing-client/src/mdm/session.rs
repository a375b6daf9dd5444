//! One session, from the device's first message to the server's last.

use std::collections::BTreeMap;

use lapwing_core::types::ActionId;
use lapwing_proto::xml::MESSAGE_LEN_MAX;
use lapwing_proto::{
    management::{self, ActionReport, DeviceInfo},
    syncml::{
        self, Alert, AlertCode, CmdId, Command, Header, Item, LocUri, Message, MsgId, Outbox, SessionId,
        Status, StatusCode, SyncmlError, chunk::Assembly,
    },
};

use super::plan::{Done, Plan, Work};

/// The messages that a device sends in one session. An honest one has a handful; a large object takes more.
pub const MESSAGES_MAX: u32 = 64;

/// The longest message, in bytes, to a server that has not said yet what it takes.
const UNTOLD_LEN_MAX: usize = 64 << 10;

/// Why a session is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The server has called.
    ServerInitiated,
    /// The device calls by itself.
    ClientInitiated,
}

/// What a session begins with.
#[derive(Debug)]
pub struct Start {
    /// Names it; another than the last one's.
    pub id: SessionId,
    /// The server's address.
    pub server: LocUri,
    /// What the device says of itself.
    pub device: DeviceInfo,
    /// Why it is started.
    pub cause: Cause,
    /// What the server is to hear of its actions.
    pub reports: Vec<ActionReport>,
}

/// What a message of the server has brought.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// To be performed, in order, before [`Session::reply`].
    pub work: Vec<Work>,
    /// What the server has answered to reports.
    pub reported: Vec<(ActionId, StatusCode)>,
    /// Whether the server has nothing more to ask, or has broken off: there will be no reply.
    pub is_over: bool,
}

/// Why a session cannot go on. Nothing of the message that showed it is given out to be performed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The server's message is none.
    #[error("the server's message cannot be read")]
    Message(#[from] SyncmlError),
    /// It belongs to another session, or answers another message.
    #[error("the server's message belongs to another session or answers another message")]
    Elsewhere,
    /// It came before, or while the one before waits for its reply.
    #[error("the server's message is out of order")]
    OutOfOrder,
    /// The server does not take our message.
    #[error("the server refused the message with status {0}")]
    Refused(StatusCode),
    /// There is no end to it.
    #[error("the server goes on after {MESSAGES_MAX} messages")]
    TooLong,
}

impl SessionError {
    /// What to do about it.
    #[must_use]
    pub const fn next_step(&self) -> &'static str {
        match self {
            Self::Message(_) | Self::Elsewhere | Self::OutOfOrder => {
                "check that the address is that of the management server, and its version"
            }
            Self::Refused(_) | Self::TooLong => "look into the server's log",
        }
    }
}

/// A session under way.
#[derive(Debug)]
pub struct Session {
    id: SessionId,
    device: LocUri,
    server: LocUri,
    /// The message sent last.
    sent: MsgId,
    /// The command numbered last; ids are unique in the whole session.
    numbered: u32,
    /// The longest message that the server takes, in bytes.
    len_max: usize,
    outbox: Outbox,
    assembly: Assembly,
    /// Reports that the server has not answered.
    reports: BTreeMap<CmdId, ActionId>,
    /// The server's last message.
    received: Option<MsgId>,
    state: State,
}

#[derive(Debug)]
enum State {
    /// The server's message is read, and waits for its reply.
    Received { plan: Plan, is_final: bool },
    /// This was sent.
    Sent(Vec<u8>),
    /// There is nothing more to say.
    Over,
}

impl Session {
    /// Begins a session: gives it, and its first message.
    #[must_use]
    pub fn start(start: Start) -> (Self, Vec<u8>) {
        let mut session = Self {
            id: start.id,
            device: LocUri::device(start.device.device),
            server: start.server,
            sent: MsgId(0),
            numbered: 0,
            len_max: UNTOLD_LEN_MAX,
            outbox: Outbox::default(),
            assembly: Assembly::default(),
            reports: BTreeMap::new(),
            received: None,
            state: State::Over,
        };
        let cause = match start.cause {
            Cause::ServerInitiated => AlertCode::SERVER_INITIATED,
            Cause::ClientInitiated => AlertCode::CLIENT_INITIATED,
        };
        let first = session.alert(cause, Vec::new());
        session.outbox.push(first);
        for alert in [management::login_status, management::announcement] {
            let alert = alert(session.next_id());
            session.outbox.push(Command::Alert(alert));
        }
        let device = start.device.replace(session.next_id());
        session.outbox.push(Command::Operation(device));
        for report in start.reports {
            let id = session.next_id();
            session.reports.insert(id.clone(), report.action);
            session.outbox.push(Command::Alert(report.alert(id)));
        }
        let message = session.send(Vec::new(), true);
        (session, message)
    }

    /// Takes the server's answer to the message sent last. The same answer once more brings nothing new, and
    /// [`Self::reply`] says the same to it again.
    ///
    /// # Errors
    /// [`SessionError`]; the session is of no more use then, but [`Self::abort`] may tell the server.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<Received, SessionError> {
        let message = syncml::decode(bytes)?;
        if message.header.session_id != self.id {
            return Err(SessionError::Elsewhere);
        }
        let is_repeated = self.received == Some(message.header.msg_id);
        match self.state {
            State::Received { .. } => return Err(SessionError::OutOfOrder),
            State::Over | State::Sent(_) if is_repeated => {
                return Ok(Received { is_over: matches!(self.state, State::Over), ..Received::default() });
            }
            State::Over => return Err(SessionError::OutOfOrder),
            State::Sent(_) => {}
        }
        if self.received.is_some_and(|last| message.header.msg_id <= last) {
            return Err(SessionError::OutOfOrder);
        }
        self.check_header_status(&message.commands)?;
        self.take(message)
    }

    /// The next message, which answers the last one with how its work went; none if the session is over. Work that `done`
    /// does not reach has failed.
    pub fn reply(&mut self, done: &[Done]) -> Option<Vec<u8>> {
        let (plan, is_final) = match core::mem::replace(&mut self.state, State::Over) {
            State::Received { plan, is_final } => (plan, is_final),
            State::Sent(message) => {
                self.state = State::Sent(message.clone());
                return Some(message);
            }
            State::Over => return None,
        };
        let msg_ref = self.received.unwrap_or(MsgId::FIRST);
        let mut first = vec![Command::Status(Status {
            id: self.next_id(),
            msg_ref,
            cmd_ref: Some(CmdId::header()),
            cmd: "SyncHdr".to_owned(),
            targets: vec![self.device.clone()],
            sources: vec![self.server.clone()],
            code: StatusCode::OK,
            original_error: None,
        })];
        if !is_final {
            first.push(self.alert(AlertCode::NEXT_MESSAGE, Vec::new()));
        }
        if !plan.broken.is_empty() {
            first.push(self.alert(AlertCode::NO_END_OF_DATA, plan.broken.clone()));
        }
        for reply in plan.replies(msg_ref, done, || self.next_id()) {
            self.outbox.push(reply);
        }
        Some(self.send(first, is_final))
    }

    /// A last message that tells the server that the session is broken off.
    pub fn abort(&mut self) -> Vec<u8> {
        self.outbox = Outbox::default();
        let alert = self.alert(AlertCode::SESSION_ABORT, Vec::new());
        let message = self.send(vec![alert], true);
        self.state = State::Over;
        message
    }

    fn check_header_status(&self, commands: &[Command]) -> Result<(), SessionError> {
        let status = commands.iter().find_map(|command| match command {
            Command::Status(status) if status.cmd_ref.as_ref().is_some_and(CmdId::is_header) => Some(status),
            _ => None,
        });
        match status {
            Some(status) if status.msg_ref != self.sent => Err(SessionError::Elsewhere),
            Some(status) if !status.code.is_success() => Err(SessionError::Refused(status.code)),
            Some(_) | None => Ok(()),
        }
    }

    fn take(&mut self, message: Message) -> Result<Received, SessionError> {
        let Message { header, commands, is_final } = message;
        let mut received = Received::default();
        let mut plan = Plan::default();
        let mut is_over = false;
        for command in commands {
            match command {
                Command::Status(Status { cmd_ref: Some(id), code, .. }) => {
                    received.reported.extend(self.reports.remove(&id).map(|action| (action, code)));
                }
                Command::Alert(Alert { code: AlertCode::SESSION_ABORT, .. }) => is_over = true,
                command => plan.add(command, &mut self.assembly),
            }
        }
        if is_final {
            plan.broken.extend(self.assembly.give_up());
        }
        is_over |= is_final && plan.is_empty() && self.outbox.is_empty();
        if !is_over && self.sent.0 >= MESSAGES_MAX {
            return Err(SessionError::TooLong);
        }
        self.received = Some(header.msg_id);
        if let Some(size) = header.max_msg_size {
            self.len_max = usize::try_from(size).map_or(MESSAGE_LEN_MAX, |size| size.min(MESSAGE_LEN_MAX));
        }
        if is_over {
            self.state = State::Over;
        } else {
            received.work = plan.take_work();
            self.state = State::Received { plan, is_final };
        }
        received.is_over = is_over;
        Ok(received)
    }

    /// Sends what fits.
    fn send(&mut self, first: Vec<Command>, is_final: bool) -> Vec<u8> {
        self.sent = self.sent.next();
        let header = Header {
            session_id: self.id.clone(),
            msg_id: self.sent,
            target: self.server.clone(),
            source: self.device.clone(),
            max_msg_size: u32::try_from(MESSAGE_LEN_MAX).ok(),
        };
        let mut message = self.outbox.fill(header, first, self.len_max);
        message.is_final &= is_final;
        let bytes = syncml::encode(&message);
        self.state = State::Sent(bytes.clone());
        bytes
    }

    fn alert(&mut self, code: AlertCode, items: Vec<Item>) -> Command {
        Command::Alert(Alert { id: self.next_id(), code, correlator: None, items })
    }

    fn next_id(&mut self) -> CmdId {
        self.numbered = self.numbered.saturating_add(1);
        CmdId::number(self.numbered)
    }
}
