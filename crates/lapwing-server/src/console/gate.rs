//! What stands before every page: who asks, whether the form is one of ours, and whether the row allows it.

use std::sync::Arc;

use axum::{
    body::to_bytes,
    extract::{RawPathParams, Request},
    http::{HeaderMap, Method, header, request::Parts},
    response::{IntoResponse as _, Redirect, Response},
};

use super::{
    Route, Terms, Who,
    cookie::{Cookie, Token},
    page, second_factor,
    visit::{Session, Visit},
};
use crate::{
    app::App,
    http::{
        fault::{Fault, Kind},
        form::Form,
        request::{BODY_LEN_MAX, Context},
    },
    os,
    rules::{audit::Activity, sign_in::Stage},
    store::{SessionRow, TouchSession},
};

/// Answers one request for the page of `route`; what goes wrong is a page too.
pub(super) async fn answer(
    app: Arc<App>,
    route: &'static Route,
    params: &RawPathParams,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let Some(context) = parts.extensions.get::<Context>().cloned() else {
        // Every request is given one before it finds its handler.
        return Fault::unavailable().into_response();
    };
    let Ok(body) = to_bytes(body, BODY_LEN_MAX).await else {
        return Fault::unavailable().into_response();
    };
    let session = match session(&app, &context, &parts.headers).await {
        Ok(session) => session,
        Err(fault) => return fault.into_response(),
    };
    let old = Cookie::Form.read(&parts.headers);
    let new = (old.is_none() && session.is_none() && route.who == Who::Anyone)
        .then(|| Token::generate(&mut os::rng()));
    let set_cookie = new.as_ref().map(|token| Cookie::Form.set(token));
    let visit = Visit {
        app,
        context,
        form: Form::parse(&body),
        query: Form::parse(parts.uri.query().unwrap_or_default().as_bytes()),
        params: params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        form_token: session
            .as_ref()
            .map(|session| &session.token)
            .or(old.as_ref())
            .or(new.as_ref())
            .map(Token::form_token),
        session,
        path: parts.uri.path().to_owned(),
    };
    let shell = visit.shell("Error");
    let mut response = match pass(visit, route, &parts, old.as_ref()).await {
        Ok(response) => response,
        Err(fault) => page::fault(shell, &fault),
    };
    if let Some(Ok(cookie)) = set_cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// The session that the browser's cookie names, if it has not ended.
async fn session(app: &App, context: &Context, headers: &HeaderMap) -> Result<Option<Session>, Fault> {
    let Some(token) = Cookie::Session.read(headers) else { return Ok(None) };
    let found = app.store.session(&token.sha256()).await?;
    Ok(found.and_then(|SessionRow { times, operator, has_passkeys }| match times.stage(context.at) {
        Stage::Ended => None,
        stage @ (Stage::Half | Stage::Full { .. }) => {
            Some(Session { token, operator, times, stage, has_passkeys })
        }
    }))
}

async fn pass(
    mut visit: Visit,
    route: &'static Route,
    parts: &Parts,
    form_cookie: Option<&Token>,
) -> Result<Response, Fault> {
    if parts.method == Method::POST {
        check_form(&visit, &parts.headers, form_cookie.filter(|_| route.who == Who::Anyone))?;
    }
    let stage = visit.session.as_ref().map(|session| session.stage);
    match (route.who, stage) {
        (Who::Anyone, _) | (Who::Half, Some(Stage::Half)) => {}
        (Who::Half, Some(Stage::Full { .. })) => return Ok(Redirect::to("/console").into_response()),
        (Who::SignedIn | Who::May(_), Some(Stage::Full { fresh })) => {
            check_rights(&visit, route).await?;
            keep_awake(&visit, route).await?;
            if route.terms == Terms::Fresh && !fresh {
                second_factor::confirm(&mut visit).await?;
            }
        }
        (Who::SignedIn | Who::May(_), Some(Stage::Half)) => {
            return Ok(Redirect::to("/console/second-factor").into_response());
        }
        (Who::Half | Who::SignedIn | Who::May(_), None | Some(Stage::Ended)) => {
            return sign_in_first(route, &parts.method);
        }
    }
    (route.answer)(visit).await
}

/// A form must come from a page of ours: its token, and what the browser says of where it stood.
fn check_form(visit: &Visit, headers: &HeaderMap, form_cookie: Option<&Token>) -> Result<(), Fault> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let from_here = match (text("sec-fetch-site"), text("origin")) {
        (Some(site), _) => site == "same-origin",
        (None, origin) => origin == Some(&visit.app.url),
    };
    let token = visit.form.get("csrf").unwrap_or_default();
    let mut keys = visit.session.as_ref().map(|session| &session.token).into_iter().chain(form_cookie);
    if from_here && keys.any(|key| key.is_form_token(token)) {
        return Ok(());
    }
    tracing::warn!(from_here, "Refused a form that is none of this session");
    Err(Fault::new(
        Kind::Forbidden,
        "This form is no longer good: your session has changed since it was opened. Nothing was done. Open the \
         page again.",
    ))
}

async fn check_rights(visit: &Visit, route: &Route) -> Result<(), Fault> {
    let Who::May(act) = route.who else { return Ok(()) };
    if visit.may(act) {
        return Ok(());
    }
    let fault = Fault::new(Kind::Forbidden, "Your roles do not allow this.");
    let (at, actor) = (visit.context.at, visit.actor());
    Err(visit.app.refuse(at, actor, Activity::RefuseRequest, &visit.path, fault).await)
}

async fn keep_awake(visit: &Visit, route: &Route) -> Result<(), Fault> {
    if let Some(session) = &visit.session
        && route.terms != Terms::Live
        && session.times.is_to_be_touched(visit.context.at)
    {
        let touch = TouchSession { token: session.token.sha256(), at: visit.context.at };
        visit.app.store.change(touch).await?;
    }
    Ok(())
}

fn sign_in_first(route: &Route, method: &Method) -> Result<Response, Fault> {
    if method == Method::GET && route.terms != Terms::Live {
        return Ok(Redirect::to("/console/sign-in").into_response());
    }
    Err(Fault::new(Kind::Unauthenticated, "Your session has ended. Nothing was done. Sign in again."))
}
