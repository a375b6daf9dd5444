//! `lapwing server policy`: LAPS policies, from the file to the devices. docs/protocol.md, "Policies".
//!
//! INVARIANT: no device gets another policy before somebody has seen which devices, or has said `--yes`.

mod assign;
mod confirm;
mod edit;
mod settings;
mod show;

use clap::Subcommand;
use lapwing_client::graph::Administrator;
use lapwing_proto::graph::ConfigurationPolicy;

use crate::{
    failure::{Code, Failure},
    output,
};

/// Makes, edits, assigns and watches LAPS policies
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true, disable_help_subcommand = true)]
#[command(after_help = "\
Examples:
  lapwing server policy create Servers --set BackupDirectory=1 --set PasswordLength=20
  lapwing server policy assign Servers web --dry-run
  lapwing server policy status")]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    List(show::ListArgs),
    Show(show::ShowArgs),
    Create(edit::CreateArgs),
    Edit(edit::EditArgs),
    Export(show::ExportArgs),
    Versions(show::VersionsArgs),
    Restore(edit::RestoreArgs),
    Assign(assign::AssignArgs),
    Unassign(assign::UnassignArgs),
    Delete(edit::DeleteArgs),
    Status(show::StatusArgs),
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    match args.action {
        Action::List(args) => show::list(&args),
        Action::Show(args) => show::show(&args),
        Action::Create(args) => edit::create(args),
        Action::Edit(args) => edit::edit(args),
        Action::Export(args) => show::export(&args),
        Action::Versions(args) => show::versions(&args),
        Action::Restore(args) => edit::restore(&args),
        Action::Assign(args) => assign::assign(&args),
        Action::Unassign(args) => assign::unassign(&args),
        Action::Delete(args) => edit::delete(&args),
        Action::Status(args) => show::status(&args),
    }
}

/// A policy with its id, which is not optional for one that a server tells of.
struct Found {
    id: String,
    policy: ConfigurationPolicy,
}

/// The policy of this id or name, with what it sets.
async fn find(server: &mut Administrator, wanted: &str) -> Result<Found, Failure> {
    let policies = server.policies().await?;
    let known: Vec<(&str, &str)> =
        policies.iter().filter_map(|policy| Some((policy.id.as_deref()?, policy.name.as_str()))).collect();
    let id = id_of("policy", wanted, &known)?;
    let policy = server.policy(&id).await?;
    Ok(Found { id, policy })
}

/// The id of the only thing of this id or name.
pub(super) fn id_of(what: &str, wanted: &str, known: &[(&str, &str)]) -> Result<String, Failure> {
    if let Some((id, _)) = known.iter().find(|(id, _)| id.eq_ignore_ascii_case(wanted)) {
        return Ok((*id).to_owned());
    }
    let named: Vec<&str> = known.iter().filter(|(_, name)| *name == wanted).map(|(id, _)| *id).collect();
    let wanted = output::shown(wanted);
    match named.as_slice() {
        [one] => Ok((*one).to_owned()),
        [] => Err(Failure::new(
            Code::NotFound,
            format!("no {what} has the name or id {wanted}"),
            format!("see `lapwing server {what} list`"),
        )),
        several => {
            let ids: Vec<_> = several.iter().map(|id| output::shown(id)).collect();
            Err(Failure::new(
                Code::Failed,
                format!("{} of the name {wanted} are there", several.len()),
                format!("name one by its id: {}", ids.join(" ")),
            ))
        }
    }
}
