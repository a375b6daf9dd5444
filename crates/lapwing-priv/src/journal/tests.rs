use lapwing_core::types::Guid;
use proptest::prelude::*;

use super::*;

const START: u64 = 1_800_000_000;

fn at(seconds: u64) -> WallTime {
    WallTime(FileTime::from_unix(Duration::from_secs(START + seconds)).unwrap())
}

fn version(number: u8) -> PasswordVersion {
    PasswordVersion(Guid::from_bytes([number; 16]))
}

fn entry(number: u8) -> Entry {
    Entry {
        version: version(number),
        account: "ann".parse().unwrap(),
        uid: Uid(1000),
        hash: format!("$6$salt$0123456789{number}").parse().unwrap(),
        directory: "ad:corp.example".parse().unwrap(),
        record: RecordId("CN=pc".to_owned()),
        expiry: at(86_400).0,
        prepared: at(0).0,
        sealed: number.is_multiple_of(2).then(|| vec![number; 40]),
    }
}

pub(super) fn full_journal() -> Journal {
    let mut journal = Journal::default();
    journal.begin(RunId(Guid::from_bytes([0xee; 16])));
    for number in 0..20 {
        commit(&mut journal, number, at(u64::from(number)));
    }
    for number in 100..108 {
        journal.add(entry(number)).unwrap();
    }
    journal.count_send(version(107)).unwrap();
    journal.record(version(103)).unwrap();
    journal
}

fn commit(journal: &mut Journal, number: u8, now: WallTime) {
    journal.add(entry(number)).unwrap();
    journal.record(version(number)).unwrap();
    journal.finish(now);
}

#[test]
fn the_ninth_candidate_drops_the_oldest() {
    let mut journal = Journal::default();
    (0..9).for_each(|number| journal.add(entry(number)).unwrap());
    let kept: Vec<_> = journal.candidates().iter().map(|entry| entry.version).collect();
    assert_eq!(kept, (1..9).map(version).collect::<Vec<_>>());
}

#[test]
fn once_recorded_nothing_but_the_commit_is_accepted() {
    let mut journal = Journal::default();
    (0..8).for_each(|number| journal.add(entry(number)).unwrap());
    journal.record(version(0)).unwrap();
    let pending = Err(ProtocolError::CommitPending(version(0)));
    assert_eq!(journal.add(entry(9)), pending);
    assert_eq!(journal.record(version(1)), pending);
    assert_eq!(journal.count_send(version(1)).map(drop), pending);
    assert_eq!(journal.record(version(0)), Ok(()));
    journal.finish(at(0));
    assert_eq!(journal.current().map(|entry| entry.version), Some(version(0)));
    assert!(journal.candidates().is_empty() && journal.recorded().is_none());
}

#[test]
fn a_commit_remembers_what_it_replaced_up_to_sixteen() {
    let journal = full_journal();
    assert_eq!(journal.replaced(), (3..19).map(version).collect::<Vec<_>>());
    assert_eq!(journal.current().map(|entry| entry.version), Some(version(19)));
}

#[test]
fn a_candidate_of_a_lost_account_is_void_and_the_others_stay() {
    let mut journal = Journal::default();
    (0..3).for_each(|number| journal.add(entry(number)).unwrap());
    journal.record(version(1)).unwrap();
    journal.void();
    let kept: Vec<_> = journal.candidates().iter().map(|entry| entry.version).collect();
    assert_eq!((kept, journal.recorded().is_none()), (vec![version(0), version(2)], true));
}

#[test]
fn an_answer_takes_back_one_send_however_often_it_is_told() {
    let mut journal = Journal::default();
    journal.add(entry(1)).unwrap();
    assert_eq!(journal.answered(version(1)), Ok(0));
    assert_eq!(journal.count_send(version(1)), Ok(1));
    assert_eq!(journal.count_send(version(1)), Ok(2));
    assert_eq!(journal.answered(version(1)), Ok(1));
    assert_eq!(journal.answered(version(1)), Ok(1));
    assert_eq!(journal.answered(version(2)), Err(ProtocolError::UnknownVersion));
    commit(&mut journal, 2, at(0));
    assert_eq!(journal.unanswered(), 0);
}

#[test]
fn only_verbs_of_the_last_run_are_taken() {
    let [first, second] = [1, 2].map(|number| RunId(Guid::from_bytes([number; 16])));
    let mut journal = Journal::default();
    assert_eq!(journal.check_run(first), Err(ProtocolError::StaleRun));
    journal.begin(first);
    assert_eq!(journal.check_run(first), Ok(()));
    journal.begin(second);
    assert_eq!(journal.check_run(first), Err(ProtocolError::StaleRun));
}

#[test]
fn the_budget_counts_commits_of_24_hours() {
    const DAY: u64 = 86_400;
    let spent = Err(ProtocolError::BudgetSpent { limit: 2 });
    let mut journal = Journal::default();
    commit(&mut journal, 1, at(0));
    assert_eq!(journal.check_budget(at(1), 2), Ok(()));
    commit(&mut journal, 2, at(10));
    assert_eq!(journal.check_budget(at(11), 2), spent);
    assert_eq!(journal.check_budget(at(DAY - 1), 2), spent);
    assert_eq!(journal.check_budget(at(DAY), 2), Ok(()));
}

#[test]
fn a_clock_that_was_wrong_neither_frees_nor_blocks_the_budget_for_long() {
    const DAY: u64 = 86_400;
    let mut journal = Journal::default();
    commit(&mut journal, 1, at(10 * DAY));
    assert_eq!(journal.check_budget(at(10 * DAY - 60), 1), Err(ProtocolError::BudgetSpent { limit: 1 }));
    assert_eq!(journal.check_budget(at(0), 1), Ok(()));
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_no_journal(bytes: Vec<u8>) {
        prop_assert!(disk::decode(&bytes).is_err());
    }
}
