//! The operator's own account, and where a visit begins and ends.

use askama::Template;
use axum::{http::header, response::Response};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{
    cookie::Cookie,
    link,
    page::{Moment, Shell},
    visit::{Visit, see_other},
};
use crate::{
    http::fault::Fault,
    os,
    rules::{access::Act, audit::Activity, operator::OperatorName},
    store::EndSessions,
};

#[derive(Template)]
#[template(path = "account.html")]
struct Page {
    shell: Shell,
    name: OperatorName,
    sessions: u32,
    recovery_codes: u32,
    passkeys: Vec<Passkey>,
    rights: Vec<(&'static str, bool)>,
}

struct Passkey {
    id: String,
    label: String,
    created: Moment,
}

/// To the first part that this operator may see.
pub(super) async fn home(visit: Visit) -> Result<Response, Fault> {
    let shell = visit.shell("");
    Ok(see_other(shell.links.first().map_or("/console/account", |link| link.href)))
}

pub(super) async fn page(visit: Visit) -> Result<Response, Fault> {
    let operator = &visit.session()?.operator;
    let store = &visit.app.store;
    let passkeys = store.passkeys(operator.name).await?.into_iter().map(|row| Passkey {
        id: URL_SAFE_NO_PAD.encode(&row.id),
        label: row.label,
        created: Moment { at: row.created, now: visit.context.at },
    });
    visit.page(&Page {
        shell: visit.shell("Your account"),
        name: operator.name,
        sessions: store.sessions(operator.name, visit.context.at).await?,
        recovery_codes: store.recovery_codes_left(operator.name).await?,
        passkeys: passkeys.collect(),
        rights: Act::ALL.iter().map(|&act| (act.describe(), visit.may(act))).collect(),
    })
}

pub(super) async fn sign_out(visit: Visit) -> Result<Response, Fault> {
    let only = Some(visit.session()?.token.sha256());
    end(&visit, EndSessions { only, ..everywhere(&visit)? }).await
}

pub(super) async fn sign_out_everywhere(visit: Visit) -> Result<Response, Fault> {
    let mut change = everywhere(&visit)?;
    "everywhere".clone_into(&mut change.record.detail);
    end(&visit, change).await
}

fn everywhere(visit: &Visit) -> Result<EndSessions, Fault> {
    let operator = visit.session()?.operator.name;
    Ok(EndSessions { operator, only: None, record: visit.record(Activity::SignOut, operator.as_str()) })
}

async fn end(visit: &Visit, change: EndSessions) -> Result<Response, Fault> {
    visit.app.store.change(change).await?;
    let mut response = see_other("/console/sign-in");
    let headers = response.headers_mut();
    headers.append(header::SET_COOKIE, Cookie::Session.clear()?);
    // What a shared machine's browser still keeps of these pages goes too.
    headers.insert("clear-site-data", header::HeaderValue::from_static("\"cache\""));
    Ok(response)
}

/// Password, authenticator and recovery codes anew, by a link of one's own.
pub(super) async fn set_up(visit: Visit) -> Result<Response, Fault> {
    let operator = visit.session()?.operator.name;
    let (code, change) = link::draw(operator, visit.context.at, visit.actor(), &mut os::rng());
    visit.app.store.change(change).await?;
    Ok(see_other(link::url("", &code).expose_secret()))
}
