//! A device renews its certificate. docs/protocol.md, "The device's certificate".

use std::sync::Arc;

use axum::{
    Extension, Json,
    body::Bytes,
    extract::{Path, State},
};
use lapwing_proto::{
    json,
    register::{RenewalAnswer, RenewalRequest},
};

use crate::{
    app::App,
    http::{fault::Fault, request::Context},
    register::{join, renewal::Renewing},
};

pub(super) async fn renew(
    State(app): State<Arc<App>>,
    Path(tenant): Path<String>,
    Extension(context): Extension<Context>,
    body: Bytes,
) -> Result<Json<RenewalAnswer>, Fault> {
    super::check_tenant(&app, &tenant)?;
    let renewing = Renewing::of(&app, &context).await?;
    let malformed = |error: &dyn core::fmt::Display| Fault::bad_request(error.to_string());
    let request: RenewalRequest = json::parse(&body).map_err(|error| malformed(&error))?;
    let der = join::request_der(&request.certificate_request).map_err(|error| malformed(&error))?;
    let request = join::own_request(&der).map_err(|error| malformed(&error))?;
    let spki = request.certification_request_info.subject_pki.raw;
    let certificate = join::answer(&renewing.issue(&app, &context, spki).await?);
    Ok(Json(RenewalAnswer { certificate }))
}
