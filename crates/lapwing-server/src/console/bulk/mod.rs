//! Bulk rotations: which there are, and how each stands.

mod page;
mod start;

use askama::Template;
use axum::{http::StatusCode, response::Response};
use lapwing_core::types::BulkRotationId;

pub(super) use self::{
    page::{cancel, page, pause, progress, report_csv, report_json, resume},
    start::{begin, check, plan},
};
use super::{
    page::{Badge, Grouped, Moment, Shell, render},
    visit::Visit,
};
use crate::{
    http::fault::Fault,
    rules::{
        audit::Activity,
        bulk::{BulkState, Selection},
    },
    store::BulkRow,
};

/// How many stand in the list, the newest first.
const SHOWN_MAX: i64 = 20;

#[derive(Template)]
#[template(path = "bulk_rotations.html")]
struct ListPage {
    shell: Shell,
    rows: Vec<Row>,
    form: start::Form,
    error: Option<String>,
}

struct Row {
    id: BulkRotationId,
    requested: Moment,
    requested_by: String,
    devices: String,
    reason: String,
    state: Badge,
    done: u64,
    failures: u64,
    total: u64,
}

const fn badge(state: BulkState) -> Badge {
    match state {
        BulkState::Running => Badge::new("expiring", "◔", "Running"),
        BulkState::Paused => Badge::new("missing", "○", "Paused"),
        BulkState::Stopped => Badge::new("overdue", "▲", "Stopped: too many failed"),
        BulkState::Cancelled => Badge::new("disabled", "–", "Cancelled"),
        BulkState::Finished => Badge::new("current", "✓", "Finished"),
    }
}

/// Whom it is for, in words.
fn in_words(selection: &Selection) -> String {
    match selection {
        Selection::All => "all devices".to_owned(),
        Selection::Of(group) => group.to_string(),
    }
}

fn row(row: BulkRow, visit: &Visit) -> Row {
    let counts = row.progress.all;
    Row {
        id: row.id,
        requested: Moment { at: row.requested, now: visit.context.at },
        requested_by: row.requested_by,
        devices: in_words(&row.selection),
        reason: row.reason.to_string(),
        state: badge(row.progress.state),
        done: counts.done,
        failures: counts.failures(),
        total: counts.total(),
    }
}

pub(super) async fn list(visit: Visit) -> Result<Response, Fault> {
    show(&visit, start::Form::new(), None).await
}

async fn show(visit: &Visit, form: start::Form, error: Option<&str>) -> Result<Response, Fault> {
    let rows = visit.app.store.bulk_rotations(visit.context.at, SHOWN_MAX).await?;
    visit.note(Activity::ReadBulkRotations, "").await?;
    let page = ListPage {
        shell: visit.shell("Bulk rotation"),
        rows: rows.into_iter().map(|found| row(found, visit)).collect(),
        form,
        error: error.map(str::to_owned),
    };
    let status = if error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    render(status, &page)
}
