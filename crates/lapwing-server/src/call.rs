//! A client's call: answered only if its roles allow it, and recorded whatever comes of it.

use std::{convert::Infallible, sync::Arc};

use axum::{
    extract::{FromRequestParts, OriginalUri},
    http::{HeaderMap, Uri, request::Parts},
};

use crate::{
    app::{App, record},
    http::{fault::Fault, request::Context},
    rules::{
        access::Act,
        audit::{Activity, Actor, Record},
    },
    token::bearer,
};

/// What every handler for clients gets.
pub(crate) struct Call {
    pub(crate) app: Arc<App>,
    pub(crate) context: Context,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
}

impl FromRequestParts<Arc<App>> for Call {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Fault> {
        // Every request is given one before it finds its handler.
        let context = parts.extensions.get::<Context>().cloned().ok_or_else(Fault::unavailable)?;
        let uri: Result<_, Infallible> = OriginalUri::from_request_parts(parts, app).await;
        let Ok(OriginalUri(uri)) = uri;
        Ok(Self { app: Arc::clone(app), context, uri, headers: parts.headers.clone() })
    }
}

impl Call {
    /// Lets the call go on if the client's roles allow `act`; a refusal is recorded.
    pub(crate) async fn authorise(
        &self,
        act: Act,
        activity: Activity,
        target: &str,
    ) -> Result<Allowed<'_>, Fault> {
        let (actor, fault) = match bearer::caller(&self.app, &self.context, &self.headers).await {
            Ok(caller) => match caller.require(act) {
                Ok(()) => return Ok(Allowed { call: self, actor: Actor::Client(caller.id), activity }),
                Err(fault) => (Actor::Client(caller.id), fault),
            },
            Err(fault) => (Actor::Anonymous, fault),
        };
        Err(self.app.refuse(self.context.at, actor, activity, target, fault).await)
    }
}

/// A call that may go on, and under which activity it is recorded.
pub(crate) struct Allowed<'a> {
    call: &'a Call,
    pub(crate) actor: Actor,
    activity: Activity,
}

impl Allowed<'_> {
    /// The entry for what is done; a change is committed together with it.
    pub(crate) fn record(&self, target: &str) -> Record {
        record(self.call.context.at, self.actor, self.activity, target)
    }

    /// Records what is about to be answered, durable before this returns.
    pub(crate) async fn note(&self, target: &str) -> Result<(), Fault> {
        self.call.app.note(self.record(target)).await
    }

    /// Records a refusal and returns it.
    pub(crate) async fn refuse(&self, target: &str, fault: Fault) -> Fault {
        self.call.app.refuse(self.call.context.at, self.actor, self.activity, target, fault).await
    }
}
