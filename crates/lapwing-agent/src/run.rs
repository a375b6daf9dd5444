//! The loop: what the machine decides is done, and what that came to is fed back.

use std::collections::BTreeMap;

use anyhow::Context as _;
use lapwing_client::identity::Root;
use lapwing_core::{
    agent::{
        Acceptance, Action, Answer, Deadline, Input, Machine, ManagedAction, Outcome, Report, Request,
        RequestId,
    },
    event::Event,
    log_on::Seen,
    management::{Because, Contact},
    types::ActionId,
};
use lapwing_proto::trace::TraceInfo;
use listenfd::ListenFd;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::{mpsc, oneshot},
    task::JoinSet,
};

use crate::{
    account_files,
    exec::{Executor, ledger, memory, traces},
    home::{self, Asked, Visit},
    log, log_on, network,
    os::{self, Alarm},
    policy_source,
    rpc::{self, Call},
    sleep::{self, Lock},
    wake,
};

/// The most actions, outcomes or calls that wait to be looked at.
const CHANNEL_LEN_MAX: usize = 64;

/// Runs until SIGTERM.
///
/// # Errors
/// If the local socket cannot be had; everything else heals by itself and is only reported.
pub(crate) async fn run(root: Root) -> anyhow::Result<()> {
    let mut passed = ListenFd::from_env();
    let log_ons = log_on::socket(&mut passed, &root).context("the socket for log-ons cannot be had")?;
    let listener = rpc::listener(&mut passed, &root)?;
    let alarm = Alarm::new().context("the kernel has no timers to give")?;
    let mut terminate = signal(SignalKind::terminate()).context("signals cannot be watched")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("signals cannot be watched")?;
    let mut reload = signal(SignalKind::hangup()).context("signals cannot be watched")?;

    // All tasks of this program: one that performs actions, in order, those of the local socket, and one for each thing
    // that the host tells of.
    let mut tasks = JoinSet::new();
    let (orders, to_do) = mpsc::channel::<Order>(CHANNEL_LEN_MAX);
    let (done, mut outcomes) = mpsc::channel::<Outcome>(CHANNEL_LEN_MAX);
    let (calls_in, mut calls) = mpsc::channel::<Call>(CHANNEL_LEN_MAX);
    let (tell, mut news) = mpsc::channel::<News>(CHANNEL_LEN_MAX);
    tasks.spawn(perform(Executor::new(root.clone(), os::run_id()), to_do, done));
    tasks.spawn(rpc::serve(listener, root.clone(), calls_in));
    tasks.spawn(network::watch(tell.clone()));
    tasks.spawn(log_on::watch(log_ons, tell.clone()));
    tasks.spawn(policy_source::watch(root.clone(), tell.clone()));
    tasks.spawn(account_files::watch(root.clone(), tell.clone()));
    tasks.spawn(sleep::watch(root.clone(), tell.clone()));
    let (wake, keeper) = wake::new(root.clone(), tell);
    tasks.spawn(keeper.run());
    let (visits, to_visit) = mpsc::channel::<Visit>(1);
    let (asked_in, mut asked) = mpsc::channel::<Asked>(CHANNEL_LEN_MAX);
    tasks.spawn(home::visit(root.clone(), to_visit, asked_in));

    let mut machine =
        Machine::new(os::now(), os::boot_id(), os::seed(), memory::load(&root), ledger::load(&root))
            .with_traces(traces::load(&root));
    let mut contact = Contact::new(os::now().boot, os::seed());
    let mut waiting = Waiting::default();
    let mut lock = None;
    let mut protection = log_on::Protection::default();
    log::raise(&Event::Loaded);
    machine.handle(os::now(), Input::Timer);
    // Where nobody supervises this program there is nobody to tell.
    drop(sd_notify::notify(&[sd_notify::NotifyState::Ready]));
    loop {
        while let Some(action) = machine.poll_action() {
            match action {
                Action::Raise(event) => log::raise(&event),
                Action::Answer(id, answer) => waiting.answer(id, answer),
                // Not in the queue of actions: what arrives there while a store is under way cuts it off.
                Action::Remember(memory) => memory::save(&root, &memory),
                Action::KeepTraces(traces) => traces::save(&root, &traces),
                Action::Keep(ledger) => {
                    let kept = ledger::save(&root, &ledger);
                    machine.handle(os::now(), Input::Kept(kept));
                }
                Action::Acknowledge(id, acceptance) => waiting.acknowledge(id, acceptance),
                Action::CallHome => contact.want(os::now().boot, Because::News),
                Action::ReadJournal { .. }
                | Action::ReadPolicy { .. }
                | Action::Connect { .. }
                | Action::ReadState { .. }
                | Action::FetchGroupKey(_)
                | Action::Prepare { .. }
                | Action::FetchSeal(_)
                | Action::CountSend { .. }
                | Action::UncountSend(_)
                | Action::Store(_)
                | Action::Commit { .. }
                | Action::Reinstate(_)
                | Action::EnsureAccount { .. }
                | Action::DropAccount
                | Action::EndUse { .. }
                | Action::Forget
                | Action::Disconnect => {
                    // Once all is forgotten, nothing of ours keeps the host awake.
                    let lock = if matches!(action, Action::Forget) { lock.take() } else { None };
                    orders
                        .send(Order { action, lock })
                        .await
                        .context("the performer of actions has ended")?;
                }
            }
        }
        protection.follow(&root, machine.protects_password());
        let now = os::now().boot;
        // Who may be a copy does not call as the other, and above all does not renew the other's certificate.
        if !machine.is_possible_clone()
            && let Some(because) = contact.poll_start(now)
        {
            visits
                .send(Visit::new(because, &machine, now))
                .await
                .context("the caller of the server has ended")?;
        }
        let input = tokio::select! {
            Some(outcome) = outcomes.recv() => Input::Outcome(outcome),
            Some(call) = calls.recv() => match waiting.accept(call, &machine, &wake) {
                Some(input) => input,
                None => continue,
            },
            Some(asked) = asked.recv() => match waiting.hear(asked, &machine, &mut contact) {
                Some(input) => input,
                None => continue,
            },
            fired = alarm.wait(soonest(&machine, &contact)) => {
                fired.context("the kernel's timers fail")?;
                Input::Timer
            }
            Some(news) = news.recv() => match hear(news, &mut lock, &wake, &mut contact) {
                Some(input) => input,
                None => continue,
            },
            Some(()) = reload.recv() => Input::PolicyChanged,
            Some(()) = terminate.recv() => break,
            Some(()) = interrupt.recv() => break,
            Some(ended) = tasks.join_next() => return Err(anyhow::anyhow!("a task of this program ended: {ended:?}")),
        };
        machine.handle(os::now(), input);
    }
    drop(sd_notify::notify(&[sd_notify::NotifyState::Stopping]));
    log::raise(&Event::Unloaded);
    Ok(())
}

/// Turns news into an input, if they are one, and keeps the lock that may come with them.
fn hear(news: News, lock: &mut Option<Lock>, wake: &wake::Handle, contact: &mut Contact) -> Option<Input> {
    let now = os::now().boot;
    Some(match news {
        News::NetworkChanged => {
            wake.reconsider();
            contact.network_changed(now);
            Input::NetworkChanged
        }
        News::PolicyChanged => Input::PolicyChanged,
        News::AccountChanged => Input::AccountChanged,
        News::Suspending(held) => {
            wake.suspend();
            *lock = held;
            Input::Suspending
        }
        News::Woke => {
            wake.reconsider();
            contact.network_changed(now);
            Input::Woke
        }
        News::Seen(seen) => Input::Seen(seen),
        News::SettingsChanged => {
            contact.want(now, Because::Schedule);
            return None;
        }
        News::CalledHome => {
            contact.want(now, Because::WakeUp);
            return None;
        }
        News::CertificateRefused => {
            contact.want(now, Because::Schedule);
            return None;
        }
    })
}

/// When something is to be done by itself.
fn soonest(machine: &Machine, contact: &Contact) -> Option<Deadline> {
    let contact = if machine.is_possible_clone() { None } else { contact.poll_timeout() };
    match (machine.poll_timeout(), contact) {
        (Some(own), Some(contact)) => Some(Deadline { boot: own.boot.min(contact), ..own }),
        (own, None) => own,
        (None, Some(contact)) => Some(Deadline { boot: contact, wall: None }),
    }
}

/// An action, and what keeps the host awake until it is done.
struct Order {
    action: Action,
    lock: Option<Lock>,
}

/// Performs actions one at a time, in the order in which they were decided. While one is under way that has an outcome,
/// the only order that comes is the one to forget.
async fn perform(mut executor: Executor, mut to_do: mpsc::Receiver<Order>, done: mpsc::Sender<Outcome>) {
    let mut next = to_do.recv().await;
    while let Some(Order { action, lock }) = next.take() {
        let outcome = executor.perform(action, async { next = to_do.recv().await }).await;
        drop(lock);
        if let Some(outcome) = outcome
            && done.send(outcome).await.is_err()
        {
            return;
        }
        if next.is_none() {
            next = to_do.recv().await;
        }
    }
}

/// Who waits for which answer.
#[derive(Debug, Default)]
struct Waiting {
    last: u64,
    callers: BTreeMap<RequestId, oneshot::Sender<Answer>>,
    orders: Vec<(ActionId, oneshot::Sender<Acceptance>)>,
}

impl Waiting {
    /// Turns a call into an input, or answers it from what is known.
    fn accept(&mut self, call: Call, machine: &Machine, wake: &wake::Handle) -> Option<Input> {
        match call {
            Call::Report(reply) => {
                self.tell(reply, (machine.report(), machine.poll_timeout(), wake.state()));
                None
            }
            Call::Traces(reply) => {
                self.tell(reply, machine.traces().traces.iter().map(TraceInfo::from).collect());
                None
            }
            Call::Request(request, reply) => Some(self.request(request, reply)),
        }
    }

    fn request(&mut self, request: Request, reply: oneshot::Sender<Answer>) -> Input {
        self.last += 1;
        let id = RequestId(self.last);
        self.callers.insert(id, reply);
        Input::Request(id, request)
    }

    /// Turns what a session wants into an input, or answers it from what is known.
    fn hear(&mut self, asked: Asked, machine: &Machine, contact: &mut Contact) -> Option<Input> {
        match asked {
            Asked::Order(id, reply) => {
                self.orders.push((id, reply));
                Some(Input::Ordered(id))
            }
            Asked::ResetStatus(reply) => {
                self.tell(reply, machine.reset_status(os::now().boot));
                None
            }
            Asked::Confirm(id, status) => Some(Input::Confirmed(id, status)),
            Asked::TracesTold(traces) => Some(Input::TracesTold(traces)),
            // As a network that is back, it brings an attempt forward that is waiting anyway.
            Asked::Renewed => Some(Input::NetworkChanged),
            Asked::Ended { is_complete, told } => {
                let now = os::now().boot;
                contact.ended(now, is_complete);
                // The rest, and what the server asked for again because its database was restored. What it was told of
                // and did not take waits for the next session anyway, lest a server that never takes it be called for ever.
                let is_news = |action: &ManagedAction| action.is_untold(now) && !told.contains(&action.id);
                if is_complete && machine.ledger().actions.iter().any(is_news) {
                    contact.want(now, Because::News);
                }
                None
            }
        }
    }

    fn acknowledge(&mut self, id: ActionId, acceptance: Acceptance) {
        let (told, left) = core::mem::take(&mut self.orders).into_iter().partition(|(order, _)| *order == id);
        self.orders = left;
        let told: Vec<_> = told;
        told.into_iter().for_each(|(_, reply)| self.tell(reply, acceptance));
    }

    fn answer(&mut self, id: RequestId, answer: Answer) {
        if let Some(caller) = self.callers.remove(&id) {
            self.tell(caller, answer);
        }
    }

    /// A caller that has hung up gets no answer; nothing depends on it.
    fn tell<T>(&self, caller: oneshot::Sender<T>, answer: T) {
        drop(caller.send(answer));
    }
}

/// What the host tells of itself.
#[derive(Debug)]
pub(crate) enum News {
    /// A link, an address or a route is another.
    NetworkChanged,
    /// A policy file is another.
    PolicyChanged,
    /// An account file is another.
    AccountChanged,
    /// `agent.toml` is another: this host may be enrolled elsewhere.
    SettingsChanged,
    /// The host is about to sleep, once nobody holds a lock on that any more.
    Suspending(Option<Lock>),
    /// The host woke, or does not sleep after all.
    Woke,
    /// A managed account was used, or somebody tried to.
    Seen(Seen),
    /// The directory asks this host to call home.
    CalledHome,
    /// The directory takes this host's certificate for its renewal alone, which calling home begins with.
    CertificateRefused,
}

/// What a status call is answered with.
pub(crate) type Known = (Report, Option<Deadline>, wake::WakeUp);
