//! `lapwing server client`: who may use the server's interfaces, and for what.

use clap::Subcommand;
use lapwing_client::{
    graph::{Administrator, Profile},
    transport::Trust,
};
use lapwing_core::types::Guid;
use lapwing_proto::admin::{ClientCreated, ClientInfo, ClientPatch, ClientRequest, Credentials};
use zeroize::Zeroizing;

use super::{Common, parse_id};
use crate::{
    failure::{Code, Failure},
    output,
    profile::{self, ProfileArgs},
};

/// Makes and changes the clients that may read passwords or administer the server
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true, disable_help_subcommand = true)]
#[command(after_help = "\
Roles:
  DeviceLocalCredential.ReadBasic.All   what is stored, without passwords
  DeviceLocalCredential.Read.All        passwords too
  Device.Read.All                       devices by name
  AuditLog.Read.All                     the audit log
  Policy.Read.DeviceConfiguration       the tenant's switch
  Policy.ReadWrite.DeviceConfiguration  the tenant's switch, to change it
  DeviceManagementConfiguration.Read.All
                                        LAPS policies
  DeviceManagementConfiguration.ReadWrite.All
                                        LAPS policies, to change and assign them
  DeviceManagementManagedDevices.Read.All
                                        the fleet and its actions
  DeviceManagementManagedDevices.PrivilegedOperations.All
                                        to rotate a device's password now
  Lapwing.BulkRotate                    to rotate many at once
  Lapwing.Administer                    everything else of `lapwing server`

Example:
  lapwing server client create helpdesk --role Device.Read.All --role DeviceLocalCredential.Read.All")]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Makes a client and prints its profile, the only time its secret is shown
    #[command(after_help = "\
Example:
  (umask 077; lapwing server client create helpdesk --role DeviceLocalCredential.Read.All > helpdesk.toml)")]
    Create {
        /// Its name, for people
        name: String,
        /// What it may do; may be given several times
        #[arg(long = "role", value_name = "ROLE", required = true)]
        roles: Vec<String>,
        #[command(flatten)]
        common: Common,
    },
    /// Lists the clients, without their secrets
    #[command(after_help = "\
Example:
  lapwing server client list")]
    List {
        #[command(flatten)]
        common: Common,
    },
    /// Changes what a client may do: it has these roles and no other
    #[command(after_help = "\
Example:
  lapwing server client set-roles f3531ec6-6330-4f8e-8d39-7a671fbac605 --role DeviceLocalCredential.ReadBasic.All")]
    SetRoles {
        /// The client's id
        #[arg(value_parser = parse_id)]
        id: Guid,
        /// What it may do from now on; may be given several times
        #[arg(long = "role", value_name = "ROLE", required = true)]
        roles: Vec<String>,
        #[command(flatten)]
        common: Common,
    },
    /// Lets a client in again
    #[command(after_help = "\
Example:
  lapwing server client enable f3531ec6-6330-4f8e-8d39-7a671fbac605")]
    Enable {
        /// The client's id
        #[arg(value_parser = parse_id)]
        id: Guid,
        #[command(flatten)]
        common: Common,
    },
    /// Keeps a client out
    #[command(after_help = "\
Example:
  lapwing server client disable f3531ec6-6330-4f8e-8d39-7a671fbac605")]
    Disable {
        /// The client's id
        #[arg(value_parser = parse_id)]
        id: Guid,
        #[command(flatten)]
        common: Common,
    },
    /// Deletes a client
    #[command(after_help = "\
Example:
  lapwing server client delete f3531ec6-6330-4f8e-8d39-7a671fbac605")]
    Delete {
        /// The client's id
        #[arg(value_parser = parse_id)]
        id: Guid,
        #[command(flatten)]
        profile: ProfileArgs,
    },
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    match args.action {
        Action::Create { name, roles, common } => {
            create(&common, &ClientRequest { display_name: name, roles })
        }
        Action::List { common } => print(&common, &common.profile.ask(Administrator::clients)?),
        Action::SetRoles { id, roles, common } => {
            patch(&common, id, &ClientPatch { roles: Some(roles), enabled: None })
        }
        Action::Enable { id, common } => {
            patch(&common, id, &ClientPatch { roles: None, enabled: Some(true) })
        }
        Action::Disable { id, common } => {
            patch(&common, id, &ClientPatch { roles: None, enabled: Some(false) })
        }
        Action::Delete { id, profile } => profile.ask(async |server| server.delete_client(id).await),
    }
}

fn create(common: &Common, request: &ClientRequest) -> Result<(), Failure> {
    let own = common.profile.load()?;
    let created = profile::as_client_of(&own, async |server| server.create_client(request).await)?;
    if common.json {
        return output::print_json(&created);
    }
    output::print(as_profile(created, &own)?.trim_end())
}

/// The new client's profile, as `--profile` takes it.
fn as_profile(created: ClientCreated, own: &Profile) -> Result<Zeroizing<String>, Failure> {
    let credentials = Credentials {
        server: own.server.to_string().trim_end_matches('/').to_owned(),
        tenant: own.tenant.to_string(),
        authority: match &own.trust {
            Trust::Pinned(digest) => Some(digest.to_string()),
            Trust::Authority(_) | Trust::System => None,
        },
        client_id: created.client_id,
        client_secret: created.client_secret,
        // Whoever gets it may be elsewhere.
        proxy: None,
        proxy_credentials: None,
        no_proxy: Vec::new(),
    };
    toml::to_string(&credentials)
        .map(Zeroizing::new)
        .map_err(|error| Failure::new(Code::Failed, error, "report this: it is a defect"))
}

fn patch(common: &Common, id: Guid, patch: &ClientPatch) -> Result<(), Failure> {
    let client = common.profile.ask(async |server| server.patch_client(id, patch).await)?;
    print(common, &[client])
}

fn print(common: &Common, clients: &[ClientInfo]) -> Result<(), Failure> {
    common.print(clients, ["ClientId", "Name", "Enabled", "Created", "Roles"], |client| {
        [
            client.client_id.clone(),
            client.display_name.clone(),
            client.enabled.to_string(),
            client.created.clone(),
            client.roles.join(" "),
        ]
    })
}
