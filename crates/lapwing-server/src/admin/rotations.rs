//! Rotations of many devices at once, for clients with the right to act in bulk.

use axum::{
    Json,
    body::Bytes,
    extract::Path,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use lapwing_core::types::{BulkRotationId, DeviceId};
use lapwing_proto::admin::{
    DRY_RUN_NAMES_MAX, RotationCounts, RotationDevice, RotationDryRun, RotationInfo, RotationRequest,
    RotationResume, Values,
};

use super::{actions::columns, allowed, not_found, parse, parse_id};
use crate::{
    call::{Allowed, Call},
    http::fault::{Fault, Kind},
    os,
    rules::{
        access::Act,
        audit::Activity,
        bulk::{BulkError, Canaries, Counts, Pace, Selection, Word},
        csv,
        policy_assignment::GroupError,
    },
    store::{BulkDeviceRow, BulkRow, CreateBulk, SayToBulk},
};

const HEAD: [&str; 10] =
    ["device", "name", "state", "requested", "since", "hresult", "event", "version", "canary", "detail"];

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
        per_minute: row.pace.per_minute,
        stop_at_percent: row.pace.stop_at,
        counts: counts(&row.progress.all),
        canaries: counts(&row.progress.canaries),
    }
}

fn device(row: BulkDeviceRow) -> RotationDevice {
    let (state, hresult, event, version) = match &row.action {
        Some(action) => columns(action.state),
        None => (row.standing.as_str(), None, None, None),
    };
    RotationDevice {
        device_id: row.device.to_string(),
        canary: row.is_canary,
        state: state.to_owned(),
        requested: row.action.map(|action| action.requested.to_string()),
        since: row.action.map_or(row.since, |action| action.since).to_string(),
        hresult: hresult.map(|code| code.to_string()),
        event,
        version: version.map(|version| version.to_string()),
        display_name: row.name,
        detail: row.detail,
    }
}

/// What was asked for, understood.
struct Wanted {
    selection: Selection,
    canaries: Canaries,
    pace: Pace,
    dry_run: bool,
}

fn wanted(body: &[u8]) -> Result<Wanted, Fault> {
    let request: RotationRequest = parse(body)?;
    let bad_bulk = |error: BulkError| Fault::bad_request(error.to_string());
    let selection = request.devices.parse();
    Ok(Wanted {
        selection: selection.map_err(|error: GroupError| Fault::bad_request(error.to_string()))?,
        canaries: request.canaries.parse().map_err(bad_bulk)?,
        pace: Pace::parse(request.per_minute, request.stop_at_percent).map_err(bad_bulk)?,
        dry_run: request.dry_run,
    })
}

/// Makes one, or tells what it would be for.
pub(super) async fn create(call: Call, Path(tenant): Path<String>, body: Bytes) -> Result<Response, Fault> {
    let allowed = allowed(&call, &tenant, Act::BulkRotate, Activity::CreateBulkRotation, "").await?;
    let Wanted { selection, canaries, pace, dry_run } = match wanted(&body) {
        Ok(wanted) => wanted,
        Err(fault) => return Err(allowed.refuse("", fault).await),
    };
    let devices = call.app.store.selected(&selection).await?;
    let count = u32::try_from(devices.len()).unwrap_or(u32::MAX);
    let canaries = canaries.among(count);
    let detail = format!("{selection}: {count} devices, {canaries} canaries, {} a minute", pace.per_minute);
    if dry_run {
        let mut record = allowed.record("");
        record.detail = format!("dry run: {detail}");
        call.app.note(record).await?;
        let first = devices.iter().take(DRY_RUN_NAMES_MAX).map(|row| row.display_name.clone());
        let minutes = count.div_ceil(pace.per_minute);
        return Ok(Json(RotationDryRun { count, canaries, minutes, first: first.collect() }).into_response());
    }
    if devices.is_empty() {
        let fault = Fault::new(Kind::Conflict, "No device is selected.");
        return Err(allowed.refuse("", fault).await);
    }
    let id = BulkRotationId::random(&mut os::rng());
    let mut record = allowed.record(&id.to_string());
    record.detail = detail;
    let devices: Vec<DeviceId> = devices.into_iter().map(|row| row.id).collect();
    if !call.app.store.change(CreateBulk { id, selection, pace, devices, canaries, record }).await? {
        return Err(Fault::new(Kind::Conflict, "Too many bulk rotations are open already."));
    }
    Ok((StatusCode::CREATED, Json(info(&find(&call, id).await?))).into_response())
}

async fn find(call: &Call, id: BulkRotationId) -> Result<BulkRow, Fault> {
    let found = call.app.store.bulk_rotation(id, call.context.at).await?;
    found.ok_or_else(|| not_found("bulk rotation"))
}

/// The one that a path names; a refusal is recorded.
async fn named(call: &Call, allowed: &Allowed<'_>, id: &str) -> Result<BulkRow, Fault> {
    let found = match parse_id(id) {
        Ok(id) => find(call, id).await,
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
    let rows = call.app.store.bulk_rotations(call.context.at).await?;
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
    let (rotation, counts, record) = (row.id, row.progress.all, allowed.record(&id));
    match call.app.store.change(SayToBulk { rotation, word, past_canaries, counts, record }).await? {
        None => Err(not_found("bulk rotation")),
        Some(Err(refused)) => Err(Fault::new(Kind::Conflict, format!("{refused}."))),
        Some(Ok(())) => Ok(Json(info(&find(&call, rotation).await?))),
    }
}

/// Each device, as JSON, or as CSV where `Accept` or `format` asks for it.
pub(super) async fn report(
    call: Call,
    Path((tenant, id)): Path<(String, String)>,
) -> Result<Response, Fault> {
    let allowed = allowed(&call, &tenant, Act::BulkRotate, Activity::ReadBulkRotations, &id).await?;
    let row = named(&call, &allowed, &id).await?;
    let devices = call.app.store.bulk_devices(row.id, call.context.at).await?;
    allowed.note(&id).await?;
    let devices: Vec<RotationDevice> = devices.into_iter().map(device).collect();
    if !wants_csv(&call) {
        return Ok(Json(Values { value: devices }).into_response());
    }
    let table = csv::line(HEAD) + &devices.iter().map(line).collect::<String>();
    let kind = HeaderValue::from_static("text/csv; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, kind)], table).into_response())
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

fn line(device: &RotationDevice) -> String {
    let event = device.event.map(|event| event.to_string()).unwrap_or_default();
    let text = |text: &'_ Option<String>| text.clone().unwrap_or_default();
    let (requested, hresult) = (text(&device.requested), text(&device.hresult));
    csv::line([
        device.device_id.as_str(),
        &device.display_name,
        &device.state,
        &requested,
        &device.since,
        &hresult,
        &event,
        &text(&device.version),
        if device.canary { "true" } else { "false" },
        &device.detail,
    ])
}
