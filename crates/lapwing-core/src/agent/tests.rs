//! The machine in a small world of one host and one directory, each able to fail.

use core::time::Duration;
use std::collections::VecDeque;

use super::*;
use crate::{
    event::{Event, EventId, Hresult},
    fault::Fault,
    policy::{PassphraseLength, PasswordAgeDays, PasswordComplexity, PasswordLength},
    types::{BootTime, DirectoryId, FileTime, Guid, Now, PasswordVersion, RecordId, TenantId, Uid, WallTime},
};

const DAY: Duration = Duration::from_secs(86_400);
const MINUTE: Duration = Duration::from_secs(60);

fn version(number: u8) -> PasswordVersion {
    PasswordVersion(Guid::from_bytes([number; 16]))
}

/// What becomes of the next store.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Arrives,
    AnswerLost,
    RequestLost,
    Refused,
}

struct World {
    machine: Machine,
    now: Now,
    journal: Journal,
    held: Option<PasswordVersion>,
    held_expiry: Option<WallTime>,
    guarantees: Guarantees,
    reachable: bool,
    fates: VecDeque<Fate>,
    retry_after: Option<Duration>,
    commit_fault: Option<Fault>,
    verdict: Verdict,
    age_days_min: Option<u16>,
    drawn: u8,
    done: Vec<&'static str>,
    events: Vec<Event>,
    answers: Vec<(RequestId, Answer)>,
    /// The world dies before it performs the action of this number, counted from now.
    crash_in: Option<usize>,
}

fn plan() -> Plan {
    Plan {
        account: Some("lapadmin".parse().unwrap()),
        age: PasswordAgeDays::parse(30).unwrap(),
        rules: PlanRules {
            complexity: PasswordComplexity::parse(4).unwrap(),
            password_length: PasswordLength::parse(14).unwrap(),
            passphrase_length: PassphraseLength::parse(6).unwrap(),
            word_list: None,
        },
        expiry_protected: true,
    }
}

impl World {
    fn new() -> Self {
        let now = Now {
            wall: WallTime("2026-01-01T00:00:00Z".parse::<FileTime>().unwrap()),
            boot: BootTime(Duration::from_secs(10)),
        };
        Self {
            machine: Machine::new(now, 7, Memory::default()),
            now,
            journal: Journal {
                current: None,
                candidates: Vec::new(),
                replaced: Vec::new(),
                unanswered: 0,
                field: Field::Unmanaged,
            },
            held: None,
            held_expiry: None,
            guarantees: Guarantees::ComparesAndTells,
            reachable: true,
            fates: VecDeque::new(),
            retry_after: None,
            commit_fault: None,
            verdict: Verdict::Cloud(plan()),
            age_days_min: None,
            drawn: 0,
            done: Vec::new(),
            events: Vec::new(),
            answers: Vec::new(),
            crash_in: None,
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
                self.machine.handle(self.now, Input::Outcome(outcome));
            }
        }
    }

    fn run(&mut self) {
        self.input(Input::Timer);
    }

    /// Lets time pass, calling the machine at each of its deadlines.
    fn pass(&mut self, time: Duration) {
        let end = self.now.boot.saturating_add(time);
        loop {
            let deadline = self.machine.poll_timeout();
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
        self.machine = Machine::new(self.now, 8, Memory::default());
        self.run();
    }

    fn failure(&self, kind: DirectoryFault) -> DirectoryFailure {
        DirectoryFailure {
            kind,
            server: "laps.example".to_owned(),
            hresult: Hresult::CANNOT_CONNECT,
            message: "the directory failed".to_owned(),
            next_step: "wait".to_owned(),
            retry_after: self.retry_after,
            answer: None,
        }
    }

    fn entry(&self, version: PasswordVersion, expiry: WallTime) -> Entry {
        Entry {
            version,
            account: "lapadmin".parse().unwrap(),
            uid: Uid(1001),
            directory: DirectoryId::LapwingServer(TenantId(Guid::from_bytes([7; 16]))),
            record: RecordId("device".to_owned()),
            expiry,
            prepared: self.now.wall,
            recorded: false,
            sealed: self.guarantees == Guarantees::ComparesAndTells,
        }
    }

    fn prepared(&self, version: PasswordVersion, expiry: WallTime) -> Outcome {
        let Entry { account, uid, .. } = self.entry(version, expiry);
        Outcome::Prepared(Ok(Prepared { version, account, uid, expiry, warning: None }))
    }

    fn state(&self) -> DirectoryState {
        DirectoryState {
            version: self.held,
            expiry: self.held_expiry,
            receipt: None,
            time: Some(self.now.wall),
        }
    }

    fn commit(&mut self, version: PasswordVersion) -> Outcome {
        let position = self.journal.candidates.iter().position(|candidate| candidate.version == version);
        if let Some(position) = position {
            self.journal.candidates[position].recorded = true;
        }
        if let Some(fault) = self.commit_fault {
            return Outcome::Committed(Err(RootHalfFailure {
                fault: Some(fault),
                message: "no".to_owned(),
                next_step: "do".to_owned(),
            }));
        }
        if let Some(position) = position {
            let candidate = self.journal.candidates.remove(position);
            let before = self.journal.current.replace(Entry { recorded: false, ..candidate });
            self.journal.replaced.extend(before.map(|before| before.version));
            self.journal.candidates.clear();
        }
        self.journal.unanswered = 0;
        self.journal.field = Field::Current;
        let Entry { version, account, uid, .. } = self.journal.current.clone().unwrap();
        Outcome::Committed(Ok(Committed { version, account, uid }))
    }

    fn perform(&mut self, action: Action) -> Option<Outcome> {
        match action {
            Action::ReadJournal { .. } => Some(Outcome::Journal(Ok(self.journal.clone()))),
            Action::ReadPolicy { .. } => Some(Outcome::Policy(PolicyRead {
                source: None,
                verdict: self.verdict.clone(),
                events: Vec::new(),
            })),
            Action::Connect if !self.reachable => {
                self.done.push("connect failed");
                Some(Outcome::Connected(Err(self.failure(DirectoryFault::Unreachable))))
            }
            Action::Connect => Some(Outcome::Connected(Ok(Session {
                directory: DirectoryId::LapwingServer(TenantId(Guid::from_bytes([7; 16]))),
                record: RecordId("device".to_owned()),
                endpoint: "https://laps.example/manage".to_owned(),
                guarantees: self.guarantees,
                age_days_min: self.age_days_min,
            }))),
            Action::ReadState => Some(Outcome::State(Ok(self.state()))),
            Action::Prepare { expiry, .. } => {
                self.done.push("prepare");
                self.drawn += 1;
                let entry = self.entry(version(self.drawn), expiry);
                self.journal.candidates.push(entry);
                Some(self.prepared(version(self.drawn), expiry))
            }
            Action::FetchSeal(version) => {
                self.done.push("fetch");
                let expiry = self.journal.candidate(version).unwrap().expiry;
                Some(self.prepared(version, expiry))
            }
            Action::CountSend(_) => {
                self.done.push("count");
                self.journal.unanswered += 1;
                Some(Outcome::Counted(Ok(self.journal.unanswered)))
            }
            Action::UncountSend(_) => {
                self.done.push("uncount");
                self.journal.unanswered -= 1;
                Some(Outcome::Counted(Ok(self.journal.unanswered)))
            }
            Action::Store(store) => Some(Outcome::Stored(self.store(&store))),
            Action::Commit { version, .. } => {
                self.done.push("commit");
                Some(self.commit(version))
            }
            Action::Reinstate(version) => {
                self.done.push("reinstate");
                Some(self.commit(version))
            }
            Action::Forget | Action::Remember(_) => None,
            Action::Raise(event) => {
                self.events.push(event);
                None
            }
            Action::Answer(id, answer) => {
                self.answers.push((id, answer));
                None
            }
        }
    }

    fn store(&mut self, store: &Store) -> StoreOutcome {
        self.done.push("store");
        let fate = self.fates.pop_front().unwrap_or(Fate::Arrives);
        match fate {
            Fate::Refused => return StoreOutcome::Refused(self.failure(DirectoryFault::Refused)),
            Fate::RequestLost => return StoreOutcome::Unanswered(self.failure(DirectoryFault::Unreachable)),
            Fate::Arrives | Fate::AnswerLost => {}
        }
        if self.guarantees == Guarantees::ComparesAndTells
            && self.held != store.expected
            && self.held != Some(store.version)
        {
            return StoreOutcome::VersionMismatch(self.state());
        }
        self.held = Some(store.version);
        self.held_expiry = Some(store.expiry);
        match fate {
            Fate::AnswerLost => StoreOutcome::Unanswered(self.failure(DirectoryFault::Unreachable)),
            Fate::Arrives | Fate::RequestLost | Fate::Refused => StoreOutcome::Acknowledged(None),
        }
    }
}

#[test]
fn the_first_cycle_sets_a_password() {
    let mut world = World::new();
    world.run();
    assert_eq!(world.done, ["prepare", "store", "commit"]);
    assert_eq!((world.in_force(), world.held), (Some(version(1)), Some(version(1))));
    let codes: Vec<_> = world.events.iter().map(|event| event.id().code()).collect();
    assert_eq!(codes, [10003, 10052, 10010, 10015, 30000, 10030, 10029, 30001, 10020, 10004]);
    let reported = world.machine.report().current.expect("a password in force");
    assert_eq!((reported.version, Some(reported.expiry)), (version(1), world.held_expiry));
}

#[test]
fn a_password_that_is_not_due_stays() {
    let mut world = World::settled();
    world.pass(29 * DAY);
    assert_eq!(world.done, [""; 0]);
    assert!(world.raised(EventId::NoUpdateNeeded));
}

#[test]
fn an_expired_password_is_changed_at_its_expiry_and_not_an_hour_later() {
    let mut world = World::settled();
    world.pass(30 * DAY - MINUTE);
    assert_eq!(world.in_force(), Some(version(1)));
    world.pass(2 * MINUTE);
    assert_eq!(world.in_force(), Some(version(2)));
}

#[test]
fn an_expiry_that_passed_while_the_directory_was_away_is_met_within_a_minute_of_its_return() {
    let mut world = World::settled();
    world.reachable = false;
    world.pass(90 * DAY);
    assert_eq!(world.in_force(), Some(version(1)));
    world.reachable = true;
    world.pass(MINUTE);
    assert_eq!(world.in_force(), Some(version(2)));
}

#[test]
fn a_directory_that_stays_away_is_reported_once_and_asked_on() {
    let mut world = World::settled();
    world.reachable = false;
    world.pass(31 * DAY);
    let said = |world: &World| {
        world.events.iter().filter(|event| event.id() == EventId::WaitingForDirectory).count()
    };
    let (asked, reported) = (world.done.len(), said(&world));
    world.pass(30 * MINUTE);
    assert!(world.done.len() > asked + 30, "asked {} times", world.done.len() - asked);
    assert_eq!(said(&world), reported);
}

#[test]
fn a_lost_answer_ends_in_the_version_that_the_directory_holds() {
    for fate in [Fate::AnswerLost, Fate::RequestLost] {
        let mut world = World::settled();
        world.fates.push_back(fate);
        world.input(Input::Request(RequestId(1), Request::ResetPassword));
        assert_eq!(world.in_force(), Some(version(1)));
        assert!(world.raised(EventId::SendUnanswered));
        world.pass(MINUTE);
        assert_eq!(world.in_force(), world.held);
        assert_ne!(world.in_force(), Some(version(1)));
    }
}

#[test]
fn a_request_that_did_not_arrive_is_repeated_with_the_very_same_bytes() {
    let mut world = World::settled();
    world.fates.push_back(Fate::RequestLost);
    world.input(Input::Request(RequestId(1), Request::ResetPassword));
    world.pass(MINUTE);
    assert_eq!(world.done, ["prepare", "store", "fetch", "store", "commit"]);
    assert_eq!(world.in_force(), Some(version(2)));
}

#[test]
fn a_crash_between_any_two_actions_leaves_both_sides_with_one_password() {
    let mut crashes = 0;
    for at in 0..40 {
        for fate in [Fate::Arrives, Fate::AnswerLost, Fate::RequestLost] {
            let mut world = World::settled();
            world.fates.push_back(fate);
            world.crash_in = Some(at);
            world.input(Input::Request(RequestId(1), Request::ResetPassword));
            crashes += usize::from(world.crash_in.is_none());
            world.pass(2 * MINUTE);
            assert_eq!(world.in_force(), world.held, "crash before action {at}");
            assert_eq!(world.journal.field, Field::Current);
        }
    }
    assert!(crashes > 30, "only {crashes} crashes happened");
}

#[test]
fn a_recorded_change_is_committed_before_anything_else_even_without_the_directory() {
    let mut world = World::settled();
    world.commit_fault = Some(Fault::FileLocked);
    world.input(Input::Request(RequestId(1), Request::ResetPassword));
    assert!(world.raised(EventId::AccountUpdateFailed));
    world.reachable = false;
    world.verdict = Verdict::Disabled;
    world.commit_fault = None;
    world.pass(MINUTE);
    assert_eq!(world.in_force(), Some(version(2)));
}

#[test]
fn a_restored_directory_is_given_a_new_password_at_once() {
    let mut world = World::settled();
    world.input(Input::Request(RequestId(1), Request::ResetPassword));
    world.held = Some(version(1));
    world.input(Input::Request(RequestId(2), Request::ProcessPolicy));
    assert!(world.raised(EventId::DirectoryRestored));
    assert_eq!((world.in_force(), world.held), (Some(version(3)), Some(version(3))));
}

#[test]
fn a_second_foreign_version_within_a_day_is_a_conflict_and_not_answered_by_a_rotation() {
    let mut world = World::settled();
    world.held = Some(version(99));
    world.input(Input::Request(RequestId(1), Request::ProcessPolicy));
    assert_eq!(world.in_force(), Some(version(2)));
    assert!(!world.raised(EventId::Conflict));
    world.held = Some(version(98));
    world.input(Input::Request(RequestId(2), Request::ProcessPolicy));
    assert!(world.raised(EventId::Conflict));
    assert_eq!((world.in_force(), world.held), (Some(version(2)), Some(version(98))));
}

#[test]
fn an_emptied_record_is_filled_again() {
    let mut world = World::settled();
    (world.held, world.held_expiry) = (None, None);
    world.input(Input::Request(RequestId(1), Request::ProcessPolicy));
    assert_eq!((world.in_force(), world.held), (Some(version(2)), Some(version(2))));
}

#[test]
fn drift_waits_for_the_directory_and_is_followed_by_a_rotation() {
    let mut world = World::settled();
    world.journal.field = Field::Drifted;
    world.reachable = false;
    world.input(Input::Request(RequestId(1), Request::ProcessPolicy));
    assert_eq!(world.done, ["connect failed"]);
    world.reachable = true;
    world.input(Input::Request(RequestId(2), Request::ProcessPolicy));
    assert_eq!(world.done[1..], ["reinstate", "prepare", "store", "commit"]);
}

#[test]
fn an_emptied_field_is_refilled_without_the_directory() {
    let mut world = World::settled();
    world.journal.field = Field::Emptied;
    world.reachable = false;
    world.input(Input::Request(RequestId(1), Request::ProcessPolicy));
    assert_eq!(world.done, ["reinstate", "connect failed"]);
    world.reachable = true;
    world.pass(MINUTE);
    assert_eq!(world.in_force(), Some(version(2)));
}

#[test]
fn an_expiry_moved_beyond_the_policy_is_not_obeyed() {
    let mut world = World::settled();
    world.held_expiry = Some(world.now.wall.saturating_add(400 * DAY));
    world.input(Input::Request(RequestId(1), Request::ProcessPolicy));
    assert_eq!(world.in_force(), Some(version(2)));
}

#[test]
fn an_expiry_moved_to_now_by_an_administrator_is_obeyed_in_the_next_cycle() {
    let mut world = World::settled();
    world.held_expiry = Some(world.now.wall);
    world.pass(61 * MINUTE);
    assert_eq!(world.in_force(), Some(version(2)));
}

#[test]
fn a_directory_without_guarantees_is_left_alone_after_an_unanswered_send() {
    let mut world = World::new();
    world.guarantees = Guarantees::None;
    world.fates.extend([Fate::RequestLost; 3]);
    world.run();
    assert_eq!(world.done, ["prepare", "count", "store"]);
    world.pass(9 * MINUTE);
    assert_eq!(world.done.len(), 3, "{:?}", world.done);
    world.pass(2 * MINUTE);
    assert_eq!(world.done.len(), 6, "{:?}", world.done);
    world.pass(11 * MINUTE);
    assert_eq!((world.done.len(), world.journal.unanswered), (9, 3));
    // The third in a row: at most one an hour from now on.
    world.pass(50 * MINUTE);
    assert_eq!(world.done.len(), 9);
    world.pass(20 * MINUTE);
    assert_eq!(world.journal.unanswered, 0);
    assert_eq!(world.in_force(), world.held);
}

#[test]
fn a_refused_send_is_not_counted_as_unanswered() {
    let mut world = World::new();
    world.guarantees = Guarantees::None;
    world.fates.push_back(Fate::Refused);
    world.run();
    assert_eq!(world.done, ["prepare", "count", "store", "uncount"]);
    assert!(world.raised(EventId::EntraUpdateFailed));
    world.pass(2 * MINUTE);
    assert_eq!(world.in_force(), world.held);
}

#[test]
fn a_directory_that_asks_to_wait_is_asked_again_no_earlier_by_the_schedule() {
    let mut world = World::settled();
    world.retry_after = Some(Duration::from_secs(5 * 3600));
    world.fates.push_back(Fate::Refused);
    world.input(Input::Request(RequestId(1), Request::ResetPassword));
    let sends = |world: &World| world.done.iter().filter(|done| **done == "store").count();
    world.pass(Duration::from_secs(5 * 3600) - MINUTE);
    assert_eq!(sends(&world), 1);
    world.pass(2 * MINUTE);
    assert_eq!((sends(&world), world.in_force()), (2, world.held));
}

#[test]
fn every_request_is_answered_exactly_once() {
    let mut world = World::settled();
    world.fates.extend([Fate::AnswerLost, Fate::Refused]);
    for id in 0..5 {
        let request = if id % 2 == 0 { Request::ResetPassword } else { Request::ProcessPolicy };
        world.input(Input::Request(RequestId(id), request));
    }
    let mut ids: Vec<_> = world.answers.iter().map(|(id, _)| id.0).collect();
    ids.sort_unstable();
    assert_eq!(ids, [0, 1, 2, 3, 4]);
}

#[test]
fn a_rotation_that_was_asked_for_comes_about_once_the_cause_of_its_failure_is_gone() {
    let mut world = World::settled();
    world.reachable = false;
    world.input(Input::Request(RequestId(1), Request::ResetPassword));
    assert_eq!(world.answers[0].1.result, AnswerResult::Waiting);
    world.reachable = true;
    world.pass(MINUTE);
    assert_eq!(world.in_force(), Some(version(2)));
}

#[test]
fn too_many_requests_are_refused_and_not_forgotten() {
    let mut machine = World::new().machine;
    let now = World::new().now;
    let all = u64::try_from(REQUESTS_MAX).unwrap() + 2;
    // The first cycle has started and can be joined by rotations only until the journal has been read; these ask for
    // something that a cycle under way cannot answer.
    machine.handle(now, Input::Timer);
    machine.handle(now, Input::Outcome(Outcome::Journal(Ok(World::new().journal))));
    for id in 0..all {
        machine.handle(now, Input::Request(RequestId(id), Request::ProcessPolicy));
    }
    let refused = core::iter::from_fn(|| machine.poll_action())
        .filter(
            |action| matches!(action, Action::Answer(_, answer) if answer.result == AnswerResult::Refused),
        )
        .count();
    assert_eq!(refused, 2);
}

#[test]
fn a_lowest_age_that_the_server_announces_is_used_in_the_same_cycle() {
    let mut world = World::new();
    world.age_days_min = Some(1);
    let mut reads = Vec::new();
    world.machine.handle(world.now, Input::Timer);
    while let Some(action) = world.machine.poll_action() {
        if let Action::ReadPolicy { age_days_min } = action {
            reads.push(age_days_min);
        }
        if let Some(outcome) = world.perform(action) {
            world.machine.handle(world.now, Input::Outcome(outcome));
        }
    }
    assert_eq!(reads, [None, Some(1)]);
    assert_eq!(world.in_force(), Some(version(1)));
}

#[test]
fn nothing_is_done_while_the_policy_is_off() {
    for verdict in [Verdict::Unconfigured, Verdict::Disabled] {
        let mut world = World::new();
        world.verdict = verdict;
        world.input(Input::Request(RequestId(1), Request::ResetPassword));
        world.pass(5 * DAY);
        assert_eq!(world.done, [""; 0]);
        assert_eq!(world.answers[0].1.result, AnswerResult::Disabled);
    }
}
