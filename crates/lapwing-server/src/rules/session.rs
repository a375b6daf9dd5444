//! One message of a device in a management session, and its answer. OMA-TS-DM_Protocol-V1_2; [MS-MDM] 3.
//!
//! Nothing of a session is kept but what a package that takes several messages has said so far ([`super::package`]): the answer
//! follows from that, from the message and from what is in the database once the message has been taken note of. So a
//! message that is repeated, because its answer was lost, is answered from the state of now. What a Status refers to is
//! named by the work and not by the session: see [`Work::id`].

use lapwing_core::{
    event::Hresult,
    management::{ActionState, QueuedAction},
    types::{ActionId, FileTime},
};
use lapwing_proto::{
    management::{self, ActionReport},
    syncml::{
        Alert, AlertCode, CmdId, Command, Header, Item, LocUri, Message, Operation, Outbox, Status,
        StatusCode, Verb,
    },
};

use super::{package::Package, policy_delivery, push};

const RESET_PASSWORD_STATUS: &str = "./Device/Vendor/MSFT/LAPS/Actions/ResetPasswordStatus";
const UNENROLMENT: &str = "com.microsoft:mdm.unenrollment.userrequest";

/// `E_PENDING` as the page of the LAPS CSP prints it: one digit short.
const PENDING_AS_PRINTED: u32 = 0x0800_0000;
/// Statuses and the like have lower ids; what is waited for has ids from here on.
const WORK: u32 = 1_000_000;
/// The longest message that a device is sent unless it takes less.
const SENT_LEN_MAX: u32 = 256 << 10;
/// The longest message that is taken from one: the longest body of a request.
const TAKEN_LEN_MAX: u32 = 64 << 10;
/// The most actions that one message may tell of beside the open ones; the rest comes again in the next session.
const NAMED_MAX: usize = 256;
/// The longest message that every device takes. [MS-MDM] 3.1.5.
const MESSAGE_LEN_MIN: u32 = 4 << 10;

/// What a message says, beside the course of the session.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    /// Whether it begins a session.
    pub(crate) starts: bool,
    /// Whether the device names its actions.
    pub(crate) is_named: bool,
    /// Whether the device ends the session.
    pub(crate) aborts: bool,
    /// Whether the device asks for what did not fit.
    pub(crate) wants_more: bool,
    /// Whether its user ends the enrolment.
    pub(crate) unenrols: bool,
    /// Whether it answered work.
    pub(crate) is_news: bool,
    /// How it answered work, by number.
    pub(crate) statuses: Vec<(u32, u16)>,
    /// How actions stand.
    pub(crate) reports: Vec<ActionReport>,
    /// What `ResetPasswordStatus` says.
    pub(crate) reset_status: Option<Hresult>,
    /// What it says of the policy.
    pub(crate) policy: policy_delivery::Heard,
    /// Where it can be woken.
    pub(crate) push: push::Heard,
}

/// Work for a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// Rotate; the name only where the device has said that it understands it.
    Rotate { number: u32, name: Option<ActionId> },
    /// Tell how the last rotation stands.
    TellStatus,
}

impl Work {
    /// The id of its command: the same in every session.
    fn id(self) -> CmdId {
        CmdId::number(match self {
            Self::TellStatus => WORK,
            Self::Rotate { number, .. } => WORK.saturating_add(number),
        })
    }

    pub(crate) fn command(self) -> Command {
        Command::Operation(match self {
            Self::Rotate { name, .. } => management::reset_password(self.id(), name),
            Self::TellStatus => {
                let item = Item { target: RESET_PASSWORD_STATUS.parse().ok(), ..Item::default() };
                Operation { id: self.id(), verb: Verb::Get, correlator: None, items: vec![item] }
            }
        })
    }
}

/// The number of the work that a Status refers to.
fn number_of(id: &CmdId) -> Option<u32> {
    id.as_str().parse::<u32>().ok()?.checked_sub(WORK).filter(|number| *number > 0)
}

/// Reads what a message says.
pub(crate) fn hear(message: &Message) -> Heard {
    let mut heard = Heard { starts: message.header.msg_id.0 == 1, ..Heard::default() };
    for command in &message.commands {
        match command {
            Command::Status(Status { cmd_ref: Some(cmd_ref), code, .. }) => {
                heard.statuses.extend(number_of(cmd_ref).map(|number| (number, code.0)));
                heard.policy.take_status(cmd_ref, *code);
                heard.push.take_status(cmd_ref, *code);
            }
            Command::Results(results) => {
                heard.reset_status = heard.reset_status.or(results.items.iter().find_map(reset_status));
                heard.policy.take_results(results);
                heard.push.take_results(results);
            }
            Command::Alert(alert) => heard.take(alert),
            Command::Status(_) | Command::Operation(_) | Command::Group(_) | Command::Refused(_) => {}
        }
    }
    heard.is_news = !heard.statuses.is_empty();
    heard
}

fn reset_status(item: &Item) -> Option<Hresult> {
    let uri = item.source.as_ref().or(item.target.as_ref())?.as_str();
    let is_status =
        uri.len() == RESET_PASSWORD_STATUS.len() && uri.eq_ignore_ascii_case(RESET_PASSWORD_STATUS);
    is_status.then(|| hresult(item.data.as_deref()?)).flatten()
}

/// A result code as a signed decimal number, as the CSP writes it.
fn hresult(text: &str) -> Option<Hresult> {
    let code = Hresult(text.trim().parse::<i32>().ok()?.cast_unsigned());
    Some(if code.0 == PENDING_AS_PRINTED { Hresult::PENDING } else { code })
}

impl Heard {
    /// Goes on with the next message of the package. Of what is told of actions only the newest is kept: the database has
    /// the rest.
    pub(super) fn add(&mut self, next: Self) {
        let earlier = core::mem::replace(self, next);
        self.starts |= earlier.starts;
        self.is_named |= earlier.is_named;
        self.aborts |= earlier.aborts;
        self.wants_more |= earlier.wants_more;
        self.unenrols |= earlier.unenrols;
        self.is_news |= earlier.is_news;
        self.reset_status = self.reset_status.or(earlier.reset_status);
        self.policy.add_earlier(earlier.policy);
        self.push.add_earlier(earlier.push);
    }

    /// As it is taken note of before the package is complete: nothing begins by it.
    pub(crate) fn for_now(self) -> Self {
        Self { starts: false, ..self }
    }

    fn take(&mut self, alert: &Alert) {
        match alert.code {
            AlertCode::NEXT_MESSAGE => self.wants_more = true,
            AlertCode::SESSION_ABORT => self.aborts = true,
            AlertCode::CLIENT_EVENT => self.is_named |= management::is_announcement(alert),
            AlertCode::GENERIC => {
                self.reports.extend(ActionReport::of_alert(alert));
                self.unenrols |=
                    alert.items.iter().any(|item| item.meta.kind.as_deref() == Some(UNENROLMENT));
            }
            _ => {}
        }
    }

    /// The actions that it names, by name or by number.
    pub(crate) fn named(&self) -> impl Iterator<Item = (Option<ActionId>, Option<u32>)> {
        let by_name = self.reports.iter().map(|report| (Some(report.action), None));
        by_name.chain(self.statuses.iter().map(|(number, _)| (None, Some(*number)))).take(NAMED_MAX)
    }

    /// Tells an action what was heard of it.
    pub(crate) fn apply(&self, now: FileTime, is_named: bool, number: u32, action: &mut QueuedAction) {
        for (_, status) in self.statuses.iter().filter(|(about, _)| *about == number) {
            action.on_status(now, *status);
        }
        let id = action.id;
        for ActionReport { hresult, version, event, .. } in
            self.reports.iter().filter(|report| report.action == id)
        {
            action.on_report(now, *hresult, *version, *event);
        }
        // Of a device that does not name its actions, the status is that of all that it has accepted.
        let is_accepted = matches!(action.state, ActionState::Accepted | ActionState::Failing { .. });
        if let Some(hresult) = self.reset_status.filter(|_| !is_named && is_accepted) {
            action.on_report(now, hresult, None, None);
        }
    }
}

/// The work of a device, given its actions.
pub(crate) fn work(
    now: FileTime,
    heard: &Heard,
    is_named: bool,
    actions: impl IntoIterator<Item = (u32, QueuedAction)>,
) -> Vec<Work> {
    if heard.aborts || heard.unenrols {
        return Vec::new();
    }
    let mut work = Vec::new();
    let mut is_running = false;
    for (number, action) in actions {
        let is_accepted = matches!(action.state, ActionState::Accepted | ActionState::Failing { .. });
        is_running |= is_accepted;
        // What is unnamed would be begun anew; and nothing is asked twice in one session.
        let is_wanted = action.is_to_be_sent(now) && (is_named || !is_accepted);
        if is_wanted && (heard.starts || heard.wants_more) {
            work.push(Work::Rotate { number, name: is_named.then_some(action.id) });
        }
    }
    let is_news = heard.starts || heard.is_news;
    if is_running && !is_named && is_news && heard.reset_status.is_none() {
        work.push(Work::TellStatus);
    }
    work
}

/// The answer to a message: a Status for all that it holds, then what there is to do, if its package is complete.
pub(crate) fn answer(
    message: &Message,
    package: &Package,
    source: &LocUri,
    commands: Vec<Command>,
) -> Message {
    let Header { session_id, msg_id, source: device, max_msg_size, .. } = &message.header;
    let mut outbox = Outbox::default();
    let mut last = 0;
    let mut status = |cmd_ref: Option<CmdId>, cmd: &str, code: StatusCode| {
        last += 1;
        outbox.push(Command::Status(Status {
            id: CmdId::number(last),
            msg_ref: *msg_id,
            cmd_ref,
            cmd: cmd.to_owned(),
            targets: Vec::new(),
            sources: Vec::new(),
            code,
            original_error: None,
        }));
    };
    status(Some(CmdId::header()), "SyncHdr", StatusCode::OK);
    for command in &message.commands {
        let of_chunk = package.chunks.iter().rev().find(|(about, _)| Some(about) == command.id());
        let code = match (command, of_chunk) {
            (Command::Operation(_) | Command::Results(_), Some((_, code))) => *code,
            (Command::Status(_) | Command::Results(_), _) => continue,
            (Command::Alert(_), _) => StatusCode::OK,
            // A device tells of itself by Replace; it asks for nothing.
            (Command::Operation(Operation { verb: Verb::Replace, .. }), None) => StatusCode::OK,
            (Command::Operation(_), None) | (Command::Group(_), _) => StatusCode::NOT_ALLOWED,
            (Command::Refused(refused), _) => refused.code,
        };
        status(command.id().cloned(), command.name(), code);
    }
    if !package.broken.is_empty() {
        last += 1;
        let items = package.broken.clone();
        let code = AlertCode::NO_END_OF_DATA;
        outbox.push(Command::Alert(Alert { id: CmdId::number(last), code, correlator: None, items }));
    }
    if message.is_final {
        commands.into_iter().for_each(|command| outbox.push(command));
    } else {
        let id = CmdId::number(last + 1);
        outbox.push(Command::Alert(Alert {
            id,
            code: AlertCode::NEXT_MESSAGE,
            correlator: None,
            items: Vec::new(),
        }));
    }
    let header = Header {
        session_id: session_id.clone(),
        msg_id: *msg_id,
        target: device.clone(),
        source: source.clone(),
        max_msg_size: Some(TAKEN_LEN_MAX),
    };
    let len_max = max_msg_size.unwrap_or(SENT_LEN_MAX).clamp(MESSAGE_LEN_MIN, SENT_LEN_MAX);
    outbox.fill(header, Vec::new(), usize::try_from(len_max).unwrap_or(usize::MAX))
}
