//! The policy in effect on a device, as the device tells it: shown to people, and never decided by. docs/protocol.md,
//! "Policies in effect".

use std::sync::Arc;

use axum::{
    Extension,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
};
use lapwing_proto::policy_report::{self, PolicyReport, ReportError};

use crate::{
    app::App,
    http::{fault::Fault, request::Context},
    store::TellPolicy,
};

pub(super) async fn tell(
    State(app): State<Arc<App>>,
    Path(tenant): Path<String>,
    Extension(context): Extension<Context>,
    body: Bytes,
) -> Result<StatusCode, Fault> {
    super::hear(&app, &tenant, &context, &body, |device, at, report: PolicyReport| {
        policy_report::check(&report)?;
        Ok::<_, ReportError>(TellPolicy { device, at, report })
    })
    .await
}
