//! Commands that make policies and their versions.

use std::{
    fs::File,
    io::{self, Read},
    path::PathBuf,
};

use lapwing_proto::{
    admin::PolicyDryRun,
    graph::{ConfigurationPolicy, ROTATE_AFTER_REVEAL_HOURS_MAX, read_settings},
    json,
};
use serde_json::{Map, Value};

use super::{
    super::Common,
    confirm::Caution,
    find,
    settings::{changed, not_laps},
};
use crate::{
    failure::{Code, Failure},
    output,
};

/// The longest file with a policy, in bytes.
const FILE_LEN_MAX: u64 = 1 << 20;

/// Makes a policy, from settings, from a file as Intune exports it, or from both; it is for nobody yet
///
/// Settings are those of the LAPS CSP, by the names of Windows. All of them are checked before anything is sent.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
#[command(after_help = "\
Examples:
  lapwing server policy create Servers --set BackupDirectory=1 --set PasswordAgeDays=7 --set PasswordLength=20
  lapwing server policy create --file laps.json
  lapwing server policy create Kiosks --file laps.json --set PasswordLength=30 --rotate-after-reveal 4")]
pub(super) struct CreateArgs {
    /// The policy's name; that in the file if left out
    #[arg(required_unless_present = "file")]
    name: Option<String>,
    #[command(flatten)]
    content: Content,
    #[command(flatten)]
    common: Common,
}

/// Changes a policy: a new version, which its devices get
///
/// A policy in a file replaces what this one says, but for its name. What the file and the options do not name stays.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
#[command(after_help = "\
Examples:
  lapwing server policy edit Servers --set PasswordLength=24 --dry-run
  lapwing server policy edit Servers --unset PassphraseLength --set PasswordComplexity=5
  lapwing server policy edit Servers --file laps.json --yes")]
pub(super) struct EditArgs {
    /// Name or id of the policy
    policy: String,
    /// Its new name
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    content: Content,
    /// No longer set this; may be given several times
    #[arg(long, value_name = "NAME")]
    unset: Vec<String>,
    #[command(flatten)]
    caution: Caution,
    #[command(flatten)]
    common: Common,
}

/// What a policy is to say.
#[derive(Debug, clap::Args)]
struct Content {
    /// A policy in the settings catalog's JSON, as Intune and `export` write it; `-` is standard input
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// A setting, such as PasswordLength=20; may be given several times
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// How many hours after a password was shown its device rotates; 0 is never
    #[arg(long, value_name = "HOURS", value_parser = clap::value_parser!(u16).range(0..=i64::from(ROTATE_AFTER_REVEAL_HOURS_MAX)))]
    rotate_after_reveal: Option<u16>,
}

/// Makes a new version of what an earlier one says
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  lapwing server policy restore Servers 3")]
pub(super) struct RestoreArgs {
    /// Name or id of the policy
    policy: String,
    /// The earlier version, as `lapwing server policy versions` shows it
    version: u32,
    #[command(flatten)]
    caution: Caution,
    #[command(flatten)]
    common: Common,
}

/// Deletes a policy: its devices give up what it sets; its versions stay readable by its id
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  lapwing server policy delete Servers")]
pub(super) struct DeleteArgs {
    /// Name or id of the policy
    policy: String,
    #[command(flatten)]
    caution: Caution,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, thiserror::Error)]
#[error("{path} is no policy")]
struct NoPolicy {
    path: String,
    source: json::JsonError,
}

impl Content {
    /// The policy in the file, if there is one, without what is a server's own.
    fn read(&self) -> Result<Option<ConfigurationPolicy>, Failure> {
        let Some(path) = &self.file else { return Ok(None) };
        let shown = output::shown(&path.display().to_string());
        let unreadable = |error: io::Error| {
            let code = if error.kind() == io::ErrorKind::NotFound { Code::NotFound } else { Code::Failed };
            Failure::new(
                code,
                format!("{shown} cannot be read: {error}"),
                "check the path and its permissions",
            )
        };
        let bytes = if path.as_os_str() == "-" {
            read_from(io::stdin()).map_err(unreadable)?
        } else {
            File::open(path).and_then(read_from).map_err(unreadable)?
        };
        let policy: ConfigurationPolicy = json::parse(&bytes).map_err(|source| {
            let next_step = "export it again, with its settings ($expand=settings); nothing was sent";
            Failure::new(Code::Failed, NoPolicy { path: shown.clone(), source }, next_step)
        })?;
        let Some(settings) = &policy.settings else {
            let next_step = "export it again, with its settings ($expand=settings); nothing was sent";
            return Err(Failure::new(Code::Failed, format!("{shown} has no settings"), next_step));
        };
        read_settings(settings).map_err(|error| not_laps(&error))?;
        if policy.rotate_after_reveal_hours.is_some_and(|hours| hours > ROTATE_AFTER_REVEAL_HOURS_MAX) {
            let what = format!("rotateAfterRevealHours takes 0 to {ROTATE_AFTER_REVEAL_HOURS_MAX}");
            return Err(Failure::new(Code::Failed, what, "correct it in the file; nothing was sent"));
        }
        Ok(Some(own(policy)))
    }
}

fn read_from(source: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(FILE_LEN_MAX + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|len| len <= FILE_LEN_MAX) {
        Ok(bytes)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidData, "it is longer than any policy"))
    }
}

/// The policy without what a server adds of its own, which means nothing elsewhere.
pub(super) fn own(policy: ConfigurationPolicy) -> ConfigurationPolicy {
    ConfigurationPolicy {
        id: None,
        created_date_time: None,
        last_modified_date_time: None,
        setting_count: None,
        is_assigned: None,
        ..policy
    }
}

pub(super) fn create(args: CreateArgs) -> Result<(), Failure> {
    let CreateArgs { name, content, common } = args;
    let read = content.read()?;
    let is_empty = read.is_none() && content.set.is_empty();
    let mut policy = read.unwrap_or_else(|| ConfigurationPolicy::new(String::new()));
    policy.name = name.unwrap_or(policy.name);
    if is_empty {
        let next_step = "give --set NAME=VALUE or --file FILE";
        return Err(Failure::new(Code::Usage, "the policy would set nothing", next_step));
    }
    if !content.set.is_empty() {
        policy.settings = Some(changed(policy.settings.as_deref().unwrap_or_default(), &content.set, &[])?);
    }
    policy.description = content.description.or(policy.description);
    policy.rotate_after_reveal_hours = content.rotate_after_reveal.or(policy.rotate_after_reveal_hours);
    let made = common.profile.ask(async |server| server.create_policy(&policy).await)?;
    output::complain("It is for nobody yet: see `lapwing server policy assign`");
    print(&common, &made)
}

fn print(common: &Common, policy: &ConfigurationPolicy) -> Result<(), Failure> {
    if common.json {
        return output::print_json(policy);
    }
    common.print(&[policy], ["Id", "Name", "Changed"], |policy| {
        [
            policy.id.clone().unwrap_or_default(),
            policy.name.clone(),
            policy.last_modified_date_time.clone().unwrap_or_default(),
        ]
    })
}

pub(super) fn edit(args: EditArgs) -> Result<(), Failure> {
    let EditArgs { policy: wanted, name, content, unset, caution, common } = args;
    let read = content.read()?;
    let found = common.profile.ask(async |server| find(server, &wanted).await)?;
    let seen = found.policy.clone();
    let mut change = match &read {
        Some(read) => members(read)?,
        None => Map::new(),
    };
    change.remove("name");
    let mut settings = read.and_then(|read| read.settings);
    if !content.set.is_empty() || !unset.is_empty() {
        let current = settings.or(found.policy.settings);
        settings = Some(changed(current.as_deref().unwrap_or_default(), &content.set, &unset)?);
    }
    let members = [
        ("settings", settings.clone().map(Value::Array)),
        ("name", name.map(Value::String)),
        ("description", content.description.map(Value::String)),
        ("rotateAfterRevealHours", content.rotate_after_reveal.map(Value::from)),
    ];
    let given = members.into_iter().filter_map(|(member, value)| Some((member.to_owned(), value?)));
    change.extend(given);
    if change.is_empty() {
        return Err(Failure::new(
            Code::Usage,
            "nothing would change",
            "see `lapwing server policy edit --help`",
        ));
    }
    let question = format!("Change the policy {}?", found.policy.name);
    let dry_run = PolicyDryRun { settings, ..PolicyDryRun::default() };
    if !caution.is_agreed(&common, &found.id, &dry_run, &question)? {
        return Ok(());
    }
    let made = common.profile.ask(async |server| {
        // The settings were made from those seen: what somebody else has changed since would be undone unseen.
        if server.policy(&found.id).await? != seen {
            let what = "somebody else has changed the policy meanwhile";
            return Err(Failure::new(Code::Failed, what, "look at the policy, and try again"));
        }
        Ok(server.change_policy(&found.id, &change).await?)
    })?;
    print(&common, &made)
}

fn members(policy: &ConfigurationPolicy) -> Result<Map<String, Value>, Failure> {
    match serde_json::to_value(policy) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Ok(Map::new()),
        Err(error) => Err(Failure::new(Code::Failed, error, "report this: it is a defect")),
    }
}

pub(super) fn restore(args: &RestoreArgs) -> Result<(), Failure> {
    let RestoreArgs { policy, version, caution, common } = args;
    let (found, versions) = common.profile.ask(async |server| {
        let found = find(server, policy).await?;
        let versions = server.policy_versions(&found.id).await?;
        Ok::<_, Failure>((found, versions))
    })?;
    let Some(earlier) = versions.into_iter().find(|known| known.version == *version) else {
        let next_step = "see `lapwing server policy versions`";
        let what = format!("the policy has no version {version}");
        return Err(Failure::new(Code::NotFound, what, next_step));
    };
    let dry_run = PolicyDryRun { settings: earlier.policy.settings, ..PolicyDryRun::default() };
    let question = format!("Return the policy {} to version {version}?", found.policy.name);
    if !caution.is_agreed(common, &found.id, &dry_run, &question)? {
        return Ok(());
    }
    let made = common.profile.ask(async |server| {
        server.restore_policy(&found.id, *version).await?;
        server.policy(&found.id).await
    })?;
    print(common, &made)
}

pub(super) fn delete(args: &DeleteArgs) -> Result<(), Failure> {
    let DeleteArgs { policy, caution, common } = args;
    let found = common.profile.ask(async |server| find(server, policy).await)?;
    let dry_run = PolicyDryRun { delete: true, ..PolicyDryRun::default() };
    let question = format!("Delete the policy {}?", found.policy.name);
    if !caution.is_agreed(common, &found.id, &dry_run, &question)? {
        return Ok(());
    }
    common.profile.ask(async |server| server.delete_policy(&found.id).await)
}
