//! Enrolment tokens.

use askama::Template;
use axum::response::Response;
use lapwing_core::types::Guid;
use lapwing_proto::admin::EnrolmentTokenRequest;

use super::{
    page::{Moment, Shell},
    visit::{Visit, see_other},
};
use crate::{
    admin::enrol::{self, Place},
    http::fault::Fault,
    os,
    rules::audit::Activity,
    store::DeleteToken,
};

#[derive(Template)]
#[template(path = "enrolment.html")]
struct Page {
    shell: Shell,
    tokens: Vec<Shown>,
}

#[derive(Template)]
#[template(path = "enrolment_token.html")]
struct TokenPage<'a> {
    shell: Shell,
    token: &'a str,
    expires: Moment,
    uses: u32,
}

struct Shown {
    id: Guid,
    description: String,
    created: Moment,
    expires: Moment,
    uses_left: u32,
    is_good: bool,
}

pub(super) async fn page(visit: Visit) -> Result<Response, Fault> {
    let now = visit.context.at;
    let tokens = visit.app.store.tokens().await?.into_iter().rev().map(|row| Shown {
        id: row.id,
        is_good: row.uses_left > 0 && row.expires > now,
        description: row.description,
        created: Moment { at: row.created, now },
        expires: Moment { at: row.expires, now },
        uses_left: row.uses_left,
    });
    visit.page(&Page { shell: visit.shell("Enrolment"), tokens: tokens.collect() })
}

/// The only time that the token is shown.
pub(super) async fn create(visit: Visit) -> Result<Response, Fault> {
    let app = &visit.app;
    let number = |name: &str| {
        let text = visit.form.get(name).unwrap_or_default().trim();
        text.parse().map_err(|_| Fault::bad_request(format!("`{name}` must be a number. Nothing was done.")))
    };
    let request = EnrolmentTokenRequest {
        description: visit.line("description"),
        uses: number("uses")?,
        hours: number("hours")?,
    };
    let place = Place::of(app);
    let (token, change) = enrol::draw(place, &request, visit.context.at, visit.actor(), &mut os::rng())?;
    if !visit.spend().await? {
        return Ok(see_other("/console/enrolment"));
    }
    let (expires, uses) = (change.token.expires, change.token.uses_left);
    app.store.change(change).await?;
    visit.page(&TokenPage {
        shell: visit.shell("Enrolment token"),
        token: &token.expose_secret(),
        expires: Moment { at: expires, now: visit.context.at },
        uses,
    })
}

pub(super) async fn delete(visit: Visit) -> Result<Response, Fault> {
    let id: Guid = visit.param("id")?;
    let record = visit.record(Activity::DeleteEnrolmentToken, &id.to_string());
    if visit.app.store.change(DeleteToken { id, record }).await? {
        Ok(see_other("/console/enrolment"))
    } else {
        Err(Fault::not_found("There is no such token."))
    }
}
