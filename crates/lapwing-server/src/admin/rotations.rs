//! Rotations of many devices at once, for clients with the right to act in bulk.

use axum::{
    Json,
    body::Bytes,
    extract::Path,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use lapwing_proto::admin::{
    DRY_RUN_NAMES_MAX, RotationCounts, RotationDryRun, RotationInfo, RotationRequest, RotationResume, Values,
};

use super::{allowed, parse, parse_id};
use crate::{
    bulk::{
        order::{self, Order, Plan},
        report::{self, Form},
    },
    call::{Allowed, Call},
    http::fault::Fault,
    rules::{
        access::Act,
        audit::Activity,
        bulk::{BulkError, Counts, Pace, Word},
        policy_assignment::GroupError,
    },
    store::BulkRow,
};

/// The most that one list shows, newest first.
const SHOWN_MAX: i64 = 100;

fn counts(counts: &Counts) -> RotationCounts {
    RotationCounts {
        total: counts.total(),
        waiting: counts.waiting,
        pending: counts.pending,
        accepted: counts.accepted,
        failing: counts.failing,
        done: counts.done,
        failed: counts.failed,
        cancelled: counts.cancelled,
        skipped: counts.skipped,
    }
}

fn info(row: &BulkRow) -> RotationInfo {
    RotationInfo {
        id: row.id.to_string(),
        devices: row.selection.to_string(),
        state: row.progress.state.as_str().to_owned(),
        since: row.since.to_string(),
        holds_for_canaries: row.progress.holds_for_canaries(),
        requested: row.requested.to_string(),
        requested_by: row.requested_by.clone(),
        reason: row.reason.to_string(),
        per_minute: row.pace.per_minute,
        stop_at_percent: row.pace.stop_at,
        counts: counts(&row.progress.all),
        canaries: counts(&row.progress.canaries),
    }
}

/// What was asked for, understood.
struct Wanted {
    order: Order,
    dry_run: bool,
}

fn wanted(body: &[u8]) -> Result<Wanted, Fault> {
    let request: RotationRequest = parse(body)?;
    let bad_bulk = |error: BulkError| Fault::bad_request(error.to_string());
    let selection = request.devices.parse();
    let order = Order {
        selection: selection.map_err(|error: GroupError| Fault::bad_request(error.to_string()))?,
        canaries: request.canaries.parse().map_err(bad_bulk)?,
        pace: Pace::parse(request.per_minute, request.stop_at_percent).map_err(bad_bulk)?,
        reason: request.reason.parse().map_err(bad_bulk)?,
    };
    Ok(Wanted { order, dry_run: request.dry_run })
}

/// Makes one, or tells what it would be for.
pub(super) async fn create(call: Call, Path(tenant): Path<String>, body: Bytes) -> Result<Response, Fault> {
    let allowed = allowed(&call, &tenant, Act::BulkRotate, Activity::CreateBulkRotation, "").await?;
    let Wanted { order, dry_run } = match wanted(&body) {
        Ok(wanted) => wanted,
        Err(fault) => return Err(allowed.refuse("", fault).await),
    };
    let plan = order.plan(&call.app).await?;
    if dry_run {
        let mut record = allowed.record("");
        record.detail = format!("dry run: {}", plan.detail());
        call.app.note(record).await?;
        let first = plan.devices.iter().take(DRY_RUN_NAMES_MAX).map(|row| row.display_name.clone());
        let Plan { count, canaries, minutes, .. } = plan;
        return Ok(Json(RotationDryRun { count, canaries, minutes, first: first.collect() }).into_response());
    }
    if let Some(fault) = plan.refusal() {
        return Err(allowed.refuse("", fault).await);
    }
    let id = plan.begin(&call.app, |id| allowed.record(id)).await?;
    let row = order::find(&call.app, &call.context, id).await?;
    Ok((StatusCode::CREATED, Json(info(&row))).into_response())
}

/// The one that a path names; a refusal is recorded.
async fn named(call: &Call, allowed: &Allowed<'_>, id: &str) -> Result<BulkRow, Fault> {
    let found = match parse_id(id) {
        Ok(id) => order::find(&call.app, &call.context, id).await,
        Err(fault) => Err(fault),
    };
    match found {
        Ok(row) => Ok(row),
        Err(fault) => Err(allowed.refuse(id, fault).await),
    }
}

pub(super) async fn list(
    call: Call,
    Path(tenant): Path<String>,
) -> Result<Json<Values<RotationInfo>>, Fault> {
    let allowed = allowed(&call, &tenant, Act::BulkRotate, Activity::ReadBulkRotations, "").await?;
    let rows = call.app.store.bulk_rotations(call.context.at, SHOWN_MAX).await?;
    allowed.note("").await?;
    Ok(Json(Values { value: rows.iter().map(info).collect() }))
}

pub(super) async fn get(
    call: Call,
    Path((tenant, id)): Path<(String, String)>,
) -> Result<Json<RotationInfo>, Fault> {
    let allowed = allowed(&call, &tenant, Act::BulkRotate, Activity::ReadBulkRotations, &id).await?;
    let row = named(&call, &allowed, &id).await?;
    allowed.note(&id).await?;
    Ok(Json(info(&row)))
}

pub(super) async fn pause(call: Call, path: Path<(String, String)>) -> Result<Json<RotationInfo>, Fault> {
    say(call, path, Word::Pause, false).await
}

pub(super) async fn cancel(call: Call, path: Path<(String, String)>) -> Result<Json<RotationInfo>, Fault> {
    say(call, path, Word::Cancel, false).await
}

pub(super) async fn resume(
    call: Call,
    path: Path<(String, String)>,
    body: Bytes,
) -> Result<Json<RotationInfo>, Fault> {
    let resume = if body.is_empty() { Ok(RotationResume::default()) } else { parse(&body) };
    // Whoever may not is told that first.
    let (past_canaries, malformed) = match resume {
        Ok(RotationResume { past_canaries }) => (past_canaries, None),
        Err(fault) => (false, Some(fault)),
    };
    if let Some(fault) = malformed {
        let Path((tenant, id)) = path;
        let allowed = allowed(&call, &tenant, Act::BulkRotate, Activity::ChangeBulkRotation, &id).await?;
        return Err(allowed.refuse(&id, fault).await);
    }
    say(call, path, Word::Resume, past_canaries).await
}

async fn say(
    call: Call,
    Path((tenant, id)): Path<(String, String)>,
    word: Word,
    past_canaries: bool,
) -> Result<Json<RotationInfo>, Fault> {
    let allowed = allowed(&call, &tenant, Act::BulkRotate, Activity::ChangeBulkRotation, &id).await?;
    let row = named(&call, &allowed, &id).await?;
    order::say(&call.app, &row, word, past_canaries, allowed.record(&id)).await?;
    Ok(Json(info(&order::find(&call.app, &call.context, row.id).await?)))
}

/// Each device, as JSON, or as CSV where `Accept` or `format` asks for it.
pub(super) async fn report(
    call: Call,
    Path((tenant, id)): Path<(String, String)>,
) -> Result<Response, Fault> {
    let allowed = allowed(&call, &tenant, Act::BulkRotate, Activity::ReadBulkRotations, &id).await?;
    let row = named(&call, &allowed, &id).await?;
    allowed.note(&id).await?;
    let form = if wants_csv(&call) { Form::Csv } else { Form::Json };
    report::report(&call.app, &call.context, row.id, form).await
}

fn wants_csv(call: &Call) -> bool {
    let query = call.uri.query().unwrap_or_default();
    let format =
        form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name.eq_ignore_ascii_case("format"));
    match format {
        Some((_, format)) => format.eq_ignore_ascii_case("csv"),
        None => {
            let accept = call.headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
            accept.is_some_and(|accept| accept.trim_start().to_ascii_lowercase().starts_with("text/csv"))
        }
    }
}
