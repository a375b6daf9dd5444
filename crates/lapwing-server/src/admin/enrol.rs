//! Enrolment tokens.

use core::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use axum::{Json, body::Bytes, extract::Path, http::StatusCode};
use lapwing_core::{
    secret::SecretBytes,
    types::{FileTime, Guid, TenantId},
};
use lapwing_proto::{
    admin::{EnrolmentTokenCreated, EnrolmentTokenInfo, EnrolmentTokenRequest, Values},
    register::{ENROLMENT_SECRET_LEN, EnrolmentToken},
    secret_text::SecretText,
};
use rand_core::CryptoRng;

use super::{administrator, deleted, parse, parse_id};
use crate::{
    app::{App, record},
    call::Call,
    http::fault::Fault,
    os,
    rules::audit::{Activity, Actor},
    store::{CreateToken, DeleteToken, TokenRow},
};

const USES_MAX: u32 = 100_000;
/// A year.
const HOURS_MAX: u32 = 8784;

/// Where a device will join.
pub(crate) struct Place {
    pub(crate) server: String,
    pub(crate) tenant: TenantId,
    pub(crate) authority: Option<[u8; 32]>,
}

impl Place {
    /// This server.
    pub(crate) fn of(app: &App) -> Self {
        Self {
            server: app.url.clone(),
            tenant: app.meta.tenant,
            authority: app.own_authority.then(|| app.keys.authority.digest()),
        }
    }
}

/// A token that was just drawn, and the change that makes it good.
pub(crate) fn draw(
    place: Place,
    request: &EnrolmentTokenRequest,
    now: FileTime,
    actor: Actor,
    rng: &mut impl CryptoRng,
) -> Result<(EnrolmentToken, CreateToken), Fault> {
    if !(1..=USES_MAX).contains(&request.uses) || !(1..=HOURS_MAX).contains(&request.hours) {
        return Err(Fault::bad_request(format!("uses must be 1 to {USES_MAX}, hours 1 to {HOURS_MAX}.")));
    }
    let mut secret = vec![0; ENROLMENT_SECRET_LEN];
    rng.fill_bytes(&mut secret);
    let mut secret_sha256 = [0; 32];
    secret_sha256.copy_from_slice(digest(&SHA256, &secret).as_ref());
    let id = Guid::random(rng);
    let row = TokenRow {
        id,
        secret_sha256,
        description: request.description.chars().filter(|c| !c.is_control()).take(256).collect(),
        created: now,
        expires: now.saturating_add(Duration::from_secs(u64::from(request.hours) * 3600)),
        uses_left: request.uses,
    };
    let token = EnrolmentToken {
        server: place.server,
        tenant: place.tenant,
        authority: place.authority,
        secret: SecretBytes::new(secret),
    };
    let record = record(now, actor, Activity::CreateEnrolmentToken, &id.to_string());
    Ok((token, CreateToken { token: row, record }))
}

pub(super) async fn create(
    call: Call,
    Path(tenant): Path<String>,
    body: Bytes,
) -> Result<(StatusCode, Json<EnrolmentTokenCreated>), Fault> {
    let allowed = administrator(&call, &tenant, Activity::CreateEnrolmentToken).await?;
    let app = &call.app;
    let request: EnrolmentTokenRequest = parse(&body)?;
    let place = Place::of(app);
    let (token, change) = draw(place, &request, call.context.at, allowed.actor, &mut os::rng())?;
    let (id, expires, uses) = (change.token.id, change.token.expires, change.token.uses_left);
    app.store.change(change).await?;
    let created = EnrolmentTokenCreated {
        id: id.to_string(),
        token: SecretText::new((*token.expose_secret()).clone()),
        expires: expires.to_string(),
        uses,
    };
    Ok((StatusCode::CREATED, Json(created)))
}

pub(super) async fn list(
    call: Call,
    Path(tenant): Path<String>,
) -> Result<Json<Values<EnrolmentTokenInfo>>, Fault> {
    administrator(&call, &tenant, Activity::CreateEnrolmentToken).await?;
    let info = |row: TokenRow| EnrolmentTokenInfo {
        id: row.id.to_string(),
        description: row.description,
        created: row.created.to_string(),
        expires: row.expires.to_string(),
        uses_left: row.uses_left,
    };
    Ok(Json(Values { value: call.app.store.tokens().await?.into_iter().map(info).collect() }))
}

pub(super) async fn delete(
    call: Call,
    Path((tenant, id)): Path<(String, String)>,
) -> Result<StatusCode, Fault> {
    let allowed = administrator(&call, &tenant, Activity::DeleteEnrolmentToken).await?;
    let (id, record) = (parse_id(&id)?, allowed.record(&id));
    deleted(call.app.store.change(DeleteToken { id, record }).await?, "enrolment token")
}
