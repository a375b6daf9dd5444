//! One visit of a page: who asks for what, and how it is answered.

use std::sync::Arc;

use askama::Template;
use axum::{
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use lapwing_core::types::{FileTime, Guid};

use super::{
    cookie::Token,
    page::{self, Shell},
};
use crate::{
    app::{App, record},
    http::{fault::Fault, form::Form, request::Context},
    os,
    rules::{
        access::{Act, may},
        audit::{Activity, Actor, Record},
        sign_in::{Stage, Times},
    },
    store::{OperatorRow, Reveal, RevealOnce, Sha256, SpendForm},
};

/// A session that has not ended.
pub(super) struct Session {
    pub(super) token: Token,
    pub(super) operator: OperatorRow,
    pub(super) times: Times,
    pub(super) stage: Stage,
    pub(super) has_passkeys: bool,
}

/// What every page gets.
pub(super) struct Visit {
    pub(super) app: Arc<App>,
    pub(super) context: Context,
    pub(super) form: Form,
    pub(super) query: Form,
    pub(super) params: Vec<(String, String)>,
    pub(super) form_token: Option<String>,
    pub(super) session: Option<Session>,
    pub(super) path: String,
}

impl Visit {
    /// The session, on pages that are only given with one.
    pub(super) fn session(&self) -> Result<&Session, Fault> {
        self.session.as_ref().ok_or_else(Fault::unavailable)
    }

    pub(super) fn actor(&self) -> Actor {
        self.session.as_ref().map_or(Actor::Anonymous, |session| Actor::Operator(session.operator.name))
    }

    /// Whether the operator's roles allow it; never before the second factor.
    pub(super) fn may(&self, act: Act) -> bool {
        self.session.as_ref().is_some_and(|session| {
            matches!(session.stage, Stage::Full { .. }) && may(&session.operator.roles, act)
        })
    }

    /// A part of the path, as what it names.
    pub(super) fn param<T: core::str::FromStr>(&self, name: &str) -> Result<T, Fault> {
        let text = self.params.iter().find(|(found, _)| found == name).map(|(_, value)| value);
        text.and_then(|text| text.parse().ok())
            .ok_or_else(|| Fault::not_found("There is nothing of that name."))
    }

    /// A line that somebody typed: without control characters, and not longer than the log takes.
    pub(super) fn line(&self, name: &str) -> String {
        let text = self.form.get(name).unwrap_or_default();
        text.trim().chars().filter(|c| !c.is_control()).take(256).collect()
    }

    /// The entry for what is done.
    pub(super) fn record(&self, activity: Activity, target: &str) -> Record {
        record(self.context.at, self.actor(), activity, target)
    }

    pub(super) async fn note(&self, activity: Activity, target: &str) -> Result<(), Fault> {
        self.app.note(self.record(activity, target)).await
    }

    /// Spends this form, whose answer is shown once. False if it was sent before.
    pub(super) async fn spend(&self) -> Result<bool, Fault> {
        let (token, form) = self.once()?;
        Ok(self.app.store.change(SpendForm { token, form }).await?)
    }

    /// Spends the form by which a password is shown, together with what showing it brings about: when the device rotates
    /// because of it. None if it was spent before.
    pub(super) async fn reveal(&self, reveal: Reveal) -> Result<Option<Option<FileTime>>, Fault> {
        let (token, form) = self.once()?;
        Ok(self.app.store.change(RevealOnce { token, form, reveal }).await?)
    }

    fn once(&self) -> Result<(Sha256, Vec<u8>), Fault> {
        let form: Guid = self.form.get("once").unwrap_or_default().parse().map_err(|_| page::incomplete())?;
        Ok((self.session()?.token.sha256(), form.to_bytes().to_vec()))
    }

    /// What surrounds a page.
    pub(super) fn shell(&self, title: &'static str) -> Shell {
        let full = self.session.as_ref().filter(|session| matches!(session.stage, Stage::Full { .. }));
        Shell {
            title,
            tenant: self.app.meta.tenant_name.clone(),
            operator: full.map(|session| session.operator.name.to_string()),
            links: page::links(|act| self.may(act), &self.path),
            csrf: self.form_token.clone().unwrap_or_default(),
            once: Guid::random(&mut os::rng()).to_string(),
            has_passkeys: self.session.as_ref().is_some_and(|session| session.has_passkeys),
            fresh: full.is_some_and(|session| session.stage == Stage::Full { fresh: true }),
        }
    }

    pub(super) fn page(&self, template: &impl Template) -> Result<Response, Fault> {
        page::render(StatusCode::OK, template)
    }
}

/// On to another page, by GET.
pub(super) fn see_other(path: &str) -> Response {
    Redirect::to(path).into_response()
}
