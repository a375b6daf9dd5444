//! A device's policy: what is for it, what it holds of that, and what is in effect on it by its own word.

use askama::Template;
use axum::response::Response;
use lapwing_core::types::{DeviceId, PolicyId};
use lapwing_proto::policy_report::PolicySetting;

use super::{
    page::{Badge, Moment, Shell},
    policy::PolicyNames,
    visit::{Visit, see_other},
};
use crate::{
    http::fault::Fault,
    policies,
    rules::{
        access::Act,
        audit::Activity,
        policy_assignment::{Effective, PolicyVersion, Target},
    },
};

#[derive(Template)]
#[template(path = "device_policy.html")]
pub(super) struct DevicePolicyPart {
    shell: Shell,
    device: DeviceId,
    may_tag: bool,
    badge: Badge,
    /// The policies that are for it.
    policies: Vec<(PolicyId, String)>,
    tags: Vec<String>,
    told: Option<(String, Moment)>,
    refused: Option<(String, u16, Moment)>,
    /// When it last held something else than it had said.
    drifted: Option<Moment>,
    report: Option<Report>,
}

/// What the device told of the policy in effect.
struct Report {
    told: Moment,
    source: Option<String>,
    settings: Vec<PolicySetting>,
    remarks: Vec<String>,
}

impl DevicePolicyPart {
    /// None for a device that is no more.
    pub(super) async fn of(visit: &Visit, device: DeviceId) -> Result<Option<Self>, Fault> {
        let (store, now) = (&visit.app.store, visit.context.at);
        let Some(found) = store.device_policy(device).await? else { return Ok(None) };
        let names = store.policies().await?.into_iter().map(|row| (row.id, row.content.name));
        let names = PolicyNames(names.collect());
        let told = found.told.map(|(version, _)| version);
        let trouble = store.policy_trouble(device).await?;
        let refused = trouble.refused.map(|refused| refused.version);
        let policies = match &found.effective {
            Effective::None => Vec::new(),
            Effective::One(version) => vec![version.policy],
            Effective::Conflict(policies) => policies.clone(),
        };
        let in_words = |version: PolicyVersion| names.words(&Effective::One(version));
        let report = store.policy_report(device).await?.map(|(at, report)| Report {
            told: Moment { at, now },
            source: report.source,
            settings: report.settings,
            remarks: report.remarks,
        });
        Ok(Some(Self {
            shell: visit.shell("Policy"),
            device,
            may_tag: visit.may(Act::WriteConfiguration),
            badge: badge(&found.effective, found.target, told, refused),
            policies: policies.into_iter().map(|id| (id, names.of(id))).collect(),
            tags: store.tags(device).await?.unwrap_or_default().iter().map(ToString::to_string).collect(),
            told: found.told.map(|(version, at)| (in_words(version), Moment { at, now })),
            refused: trouble
                .refused
                .map(|refused| (in_words(refused.version), refused.status, Moment { at: refused.at, now })),
            drifted: trouble.drifted.map(|at| Moment { at, now }),
            report,
        }))
    }
}

/// Gives the device the tags that were typed, apart by spaces or commas.
pub(super) async fn tag(visit: Visit) -> Result<Response, Fault> {
    let device: DeviceId = visit.param("id")?;
    let typed = visit.form.get("tags").unwrap_or_default();
    let tags = policies::parse_tags(typed.split([' ', ',']).filter(|tag| !tag.is_empty()))?;
    let record = visit.record(Activity::TagDevice, &device.to_string());
    policies::tag(&visit.app, device, tags, record).await?;
    Ok(see_other(&format!("/console/devices/{device}")))
}

fn badge(
    effective: &Effective,
    target: Target,
    told: Option<PolicyVersion>,
    refused: Option<PolicyVersion>,
) -> Badge {
    match (effective, target) {
        (Effective::Conflict(_), _) => Badge::new("expiring", "◔", "In conflict: it keeps what it has"),
        (_, Target::Untouched) => Badge::new("disabled", "–", "No policy is for it"),
        (_, Target::Nothing) => Badge::new("missing", "○", "Its policy is to be removed"),
        (_, Target::Version(version)) if refused == Some(version) => {
            Badge::new("overdue", "▲", "Refused its policy")
        }
        (_, Target::Version(version)) if told == Some(version) => {
            Badge::new("current", "✓", "Has its policy")
        }
        (_, Target::Version(_)) => Badge::new("missing", "○", "Not told yet"),
    }
}
