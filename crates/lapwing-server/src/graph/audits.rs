//! `auditLogs/directoryAudits`: the newest part of the audit log, newest first. All of it: our administration.

use axum::response::Response;
use lapwing_proto::graph::{App, DirectoryAudit, InitiatedBy, KeyValue, TargetResource, User};

use super::{filter::Fields, page::Query};
use crate::{
    call::Call,
    http::fault::Fault,
    rules::{
        access::Act,
        audit::{Activity, Entry},
    },
};

/// How far back this view reaches, in entries.
const ENTRIES_MAX: u32 = 10_000;
const SERVICE: &str = "Device Registration Service";

impl Fields for Entry {
    const NAMES: &'static [&'static str] =
        &["id", "activitydatetime", "activitydisplayname", "result", "category", "loggedbyservice"];

    fn field(&self, at: usize) -> String {
        match at {
            // The key orders pages: the newest entry comes first.
            0 => format!("{:020}", u64::MAX.saturating_sub(self.sequence)),
            1 => self.time.to_string().to_lowercase(),
            2 => self.activity.to_lowercase(),
            3 => result(self).to_owned(),
            4 => "device".to_owned(),
            _ => SERVICE.to_lowercase(),
        }
    }
}

const fn result(entry: &Entry) -> &'static str {
    if entry.success { "success" } else { "failure" }
}

pub(super) async fn list(call: Call) -> Result<Response, Fault> {
    let allowed = call.authorise(Act::ReadAudit, Activity::ReadAudit, "").await?;
    let entries = call.app.store.newest_audit(ENTRIES_MAX).await?;
    let page = Query::parse(call.uri.query()).page(entries)?;
    allowed.note("").await?;
    super::list(&call, "auditLogs/directoryAudits", &page, directory_audit)
}

/// A person is a user; clients, devices and the server itself are apps.
fn initiated_by(kind: &str, id: &str) -> InitiatedBy {
    let id = Some(id.to_owned());
    if kind == "operator" {
        let user = User { id: id.clone(), display_name: id.clone(), user_principal_name: id };
        return InitiatedBy { app: None, user: Some(user) };
    }
    InitiatedBy { app: Some(App { app_id: id, display_name: Some(kind.to_owned()) }), user: None }
}

fn directory_audit(entry: &Entry) -> DirectoryAudit {
    let detail = |key: &str, value: &str| KeyValue { key: key.to_owned(), value: value.to_owned() };
    let (kind, id) = entry.actor.split_once(':').unwrap_or((&entry.actor, ""));
    DirectoryAudit {
        id: format!("Lapwing_{}", entry.sequence),
        activity_date_time: entry.time.to_string(),
        activity_display_name: entry.activity.clone(),
        category: "Device".to_owned(),
        correlation_id: lapwing_proto::hex::encode(entry.hash.get(..16).unwrap_or_default()),
        result: result(entry).to_owned(),
        result_reason: if entry.success { String::new() } else { entry.detail.clone() },
        logged_by_service: SERVICE.to_owned(),
        operation_type: String::new(),
        initiated_by: initiated_by(kind, id),
        target_resources: vec![TargetResource {
            id: entry.target.clone(),
            display_name: None,
            kind: "Device".to_owned(),
        }],
        additional_details: vec![detail("Device Id", &entry.target), detail("AdditionalInfo", &entry.detail)],
    }
}
