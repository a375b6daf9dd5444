//! `lapwing enrol`: joins this host to a `lapwing-server`.

use std::{fs::File, path::PathBuf};

use lapwing_client::{
    cloud::{self, Enrolment, NewDevice},
    identity::{AgentSettings, IdentityError, Root, files},
    transport::Limits,
};
use lapwing_core::types::{AccountName, DirectoryId, RecordId};
use lapwing_proto::register::EnrolmentToken;

use crate::{
    failure::{Code, Failure},
    managed::{Managed, ManagedError},
    os, output, profile, terminal,
};

/// Joins this host to a lapwing-server and pins that server's keys
///
/// The enrolment token comes from standard input: on a terminal it is asked for and not shown, else it is piped in. The
/// host gets a key and a certificate of its own, and /etc/lapwing/managed.toml gets the keys that passwords are sealed to
/// from now on. Must be run by root.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  lapwing enrol --account lapadmin
  lapwing enrol --account lapadmin < token.txt
  lapwing enrol --token-file /root/token.txt --name web-01")]
pub(crate) struct Args {
    /// Read the enrolment token from this file and not from standard input
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,

    /// The name of this host in the directory [default: its host name]
    #[arg(long)]
    name: Option<String>,

    /// Let Lapwing manage this local account: adds it to managed.toml
    #[arg(long, value_name = "ACCOUNT", value_parser = parse_account)]
    account: Option<AccountName>,

    /// Work on the system below this folder, such as an image
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
}

fn parse_account(text: &str) -> Result<AccountName, String> {
    match text {
        "root" => Err("uid 0 is listed by number: write `uids = [0]` into managed.toml".to_owned()),
        _ => text.parse().map_err(|error: lapwing_core::types::AccountNameError| error.to_string()),
    }
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let root = super::root_or_image(args.root)?;
    refuse_if_enrolled(&root)?;
    // Before the token is used up: what can be refused on this host is refused first.
    let mut managed = load_managed(&root)?;
    let token = read_token(args.token_file)?;
    let name = args.name.unwrap_or_else(os::host_name);
    let device = NewDevice { display_name: &name, os_version: &os_version(&root) };
    let proxy = AgentSettings::load_proxy(&root)?;
    let enrolment =
        profile::run_async(async { Ok(cloud::enrol(&token, device, proxy, Limits::default()).await?) })?;
    let Enrolment { identity, announcement } = enrolment;
    let directory = DirectoryId::LapwingServer(identity.settings.tenant);
    let record = RecordId(identity.settings.device.to_string());
    managed
        .pin(&directory, &record, &announcement)
        .and_then(|()| args.account.as_ref().map_or(Ok(()), |account| managed.list_account(account)))
        .map_err(|error| super::managed_failure(&root, error))?;
    files::replace_public(&root.managed(), managed.text().as_bytes())?;
    identity.save(&root)?;
    output::complain(&format!("Joined {} as {name}", identity.settings.server.authority()));
    output::print(&record.0)
}

fn refuse_if_enrolled(root: &Root) -> Result<(), Failure> {
    match AgentSettings::load(root) {
        Ok(settings) => Err(Failure::new(
            Code::Refused,
            format!(
                "this host is already enrolled at {} as {}",
                settings.server.authority(),
                settings.device
            ),
            "run `lapwing leave` first",
        )),
        Err(IdentityError::NotEnrolled { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

pub(super) fn load_managed(root: &Root) -> Result<Managed, Failure> {
    let bytes = files::read_if_there(&root.managed())?.unwrap_or_default();
    str::from_utf8(&bytes)
        .map_err(ManagedError::from)
        .and_then(Managed::parse)
        .map_err(|error| super::managed_failure(root, error))
}

fn read_token(file: Option<PathBuf>) -> Result<EnrolmentToken, Failure> {
    let text = match &file {
        Some(path) => File::open(path).and_then(terminal::read_secret_from),
        None => terminal::read_secret("Enrolment token"),
    };
    let text = text.map_err(|error| {
        Failure::new(
            Code::Failed,
            Unread { source: error },
            "pipe in the line that `lapwing server enrolment-token create` printed",
        )
    })?;
    text.parse().map_err(|error: lapwing_proto::register::EnrolmentTokenError| {
        let next_step = error.next_step();
        Failure::new(Code::Usage, error, next_step)
    })
}

#[derive(Debug, thiserror::Error)]
#[error("the enrolment token cannot be read")]
struct Unread {
    source: std::io::Error,
}

/// The name and version of the distribution. os-release(5).
fn os_version(root: &Root) -> String {
    let path = root.path("/etc/os-release");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    name.map_or_else(|| "Linux".to_owned(), |name| name.trim_matches('"').to_owned())
}
