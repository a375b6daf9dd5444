//! One bulk rotation: how far it is, what an operator can say to it, and how each device stands.

use askama::Template;
use axum::{
    http::{HeaderValue, header},
    response::Response,
};
use lapwing_core::{
    management::ActionState,
    types::{BulkRotationId, DeviceId},
};

use super::{
    super::{
        page::{Badge, Grouped, Moment, Shell},
        visit::{Visit, see_other},
    },
    badge, in_words,
};
use crate::{
    bulk::{order, report},
    http::fault::Fault,
    rules::{
        audit::Activity,
        bulk::{BulkStanding, BulkState, Word},
    },
    store::{BulkDeviceRow, BulkPart, BulkRow},
};

const PAGE_LEN: usize = 50;

#[derive(Template)]
#[template(path = "bulk_rotation.html")]
struct Page {
    shell: Shell,
    id: BulkRotationId,
    devices: String,
    reason: String,
    requested: Moment,
    requested_by: String,
    per_minute: u32,
    stop_at: u32,
    progress: Progress,
    standing: Option<Badge>,
    rows: Vec<Row>,
    is_first: bool,
    first: String,
    next: Option<String>,
}

/// How far it is; the page asks for it again by itself.
#[derive(Template)]
#[template(path = "bulk_progress.html")]
struct Progress {
    shell: Shell,
    id: BulkRotationId,
    state: Badge,
    since: Moment,
    holds_for_canaries: bool,
    canaries: u64,
    canaries_done: u64,
    total: u64,
    counts: Vec<Count>,
    bar: Vec<Part>,
    may_pause: bool,
    may_resume: bool,
    may_cancel: bool,
    now: Moment,
}

struct Count {
    badge: Badge,
    key: &'static str,
    count: u64,
}

/// A stretch of the bar, which is 700 wide.
struct Part {
    class: &'static str,
    x: u64,
    width: u64,
}

struct Row {
    device: DeviceId,
    name: String,
    is_canary: bool,
    state: Badge,
    detail: String,
    since: Moment,
}

const BAR_WIDTH: u64 = 700;

const fn standing_badge(standing: BulkStanding) -> Badge {
    match standing {
        BulkStanding::Done => Badge::new("current", "✓", "Rotated"),
        BulkStanding::Failing => Badge::new("overdue", "▲", "Failing so far"),
        BulkStanding::Failed => Badge::new("overdue", "▲", "Failed"),
        BulkStanding::Accepted => Badge::new("expiring", "◔", "Accepted"),
        BulkStanding::Pending => Badge::new("expiring", "◔", "Asked"),
        BulkStanding::Waiting => Badge::new("missing", "○", "Not asked yet"),
        BulkStanding::Skipped => Badge::new("disabled", "–", "Skipped"),
        BulkStanding::Cancelled => Badge::new("disabled", "–", "Cancelled"),
    }
}

/// What names a standing in an address.
const fn key(standing: BulkStanding) -> &'static str {
    match standing {
        BulkStanding::Done => "done",
        BulkStanding::Failing => "failing",
        BulkStanding::Failed => "failed",
        BulkStanding::Accepted => "accepted",
        BulkStanding::Pending => "asked",
        BulkStanding::Waiting => "waiting",
        BulkStanding::Skipped => "skipped",
        BulkStanding::Cancelled => "cancelled",
    }
}

/// The stretches in the order of the counts; each that is there at all is at least a hair wide.
fn bar(counts: &[Count], total: u64) -> Vec<Part> {
    let mut x = 0;
    let mut parts = Vec::new();
    for count in counts.iter().filter(|count| count.count > 0) {
        let share = count.count.saturating_mul(BAR_WIDTH).checked_div(total).unwrap_or(0);
        let width = share.max(1).min(BAR_WIDTH.saturating_sub(x));
        parts.push(Part { class: count.badge.class, x, width });
        x += width;
    }
    parts
}

impl Progress {
    fn new(row: &BulkRow, visit: &Visit) -> Self {
        let (now, progress) = (visit.context.at, &row.progress);
        let counts: Vec<Count> = BulkStanding::ALL
            .into_iter()
            .map(|standing| Count {
                badge: standing_badge(standing),
                key: key(standing),
                count: progress.all.of(standing),
            })
            .collect();
        let total = progress.all.total();
        let may = |word: Word| word.said_to(progress.state).is_ok();
        let is_held = progress.state == BulkState::Running && progress.holds_for_canaries();
        Self {
            shell: visit.shell("Bulk rotation"),
            id: row.id,
            state: badge(progress.state),
            since: Moment { at: row.since, now },
            holds_for_canaries: is_held,
            canaries: progress.canaries.total(),
            canaries_done: progress.canaries.done,
            total,
            bar: bar(&counts, total),
            counts,
            may_pause: may(Word::Pause),
            // A running one is resumed only past its canaries.
            may_resume: may(Word::Resume) && (progress.state != BulkState::Running || is_held),
            may_cancel: may(Word::Cancel),
            now: Moment { at: now, now },
        }
    }
}

fn standing_of(row: &BulkDeviceRow) -> BulkStanding {
    let word = row.action.map_or(row.standing.as_str(), |action| action.state.as_str());
    let found = BulkStanding::ALL.into_iter().find(|standing| standing.words().contains(&word));
    found.unwrap_or(BulkStanding::Waiting)
}

fn device(row: BulkDeviceRow, visit: &Visit) -> Row {
    let detail = match row.action.map(|action| action.state) {
        Some(ActionState::Failing { hresult, event: Some(event) }) => format!("Event {event}, {hresult}"),
        Some(ActionState::Failing { hresult, event: None }) => hresult.to_string(),
        Some(ActionState::Refused { status }) => format!("Status {status}"),
        Some(ActionState::Expired) => "not accepted in time".to_owned(),
        Some(ActionState::Done { version: Some(version) }) => format!("Version {version}"),
        Some(ActionState::Done { version: None }) => "Stored elsewhere".to_owned(),
        Some(ActionState::Pending | ActionState::Accepted | ActionState::Cancelled) | None => {
            row.detail.clone()
        }
    };
    Row {
        device: row.device,
        is_canary: row.is_canary,
        state: standing_badge(standing_of(&row)),
        detail,
        since: Moment { at: row.action.map_or(row.since, |action| action.since), now: visit.context.at },
        name: row.name,
    }
}

async fn find(visit: &Visit) -> Result<BulkRow, Fault> {
    order::find(&visit.app, &visit.context, visit.param("id")?).await
}

pub(in super::super) async fn page(visit: Visit) -> Result<Response, Fault> {
    let row = find(&visit).await?;
    let wanted = visit.query.get("state").unwrap_or_default();
    let standing = BulkStanding::ALL.into_iter().find(|standing| key(*standing) == wanted);
    let after = match visit.query.get("after") {
        None => -1,
        Some(text) => {
            text.parse().map_err(|_| Fault::bad_request("The page you asked for is none of this list."))?
        }
    };
    let len_max = i64::try_from(PAGE_LEN).unwrap_or(i64::MAX).saturating_add(1);
    let part = BulkPart { after, standing, len_max };
    let mut rows = visit.app.store.bulk_devices(row.id, visit.context.at, &part).await?;
    visit.note(Activity::ReadBulkRotations, &row.id.to_string()).await?;
    let has_more = rows.len() > PAGE_LEN;
    rows.truncate(PAGE_LEN);
    let last = rows.last().filter(|_| has_more).map(|row| row.place);
    let filter = standing.map_or(String::new(), |standing| format!("?state={}", key(standing)));
    let first = format!("/console/bulk/{}{filter}", row.id);
    let sign = if filter.is_empty() { '?' } else { '&' };
    visit.page(&Page {
        shell: visit.shell("Bulk rotation"),
        id: row.id,
        devices: in_words(&row.selection),
        reason: row.reason.to_string(),
        requested: Moment { at: row.requested, now: visit.context.at },
        requested_by: row.requested_by.clone(),
        per_minute: row.pace.per_minute,
        stop_at: row.pace.stop_at,
        progress: Progress::new(&row, &visit),
        standing: standing.map(standing_badge),
        rows: rows.into_iter().map(|row| device(row, &visit)).collect(),
        is_first: after < 0,
        next: last.map(|last| format!("{first}{sign}after={last}")),
        first,
    })
}

/// Counts alone, which name no device.
pub(in super::super) async fn progress(visit: Visit) -> Result<Response, Fault> {
    let row = find(&visit).await?;
    visit.page(&Progress::new(&row, &visit))
}

async fn say(visit: Visit, word: Word) -> Result<Response, Fault> {
    let row = find(&visit).await?;
    let past_canaries = word == Word::Resume && visit.form.get("past_canaries") == Some("true");
    let record = visit.record(Activity::ChangeBulkRotation, &row.id.to_string());
    order::say(&visit.app, &row, word, past_canaries, record).await?;
    Ok(see_other(&format!("/console/bulk/{}", row.id)))
}

pub(in super::super) async fn pause(visit: Visit) -> Result<Response, Fault> {
    say(visit, Word::Pause).await
}

pub(in super::super) async fn resume(visit: Visit) -> Result<Response, Fault> {
    say(visit, Word::Resume).await
}

pub(in super::super) async fn cancel(visit: Visit) -> Result<Response, Fault> {
    say(visit, Word::Cancel).await
}

async fn download(visit: Visit, form: report::Form, extension: &str) -> Result<Response, Fault> {
    let row = find(&visit).await?;
    visit.note(Activity::ReadBulkRotations, &row.id.to_string()).await?;
    let mut response = report::report(&visit.app, &visit.context, row.id, form).await?;
    let name = format!("attachment; filename=\"rotation-{}.{extension}\"", row.id);
    let name = HeaderValue::try_from(name).map_err(|_| Fault::unavailable())?;
    response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    Ok(response)
}

pub(in super::super) async fn report_csv(visit: Visit) -> Result<Response, Fault> {
    download(visit, report::Form::Csv, "csv").await
}

pub(in super::super) async fn report_json(visit: Visit) -> Result<Response, Fault> {
    download(visit, report::Form::Json, "json").await
}
