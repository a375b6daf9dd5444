//! What follows the change of a password that was used: the account's sessions are warned and then ended, every process that is
//! left too, or the host is rebooted. Event manifest of Microsoft-Windows-LAPS, 10073 to 10089.
//!
//! One step at a time, between cycles, each noted before it is done: after a crash it is done once more. A step that fails is
//! reported and not repeated, as with Windows.
//!
//! DEVIATION(20): where root wants it, sessions are ended on time although the directory is away. Then the account is closed first,
//! so that nobody opens another one with the password that cannot be changed yet, and stays so until that is.

use core::time::Duration;

use super::{
    exchange::Action,
    journal::ClosedAccount,
    machine::Machine,
    memory::{Ending, Used},
    outcome::RootHalfFailure,
    plan::Plan,
};
use crate::{
    event::{Event, Hresult},
    policy::{PostAuthentication, PostAuthenticationActions},
    sessions::{EndStep, EndedProcess, EndedSession, LOG_OFF_WAIT, UseEnded},
    types::{AccountName, Age, BootTime, Now, Sid, Uid},
};

impl Machine {
    /// The password was changed after this use, perhaps before the grace period was over: once it is, what policy wants done with
    /// the sessions begins, for they were opened with the password before.
    pub(super) fn plan_ending(&mut self, used: &Used) {
        // It would close an account whose password is another one now.
        self.memory.ending.take_if(|ending| ending.step == EndStep::Close);
        let Some(PostAuthentication { actions, delay, .. }) = self.post_authentication else { return };
        if used.ended || used.only_failed || actions == PostAuthenticationActions::Reset {
            return;
        }
        let Used { account, uid, since, .. } = used.clone();
        let step = first_step(actions == PostAuthenticationActions::ResetAndReboot);
        self.memory.ending = Some(Ending { wait: delay, ..ending(account, uid, actions, step, since) });
    }

    /// A cycle could not change the password because of the directory. Once the grace period is over, sessions need not wait
    /// for it where policy says so. uid 0 is left open: without it nobody could help this host.
    pub(super) fn end_on_time(&mut self, now: Now) {
        let Some(PostAuthentication { actions, .. }) = self.ends_on_time() else { return };
        if !self.is_reset_due(now) || self.memory.ending.is_some() || self.closed.is_some() {
            return;
        }
        // Whoever only tries must not be able to close the account, nor to end a session.
        let is_ended = |used: &Used| used.uid != Uid(0) && !used.only_failed;
        let Some(Used { account, uid, .. }) = self.memory.used.clone().filter(is_ended) else { return };
        let since = Age::new(now, self.boot_id);
        self.memory.ending = Some(ending(account, uid, actions, EndStep::Close, since));
        self.remember();
    }

    fn ends_on_time(&self) -> Option<PostAuthentication> {
        self.post_authentication.filter(|wanted| wanted.on_time)
    }

    /// Has an account opened again that policy wants closed no longer, and closes none that it does not want closed.
    pub(super) fn open_if_unwanted(&mut self, now: Now, plan: Option<&Plan>) {
        let plan = plan.filter(|_| self.ends_on_time().is_some());
        let is_unwanted = |account: &AccountName, uid| !plan.is_some_and(|plan| plan.is_for(account, uid));
        let is_dropped =
            |ending: &mut Ending| ending.step == EndStep::Close && is_unwanted(&ending.account, ending.uid);
        let is_dropped = self.memory.ending.take_if(is_dropped).is_some();
        let unwanted = self.closed.clone().filter(|closed| is_unwanted(&closed.account, closed.uid));
        let Some(ClosedAccount { account, uid }) = unwanted.filter(|_| self.memory.ending.is_none()) else {
            if is_dropped {
                self.remember();
            }
            return;
        };
        let since = Age::new(now, self.boot_id);
        let actions = PostAuthenticationActions::Reset;
        self.memory.ending = Some(ending(account, uid, actions, EndStep::Open, since));
        self.remember();
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
            EndStep::Close | EndStep::LogOff | EndStep::EndProcesses | EndStep::Open => {}
        }
        self.is_ending = true;
        self.actions.push_back(Action::EndUse { step, account, uid });
    }

    /// A step is done, or was refused.
    pub(super) fn on_use_ended(&mut self, now: Now, ended: Result<UseEnded, RootHalfFailure>) {
        self.is_ending = false;
        let Some(mut ending) = self.memory.ending.take() else { return };
        let was_done = ended.is_ok();
        let (sessions, has_failed) = match &ended {
            Ok(ended) => (ended.sessions.len(), self.report_step(&ending, ended)),
            Err(failure) => {
                self.report_refusal(&ending, failure);
                (0, true)
            }
        };
        ending.failed |= has_failed;
        ending.since = Age::new(now, self.boot_id);
        ending.wait = Duration::ZERO;
        match ending.step {
            EndStep::Close if was_done => self.on_closed(ending),
            EndStep::Open if was_done => self.on_opened(),
            // The next attempt to change the password comes back to it; sessions do not end while others can begin.
            EndStep::Close | EndStep::Open => {}
            EndStep::Warn => {
                if sessions > 0 {
                    ending.wait = LOG_OFF_WAIT;
                    let seconds = i64::try_from(LOG_OFF_WAIT.as_secs()).unwrap_or(i64::MAX);
                    self.tell(Event::WaitingForLogOff { seconds });
                }
                self.memory.ending = Some(Ending { step: EndStep::LogOff, ..ending });
            }
            EndStep::LogOff if ending.terminates => {
                self.memory.ending = Some(Ending { step: EndStep::EndProcesses, ..ending });
            }
            EndStep::LogOff | EndStep::EndProcesses | EndStep::Reboot => self.finish_ending(ending),
        }
        self.remember();
    }

    /// Nobody can log on with the account any more, so that what is left of its use can be ended once and for all.
    fn on_closed(&mut self, ending: Ending) {
        let account = ending.account.clone();
        self.closed = Some(ClosedAccount { account: account.clone(), uid: ending.uid });
        self.tell(Event::AccountClosed { account, next_step: CLOSED_NEXT_STEP.to_owned() });
        if let Some(used) = self.memory.used.as_mut().filter(|used| !used.ended) {
            used.ended = true;
            self.memory.ending = Some(Ending { step: first_step(ending.reboots), ..ending });
        }
    }

    /// The account is open again: by another password, or because policy wants it so.
    pub(super) fn on_opened(&mut self) {
        if let Some(ClosedAccount { account, .. }) = self.closed.take() {
            self.tell(Event::AccountOpened { account });
        }
    }

    fn finish_ending(&mut self, ending: Ending) {
        let (account, sid) = (ending.account, Sid::unix_user(ending.uid));
        self.tell(if ending.failed {
            Event::PostAuthActionsFailed { account, sid }
        } else {
            Event::PostAuthActionsSucceeded { account, sid }
        });
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
            EndStep::Close | EndStep::LogOff | EndStep::Reboot | EndStep::Open => {}
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

/// What to do about an account that is closed.
pub(super) const CLOSED_NEXT_STEP: &str = "nothing once the directory can be reached; to open it before that, set PostAuthenticationActionsOnTime to 0 in policy.toml";

/// The step that begins the end of a use, to be done at once.
const fn ending(
    account: AccountName,
    uid: Uid,
    actions: PostAuthenticationActions,
    step: EndStep,
    since: Age,
) -> Ending {
    Ending {
        account,
        uid,
        step,
        terminates: matches!(actions, PostAuthenticationActions::ResetLogOffAndTerminate),
        reboots: matches!(actions, PostAuthenticationActions::ResetAndReboot),
        wait: Duration::ZERO,
        since,
        failed: false,
    }
}

/// What begins where sessions are to be ended, or the host rebooted in their place.
const fn first_step(reboots: bool) -> EndStep {
    if reboots { EndStep::Reboot } else { EndStep::Warn }
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
