//! A client's token by its secret. RFC 6749 section 4.4.

use aws_lc_rs::{
    constant_time::verify_slices_are_equal,
    digest::{SHA256, digest},
};
use lapwing_core::types::Guid;
use lapwing_proto::secret_text::{self, SecretText};
use serde::Serialize;

use super::{TOKEN_SECONDS, bearer, require};
use crate::{
    app::App,
    http::{
        fault::{Fault, Kind},
        form::Form,
        request::Context,
    },
    rules::audit::{Activity, Actor},
};

/// The answer of the version 2 endpoint.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    token_type: &'static str,
    expires_in: u64,
    ext_expires_in: u64,
    #[serde(with = "secret_text")]
    access_token: SecretText,
}

pub(super) async fn token(app: &App, context: &Context, form: &Form) -> Result<Answer, Fault> {
    let id = require(form, "client_id")?;
    let secret = require(form, "client_secret")?;
    check_scope(app, form.get("scope").unwrap_or_default())?;
    let client = match id.parse::<Guid>() {
        Ok(id) => app.store.client(id).await?,
        Err(_) => None,
    };
    let given = digest(&SHA256, secret.as_bytes());
    // The same answer for an unknown client and a wrong secret: neither tells the other.
    let client = client.filter(|client| {
        client.enabled && verify_slices_are_equal(given.as_ref(), &client.secret_sha256).is_ok()
    });
    let Some(client) = client else {
        let fault = Fault::new(Kind::Unauthenticated, "Invalid client or client secret provided.")
            .with_oauth("invalid_client", 7_000_215);
        return Err(app.refuse(context.at, Actor::Anonymous, Activity::RefuseRequest, id, fault).await);
    };
    let issued = bearer::issue_client(app, context.at, &client)?;
    Ok(Answer {
        token_type: "Bearer",
        expires_in: TOKEN_SECONDS,
        ext_expires_in: TOKEN_SECONDS,
        access_token: issued.token,
    })
}

/// The only resource here is this server; `.default` stands for all roles of the client.
fn check_scope(app: &App, scope: &str) -> Result<(), Fault> {
    let known = scope.is_empty() || scope.strip_prefix(&app.url).is_some_and(|rest| rest == "/.default");
    if known {
        Ok(())
    } else {
        Err(Fault::bad_request(format!("The scope must be {}/.default.", app.url))
            .with_oauth("invalid_scope", 70_011))
    }
}
