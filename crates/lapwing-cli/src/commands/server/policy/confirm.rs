//! Which devices a change would touch, and the question whether to make it.

use lapwing_proto::admin::{Counted, PolicyDifference, PolicyDryRun, PolicyStanding};

use super::super::Common;
use crate::{
    failure::Failure,
    output,
    terminal::{self, Otherwise},
};

/// How many devices a question names; `--dry-run` names all that the server does.
const ASKED_MAX: usize = 10;

/// How a change is made.
#[derive(Debug, clap::Args)]
pub(super) struct Caution {
    /// Only tell which devices would get another policy
    #[arg(long)]
    dry_run: bool,

    /// Make the change without a question
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
}

impl Caution {
    /// Shows whom `change` touches, and asks whether to make it; false if that was all.
    pub(super) fn is_agreed(
        &self,
        common: &Common,
        id: &str,
        change: &PolicyDryRun,
        question: &str,
    ) -> Result<bool, Failure> {
        if self.yes {
            return Ok(true);
        }
        let found = common.profile.ask(async |server| server.dry_run_policy(id, change).await)?;
        if self.dry_run {
            return show(common, &found).map(|()| false);
        }
        output::complain(&summary(&found));
        let otherwise = Otherwise {
            refused: "nothing was changed",
            undone: &format!("the policy of {} devices is not changed", found.count),
            next_step: "see the devices with --dry-run, then add --yes",
        };
        terminal::must_agree(&output::shown(question), &otherwise).map(|()| true)
    }
}

fn show(common: &Common, found: &Counted<PolicyDifference>) -> Result<(), Failure> {
    if common.json {
        return output::print_json(found);
    }
    output::complain(&format!("Devices that get another policy: {}", found.count));
    common.print(&found.value, ["DeviceId", "Name", "Before", "After"], |device| {
        [device.device_id.clone(), device.display_name.clone(), words(&device.before), words(&device.after)]
    })
}

fn summary(found: &Counted<PolicyDifference>) -> String {
    let line = |device: &PolicyDifference| {
        let (before, after) = (words(&device.before), words(&device.after));
        output::shown(&format!("  {}: {before} -> {after}", device.display_name))
    };
    let mut lines = vec![format!("Devices that get another policy: {}", found.count)];
    lines.extend(found.value.iter().take(ASKED_MAX).map(line));
    if found.count > ASKED_MAX {
        lines.push("  … (all with --dry-run)".to_owned());
    }
    lines.join("\n")
}

fn words(standing: &PolicyStanding) -> String {
    match (standing.state.as_str(), standing.policies.as_slice(), standing.version) {
        ("assigned", [policy], Some(version)) => format!("{policy} version {version}"),
        ("conflict", policies, _) => format!("conflict of {}", policies.join(", ")),
        (state, _, _) => state.to_owned(),
    }
}
