//! Whom a policy is for.

use std::collections::BTreeSet;

use lapwing_client::graph::Administrator;
use lapwing_proto::{admin::PolicyDryRun, graph::Group};

use super::{super::Common, confirm::Caution, find, id_of};
use crate::failure::{Code, Failure};

/// Makes a policy be for these groups too
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  lapwing server policy assign Servers web --dry-run
  lapwing server policy assign Servers web databases --yes")]
pub(super) struct AssignArgs {
    #[command(flatten)]
    to: To,
}

/// Makes a policy no longer be for these groups; their devices give up what it sets
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  lapwing server policy unassign Servers web")]
pub(super) struct UnassignArgs {
    #[command(flatten)]
    to: To,
}

#[derive(Debug, clap::Args)]
struct To {
    /// Name or id of the policy
    policy: String,
    /// Names or ids of groups
    #[arg(value_name = "GROUP", required = true)]
    groups: Vec<String>,
    #[command(flatten)]
    caution: Caution,
    #[command(flatten)]
    common: Common,
}

pub(super) fn assign(args: &AssignArgs) -> Result<(), Failure> {
    change(&args.to, |before, named| before.union(named).cloned().collect())
}

pub(super) fn unassign(args: &UnassignArgs) -> Result<(), Failure> {
    change(&args.to, |before, named| before.difference(named).cloned().collect())
}

type Ids = BTreeSet<String>;

fn change(to: &To, after: impl FnOnce(&Ids, &Ids) -> Ids) -> Result<(), Failure> {
    let To { policy, groups, caution, common } = to;
    let (found, known, before, named) = common.profile.ask(async |server| {
        let found = find(server, policy).await?;
        let known = server.groups().await?;
        let named = groups.iter().map(|group| group_id(group, &known)).collect::<Result<Ids, _>>()?;
        let before = assigned(server, &found.id).await?;
        Ok::<_, Failure>((found, known, before, named))
    })?;
    let after = after(&before, &named);
    let all: Vec<String> = after.iter().cloned().collect();
    let names: Vec<&str> = known
        .iter()
        .filter(|group| is_one_of(group, &after))
        .map(|group| group.display_name.as_str())
        .collect();
    let whom = if names.is_empty() { "no group".to_owned() } else { names.join(", ") };
    let question = format!("Make the policy {} be for {whom}?", found.policy.name);
    let dry_run = PolicyDryRun { groups: Some(all.clone()), ..PolicyDryRun::default() };
    if !caution.is_agreed(common, &found.id, &dry_run, &question)? {
        return Ok(());
    }
    let now = common.profile.ask(async |server| {
        // Assigning replaces all groups: what somebody else has changed since would be undone unseen.
        if assigned(server, &found.id).await? != before {
            let next_step = "look at the policy, and try again";
            let what = "somebody else has assigned the policy meanwhile";
            return Err(Failure::new(Code::Failed, what, next_step));
        }
        server.assign_policy(&found.id, &all).await?;
        assigned(server, &found.id).await
    })?;
    let now: Vec<Group> = known.into_iter().filter(|group| is_one_of(group, &now)).collect();
    super::super::group::print(common, &now)
}

fn is_one_of(group: &Group, ids: &Ids) -> bool {
    group.id.as_ref().is_some_and(|id| ids.contains(id))
}

async fn assigned(server: &mut Administrator, policy: &str) -> Result<Ids, Failure> {
    Ok(server.policy_groups(policy).await?.into_iter().collect())
}

fn group_id(wanted: &str, known: &[Group]) -> Result<String, Failure> {
    let known: Vec<(&str, &str)> =
        known.iter().filter_map(|group| Some((group.id.as_deref()?, group.display_name.as_str()))).collect();
    id_of("group", wanted, &known)
}
