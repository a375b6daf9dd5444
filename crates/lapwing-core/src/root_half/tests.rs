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

/// A host with nothing but a machine under it, of which there is one number for each part.
struct Machine {
    parts: [Option<u8>; 3],
    disk: Journal<u8>,
}

impl Host for Machine {
    type Hash = u8;
    type Content = u8;
    type Error = ProtocolError;

    fn sync(&mut self) -> Result<(), ProtocolError> {
        Ok(())
    }

    fn load(&self) -> Result<Journal<u8>, ProtocolError> {
        Ok(self.disk.clone())
    }

    fn save(&mut self, journal: &Journal<u8>) -> Result<(), ProtocolError> {
        self.disk = journal.clone();
        Ok(())
    }

    fn field(&self, _: &AccountName, _: Uid) -> Result<Option<u8>, ProtocolError> {
        Ok(Some(0))
    }

    fn is_empty(_: &u8) -> bool {
        false
    }

    fn is_locked(_: &u8) -> bool {
        false
    }

    fn stands(hash: &u8, content: &u8) -> bool {
        hash == content
    }

    fn put(&mut self, _: &Entry<u8>, _: bool) -> Result<(), ProtocolError> {
        Ok(())
    }

    fn is_account_missing(_: &ProtocolError) -> bool {
        false
    }

    fn binding(&self, bound: Option<&HostBinding>) -> HostBinding {
        let [machine_id, product_uuid, filesystem] = self.parts.map(|part| part.map(|part| [part; 32]));
        let salt = bound.map_or([7; 16], |bound| bound.salt);
        HostBinding { salt, digests: Parts { machine_id, product_uuid, filesystem } }
    }
}

/// A host with a password in force that was set on the machine `[1, 1, 1]`, now on this one.
fn moved_to(parts: [u8; 3]) -> RootHalf<Machine> {
    let host = Machine { parts: [Some(1); 3], disk: Journal::default() };
    let mut half = RootHalf::open(host).unwrap();
    half.prepare(entry(1)).unwrap();
    half.commit(version(1), None, at(1), |_, _| Ok(())).unwrap();
    half.prepare(entry(2)).unwrap();
    half.host.parts = parts.map(Some);
    RootHalf::open(half.host).unwrap()
}

#[test]
fn nothing_is_prepared_or_recorded_on_a_possible_copy_until_root_adopts_it() {
    for parts in [[2, 1, 1], [1, 2, 1], [1, 2, 2], [2, 2, 2], [2, 1, 2]] {
        let mut half = moved_to(parts);
        assert!(half.state().unwrap().possible_clone.is_some(), "{parts:?}");
        let refused = |result| matches!(result, Err(ProtocolError::PossibleCopy(_)));
        assert!(refused(half.prepare(entry(3))), "{parts:?}");
        assert!(refused(half.commit(version(2), None, at(2), |_, _| Ok(())).map(drop)), "{parts:?}");
        assert_eq!(half.host.disk.candidates.len(), 1, "{parts:?}");
        half.adopt().unwrap();
        let mut half = RootHalf::open(half.host).unwrap();
        assert_eq!(half.state().unwrap().possible_clone, None, "{parts:?}");
        half.commit(version(2), None, at(2), |_, _| Ok(())).unwrap();
        assert_eq!(half.host.disk.current.as_ref().unwrap().version, version(2));
        // It is bound to the new machine: the first one is now the copy.
        half.host.parts = [Some(1); 3];
        assert!(matches!(half.origin(), Origin::PossibleCopy(_)), "{parts:?}");
    }
}

#[test]
fn a_restored_host_goes_on_and_is_bound_to_its_new_disk_by_the_next_change() {
    let mut half = moved_to([1, 1, 2]);
    assert_eq!((half.origin(), half.state().unwrap().possible_clone), (Origin::Restored, None));
    half.commit(version(2), None, at(2), |_, _| Ok(())).unwrap();
    assert_eq!(half.origin(), Origin::Same);
}

#[test]
fn what_was_recorded_is_finished_on_a_possible_copy_which_stays_one() {
    let mut half = moved_to([1, 1, 1]);
    half.journal.record(version(2), None, at(2)).unwrap();
    half.host.save(&half.journal.clone()).unwrap();
    half.host.parts = [Some(2); 3];
    let mut half = RootHalf::open(half.host).unwrap();
    half.recover_commit(at(3)).unwrap();
    assert_eq!(half.host.disk.current.as_ref().unwrap().version, version(2));
    assert_eq!(half.origin(), Origin::PossibleCopy(crate::host_binding::Evidence::Installation));
}

#[test]
fn a_journal_of_before_bindings_is_bound_by_the_next_change() {
    let mut half = moved_to([2, 2, 2]);
    half.journal.binding = None;
    assert_eq!(half.origin(), Origin::Same);
    half.prepare(entry(3)).unwrap();
    half.host.parts = [Some(1); 3];
    assert!(matches!(half.origin(), Origin::PossibleCopy(_)));
}
