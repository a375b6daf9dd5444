//! `lapwing get-policy`.

use lapwing_core::local::agent::PolicyReport;

use crate::{failure::Failure, local, output};

/// Shows the policy in effect on this host, and where each value comes from
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  lapwing get-policy
  lapwing get-policy --json")]
pub(crate) struct Args {
    #[command(flatten)]
    agent: local::AgentArgs,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let policy: PolicyReport = args.agent.call("GetPolicy", "policy", local::TELL_MAX)?;
    if args.json {
        return output::print_json(&policy);
    }
    let source = policy.source.as_deref().unwrap_or("none: nothing is configured");
    output::print(&format!("Policy: {}\n", output::shown(source)))?;
    let mut table = output::Table::new(&["Setting", "Value", "Origin", "Remarks"]);
    for setting in &policy.settings {
        let remarks = setting.remarks.join("; ");
        table.row([setting.name.as_str(), &setting.value, &setting.origin, &remarks]);
    }
    table.print()?;
    for remark in &policy.remarks {
        output::print(&format!("\nRemark: {}", output::shown(remark)))?;
    }
    Ok(())
}
