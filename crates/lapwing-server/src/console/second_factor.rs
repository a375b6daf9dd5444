//! The second factor: asked for after the password, and again before what matters.

use askama::Template;
use axum::{
    http::{StatusCode, header},
    response::Response,
};

use super::{
    cookie::{Cookie, Token},
    link,
    page::{self, Shell},
    passkey,
    visit::{Session, Visit, see_other},
};
use crate::{
    app::App,
    http::{
        fault::{Fault, Kind},
        request::Context,
    },
    keys::{envelope::Binding, totp::TotpSecret},
    os,
    rules::{audit::Activity, sign_in::Stage},
    store::{PassSecondFactor, Proof},
};

#[derive(Template)]
#[template(path = "second_factor.html")]
struct Page {
    shell: Shell,
    error: Option<&'static str>,
}

pub(super) async fn form(visit: Visit) -> Result<Response, Fault> {
    visit.page(&Page { shell: visit.shell("Second factor"), error: None })
}

/// The first one of a session: from here on it is good for pages.
pub(super) async fn submit(visit: Visit) -> Result<Response, Fault> {
    let next = Token::generate(&mut os::rng());
    if !check(&visit, visit.session()?, Some(&next)).await? {
        let error = Some("This is wrong, or it was used before. Wait for the next code.");
        let page = Page { shell: visit.shell("Second factor"), error };
        return page::render(StatusCode::FORBIDDEN, &page);
    }
    let mut response = see_other("/console");
    response.headers_mut().append(header::SET_COOKIE, Cookie::Session.set(&next)?);
    Ok(response)
}

/// Once more, within a form that needs a fresh one.
pub(super) async fn confirm(visit: &mut Visit) -> Result<(), Fault> {
    if code(visit).is_empty() && passkey(visit).is_empty() {
        let text = "This needs a fresh code from your authenticator, or a passkey. Nothing was done. Go back, open the page again and \
                    give one.";
        return Err(Fault::new(Kind::Forbidden, text));
    }
    if !check(visit, visit.session()?, None).await? {
        let text = "The code or passkey is wrong, or it was used before. Nothing was done. Go back and give the next one.";
        return Err(Fault::new(Kind::Forbidden, text));
    }
    if let Some(session) = &mut visit.session {
        session.stage = Stage::Full { fresh: true };
    }
    Ok(())
}

fn code(visit: &Visit) -> &str {
    visit.form.get("code").unwrap_or_default()
}

fn passkey(visit: &Visit) -> &str {
    visit.form.get("passkey").unwrap_or_default()
}

/// Whether the code, or the passkey's answer, is the operator's and new. Either is recorded.
async fn check(visit: &Visit, session: &Session, next: Option<&Token>) -> Result<bool, Fault> {
    let Visit { app, context, .. } = visit;
    let operator = session.operator.name;
    let activity = if next.is_some() { Activity::SignIn } else { Activity::ConfirmSecondFactor };
    if let Err(fault) = app.rates.take_sign_in(context.peer.address, Some(operator)) {
        return Err(app.refuse(context.at, visit.actor(), activity, operator.as_str(), fault).await);
    }
    let proof = if passkey(visit).is_empty() {
        Some(match step(app, context, session, code(visit))? {
            Some(step) => Proof::Totp { step },
            None => Proof::RecoveryCode(link::sha256_of(code(visit))),
        })
    } else {
        passkey::proof(visit, session, passkey(visit)).await?
    };
    let Some(proof) = proof else {
        let fault = Fault::new(Kind::Forbidden, "the passkey's answer is wrong");
        app.refuse(context.at, visit.actor(), activity, operator.as_str(), fault).await;
        return Ok(false);
    };
    let mut record = visit.record(activity, operator.as_str());
    record.detail = match &proof {
        Proof::Totp { .. } => "authenticator".to_owned(),
        Proof::RecoveryCode(_) => "recovery code".to_owned(),
        Proof::Passkey { .. } => "passkey".to_owned(),
    };
    let (token, next_token) = (session.token.sha256(), next.map(Token::sha256));
    Ok(app.store.change(PassSecondFactor { operator, proof, token, next_token, record }).await?)
}

fn step(app: &App, context: &Context, session: &Session, code: &str) -> Result<Option<u64>, Fault> {
    let wrapped = session.operator.totp.as_deref().unwrap_or_default();
    let binding = Binding::Totp { tenant: app.meta.tenant, operator: session.operator.name };
    let secret = TotpSecret::from_bytes(app.keys.kek.unwrap(wrapped, binding)?);
    Ok(secret.and_then(|secret| secret.step_of(code, context.at)))
}
