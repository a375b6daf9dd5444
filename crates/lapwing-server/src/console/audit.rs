//! The audit log: searched, paged, verified.

use askama::Template;
use axum::response::Response;
use lapwing_core::types::{DeviceId, FileTime};
use lapwing_proto::admin::AuditVerification;

use super::{
    page::{Moment, Shell},
    visit::Visit,
};
use crate::{
    admin::verification,
    http::fault::Fault,
    rules::audit::{Activity, Entry},
    store::{AUDIT_STRETCH, AuditQuery},
};

const PAGE_LEN: u32 = 50;

#[derive(Template)]
#[template(path = "audit.html")]
struct Page {
    shell: Shell,
    search: String,
    target: String,
    result: String,
    rows: Vec<Row>,
    is_first: bool,
    first: String,
    next: Option<String>,
    /// How far back this page looked, if it looked for a text.
    looked_back_to: Option<u64>,
    verification: Option<AuditVerification>,
}

/// What is done to a device.
const OF_DEVICES: [Activity; 14] = [
    Activity::StorePassword,
    Activity::ReadPassword,
    Activity::ReadMetadata,
    Activity::ReadState,
    Activity::JoinDevice,
    Activity::LeaveDevice,
    Activity::ChangeDevice,
    Activity::RequestRotation,
    Activity::CancelAction,
    Activity::AcceptAction,
    Activity::FinishAction,
    Activity::ManageDevice,
    Activity::TagDevice,
    Activity::DeliverLapsPolicy,
];

/// An entry as people read it.
pub(super) struct Row {
    pub(super) sequence: u64,
    pub(super) time: Moment,
    pub(super) actor: String,
    pub(super) activity: String,
    pub(super) target: String,
    /// Whether the target has a page of its own.
    pub(super) is_device: bool,
    pub(super) success: bool,
    pub(super) detail: String,
}

impl Row {
    pub(super) fn new(entry: Entry, now: FileTime) -> Self {
        Self {
            sequence: entry.sequence,
            time: Moment { at: entry.time, now },
            is_device: OF_DEVICES.iter().any(|activity| activity.as_str() == entry.activity)
                && entry.target.parse::<DeviceId>().is_ok(),
            actor: entry.actor,
            activity: entry.activity,
            target: entry.target,
            success: entry.success,
            detail: entry.detail,
        }
    }
}

pub(super) async fn page(visit: Visit) -> Result<Response, Fault> {
    show(&visit, None).await
}

/// Checks the whole chain; a moment for each hundred thousand entries.
pub(super) async fn verify(visit: Visit) -> Result<Response, Fault> {
    let found = verification(&visit.app.store.verify_audit().await?);
    show(&visit, Some(found)).await
}

async fn show(visit: &Visit, verification: Option<AuditVerification>) -> Result<Response, Fault> {
    let text = |name: &str| visit.query.get(name).unwrap_or_default().trim();
    let newest = visit.app.store.audit_len().await?;
    let before = match text("before") {
        "" => newest.saturating_add(1),
        before => {
            before.parse().map_err(|_| Fault::bad_request("`before` must be the number of an entry."))?
        }
    };
    let query = AuditQuery {
        before,
        text: text("q").chars().take(100).collect(),
        target: text("target").to_owned(),
        success: match text("result") {
            "done" => Some(true),
            "refused" => Some(false),
            _ => None,
        },
        except: &[],
        len_max: PAGE_LEN,
    };
    let entries = visit.app.store.search_audit(&query).await?;
    visit.note(Activity::ReadAudit, "").await?;
    let page_len = usize::try_from(PAGE_LEN).unwrap_or(usize::MAX);
    let last = entries.last().map(|entry| entry.sequence);
    // A page that is not full has looked at its whole stretch.
    let stretch = (!query.text.is_empty() && entries.len() < page_len)
        .then(|| before.saturating_sub(AUDIT_STRETCH).max(1));
    let next = if entries.len() == page_len { last } else { stretch }.filter(|&next| next > 1);
    visit.page(&Page {
        shell: visit.shell("Audit"),
        rows: entries.into_iter().map(|entry| Row::new(entry, visit.context.at)).collect(),
        is_first: text("before").is_empty(),
        first: address(&query, None),
        next: next.map(|next| address(&query, Some(next))),
        looked_back_to: stretch,
        verification,
        result: text("result").to_owned(),
        search: query.text,
        target: query.target,
    })
}

fn address(query: &AuditQuery, before: Option<u64>) -> String {
    let mut members = form_urlencoded::Serializer::new(String::new());
    let result = query.success.map_or("", |success| if success { "done" } else { "refused" });
    for (name, value) in [("q", query.text.as_str()), ("target", &query.target), ("result", result)] {
        if !value.is_empty() {
            members.append_pair(name, value);
        }
    }
    if let Some(before) = before {
        members.append_pair("before", &before.to_string());
    }
    format!("/console/audit?{}", members.finish())
}
