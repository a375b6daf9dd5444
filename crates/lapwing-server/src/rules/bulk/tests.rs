use core::time::Duration;

use lapwing_core::types::{DeviceId, FileTime, Guid};
use proptest::prelude::*;

use super::*;

fn at(ms: u64) -> FileTime {
    FileTime::from_unix(Duration::from_millis(1_800_000_000_000 + ms)).unwrap()
}

fn counts(waiting: u64, pending: u64, done: u64, failed: u64) -> Counts {
    Counts { waiting, pending, done, failed, ..Counts::default() }
}

fn running(all: Counts, canaries: Counts) -> Progress {
    Progress {
        state: BulkState::Running,
        past_canaries: false,
        all,
        canaries,
        ended_before: 0,
        failures_before: 0,
    }
}

#[test]
fn a_selection_reads_as_it_prints_and_selects_what_it_says() {
    let member = Member {
        device: DeviceId(Guid::from_bytes([1; 16])),
        display_name: "web-01".to_owned(),
        tags: ["prod".parse().unwrap()].into(),
    };
    for (text, is_in) in
        [("all", true), ("name:WEB-*", true), ("name:db*", false), ("tag:prod", true), ("tag:x", false)]
    {
        let selection: Selection = text.parse().unwrap();
        assert_eq!((selection.to_string().as_str(), selection.contains(&member)), (text, is_in));
    }
    for text in ["", "everything", "name:", "tag:a b"] {
        assert!(text.parse::<Selection>().is_err(), "{text}");
    }
}

#[test]
fn canaries_are_a_number_or_a_share_rounded_up() {
    for (text, devices, expected) in [
        ("0", 10, 0),
        ("3", 10, 3),
        ("30", 10, 10),
        ("5%", 10, 1),
        ("5%", 100, 5),
        ("0%", 9, 0),
        ("100%", 9, 9),
    ] {
        assert_eq!(text.parse::<Canaries>().unwrap().among(devices), expected, "{text} of {devices}");
    }
    for text in ["", "-1", "101%", "%", "some"] {
        assert_eq!(text.parse::<Canaries>(), Err(BulkError::Canaries), "{text}");
    }
    assert_eq!(Pace::parse(0, 5), Err(BulkError::Rate));
    assert_eq!(Pace::parse(PER_MINUTE_MAX + 1, 5), Err(BulkError::Rate));
    assert_eq!(Pace::parse(1, 0), Err(BulkError::StopAt));
    assert_eq!(Pace::parse(1, 101), Err(BulkError::StopAt));
}

#[test]
fn an_operator_can_say_only_what_makes_sense() {
    use BulkState::{Cancelled, Finished, Paused, Running, Stopped};
    for (word, from, to) in [
        (Word::Pause, Running, Some(Paused)),
        (Word::Pause, Paused, None),
        (Word::Pause, Stopped, None),
        (Word::Pause, Cancelled, None),
        (Word::Pause, Finished, None),
        (Word::Resume, Running, Some(Running)),
        (Word::Resume, Paused, Some(Running)),
        (Word::Resume, Stopped, Some(Running)),
        (Word::Resume, Cancelled, None),
        (Word::Resume, Finished, None),
        (Word::Cancel, Running, Some(Cancelled)),
        (Word::Cancel, Paused, Some(Cancelled)),
        (Word::Cancel, Stopped, Some(Cancelled)),
        (Word::Cancel, Cancelled, None),
        (Word::Cancel, Finished, None),
    ] {
        assert_eq!(word.said_to(from).ok(), to, "{word:?} to {from:?}");
    }
    assert_eq!(
        Word::Pause.said_to(Finished).unwrap_err().to_string(),
        "a bulk rotation that is finished cannot be paused"
    );
}

#[test]
fn the_others_follow_when_every_canary_that_was_asked_is_done() {
    let rest = counts(90, 0, 0, 0);
    let with = |canaries: Counts| {
        let all = Counts { waiting: rest.waiting + canaries.waiting, ..canaries };
        running(all, canaries).step(5)
    };
    assert_eq!(with(counts(10, 0, 0, 0)), Step::AskCanaries);
    assert_eq!(with(counts(1, 9, 0, 0)), Step::AskCanaries);
    assert_eq!(with(counts(0, 1, 9, 0)), Step::Wait);
    assert_eq!(with(counts(0, 0, 9, 1)), Step::Wait);
    assert_eq!(with(Counts { failing: 1, ..counts(0, 0, 9, 0) }), Step::Wait);
    assert_eq!(with(Counts { skipped: 10, ..Counts::default() }), Step::Wait, "nothing was learned");
    assert_eq!(with(Counts { skipped: 1, ..counts(0, 0, 9, 0) }), Step::Ask);
    assert_eq!(with(counts(0, 0, 10, 0)), Step::Ask);
    assert_eq!(with(Counts::default()), Step::Ask, "there are none");
    let told = Progress { past_canaries: true, ..running(counts(90, 1, 8, 1), counts(0, 1, 8, 1)) };
    assert_eq!(told.step(5), Step::Ask);
}

#[test]
fn it_stops_at_the_share_of_failures_once_enough_have_ended() {
    let step = |done, failed, stop_at| running(counts(10, 0, done, failed), Counts::default()).step(stop_at);
    assert_eq!(step(0, 19, 5), Step::Ask, "too few say nothing");
    assert_eq!(step(19, 1, 5), Step::Stop);
    assert_eq!(step(20, 1, 5), Step::Ask);
    assert_eq!(step(50, 49, 50), Step::Ask);
    assert_eq!(step(50, 50, 50), Step::Stop);
    let failing = Counts { failing: 1, ..counts(10, 0, 19, 0) };
    assert_eq!(running(failing, Counts::default()).step(5), Step::Stop);
    // What an operator has seen and resumed counts no more.
    let mut resumed = running(counts(10, 0, 30, 10), Counts::default());
    (resumed.ended_before, resumed.failures_before) = (20, 10);
    assert_eq!(resumed.step(5), Step::Ask);
    resumed.all.failed += 1;
    assert_eq!(resumed.step(4), Step::Stop);
    // All were asked: there is nothing left to stop.
    assert_eq!(running(counts(0, 1, 0, 40), Counts::default()).step(5), Step::Wait);
}

#[test]
fn it_is_over_when_nothing_more_can_come() {
    for state in BulkState::ALL {
        let over = Progress { state, ..running(counts(0, 0, 3, 1), Counts::default()) };
        let expected = match state {
            BulkState::Running | BulkState::Paused | BulkState::Stopped => Step::Finish,
            BulkState::Cancelled | BulkState::Finished => Step::Wait,
        };
        assert_eq!(over.step(100), expected, "{state:?}");
        let open = Progress { all: counts(1, 0, 3, 0), ..over };
        let expected = if state == BulkState::Running { Step::Ask } else { Step::Wait };
        assert_eq!(open.step(100), expected, "{state:?}");
    }
    let failing = running(Counts { failing: 1, ..counts(0, 0, 3, 0) }, Counts::default());
    assert_eq!(failing.step(100), Step::Wait, "the device goes on trying");
}

#[test]
fn a_clock_that_was_set_back_does_not_stop_it() {
    let pace = Pace::parse(60, 5).unwrap();
    let asked = Asked { last: Some(at(3_600_000)), in_last_minute: 0 };
    assert_eq!(pace.due(&asked, at(0)), Ok(1));
    assert_eq!(pace.due(&asked, at(3_600_400)), Err(Duration::from_millis(600)));
}

proptest! {
    #[test]
    fn no_minute_sees_more_than_the_rate_and_nobody_waits_for_ever(
        per_minute in 1..=PER_MINUTE_MAX, pauses in proptest::collection::vec(0_u64..3000, 1..200),
    ) {
        let pace = Pace::parse(per_minute, 5).unwrap();
        let mut asked: Vec<u64> = Vec::new();
        let mut now = 0;
        for pause in pauses {
            now += pause;
            let in_last_minute = asked.iter().filter(|time| **time + 60_000 > now).count();
            let state = Asked {
                last: asked.last().map(|time| at(*time)),
                in_last_minute: u32::try_from(in_last_minute).unwrap(),
            };
            match pace.due(&state, at(now)) {
                Ok(due) => {
                    prop_assert!((1..=BATCH_MAX).contains(&due));
                    asked.extend(core::iter::repeat_n(now, due.try_into().unwrap()));
                }
                Err(wait) => prop_assert!(!wait.is_zero() && wait <= Duration::from_secs(60)),
            }
            let last_minute = asked.iter().filter(|time| **time + 60_000 > now).count();
            prop_assert!(last_minute <= per_minute.try_into().unwrap());
        }
    }
}

/// A fleet of which each device ends as drawn, and the whole way from the first canary to the last device.
#[derive(Debug)]
struct Fleet {
    standing: Vec<Option<bool>>,
    asked: Vec<u32>,
    canaries: usize,
}

impl Fleet {
    fn counts(&self, to: usize) -> Counts {
        let mut counts = Counts::default();
        for (standing, asked) in self.standing.iter().zip(&self.asked).take(to) {
            match (asked, standing) {
                (0, _) => counts.waiting += 1,
                (_, None) => counts.pending += 1,
                (_, Some(true)) => counts.done += 1,
                (_, Some(false)) => counts.failed += 1,
            }
        }
        counts
    }
}

proptest! {
    #[test]
    fn canaries_come_first_a_failing_fleet_is_spared_and_nobody_is_asked_twice(
        ends in proptest::collection::vec(proptest::option::weighted(0.95, proptest::bool::weighted(0.9)), 1..120),
        canaries in 0_usize..8, stop_at in 1_u32..=100,
    ) {
        let canaries = canaries.min(ends.len());
        let mut fleet = Fleet { asked: vec![0; ends.len()], standing: ends, canaries };
        for _ in 0..200 {
            let before = fleet.counts(fleet.asked.len());
            let progress = running(before, fleet.counts(fleet.canaries));
            let among = match progress.step(stop_at) {
                Step::Ask => fleet.asked.len(),
                Step::AskCanaries => fleet.canaries,
                Step::Wait | Step::Stop | Step::Finish => break,
            };
            let open = fleet.asked.iter().take(among).position(|asked| *asked == 0);
            let open = open.expect("there is one to ask");
            fleet.asked[open] += 1;
            let canaries_done = fleet.standing.iter().take(fleet.canaries).all(|end| *end == Some(true));
            prop_assert!(open < fleet.canaries || canaries_done);
            let too_many = before.ended() >= ENDED_MIN && before.failures() * 100 >= before.ended() * u64::from(stop_at);
            prop_assert!(!too_many);
        }
        prop_assert!(fleet.asked.iter().all(|asked| *asked <= 1));
        let end = running(fleet.counts(fleet.asked.len()), fleet.counts(fleet.canaries)).step(stop_at);
        prop_assert!(matches!(end, Step::Wait | Step::Stop | Step::Finish));
    }
}
