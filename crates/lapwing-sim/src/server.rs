//! The server of device management: its queue of actions, and how it answers a device's message. It keeps no session: an
//! answer follows from the queue and the message alone.

use lapwing_core::{
    agent::ActionStatus,
    management::{ACTION_LIFE, ActionState, QueuedAction},
    types::{ActionId, FileTime, Guid},
};

use crate::{
    chance::Chance,
    promise::Done,
    scenario::Bug,
    time::{DAY, MINUTE},
};

/// A message of a device.
#[derive(Debug, Clone)]
pub(crate) struct Package {
    /// Names it; one that is repeated has the same.
    pub(crate) number: u64,
    /// Whether it opens a session.
    pub(crate) is_first: bool,
    /// How actions stand that the server has not confirmed to know.
    pub(crate) reports: Vec<(ActionId, ActionStatus)>,
    /// The status of each command of the message before.
    pub(crate) statuses: Vec<(ActionId, u16)>,
}

/// The server's answer to it.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    /// The reports that it has taken note of.
    pub(crate) confirmed: Vec<ActionId>,
    /// What it asks for; nothing ends the session.
    pub(crate) orders: Vec<ActionId>,
}

/// The actions of one device.
#[derive(Debug, Clone, Default)]
pub(crate) struct Queue(pub(crate) Vec<QueuedAction>);

/// Every row is a transaction of its own, so that the server may die between any two.
type Turned = Result<(), String>;

impl Queue {
    /// An administrator presses the button, or changes their mind.
    pub(crate) fn press(&mut self, now: FileTime, chance: &mut Chance, done: &Done) -> Turned {
        if chance.happens(150) {
            let waiting: Vec<ActionId> =
                self.0.iter().filter(|action| !action.is_over()).map(|action| action.id).collect();
            let Some(id) = waiting.get(chance.index(waiting.len())) else { return Ok(()) };
            return self.turn(*id, done, |action| {
                // Too late, if a device has accepted it.
                let _refused = action.cancel(now);
            });
        }
        let life = if chance.happens(300) { chance.spread(MINUTE, 7 * DAY) } else { ACTION_LIFE };
        self.0.push(QueuedAction::new(ActionId(Guid::from_random_bytes(chance.bytes())), now, life));
        Ok(())
    }

    /// Whether the device is to be called, for there is something to ask of it.
    pub(crate) fn is_waiting(&self, now: FileTime) -> bool {
        self.0.iter().any(|action| action.is_to_be_sent(now))
    }

    /// Answers a message, unless the server dies after so many rows.
    pub(crate) fn answer(
        &mut self,
        now: FileTime,
        package: &Package,
        dies_after: Option<usize>,
        bug: Option<Bug>,
        done: &Done,
    ) -> Result<Option<Reply>, String> {
        self.expire(now, bug, done)?;
        let mut rows = 0..dies_after.unwrap_or(usize::MAX);
        for (id, status) in &package.reports {
            if rows.next().is_none() {
                return Ok(None);
            }
            self.turn(*id, done, |action| on_report(action, now, *status, bug))?;
        }
        for (id, status) in &package.statuses {
            if rows.next().is_none() {
                return Ok(None);
            }
            self.turn(*id, done, |action| action.on_status(now, *status))?;
        }
        let is_answered = |id| package.statuses.iter().any(|(answered, _)| *answered == id);
        let to_be_sent = |action: &&QueuedAction| {
            // What a device has accepted it is asked for again once in a session.
            action.is_to_be_sent(now)
                && (package.is_first || action.state == ActionState::Pending)
                && !is_answered(action.id)
        };
        let orders: Vec<ActionId> = self.0.iter().filter(to_be_sent).map(|action| action.id).collect();
        if bug == Some(Bug::SentIsAccepted) {
            for id in &orders {
                self.turn(*id, done, |action| action.on_status(now, 202))?;
            }
        }
        let confirmed = package.reports.iter().map(|(id, _)| *id).collect();
        Ok(Some(Reply { confirmed, orders }))
    }

    /// Ends what has waited for too long.
    pub(crate) fn expire(&mut self, now: FileTime, bug: Option<Bug>, done: &Done) -> Turned {
        for action in self.0.iter_mut().filter(|action| !action.is_over()) {
            let before = *action;
            action.expire(now);
            if bug == Some(Bug::AcceptedExpires) && before.expires <= now {
                action.state = ActionState::Expired;
            }
            done.check_turn(&before, action)?;
        }
        Ok(())
    }

    fn turn(&mut self, id: ActionId, done: &Done, with: impl FnOnce(&mut QueuedAction)) -> Turned {
        // One that it has forgotten is none of its business.
        let Some(action) = self.0.iter_mut().find(|action| action.id == id) else { return Ok(()) };
        let before = *action;
        with(action);
        done.check_turn(&before, action)
    }
}

fn on_report(action: &mut QueuedAction, now: FileTime, status: ActionStatus, bug: Option<Bug>) {
    let (version, event) = match status {
        ActionStatus::Pending => (None, None),
        ActionStatus::Failed { event, .. } => (None, Some(event.code())),
        ActionStatus::Satisfied(version) => (Some(version), None),
    };
    if bug == Some(Bug::LateFailureBelieved) && version.is_none() {
        action.state = ActionState::Accepted;
    }
    action.on_report(now, status.hresult(), version, event);
}
