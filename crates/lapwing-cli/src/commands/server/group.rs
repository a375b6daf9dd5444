//! `lapwing server group`: devices that policies can be for.

use clap::Subcommand;
use lapwing_client::graph::Administrator;
use lapwing_proto::graph::{Device, Group};
use serde::Serialize;

use super::{Common, policy::id_of};
use crate::{failure::Failure, output, profile::ProfileArgs};

/// Makes and shows groups of devices, which policies are for
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true, disable_help_subcommand = true)]
#[command(after_help = "\
Example:
  lapwing server group create web --name-pattern 'web-*'")]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Lists the groups
    #[command(after_help = "\
Example:
  lapwing server group list")]
    List {
        #[command(flatten)]
        common: Common,
    },
    /// Shows a group and the devices that are in it now
    #[command(after_help = "\
Example:
  lapwing server group show web")]
    Show {
        /// Name or id of the group
        group: String,
        #[command(flatten)]
        common: Common,
    },
    /// Makes a group, by a tag or by a pattern of names
    #[command(after_help = "\
Examples:
  lapwing server group create europe --tag eu
  lapwing server group create web --name-pattern 'web-*'
  lapwing server group create everybody --name-pattern '*'")]
    Create {
        /// The group's name
        name: String,
        #[command(flatten)]
        rule: Rule,
        #[command(flatten)]
        common: Common,
    },
    /// Deletes a group that no policy is for
    #[command(after_help = "\
Example:
  lapwing server group delete web")]
    Delete {
        /// Name or id of the group
        group: String,
        #[command(flatten)]
        profile: ProfileArgs,
    },
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Rule {
    /// The devices with this tag
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,
    /// The devices whose names fit, `*` standing for any run of characters
    #[arg(long, value_name = "PATTERN")]
    name_pattern: Option<String>,
}

impl Rule {
    fn text(&self) -> String {
        match (&self.tag, &self.name_pattern) {
            (Some(tag), _) => format!("tag:{tag}"),
            (None, pattern) => format!("name:{}", pattern.as_deref().unwrap_or_default()),
        }
    }
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    match args.action {
        Action::List { common } => print(&common, &common.profile.ask(Administrator::groups)?),
        Action::Show { group, common } => show(&common, &group),
        Action::Create { name, rule, common } => create(&common, name, &rule),
        Action::Delete { group, profile } => profile.ask(async |server| {
            let found = find(server, &group).await?;
            Ok::<_, Failure>(server.delete_group(&found.id.unwrap_or_default()).await?)
        }),
    }
}

async fn find(server: &mut Administrator, wanted: &str) -> Result<Group, Failure> {
    let groups = server.groups().await?;
    let known: Vec<(&str, &str)> =
        groups.iter().filter_map(|group| Some((group.id.as_deref()?, group.display_name.as_str()))).collect();
    let id = id_of("group", wanted, &known)?;
    let found = groups.into_iter().find(|group| group.id.as_ref() == Some(&id));
    found.ok_or_else(|| Failure::new(crate::failure::Code::Failed, "the group is gone", "look again"))
}

fn create(common: &Common, name: String, rule: &Rule) -> Result<(), Failure> {
    let group = Group {
        id: None,
        display_name: name,
        group_types: vec!["DynamicMembership".to_owned()],
        membership_rule: rule.text(),
        membership_rule_processing_state: Some("On".to_owned()),
        mail_enabled: false,
        security_enabled: true,
        created_date_time: None,
    };
    let made = common.profile.ask(async |server| server.create_group(&group).await)?;
    print(common, &[made])
}

/// A group with its devices.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    group: Group,
    members: Vec<Device>,
}

fn show(common: &Common, wanted: &str) -> Result<(), Failure> {
    let shown = common.profile.ask(async |server| {
        let group = find(server, wanted).await?;
        let members = server.group_members(group.id.as_deref().unwrap_or_default()).await?;
        Ok::<_, Failure>(Shown { group, members })
    })?;
    if common.json {
        return output::print_json(&shown);
    }
    print(common, core::slice::from_ref(&shown.group))?;
    output::complain(&format!("Devices: {}", shown.members.len()));
    common.print(&shown.members, ["DeviceId", "Name", "Enabled"], |device| {
        [device.device_id.clone(), device.display_name.clone(), device.account_enabled.to_string()]
    })
}

/// Prints groups as JSON or as a table.
pub(super) fn print(common: &Common, groups: &[Group]) -> Result<(), Failure> {
    common.print(groups, ["Id", "Name", "Rule", "Created"], |group| {
        [
            group.id.clone().unwrap_or_default(),
            group.display_name.clone(),
            group.membership_rule.clone(),
            group.created_date_time.clone().unwrap_or_default(),
        ]
    })
}
