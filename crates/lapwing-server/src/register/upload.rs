//! The password upload and the question for the state. docs/protocol.md, "Store" and "State".

use core::time::Duration;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use axum::{
    Extension, Json,
    body::Bytes,
    extract::{Path, State},
    http::HeaderMap,
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use lapwing_core::{
    binding::{ReceiptClaims, SealBinding},
    types::{DeviceId, FileTime},
};
use lapwing_proto::register::{
    LapwingConflict, SUBCODE_MISSING_DEVICE, SUBCODE_SEAL_INVALID, SUBCODE_VERSION_MISMATCH, SealedUpload,
    StateAnswer, StateMembers, StoreAnswer, StoredMembers, Upload, UploadPassword,
};

use super::{check_tenant, denied};
use crate::{
    app::{App, record},
    http::{
        fault::{Fault, Kind},
        request::Context,
    },
    keys::envelope::Binding,
    os,
    rules::{
        audit::{Activity, Actor},
        history::Offer,
    },
    store::{Form, HeldRow, Seen, StoreOutcome, StorePassword},
    token::bearer,
};

/// What a device in Windows' form gets when it names no expiry: the default `PasswordAgeDays`.
const DEFAULT_LIFE: Duration = Duration::from_secs(30 * 86_400);

/// The device is unknown in this tenant.
pub(crate) fn missing_device(app: &App, device: DeviceId) -> Fault {
    Fault::bad_request(format!("Device {device} does not exist in tenant {}.", app.meta.tenant))
        .with_subcode(SUBCODE_MISSING_DEVICE)
}

/// The device that asks, if it may ask at this address.
async fn authenticate(
    app: &App,
    context: &Context,
    headers: &HeaderMap,
    (tenant, device): (&str, &str),
    activity: Activity,
) -> Result<DeviceId, Fault> {
    check_tenant(app, tenant)?;
    match bearer::device(app, context, headers).await {
        Ok(caller) if device.parse() == Ok(caller) => Ok(caller),
        Ok(caller) => Err(app.refuse(context.at, Actor::Device(caller), activity, device, denied()).await),
        Err(fault) => Err(app.refuse(context.at, Actor::Anonymous, activity, device, fault).await),
    }
}

pub(super) async fn store(
    State(app): State<Arc<App>>,
    Path((tenant, device)): Path<(String, String)>,
    Extension(context): Extension<Context>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Fault> {
    let activity = Activity::StorePassword;
    let device = authenticate(&app, &context, &headers, (&tenant, &device), activity).await?;
    let (actor, target) = (Actor::Device(device), device.to_string());
    app.rates.take_device(device)?;
    let change = match prepare(&app, &context, device, &body) {
        Ok(change) => change,
        Err(fault) => return Err(app.refuse(context.at, actor, activity, &target, fault).await),
    };
    let is_plain = matches!(change.form, Form::Plain);
    let outcome = app.store.change(change).await?;
    crate::failpoint::reach("store-before-answer");
    match outcome {
        // Entra's own body is unknown; clients read none.
        StoreOutcome::Held(_) if is_plain => Ok(Json(serde_json::json!({})).into_response()),
        StoreOutcome::Held(row) => {
            let (Some(version), Some(receipt)) = (row.version, row.receipt) else {
                return Err(Fault::unavailable());
            };
            let lapwing = StoredMembers::new(version, row.expiry, &receipt);
            Ok(Json(StoreAnswer { lapwing }).into_response())
        }
        StoreOutcome::Mismatch(held) => Err(mismatch(held.as_ref())),
        StoreOutcome::Reused => Err(Fault::bad_request("The version was used for another password.")
            .with_subcode("error_version_reused")),
        StoreOutcome::Full => Err(Fault::new(
            Kind::Forbidden,
            "Too many passwords were stored since the one in force on the device.",
        )
        .with_subcode("error_history_full")),
        StoreOutcome::UnknownDevice => Err(missing_device(&app, device)),
        StoreOutcome::Disabled => Err(denied()),
        StoreOutcome::SwitchedOff => {
            Err(Fault::bad_request("Local admin password solution is not enabled for this tenant.")
                .with_subcode("error_fail"))
        }
    }
}

fn mismatch(held: Option<&HeldRow>) -> Fault {
    let conflict = LapwingConflict {
        version: held.and_then(|row| row.version).map(|version| version.to_string()),
        expiry: held.map(|row| row.expiry.to_string()),
    };
    Fault::new(Kind::Conflict, "The directory holds another version than the one expected.")
        .with_subcode(SUBCODE_VERSION_MISMATCH)
        .with_conflict(conflict)
}

/// Reads the upload, opens its seal and encrypts the password for the database.
fn prepare(app: &App, context: &Context, device: DeviceId, body: &[u8]) -> Result<StorePassword, Fault> {
    let upload = Upload::parse(body).map_err(|error| Fault::bad_request(error.to_string()))?;
    let tenant = app.meta.tenant;
    let account = upload.account;
    let mut seen = None;
    let (password, version, expiry, form) = match upload.password {
        UploadPassword::Clear { password, expiry } => {
            (password, None, plausible_expiry(expiry, context.at), Form::Plain)
        }
        UploadPassword::Sealed(sealed) => {
            let address = context.peer.address.to_canonical();
            seen = sealed.instance.map(|instance| Seen { instance, address });
            let binding = SealBinding { tenant, device, version: sealed.version, account: &account };
            let password = app.keys.seal.open_password(&sealed.sealed, &binding).map_err(|_| {
                Fault::bad_request("The sealed password does not open.").with_subcode(SUBCODE_SEAL_INVALID)
            })?;
            (password, Some(sealed.version), sealed.expiry, sealed_form(app, device, &sealed))
        }
    };
    let binding = Binding::Password { tenant, device, version, account: &account };
    Ok(StorePassword {
        device,
        expiry,
        form,
        seen,
        sealed: app.keys.kek.seal_password(&mut os::rng(), &password, binding)?,
        record: record(context.at, Actor::Device(device), Activity::StorePassword, &device.to_string()),
        account,
    })
}

fn sealed_form(app: &App, device: DeviceId, upload: &SealedUpload) -> Form {
    let mut sealed_sha256 = [0; 32];
    sealed_sha256.copy_from_slice(digest(&SHA256, &upload.sealed).as_ref());
    let offer = Offer {
        version: upload.version,
        sealed_sha256,
        condition: upload.condition,
        in_force: upload.in_force,
    };
    let receipt = app.keys.receipt.sign(&ReceiptClaims {
        tenant: app.meta.tenant,
        device,
        version: upload.version,
        expiry: upload.expiry,
        sealed_sha256,
    });
    Form::Sealed { offer, receipt }
}

/// A client's own expiry if it can be one, else the default.
fn plausible_expiry(expiry: Option<FileTime>, now: FileTime) -> FileTime {
    const LIFE_MAX: Duration = Duration::from_secs(366 * 86_400);
    expiry
        .filter(|expiry| *expiry > now && *expiry <= now.saturating_add(LIFE_MAX))
        .unwrap_or_else(|| now.saturating_add(DEFAULT_LIFE))
}

pub(super) async fn state(
    State(app): State<Arc<App>>,
    Path((tenant, device)): Path<(String, String)>,
    Extension(context): Extension<Context>,
    headers: HeaderMap,
) -> Result<Json<StateAnswer>, Fault> {
    let activity = Activity::ReadState;
    let device = authenticate(&app, &context, &headers, (&tenant, &device), activity).await?;
    match app.store.device(device).await? {
        Some(row) if row.is_deleted => return Err(missing_device(&app, device)),
        Some(row) if !row.enabled => return Err(denied()),
        Some(_) => {}
        None => return Err(missing_device(&app, device)),
    }
    let held = app.store.newest(device).await?;
    let turns = app.store.turns(device).await?;
    let lapwing = StateMembers {
        stored: held.as_ref().map(|row| row.stored.to_string()),
        stored_from: turns.last().map(|turn| turn.address.to_string()),
        version: held.as_ref().and_then(|row| row.version).map(|version| version.to_string()),
        expiry: held.as_ref().map(|row| row.expiry.to_string()),
        account_name: held.as_ref().map(|row| row.account.to_string()),
        receipt: held.as_ref().and_then(|row| row.receipt).map(|receipt| STANDARD.encode(receipt)),
        time: context.at.to_string(),
    };
    Ok(Json(StateAnswer { lapwing }))
}
