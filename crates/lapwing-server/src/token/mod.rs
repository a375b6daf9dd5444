//! Tokens: for devices by their certificate, for clients by their secret. Shapes of Entra ID, versions 1 and 2.

pub(crate) mod bearer;
mod client;
mod device;
pub(crate) mod nonce;

use std::sync::Arc;

use axum::{
    Extension, Json, Router,
    body::Bytes,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use lapwing_proto::register::{ChallengeAnswer, JWT_BEARER_GRANT, SRV_CHALLENGE_GRANT};
use serde_json::{Value, json};

use crate::{
    app::App,
    http::{fault::Fault, form::Form, request::Context},
    os,
};

/// How long an access token is good for, in seconds.
const TOKEN_SECONDS: u64 = 3600;

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/{tenant}/oauth2/token", post(version_1))
        .route("/{tenant}/oauth2/v2.0/token", post(version_2))
        .route("/{tenant}/v2.0/.well-known/openid-configuration", get(metadata))
        .route("/{tenant}/.well-known/openid-configuration", get(metadata))
        .route("/{tenant}/discovery/v2.0/keys", get(keys))
}

fn require<'a>(form: &'a Form, name: &str) -> Result<&'a str, Fault> {
    form.get(name).ok_or_else(|| {
        Fault::bad_request(format!("The request body must contain the parameter '{name}'."))
            .with_oauth("invalid_request", 900_144)
    })
}

fn check_tenant(app: &App, tenant: &str) -> Result<(), Fault> {
    if app.is_tenant(tenant) || matches!(tenant, "common" | "organizations") {
        Ok(())
    } else {
        Err(Fault::bad_request("Tenant not found.").with_oauth("invalid_request", 90_002))
    }
}

fn unsupported_grant() -> Fault {
    Fault::bad_request("The grant type is not supported.").with_oauth("unsupported_grant_type", 70_003)
}

async fn version_1(
    State(app): State<Arc<App>>,
    Path(tenant): Path<String>,
    Extension(context): Extension<Context>,
    body: Bytes,
) -> Result<Response, Fault> {
    check_tenant(&app, &tenant)?;
    let form = Form::parse(&body);
    match require(&form, "grant_type")? {
        SRV_CHALLENGE_GRANT => {
            let nonce = app.nonces.issue(context.at, &mut os::rng());
            Ok(Json(ChallengeAnswer { nonce }).into_response())
        }
        JWT_BEARER_GRANT => {
            Ok(Json(device::token(&app, &context, require(&form, "request")?).await?).into_response())
        }
        _ => Err(unsupported_grant()),
    }
}

async fn version_2(
    State(app): State<Arc<App>>,
    Path(tenant): Path<String>,
    Extension(context): Extension<Context>,
    body: Bytes,
) -> Result<Response, Fault> {
    check_tenant(&app, &tenant)?;
    let form = Form::parse(&body);
    match require(&form, "grant_type")? {
        "client_credentials" => Ok(Json(client::token(&app, &context, &form).await?).into_response()),
        _ => Err(unsupported_grant()),
    }
}

/// OpenID Connect Discovery 1.0 section 3, as far as client libraries ask for it.
async fn metadata(State(app): State<Arc<App>>, Path(tenant): Path<String>) -> Result<Json<Value>, Fault> {
    check_tenant(&app, &tenant)?;
    let base = format!("{}/{}", app.url, app.meta.tenant);
    Ok(Json(json!({
        "issuer": format!("{base}/v2.0"),
        "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
        "token_endpoint": format!("{base}/oauth2/v2.0/token"),
        "device_authorization_endpoint": format!("{base}/oauth2/v2.0/devicecode"),
        "jwks_uri": format!("{base}/discovery/v2.0/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
        "scopes_supported": ["openid"],
    })))
}

async fn keys(State(app): State<Arc<App>>, Path(tenant): Path<String>) -> Result<Json<Value>, Fault> {
    check_tenant(&app, &tenant)?;
    Ok(Json(json!({ "keys": [app.keys.signing.to_jwk()] })))
}
