//! What follows the change of a password that was used: the account's sessions are warned and then ended, every process that is
//! left too, or the host is rebooted. Event manifest of Microsoft-Windows-LAPS, 10073 to 10089.
//!
//! One step at a time, between cycles, each noted before it is done: after a crash it is done once more. A step that fails is
//! reported and not repeated, as with Windows.

use core::time::Duration;

use super::{
    exchange::Action,
    machine::Machine,
    memory::{Ending, Used},
    outcome::RootHalfFailure,
};
use crate::{
    event::{Event, Hresult},
    policy::{PostAuthentication, PostAuthenticationActions},
    sessions::{EndStep, EndedProcess, EndedSession, LOG_OFF_WAIT, UseEnded},
    types::{Age, BootTime, Now, Sid},
};

impl Machine {
    /// The password was changed after this use, perhaps before the grace period was over: once it is, what policy wants done with
    /// the sessions begins, for they were opened with the password before.
    pub(super) fn plan_ending(&mut self, used: &Used) {
        let Some(PostAuthentication { actions, delay }) = self.post_authentication else { return };
        let step = match actions {
            PostAuthenticationActions::Reset => return,
            PostAuthenticationActions::ResetAndReboot => EndStep::Reboot,
            PostAuthenticationActions::ResetAndLogOff
            | PostAuthenticationActions::ResetLogOffAndTerminate => EndStep::Warn,
        };
        let terminates = actions == PostAuthenticationActions::ResetLogOffAndTerminate;
        let Used { account, uid, since } = used.clone();
        self.memory.ending =
            Some(Ending { account, uid, step, terminates, wait: delay, since, failed: false });
    }

    /// When the next step is to be done.
    pub(super) fn next_ending(&self) -> Option<BootTime> {
        let Ending { since, wait, .. } = self.memory.ending.as_ref().filter(|_| self.begun)?;
        Some(since.since.boot.saturating_add(wait.saturating_sub(since.carried)))
    }

    /// Begins the next step if it is time for it.
    pub(super) fn end_if_due(&mut self, now: Now) {
        if self.next_ending().is_none_or(|at| at > now.boot) {
            return;
        }
        let Some(Ending { step, account, uid, wait, .. }) = self.memory.ending.clone() else { return };
        match step {
            EndStep::Warn | EndStep::Reboot => {
                let (account, sid) = (account.clone(), Sid::unix_user(uid));
                self.tell(Event::PostAuthActionsStarted { account, sid });
            }
            EndStep::LogOff if !wait.is_zero() => self.tell(Event::LoggingOff),
            EndStep::LogOff | EndStep::EndProcesses => {}
        }
        self.is_ending = true;
        self.actions.push_back(Action::EndUse { step, account, uid });
    }

    /// A step is done, or was refused.
    pub(super) fn on_use_ended(&mut self, now: Now, ended: Result<UseEnded, RootHalfFailure>) {
        self.is_ending = false;
        let Some(mut ending) = self.memory.ending.take() else { return };
        let (sessions, has_failed) = match &ended {
            Ok(ended) => (ended.sessions.len(), self.report_step(&ending, ended)),
            Err(failure) => {
                self.report_refusal(&ending, failure);
                (0, true)
            }
        };
        ending.failed |= has_failed;
        ending.since = Age::new(now, self.boot_id);
        let next = match ending.step {
            EndStep::Warn => Some(EndStep::LogOff),
            EndStep::LogOff => ending.terminates.then_some(EndStep::EndProcesses),
            EndStep::EndProcesses | EndStep::Reboot => None,
        };
        if let Some(next) = next {
            ending.wait = Duration::ZERO;
            if ending.step == EndStep::Warn && sessions > 0 {
                ending.wait = LOG_OFF_WAIT;
                let seconds = i64::try_from(LOG_OFF_WAIT.as_secs()).unwrap_or(i64::MAX);
                self.tell(Event::WaitingForLogOff { seconds });
            }
            self.memory.ending = Some(Ending { step: next, ..ending });
        } else {
            let (account, sid) = (ending.account, Sid::unix_user(ending.uid));
            self.tell(if ending.failed {
                Event::PostAuthActionsFailed { account, sid }
            } else {
                Event::PostAuthActionsSucceeded { account, sid }
            });
        }
        self.remember();
    }

    /// Tells of each session and process; whether one of them could not be dealt with.
    fn report_step(&mut self, ending: &Ending, ended: &UseEnded) -> bool {
        let count = |len: usize| i64::try_from(len).unwrap_or(i64::MAX);
        let (account, sid) = (ending.account.clone(), Sid::unix_user(ending.uid));
        match ending.step {
            EndStep::Warn => {
                let count = count(ended.sessions.len());
                self.tell(Event::SessionsFound { count, account, sid });
            }
            EndStep::EndProcesses => self.tell(Event::ProcessesFound { count: count(ended.processes.len()) }),
            EndStep::LogOff | EndStep::Reboot => {}
        }
        for session in &ended.sessions {
            self.tell(session_event(ending, session));
        }
        for process in &ended.processes {
            self.tell(process_event(ending, process));
        }
        ended.sessions.iter().any(|session| session.errno.is_some())
            || ended.processes.iter().any(|process| process.errno.is_some())
    }

    fn report_refusal(&mut self, ending: &Ending, failure: &RootHalfFailure) {
        let RootHalfFailure { message, next_step, .. } = failure.clone();
        self.tell(Event::UseNotEnded { account: ending.account.clone(), text: message, next_step });
        if ending.step == EndStep::Reboot {
            let hr = failure.fault.map_or(Hresult::SERVICE_NOT_ACTIVE, Hresult::from);
            self.tell(Event::PostAuthRebootFailed { hr });
        }
    }
}

/// What Windows tells of a session, as far as a Linux host has it.
fn session_event(ending: &Ending, session: &EndedSession) -> Event {
    let session_id = session.id.parse().unwrap_or_default();
    let (session_name, host_name) = (session.name(), session.remote_host.clone());
    let user_name = ending.account.to_string();
    let [domain_name, farm_name] = [String::new(), String::new()];
    let (exec_env_id, state) = (session_id, 0);
    // The four have the same fields, two of them one more.
    macro_rules! event {
        ($name:ident $(, $error:ident)?) => {
            Event::$name {
                exec_env_id,
                state,
                session_id,
                session_name,
                host_name,
                user_name,
                domain_name,
                farm_name,
                $($error,)?
            }
        };
    }
    match (ending.step == EndStep::Warn, session.errno.map(i64::from)) {
        (true, None) => event!(SessionWarned),
        (true, Some(error)) => event!(SessionWarningFailed, error),
        (false, None) => event!(SessionEnded),
        (false, Some(error)) => event!(SessionEndFailed, error),
    }
}

fn process_event(ending: &Ending, process: &EndedProcess) -> Event {
    let (path, pid) = (process.path.clone(), i64::from(process.pid));
    let (account, sid) = (ending.account.clone(), Sid::unix_user(ending.uid));
    match process.errno {
        None => Event::ProcessEnded { path, pid, account, sid },
        Some(errno) => Event::ProcessEndFailed { path, pid, account, sid, hr: Hresult::from_errno(errno) },
    }
}
