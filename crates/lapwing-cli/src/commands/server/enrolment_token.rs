//! `lapwing server enrolment-token`.

use clap::Subcommand;
use lapwing_client::graph::Administrator;
use lapwing_core::types::Guid;
use lapwing_proto::admin::EnrolmentTokenRequest;

use super::{Common, parse_id};
use crate::{failure::Failure, output, profile::ProfileArgs};

/// Makes, lists and revokes the tokens by which hosts join
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true, disable_help_subcommand = true)]
#[command(after_help = "\
Example:
  lapwing server enrolment-token create --description \"rack 7\" --uses 20 --hours 8")]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Makes a token and prints it, the only time it is shown
    #[command(after_help = "\
Examples:
  lapwing server enrolment-token create
  lapwing server enrolment-token create --uses 1 --hours 1 | ssh root@web-01 lapwing enrol")]
    Create {
        /// What it is for
        #[arg(long, default_value = "")]
        description: String,
        /// How many hosts may join with it
        #[arg(long, value_name = "N", default_value_t = 1)]
        uses: u32,
        /// How long it is good for
        #[arg(long, value_name = "N", default_value_t = 24)]
        hours: u32,
        #[command(flatten)]
        common: Common,
    },
    /// Lists the tokens, without their secrets
    #[command(after_help = "\
Example:
  lapwing server enrolment-token list")]
    List {
        #[command(flatten)]
        common: Common,
    },
    /// Revokes a token; hosts that joined with it stay
    #[command(after_help = "\
Example:
  lapwing server enrolment-token revoke f3531ec6-6330-4f8e-8d39-7a671fbac605")]
    Revoke {
        /// The token's id
        #[arg(value_parser = parse_id)]
        id: Guid,
        #[command(flatten)]
        profile: ProfileArgs,
    },
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    match args.action {
        Action::Create { description, uses, hours, common } => {
            create(&common, &EnrolmentTokenRequest { description, uses, hours })
        }
        Action::List { common } => list(&common),
        Action::Revoke { id, profile } => profile.ask(async |server| server.revoke_enrolment_token(id).await),
    }
}

fn create(common: &Common, request: &EnrolmentTokenRequest) -> Result<(), Failure> {
    let created = common.profile.ask(async |server| server.create_enrolment_token(request).await)?;
    if common.json {
        return output::print_json(&created);
    }
    output::complain(&output::shown(&format!(
        "Token {} for {} hosts, until {}",
        created.id, created.uses, created.expires
    )));
    output::print(created.token.expose_secret())
}

fn list(common: &Common) -> Result<(), Failure> {
    let tokens = common.profile.ask(Administrator::enrolment_tokens)?;
    common.print(&tokens, ["Id", "Created", "Expires", "UsesLeft", "Description"], |token| {
        [
            token.id.clone(),
            token.created.clone(),
            token.expires.clone(),
            token.uses_left.to_string(),
            token.description.clone(),
        ]
    })
}
