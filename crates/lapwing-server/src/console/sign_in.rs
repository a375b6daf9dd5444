//! Name and password. What is wrong with them is never said, nor whether there is such an operator.

use askama::Template;
use axum::{
    http::{StatusCode, header},
    response::Response,
};
use lapwing_core::secret::Password;

use super::{
    cookie::{Cookie, Token},
    page::{self, Shell},
    visit::{Visit, see_other},
};
use crate::{
    app::record,
    http::fault::{Fault, Kind},
    os,
    rules::{
        audit::{Activity, Actor},
        operator::OperatorName,
    },
    store::{OpenSession, OperatorRow},
};

#[derive(Template)]
#[template(path = "sign_in.html")]
struct Page {
    shell: Shell,
    error: Option<&'static str>,
}

pub(super) async fn form(visit: Visit) -> Result<Response, Fault> {
    visit.page(&Page { shell: visit.shell("Sign in"), error: None })
}

pub(super) async fn submit(visit: Visit) -> Result<Response, Fault> {
    let app = &visit.app;
    let name: Option<OperatorName> = visit.form.get("name").and_then(|name| name.parse().ok());
    let operator = match name {
        Some(name) => app.store.operator(name).await?,
        None => None,
    };
    if let Err(fault) = app.rates.take_sign_in(visit.context.peer.address, name) {
        return Err(refuse(&visit, operator.as_ref(), fault).await);
    }
    let password = Password::new(visit.form.get("password").unwrap_or_default().to_owned());
    let hash = operator.as_ref().filter(|operator| operator.enabled).and_then(|o| o.password.clone());
    let is_right = app.hasher.verify(password, hash).await.map_err(|_| Fault::unavailable())?;
    let Some(operator) = operator.as_ref().filter(|_| is_right) else {
        let fault = Fault::new(Kind::Unauthenticated, "the name or the password is wrong");
        refuse(&visit, operator.as_ref(), fault).await;
        let error = Some("Name or password is wrong.");
        return page::render(StatusCode::UNAUTHORIZED, &Page { shell: visit.shell("Sign in"), error });
    };
    let token = Token::generate(&mut os::rng());
    let change = OpenSession { operator: operator.name, token: token.sha256(), at: visit.context.at };
    app.store.change(change).await?;
    let mut response = see_other("/console/second-factor");
    response.headers_mut().append(header::SET_COOKIE, Cookie::Session.set(&token)?);
    Ok(response)
}

/// Recorded under the name only if there is such an operator: people type passwords into the wrong field.
async fn refuse(visit: &Visit, operator: Option<&OperatorRow>, fault: Fault) -> Fault {
    let target = operator.map(|operator| operator.name.to_string()).unwrap_or_default();
    let mut record = record(visit.context.at, Actor::Anonymous, Activity::SignIn, &target);
    let from = visit.context.peer.address;
    record.refusal = Some(format!("{} (from {from})", fault.message()));
    match visit.app.note(record).await {
        Ok(()) => fault,
        // What could not be recorded is not answered either.
        Err(unrecorded) => unrecorded,
    }
}
