//! Begins a bulk rotation: the form, whom it would be for, and then, with a fresh second factor, the beginning.

use std::collections::BTreeMap;

use askama::Template;
use axum::{
    Json,
    response::{IntoResponse as _, Response},
};
use serde::Serialize;

use super::{
    super::{
        page::{Grouped, Shell},
        policy::Said,
        visit::{Visit, see_other},
    },
    in_words, show,
};
use crate::{
    bulk::order::{Order, Plan},
    http::fault::Fault,
    rules::{
        audit::Activity,
        bulk::{Pace, Selection},
    },
};

/// How many names a plan shows.
const NAMED_MAX: usize = 20;

/// What was typed, as it was typed, and what is said of it.
pub(super) struct Form {
    /// `all`, `tag` or `name`.
    pub(super) by: String,
    pub(super) text: String,
    pub(super) canaries: String,
    pub(super) per_minute: String,
    pub(super) stop_at: String,
    pub(super) reason: String,
    pub(super) said: BTreeMap<&'static str, Said>,
}

#[derive(Template)]
#[template(path = "bulk_plan.html")]
struct PlanPage {
    shell: Shell,
    form: Form,
    devices: String,
    count: u64,
    canaries: u32,
    minutes: u32,
    first: Vec<String>,
    /// Whether there are more.
    is_cut: bool,
    error: Option<String>,
}

impl Form {
    /// What stands there before anything is typed: the defaults of the interface.
    pub(super) fn new() -> Self {
        Self {
            by: "all".to_owned(),
            text: String::new(),
            canaries: "5".to_owned(),
            per_minute: "600".to_owned(),
            stop_at: "5".to_owned(),
            reason: String::new(),
            said: BTreeMap::new(),
        }
    }

    fn of(visit: &Visit) -> Self {
        let text = |name: &str| visit.form.get(name).unwrap_or_default().trim().to_owned();
        Self {
            by: text("by"),
            text: text("text"),
            canaries: text("canaries"),
            per_minute: text("per_minute"),
            stop_at: text("stop_at"),
            reason: text("reason"),
            said: BTreeMap::new(),
        }
    }

    /// The order that it comes to; none if something has to be mended first, of which it then says so.
    fn order(&mut self) -> Option<Order> {
        let said = &mut self.said;
        let mut fault = |field: &'static str, error: &dyn core::fmt::Display| {
            said.insert(field, Said::fault(error));
        };
        let selection: Option<Selection> = match self.by.as_str() {
            "all" => Some(Selection::All),
            by => format!("{by}:{}", self.text).parse().map_err(|error| fault("text", &error)).ok(),
        };
        let canaries = self.canaries.parse().map_err(|error| fault("canaries", &error)).ok();
        // Each alone, so that each is said of its own field.
        let rate = self.per_minute.parse().unwrap_or(0);
        let share = self.stop_at.parse().unwrap_or(0);
        if let Err(error) = Pace::parse(rate, 1) {
            fault("per_minute", &error);
        }
        if let Err(error) = Pace::parse(1, share) {
            fault("stop_at", &error);
        }
        let pace = Pace::parse(rate, share).ok();
        let reason = self.reason.parse().map_err(|error| fault("reason", &error)).ok();
        if self.reason.is_empty() {
            fault("reason", &"say why: it is kept in the audit log");
        }
        let order = Order { selection: selection?, canaries: canaries?, pace: pace?, reason: reason? };
        self.said.is_empty().then_some(order)
    }
}

/// What a script is told while somebody types.
#[derive(Serialize)]
struct Answer {
    said: BTreeMap<&'static str, Said>,
}

/// Judges what is typed. Changes nothing.
pub(in super::super) async fn check(visit: Visit) -> Result<Response, Fault> {
    let mut form = Form::of(&visit);
    // The order is not wanted yet.
    drop(form.order());
    Ok(Json(Answer { said: form.said }).into_response())
}

const MISTAKES: &str = "Some of this cannot be begun. Nothing was done.";

/// Whom it would be for. Changes nothing.
pub(in super::super) async fn plan(visit: Visit) -> Result<Response, Fault> {
    let mut form = Form::of(&visit);
    let Some(order) = form.order() else { return show(&visit, form, Some(MISTAKES)).await };
    if visit.form.get("step") == Some("back") {
        return show(&visit, form, None).await;
    }
    let plan = order.plan(&visit.app).await?;
    if let Some(fault) = plan.refusal() {
        return show(&visit, form, Some(fault.message())).await;
    }
    let mut record = visit.record(Activity::CreateBulkRotation, "");
    record.detail = format!("dry run: {}", plan.detail());
    visit.app.note(record).await?;
    ask(&visit, form, &plan, None)
}

fn ask(visit: &Visit, form: Form, plan: &Plan, error: Option<&str>) -> Result<Response, Fault> {
    visit.page(&PlanPage {
        shell: visit.shell("Begin this bulk rotation?"),
        form,
        devices: in_words(&plan.order().selection),
        count: u64::from(plan.count),
        canaries: plan.canaries,
        minutes: plan.minutes,
        first: plan.devices.iter().take(NAMED_MAX).map(|row| row.display_name.clone()).collect(),
        is_cut: plan.devices.len() > NAMED_MAX,
        error: error.map(str::to_owned),
    })
}

/// Begins it.
pub(in super::super) async fn begin(visit: Visit) -> Result<Response, Fault> {
    let mut form = Form::of(&visit);
    let Some(order) = form.order() else { return show(&visit, form, Some(MISTAKES)).await };
    let plan = order.plan(&visit.app).await?;
    let record = |id: &str| visit.record(Activity::CreateBulkRotation, id);
    if let Some(fault) = plan.refusal() {
        let (at, actor) = (visit.context.at, visit.actor());
        return Err(visit.app.refuse(at, actor, Activity::CreateBulkRotation, "", fault).await);
    }
    if visit.form.get("count").and_then(|count| count.parse().ok()) != Some(plan.count) {
        let error = "Devices have come or gone since you were asked. Nothing was done. Look again.";
        return ask(&visit, form, &plan, Some(error));
    }
    // The same form sent twice must not begin two.
    if !visit.spend().await? {
        return Ok(see_other("/console/bulk"));
    }
    let id = plan.begin(&visit.app, record).await?;
    Ok(see_other(&format!("/console/bulk/{id}")))
}
