//! `lapwing pam`: the module that sees log-ons, in the host's PAM configuration.

mod stack;
mod tool;

use std::{fs, path::PathBuf};

use lapwing_client::identity::Root;
use serde::Serialize;

use self::stack::{Facility, MODULE, Reach};
use crate::{
    failure::{Code, Failure},
    output,
};

/// Enters the PAM module into this host's log-ons, takes it out, or shows which log-ons it does not see
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  lapwing pam check
  sudo lapwing pam enable")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Check(CheckArgs),
    /// Enters the module into the host's PAM configuration, by pam-auth-update or authselect
    ///
    /// With authselect, a profile named lapwing is made from the one that is selected, and selected with the same features. Where the
    /// configuration was changed by hand it is left as it is, and what to do is said. Must be run by root.
    #[command(after_help = "\
Examples:
  sudo lapwing pam enable
  sudo lapwing pam enable --smart-cards
  sudo lapwing pam enable --root /mnt/image")]
    Enable(EnableArgs),
    /// Takes the module out of the host's PAM configuration, by pam-auth-update or authselect
    ///
    /// With authselect, the profile is selected again that was before. Must be run by root.
    #[command(after_help = "\
Example:
  sudo lapwing pam disable")]
    Disable(ChangeArgs),
}

/// Shows from which services the module is reached
///
/// Reads the files of /etc/pam.d and /usr/lib/pam.d with all that they include, and changes nothing. Exits with 1 if a log-on service
/// of this host can be passed without the module: such a log-on is not noticed, or the managed account's password can be changed there.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  lapwing pam check
  lapwing pam check --json
  lapwing pam check --root /mnt/image")]
struct CheckArgs {
    /// Look at the system under this directory
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What to enter, and where.
#[derive(Debug, clap::Args)]
struct EnableArgs {
    /// Let the managed account in by its password on a host that demands smart cards of everybody
    #[arg(long)]
    smart_cards: bool,

    #[command(flatten)]
    change: ChangeArgs,
}

/// Where to make a change.
#[derive(Debug, clap::Args)]
struct ChangeArgs {
    /// Change the system under this directory, by its own tool
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
}

/// The services by which people log on, prove themselves again, or change passwords, each with what it must ask the module.
const SERVICES: [(&str, &[Facility]); 12] = [
    ("sshd", LOG_ON),
    ("login", LOG_ON),
    ("su", LOG_ON),
    ("su-l", LOG_ON),
    ("sudo", LOG_ON),
    ("sudo-i", LOG_ON),
    ("polkit-1", LOG_ON),
    ("gdm-password", LOG_ON),
    ("lightdm", LOG_ON),
    ("cockpit", LOG_ON),
    ("passwd", &[Facility::Password]),
    ("chpasswd", &[Facility::Password]),
];
const LOG_ON: &[Facility] = &[Facility::Auth, Facility::Account];

/// Where services have their files, the first found being the one. pam.d(5).
const FOLDERS: [&str; 2] = ["etc/pam.d", "usr/lib/pam.d"];

/// One question of one service.
#[derive(Debug, Serialize)]
struct Finding {
    service: &'static str,
    facility: Facility,
    #[serde(flatten)]
    reach: Reach,
}

/// Why a check does not end well.
#[derive(Debug, thiserror::Error)]
#[error("the module is not reached from {0} of the {1} places where it is needed")]
struct NotReached(usize, usize);

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    match &args.command {
        Command::Check(args) => check(args),
        Command::Enable(args) => change(&args.change, tool::Change::Enable { smart_cards: args.smart_cards }),
        Command::Disable(args) => change(args, tool::Change::Disable),
    }
}

fn check(args: &CheckArgs) -> Result<(), Failure> {
    let findings = findings(&Root::at(args.root.clone()));
    if args.json {
        output::print_json(&findings)?;
    } else {
        let mut table = output::Table::new(&["Service", "Asks", "Module"]);
        for Finding { service, facility, reach } in &findings {
            let asks = format!("{facility:?}").to_lowercase();
            let told = match reach {
                Reach::Reached => "reached".to_owned(),
                Reach::Cut(by) => format!("NOT REACHED: {by} ends the stack before it"),
                Reach::Absent => "NOT REACHED: it is not in the stack".to_owned(),
            };
            table.row([*service, asks.as_str(), told.as_str()]);
        }
        table.print()?;
    }
    let missing = findings.iter().filter(|finding| finding.reach != Reach::Reached).count();
    if missing == 0 && !findings.is_empty() {
        return Ok(());
    }
    let next_step = format!("run `lapwing pam enable`; or put {MODULE} first by hand, as docs/pam.md shows");
    Err(Failure::new(Code::Failed, NotReached(missing, findings.len()), next_step))
}

/// The services that can be passed without the module, each with what is asked of them there; none where this host has no PAM.
pub(super) fn passed_by(root: &Root) -> Option<Vec<String>> {
    let findings = findings(root);
    let missing = findings.iter().filter(|finding| finding.reach != Reach::Reached);
    let shown = missing
        .map(|finding| format!("{} ({})", finding.service, format!("{:?}", finding.facility).to_lowercase()));
    (!findings.is_empty()).then(|| shown.collect())
}

fn findings(root: &Root) -> Vec<Finding> {
    let read = |name: &str| {
        // A name in a file of root's; still, none leads out of the folders.
        let is_name = !name.is_empty() && !name.contains('/');
        // An absolute path is taken as it stands. pam.conf(5).
        let absolute = name.strip_prefix('/').map(|path| root.path(path));
        let files = FOLDERS.iter().filter(|_| is_name).map(|folder| root.path(&format!("{folder}/{name}")));
        absolute.into_iter().chain(files).find_map(|path| fs::read_to_string(path).ok())
    };
    let asked =
        SERVICES.iter().flat_map(|(service, asks)| asks.iter().map(move |facility| (*service, *facility)));
    asked
        .filter_map(|(service, facility)| {
            let reach = stack::reach(&read, service, facility)?;
            Some(Finding { service, facility, reach })
        })
        .collect()
}

fn change(args: &ChangeArgs, change: tool::Change) -> Result<(), Failure> {
    let root = super::root_or_image(args.root.clone())?;
    output::complain(&tool::System::new(&root, args.root.as_deref()).apply(change)?);
    Ok(())
}
