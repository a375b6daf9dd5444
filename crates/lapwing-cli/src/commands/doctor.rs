//! `lapwing doctor`: each thing that managing this host takes, tried by itself.

mod directory;
mod host;

use lapwing_client::identity::Root;
use serde::Serialize;

use crate::{
    failure::{Code, Failure},
    local, output,
};

/// Tests each prerequisite on this host and names what to do where one is missing
///
/// Asks the agent, looks at its files, and tries the way to its directory. Nothing is changed. As root it sees all; what only root may
/// look at is left out otherwise, and said so. Exits with 1 if something has failed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sudo lapwing doctor
  sudo lapwing doctor --json")]
pub(crate) struct Args {
    #[command(flatten)]
    agent: local::AgentArgs,

    /// Look at the system under this directory
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: std::path::PathBuf,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What came of one test.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub(super) struct Finding {
    /// What was tested.
    test: &'static str,
    verdict: Verdict,
    /// What was found.
    found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_step: Option<String>,
}

/// How it stands.
#[derive(Debug, Clone, Copy, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    Ok,
    Warning,
    Failed,
    /// Not tested, and why.
    Skipped,
}

impl Finding {
    fn ok(test: &'static str, found: impl Into<String>) -> Self {
        Self { test, verdict: Verdict::Ok, found: found.into(), next_step: None }
    }

    fn warning(test: &'static str, found: impl Into<String>, next_step: impl Into<String>) -> Self {
        Self { test, verdict: Verdict::Warning, found: found.into(), next_step: Some(next_step.into()) }
    }

    fn failed(test: &'static str, found: impl Into<String>, next_step: impl Into<String>) -> Self {
        Self { test, verdict: Verdict::Failed, found: found.into(), next_step: Some(next_step.into()) }
    }

    fn skipped(test: &'static str, found: impl Into<String>) -> Self {
        Self { test, verdict: Verdict::Skipped, found: found.into(), next_step: None }
    }
}

/// Why the command does not end well.
#[derive(Debug, thiserror::Error)]
#[error("{0} of {1} tests failed")]
struct SomethingFailed(usize, usize);

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let findings = examine(&args.agent, &Root::at(args.root.clone()))?;
    if args.json {
        output::print_json(&findings)?;
    } else {
        output::print(&render(&findings))?;
    }
    match findings.iter().filter(|finding| finding.verdict == Verdict::Failed).count() {
        0 => Ok(()),
        failed => {
            let what = SomethingFailed(failed, findings.len());
            Err(Failure::new(
                Code::Failed,
                what,
                "do what stands below each, from the top, and run this again",
            ))
        }
    }
}

/// Tests everything.
pub(super) fn examine(agent: &local::AgentArgs, root: &Root) -> Result<Vec<Finding>, Failure> {
    let mut findings = host::agent(agent);
    let managed = host::managed_file(root);
    findings.push(host::listed(&managed));
    findings.extend(host::policy(agent, root, &managed));
    findings.extend(host::system(root));
    findings.push(host::log_ons(root));
    findings.extend(directory::findings(root, &managed)?);
    Ok(findings)
}

fn render(findings: &[Finding]) -> String {
    let lines = findings.iter().flat_map(|finding| {
        let word = match finding.verdict {
            Verdict::Ok => "ok",
            Verdict::Warning => "warning",
            Verdict::Failed => "FAILED",
            Verdict::Skipped => "skipped",
        };
        let first = format!("{word:<8} {:<18} {}", finding.test, output::shown(&finding.found));
        let next = finding.next_step.as_ref().map(|next| format!("{:27} next: {}", "", output::shown(next)));
        [Some(first), next].into_iter().flatten()
    });
    lines.collect::<Vec<_>>().join("\n")
}
