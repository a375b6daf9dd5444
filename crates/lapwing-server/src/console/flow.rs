//! The way of one rotation, drawn in three lanes, with every step in words below.

use core::time::Duration;

use askama::Template;
use axum::response::Response;
use lapwing_core::types::{FileTime, Guid};
use lapwing_proto::trace::EndInfo;

use super::{
    page::{Moment, Shell},
    visit::Visit,
};
use crate::{
    http::fault::Fault,
    rules::flow::{Lane, Passed},
    store::{ActionRow, DeviceRow, TraceRow, passed},
};

/// How many steps are drawn: the first, and the last ones. The list has all.
const DRAWN_MAX: usize = 24;
/// In units of the drawing.
const WIDTH: u64 = 700;
const LEFT: u64 = 16;
const LANE_HEIGHT: u64 = 56;

#[derive(Template)]
#[template(path = "flow.html")]
struct Page {
    shell: Shell,
    name: Guid,
    device: DeviceRow,
    way: Way,
}

/// What changes while the rotation goes on.
#[derive(Template)]
#[template(path = "flow_way.html")]
struct Way {
    summary: String,
    version: Option<String>,
    goes_on: bool,
    is_asked_for: bool,
    began: Option<Moment>,
    drawing: Drawing,
    lanes: Vec<(&'static str, Vec<Row>)>,
}

/// A step in words.
struct Row {
    number: usize,
    /// To the millisecond, for the seconds are not enough here.
    clock: String,
    name: &'static str,
    took: String,
    again: Option<u32>,
    failure: Option<(String, String)>,
}

/// A drawing of the steps, in the order of time and not to its scale.
struct Drawing {
    lanes: Vec<(u64, &'static str)>,
    points: String,
    dots: Vec<Dot>,
    left_out: usize,
    height: u64,
}

struct Dot {
    number: usize,
    x: u64,
    y: u64,
    class: &'static str,
    title: String,
}

const fn lane_y(lane: Lane) -> u64 {
    let index = match lane {
        Lane::Push => 0,
        Lane::Policy => 1,
        Lane::Password => 2,
    };
    index * LANE_HEIGHT + LANE_HEIGHT / 2 + 8
}

impl Drawing {
    fn new(steps: &[Passed]) -> Self {
        let left_out = steps.len().saturating_sub(DRAWN_MAX);
        let numbered: Vec<_> = (1..).zip(steps).collect();
        let shown: Vec<_> = numbered.iter().take(1).chain(numbered.iter().skip(1 + left_out)).collect();
        let gap = (WIDTH - 2 * LEFT) / u64::try_from(shown.len().max(2) - 1).unwrap_or(1);
        let dots: Vec<Dot> = (0..)
            .zip(&shown)
            .map(|(column, (number, step))| Dot {
                number: *number,
                x: LEFT + gap * column,
                y: lane_y(step.lane),
                class: if step.failure.is_some() { "failed" } else { "passed" },
                title: format!("{number}: {}", step.name),
            })
            .collect();
        let points = dots.iter().map(|dot| format!("{},{}", dot.x, dot.y)).collect::<Vec<_>>().join(" ");
        let lanes = Lane::ALL.into_iter().map(|lane| (lane_y(lane), lane.as_str())).collect();
        Self { lanes, points, dots, left_out, height: 3 * LANE_HEIGHT + 8 }
    }
}

impl Way {
    fn new(now: FileTime, actions: &[ActionRow], trace: Option<&TraceRow>) -> Self {
        let steps = passed(actions, trace);
        let end = trace.and_then(|trace| trace.trace.end);
        let goes_on = end.is_none() && actions.iter().all(|row| !row.action.is_over());
        let failure = steps.iter().rev().find_map(|step| step.failure.as_ref());
        let summary = match (end, failure) {
            (Some(EndInfo::Rotated), _) => "The account has the new password.".to_owned(),
            (Some(EndInfo::NotNeeded), _) => "It was no longer needed.".to_owned(),
            (None, Some(_)) => "It has failed so far; attempts go on.".to_owned(),
            (None, None) if goes_on => "It goes on.".to_owned(),
            (None, None) => "The device has not told more of it.".to_owned(),
        };
        let rows = |lane: Lane| {
            let numbered = (1..).zip(&steps).filter(|(_, step)| step.lane == lane);
            numbered.map(|(number, step)| Row::new(number, step)).collect()
        };
        Self {
            summary,
            version: trace.and_then(|trace| trace.trace.version.clone()),
            goes_on,
            is_asked_for: !actions.is_empty(),
            began: steps.first().map(|step| Moment { at: step.at, now }),
            drawing: Drawing::new(&steps),
            lanes: Lane::ALL.into_iter().map(|lane| (lane.as_str(), rows(lane))).collect(),
        }
    }
}

impl Row {
    fn new(number: usize, step: &Passed) -> Self {
        let text = step.at.to_string();
        let clock = text.split_once('T').and_then(|(_, time)| time.get(..12)).unwrap_or_default();
        Self {
            number,
            clock: clock.to_owned(),
            name: step.name,
            took: step.took.map(took).unwrap_or_default(),
            again: step.attempt.filter(|attempt| *attempt > 1),
            failure: step.failure.as_ref().map(|failure| {
                let event = failure.event.map(|event| format!("event {event}, ")).unwrap_or_default();
                let next = failure.next_step.clone().unwrap_or_default();
                (format!("{event}{}", failure.hresult), next)
            }),
        }
    }
}

fn took(span: Duration) -> String {
    match span.as_millis() {
        0 => format!("{} µs", span.as_micros()),
        millis @ 1..10_000 => format!("{millis} ms"),
        _ => format!("{} s", span.as_secs()),
    }
}

/// The rotation of this name, an action of it, or its password's version.
async fn find(visit: &Visit) -> Result<(Guid, DeviceRow, Way), Fault> {
    let name: Guid = visit.param("id")?;
    let store = &visit.app.store;
    let trace = store.trace(name).await?;
    let actions = store.actions_of(trace.as_ref(), name).await?;
    let unknown = || Fault::not_found("There is no rotation of this name.");
    let device = actions.first().map(|row| row.device).or(trace.as_ref().map(|trace| trace.device));
    let device = store.device(device.ok_or_else(unknown)?).await?.ok_or_else(unknown)?;
    Ok((name, device, Way::new(visit.context.at, &actions, trace.as_ref())))
}

pub(super) async fn page(visit: Visit) -> Result<Response, Fault> {
    let (name, device, way) = find(&visit).await?;
    visit.page(&Page { shell: visit.shell("Rotation"), name, device, way })
}

pub(super) async fn way(visit: Visit) -> Result<Response, Fault> {
    let (_, _, way) = find(&visit).await?;
    visit.page(&way)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(count: u64) -> Vec<Passed> {
        let step = |number: u64| Passed {
            lane: if number == 0 { Lane::Push } else { Lane::Password },
            name: "step",
            at: FileTime::from_unix(Duration::from_secs(1_800_000_000 + number)).unwrap(),
            took: None,
            attempt: None,
            failure: None,
        };
        (0..count).map(step).collect()
    }

    #[test]
    fn every_step_has_its_place_in_its_lane() {
        let drawing = Drawing::new(&steps(3));
        let places: Vec<_> = drawing.dots.iter().map(|dot| (dot.number, dot.x, dot.y)).collect();
        assert_eq!(places, [(1, 16, 36), (2, 350, 148), (3, 684, 148)]);
        assert_eq!((drawing.left_out, drawing.points.as_str()), (0, "16,36 350,148 684,148"));
        assert!(Drawing::new(&[]).dots.is_empty() && Drawing::new(&steps(1)).dots[0].x == LEFT);
    }

    #[test]
    fn of_many_steps_the_first_and_the_last_ones_are_drawn() {
        let drawing = Drawing::new(&steps(100));
        assert_eq!((drawing.dots.len(), drawing.left_out), (DRAWN_MAX, 76));
        assert_eq!((drawing.dots[0].number, drawing.dots[1].number, drawing.dots[23].number), (1, 78, 100));
        assert!(drawing.dots.iter().all(|dot| dot.x <= WIDTH - LEFT));
    }
}
