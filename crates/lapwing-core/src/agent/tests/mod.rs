//! The machine in a small world of one host and one directory, each able to fail. Here is the world, in `shell` what it does
//! with the machine's actions; what happens in it stands in the other modules.

mod actions;
mod due;
mod encrypted;
mod held;
mod host;
mod lost;
mod own;
mod requests;
mod sessions;
mod shell;
mod tamper;
mod traces;
mod untold;

use core::time::Duration;
use std::collections::VecDeque;

use self::own::own_failure;
use super::*;
use crate::{
    automatic::Attribute,
    event::{Event, EventId, Hresult},
    fault::Fault,
    log_on::{Seen, Use},
    policy::{
        AutomaticName, DsrmBackup, Naming, PassphraseLength, PasswordAgeDays, PasswordComplexity,
        PasswordLength, PostAuthentication, PostAuthenticationActions,
    },
    sessions::{EndStep, EndedProcess, EndedSession, UseEnded},
    types::{
        AccountName, ActionId, BootId, BootTime, DirectoryId, EncryptedTo, FileTime, Guid, Now,
        PasswordVersion, RecordId, Sid, TenantId, Uid, WallTime,
    },
};

const DAY: Duration = Duration::from_secs(86_400);
const MINUTE: Duration = Duration::from_secs(60);
const BOOT: BootId = BootId(Guid::from_bytes([0xb0; 16]));

fn version(number: u8) -> PasswordVersion {
    PasswordVersion(Guid::from_bytes([number; 16]))
}

/// What becomes of the next store.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Arrives,
    AnswerLost,
    RequestLost,
    NotSent,
    Refused,
}

/// What the directory does not tell.
#[derive(Clone, Copy, PartialEq)]
enum Hides {
    Nothing,
    /// Versions: it only says whether it holds one that it is asked for.
    Versions,
    /// There are none: it tells the expiry alone.
    All,
}

struct World {
    machine: Machine,
    now: Now,
    journal: Journal,
    held: Option<PasswordVersion>,
    held_expiry: Option<WallTime>,
    /// What the directory tells of when that came.
    written: Option<Written>,
    guarantees: Guarantees,
    hides: Hides,
    /// Whether it is one of several.
    replica: bool,
    /// How it refuses.
    refusal: DirectoryFault,
    /// Whether the directory takes ciphertext, which the root half keeps.
    sealed: bool,
    reachable: bool,
    fates: VecDeque<Fate>,
    retry_after: Option<Duration>,
    commit_fault: Option<Fault>,
    verdict: Verdict,
    age_days_min: Option<u16>,
    drawn: u8,
    /// Whether the shell holds something to store.
    holds: bool,
    /// Whether the machine knows that the host is about to sleep.
    asleep: bool,
    done: Vec<&'static str>,
    events: Vec<Event>,
    answers: Vec<(RequestId, Answer)>,
    memory: Memory,
    /// As saved last.
    ledger: Ledger,
    /// Whether the ledger can be saved.
    disk_is_full: bool,
    acknowledged: Vec<(ActionId, Acceptance)>,
    calls_home: usize,
    traces: Traces,
    /// How often the shell was told to wipe what it holds.
    forgotten: usize,
    /// The world dies before it performs the action of this number, counted from now.
    crash_in: Option<usize>,
    /// Whom the policy means.
    principal: Option<Sid>,
    /// Why nothing can be stored as the policy wants it.
    unfit: Option<DirectoryFault>,
    /// Why there is no group key, once.
    keyless: Option<DirectoryFault>,
    /// What somebody did to the account of Lapwing's own since it was put right last.
    changed: Vec<Attribute>,
    /// Why nothing can be done to it.
    own_fault: Option<Fault>,
    /// The name that the next password comes with.
    next_name: Option<AccountName>,
    /// What ending a use comes to.
    use_ended: UseEnded,
    /// Why the account cannot be closed.
    close_fault: Option<Fault>,
    /// The machine is told this while the action of this number is under way; of those with an outcome, counted from now.
    tell_in: Option<(usize, Input)>,
}

/// An account was used like this.
fn seen(how: Use, account: &str) -> Input {
    let [service, terminal, remote_host] = ["sshd", "ssh", "192.0.2.7"].map(str::to_owned);
    Input::Seen(Seen { how, account: account.parse().unwrap(), service, terminal, remote_host })
}

fn plan() -> Plan {
    Plan {
        target: Target::Cloud,
        encryption: None,
        dsrm: DsrmBackup::Off,
        account: Some("lapadmin".parse().unwrap()),
        own: None,
        age: PasswordAgeDays::parse(30).unwrap(),
        rules: PlanRules {
            complexity: PasswordComplexity::parse(4).unwrap(),
            password_length: PasswordLength::parse(14).unwrap(),
            passphrase_length: PassphraseLength::parse(6).unwrap(),
            word_list: None,
        },
        expiry_protected: true,
        activation_grace: Duration::ZERO,
        post_authentication: None,
    }
}

impl World {
    fn new() -> Self {
        let now = Now {
            wall: WallTime("2026-01-01T00:00:00Z".parse::<FileTime>().unwrap()),
            boot: BootTime(Duration::from_secs(10)),
        };
        Self {
            machine: Machine::new(now, BOOT, 7, Memory::default(), Ledger::default()),
            now,
            journal: Journal {
                current: None,
                candidates: Vec::new(),
                replaced: Vec::new(),
                unanswered: 0,
                field: Field::Unmanaged,
                own: None,
                not_normal: None,
                possible_clone: None,
                closed: None,
            },
            held: None,
            held_expiry: None,
            written: None,
            guarantees: Guarantees::ComparesAndTells,
            hides: Hides::Nothing,
            replica: false,
            refusal: DirectoryFault::Refused,
            sealed: true,
            reachable: true,
            fates: VecDeque::new(),
            retry_after: None,
            commit_fault: None,
            verdict: Verdict::Managed(plan()),
            age_days_min: None,
            drawn: 0,
            holds: false,
            asleep: false,
            done: Vec::new(),
            events: Vec::new(),
            answers: Vec::new(),
            memory: Memory::default(),
            ledger: Ledger::default(),
            disk_is_full: false,
            acknowledged: Vec::new(),
            calls_home: 0,
            traces: Traces::default(),
            forgotten: 0,
            crash_in: None,
            principal: None,
            unfit: None,
            changed: Vec::new(),
            own_fault: None,
            next_name: None,
            use_ended: UseEnded::default(),
            close_fault: None,
            keyless: None,
            tell_in: None,
        }
    }

    /// A world in which the first password is in force.
    fn settled() -> Self {
        let mut world = Self::new();
        world.run();
        assert_eq!(world.in_force(), Some(version(1)));
        world.forget_the_past()
    }

    fn forget_the_past(mut self) -> Self {
        self.done.clear();
        self.events.clear();
        self.answers.clear();
        self.calls_home = 0;
        self
    }

    fn in_force(&self) -> Option<PasswordVersion> {
        self.journal.current.as_ref().map(|current| current.version)
    }

    fn raised(&self, id: EventId) -> bool {
        self.events.iter().any(|event| event.id() == id)
    }

    fn input(&mut self, input: Input) {
        self.machine.handle(self.now, input);
        while let Some(action) = self.machine.poll_action() {
            if let Some(left) = &mut self.crash_in {
                if *left == 0 {
                    self.crash_in = None;
                    return self.restart();
                }
                *left -= 1;
            }
            if let Some(outcome) = self.perform(action) {
                self.tell();
                self.machine.handle(self.now, Input::Outcome(outcome));
            }
        }
    }

    /// Something happens while an action is under way.
    fn tell(&mut self) {
        match self.tell_in.take() {
            Some((0, input)) => {
                self.asleep |= matches!(input, Input::Suspending);
                self.machine.handle(self.now, input);
            }
            Some((left, input)) => self.tell_in = Some((left - 1, input)),
            None => {}
        }
    }

    fn wake(&mut self) {
        self.asleep = false;
        self.input(Input::Woke);
    }

    fn run(&mut self) {
        self.input(Input::Timer);
    }

    /// Lets time pass, calling the machine at each of its deadlines.
    fn pass(&mut self, time: Duration) {
        let end = self.now.boot.saturating_add(time);
        loop {
            let deadline = self.machine.poll_timeout().expect("a deadline between two cycles");
            let by_wall = deadline.wall.map_or(Duration::MAX, |wall| wall.saturating_since(self.now.wall));
            let wait = deadline.boot.saturating_since(self.now.boot).min(by_wall);
            let left = end.saturating_since(self.now.boot);
            if wait >= left {
                return self.advance(left);
            }
            self.advance(wait.max(Duration::from_nanos(100)));
            self.run();
        }
    }

    fn advance(&mut self, time: Duration) {
        self.now.wall = self.now.wall.saturating_add(time);
        self.now.boot = self.now.boot.saturating_add(time);
    }

    /// The agent dies and starts again; the journal and the directory stay as they are.
    fn restart(&mut self) {
        self.machine = Machine::new(self.now, BOOT, 8, Memory::default(), self.ledger.clone())
            .with_traces(self.traces.clone());
        self.run();
    }
}
