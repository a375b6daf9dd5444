//! The policy as `lapwing get-policy` shows it.

use lapwing_core::{
    local::agent::{PolicyReport, PolicySetting},
    policy::{Explanation, Resolution, Seen, Standing, Verdict},
};

/// Every setting, and the remarks.
pub(super) fn report(resolution: Option<&Resolution>, mut remarks: Vec<String>) -> PolicyReport {
    let Some(resolution) = resolution else {
        return PolicyReport { source: None, settings: Vec::new(), remarks };
    };
    remarks.extend(resolution.roots.iter().filter_map(|root| match root.standing {
        Standing::Wins | Standing::Empty => None,
        Standing::Loses => Some(format!(
            "{}: its {} values are ignored, for another root wins whole",
            root.root, root.values
        )),
        Standing::NotAsked => Some(format!("{}: legacy emulation is not for domain controllers", root.root)),
    }));
    remarks.extend(resolution.unknown.iter().map(|unknown| {
        let hint = unknown.did_you_mean.map_or(String::new(), |name| format!("; did you mean {name}?"));
        format!("{}: {:?} is no setting{hint}", unknown.origin, unknown.name)
    }));
    PolicyReport {
        source: resolution.winner.map(|root| root.event_name().to_owned()),
        settings: resolution.explanations.iter().map(setting).collect(),
        remarks,
    }
}

fn setting(explained: &Explanation) -> PolicySetting {
    let in_force = explained.seen.iter().find(|seen| seen.verdict == Verdict::InForce);
    PolicySetting {
        name: explained.setting.name().to_owned(),
        value: explained.effective.clone().unwrap_or_else(|| "-".to_owned()),
        origin: in_force.map_or_else(|| explained.source.name().to_owned(), |seen| seen.origin.clone()),
        remarks: explained
            .findings()
            .map(|Seen { value, origin, verdict, .. }| format!("{origin}: {value}: {verdict}"))
            .collect(),
    }
}
