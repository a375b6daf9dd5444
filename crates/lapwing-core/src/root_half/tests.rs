use core::time::Duration;

use super::*;
use crate::types::{FileTime, Guid, RecordId};

const START: u64 = 1_800_000_000;

fn at(seconds: u64) -> WallTime {
    WallTime(FileTime::from_unix(Duration::from_secs(START + seconds)).unwrap())
}

fn version(number: u8) -> PasswordVersion {
    PasswordVersion(Guid::from_bytes([number; 16]))
}

fn entry(number: u8) -> Entry<u8> {
    Entry {
        version: version(number),
        account: "ann".parse().unwrap(),
        uid: Uid(1000),
        hash: number,
        directory: "ad:corp.example".parse().unwrap(),
        record: RecordId("CN=pc".to_owned()),
        expiry: at(86_400).0,
        prepared: at(0).0,
        sealed: None,
        encrypted_to: None,
        sends: Vec::new(),
        acknowledged_by: None,
    }
}

fn commit(journal: &mut Journal<u8>, number: u8, now: WallTime) {
    journal.add(entry(number)).unwrap();
    journal.record(version(number), None, now).unwrap();
    journal.finish(now);
}

#[test]
fn the_ninth_candidate_drops_the_oldest() {
    let mut journal = Journal::default();
    (0..9).for_each(|number| journal.add(entry(number)).unwrap());
    let kept: Vec<_> = journal.candidates.iter().map(|entry| entry.version).collect();
    assert_eq!(kept, (1..9).map(version).collect::<Vec<_>>());
}

#[test]
fn once_recorded_nothing_but_the_commit_is_accepted() {
    let mut journal = Journal::default();
    (0..8).for_each(|number| journal.add(entry(number)).unwrap());
    journal.record(version(0), None, at(0)).unwrap();
    let pending = Err(ProtocolError::CommitPending(version(0)));
    assert_eq!(journal.add(entry(9)), pending);
    assert_eq!(journal.record(version(1), None, at(0)), pending);
    assert_eq!(journal.count_send(version(1), None, at(0)).map(drop), pending);
    assert_eq!(journal.record(version(0), None, at(0)), Ok(()));
    journal.finish(at(0));
    assert_eq!(journal.current.as_ref().map(|entry| entry.version), Some(version(0)));
    assert!(journal.candidates.is_empty() && journal.recorded().is_none());
}

#[test]
fn a_commit_remembers_what_it_replaced_up_to_sixteen() {
    let mut journal = Journal::default();
    (0..20).for_each(|number| commit(&mut journal, number, at(number.into())));
    assert_eq!(journal.replaced, (3..19).map(version).collect::<Vec<_>>());
    assert_eq!(journal.current.as_ref().map(|entry| entry.version), Some(version(19)));
}

#[test]
fn a_candidate_of_a_lost_account_is_void_and_the_others_stay() {
    let mut journal = Journal::default();
    (0..3).for_each(|number| journal.add(entry(number)).unwrap());
    journal.record(version(1), None, at(0)).unwrap();
    journal.void();
    let kept: Vec<_> = journal.candidates.iter().map(|entry| entry.version).collect();
    assert_eq!((kept, journal.recorded().is_none()), (vec![version(0), version(2)], true));
}

#[test]
fn an_answer_takes_back_one_send_however_often_it_is_told() {
    let mut journal = Journal::default();
    journal.add(entry(1)).unwrap();
    assert_eq!(journal.answered(version(1)), Ok(0));
    assert_eq!(journal.count_send(version(1), None, at(0)), Ok(1));
    assert_eq!(journal.count_send(version(1), None, at(0)), Ok(2));
    assert_eq!(journal.answered(version(1)), Ok(1));
    assert_eq!(journal.answered(version(1)), Ok(1));
    assert_eq!(journal.answered(version(2)), Err(ProtocolError::UnknownVersion));
    commit(&mut journal, 2, at(0));
    assert_eq!(journal.unanswered, 0);
}

#[test]
fn only_verbs_of_the_last_run_are_taken() {
    let [first, second] = [1, 2].map(|number| RunId(Guid::from_bytes([number; 16])));
    let mut journal = Journal::<u8>::default();
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

#[test]
fn what_may_still_land_at_another_replica_stays_three_hours_beyond_a_commit() {
    const HOUR: u64 = 3600;
    let replica = |name: &str| name.parse::<Replica>().unwrap();
    let mut journal = Journal::default();
    (1..=4).for_each(|number| journal.add(entry(number)).unwrap());
    // The first was never sent, the second only to whom acknowledges, the third to another too.
    journal.count_send(version(2), Some(replica("dc1")), at(0)).unwrap();
    journal.count_send(version(3), Some(replica("dc1")), at(0)).unwrap();
    journal.count_send(version(3), Some(replica("dc2")), at(HOUR)).unwrap();
    journal.record(version(4), Some(replica("DC1")), at(2 * HOUR)).unwrap();
    journal.finish(at(2 * HOUR));
    let kept: Vec<_> = journal.candidates.iter().map(|entry| entry.version).collect();
    assert_eq!(kept, [version(3)]);
    assert_eq!(journal.current.as_ref().unwrap().acknowledged_by, Some(replica("dc1")));
    commit(&mut journal, 5, at(4 * HOUR));
    assert!(journal.candidates.is_empty());
}

#[test]
fn what_was_on_its_way_to_another_replica_when_recorded_stays_however_long_the_commit_takes() {
    const HOUR: u64 = 3600;
    let mut journal = Journal::default();
    (1..=3).for_each(|number| journal.add(entry(number)).unwrap());
    journal.count_send(version(1), Some("dc2".parse().unwrap()), at(0)).unwrap();
    journal.count_send(version(2), Some("dc2".parse().unwrap()), at(2 * HOUR)).unwrap();
    // Then the host is without power for a day.
    journal.record(version(3), Some("dc1".parse().unwrap()), at(4 * HOUR)).unwrap();
    journal.finish(at(28 * HOUR));
    let kept: Vec<_> = journal.candidates.iter().map(|entry| entry.version).collect();
    assert_eq!(kept, [version(2)]);
}

#[test]
fn whatever_outlives_a_commit_was_prepared_before_that_came_into_force() {
    let mut journal = Journal::default();
    (1..=2).for_each(|number| journal.add(entry(number)).unwrap());
    journal.count_send(version(2), Some("dc2".parse().unwrap()), at(10)).unwrap();
    journal.record(version(1), Some("dc1".parse().unwrap()), at(20)).unwrap();
    journal.finish(at(20));
    let in_force = journal.current.as_ref().unwrap().prepared;
    assert_eq!(journal.candidates.len(), 1);
    assert!(journal.candidates.iter().all(|outlived| outlived.prepared < in_force));
}
