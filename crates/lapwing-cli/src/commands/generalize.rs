//! `lapwing generalize`: the counterpart of Sysprep.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use lapwing_client::identity::{AgentSettings, Identity, IdentityError, Root, files};
use lapwing_core::types::DirectoryId;
use serde::{Deserialize, Serialize};

use crate::{
    failure::{Code, Failure},
    output, program,
};

/// Makes this host ready to be copied: its copies enrol anew, each as itself
///
/// Stops the agent and removes what is this host's alone: its enrolment, its key and certificate, the journal, what the agent
/// remembers, and policy that came from a server. What root has written stays. Run it last before the image is taken; the host
/// itself must enrol again too. It may be run again. The directory is not told: delete this host's record there, or run
/// `lapwing leave` first. Must be run by root.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  lapwing generalize
  lapwing generalize --root /mnt/image --json")]
pub(crate) struct Args {
    /// Also while a change of the password is not finished: the directory may then hold a password that opens nothing
    #[arg(long)]
    force: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,

    /// Work on the system below this folder, such as an image
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
}

/// What is stopped, lest it write what is being removed.
const UNITS: [&str; 4] =
    ["lapwingd.service", "lapwingd.socket", "lapwing-log-on.socket", "lapwing-priv.socket"];
/// What the agent and its root half keep.
const FOLDERS: [&str; 2] = ["/var/lib/lapwing", "/var/lib/lapwing-priv"];
const JOURNAL: &str = "/var/lib/lapwing-priv/journal";
/// Which account the root half has made, and which one it has closed: the copy has these too, and without the records the one would be
/// a stranger's there, and the other closed for good.
const RECORDS: [&str; 2] = ["owned", "closed"];
const KEYTAB: &str = "/etc/krb5.keytab";

/// What was done.
#[derive(Debug, Default, Serialize)]
struct Done {
    stopped: Vec<&'static str>,
    removed: Vec<String>,
    left_to_you: Vec<String>,
}

/// The journal's first line, as far as it is needed. The rest of it is the root half's.
#[derive(Deserialize)]
struct Journal {
    #[serde(default)]
    candidates: Vec<serde::de::IgnoredAny>,
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let is_host = args.root.is_none();
    let root = super::root_or_image(args.root)?;
    let check = || if args.force { Ok(()) } else { check_settled(&root) };
    check()?;
    let mut done = Done::default();
    if is_host {
        done.stopped = stop()?;
        // One may have begun just before.
        check()?;
    }
    forget_enrolment(&root, &mut done)?;
    for folder in FOLDERS {
        empty(&root.path(folder), &mut done.removed).map_err(|error| {
            Failure::new(Code::Failed, error, "see why it cannot be removed, then run this again")
        })?;
    }
    done.left_to_you = left(&root);
    if args.json {
        return output::print_json(&done);
    }
    for (what, names) in
        [("Stopped", done.stopped.iter().map(ToString::to_string).collect()), ("Removed", done.removed)]
    {
        let names: Vec<String> = names;
        names.iter().try_for_each(|name| output::print(&format!("{what} {}", output::shown(name))))?;
    }
    done.left_to_you
        .iter()
        .try_for_each(|left| output::print(&format!("Left to you: {}", output::shown(left))))
}

/// Checks that the journal holds no change that is not finished.
fn check_settled(root: &Root) -> Result<(), Failure> {
    let Some(bytes) = files::read_if_there(&root.path(JOURNAL))? else { return Ok(()) };
    let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let is_settled =
        serde_json::from_slice(first).is_ok_and(|journal: Journal| journal.candidates.is_empty());
    if is_settled {
        return Ok(());
    }
    Err(Failure::new(
        Code::Refused,
        "a change of the password is not finished, or the journal cannot be read",
        "wait until `lapwing status` shows no candidates, or give --force",
    ))
}

fn stop() -> Result<Vec<&'static str>, Failure> {
    let systemctl = |arguments: &[&str]| {
        program::command("systemctl")
            .args(arguments)
            .output()
            .map_err(|error| Failure::new(Code::Failed, error, "stop lapwingd by hand, then give --root /"))
    };
    let mut active = Vec::new();
    for unit in UNITS {
        if systemctl(&["is-active", "--quiet", unit])?.status.success() {
            active.push(unit);
        }
    }
    if active.is_empty() {
        return Ok(active);
    }
    // All at once, lest one that listens start another that has been stopped.
    let ended = systemctl(&[&["stop"][..], &active].concat())?;
    if ended.status.success() {
        return Ok(active);
    }
    let why = String::from_utf8_lossy(&ended.stderr).trim().to_owned();
    Err(Failure::new(Code::Failed, output::shown(&why), "see `systemctl status lapwingd.service`"))
}

fn forget_enrolment(root: &Root, done: &mut Done) -> Result<(), Failure> {
    let settings = match AgentSettings::load(root) {
        Ok(settings) => settings,
        Err(IdentityError::NotEnrolled { .. }) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let mut managed = super::enrol::load_managed(root)?;
    managed
        .unpin(&DirectoryId::LapwingServer(settings.tenant))
        .map_err(|error| super::managed_failure(root, error))?;
    files::replace_public(&root.managed(), managed.text().as_bytes())?;
    Identity::remove(root)?;
    done.removed.push(format!("the enrolment at {}", settings.server.authority()));
    Ok(())
}

/// Removes all that is in a folder but these records; the folder itself is its package's.
fn empty(folder: &Path, removed: &mut Vec<String>) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if RECORDS.iter().any(|record| entry.file_name() == *record) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
        removed.push(entry.path().display().to_string());
    }
    removed.sort_unstable();
    Ok(())
}

/// What is not Lapwing's to remove.
fn left(root: &Root) -> Vec<String> {
    let keytab = root.path(KEYTAB);
    let keytab = keytab.exists().then(|| {
        format!(
            "{} makes a copy the same computer of the domain: leave the domain, with `realm leave`",
            keytab.display()
        )
    });
    let others = [
        "empty /etc/machine-id, so that each copy draws its own",
        "the managed account keeps its password, and so does each copy until its first rotation",
        "delete this host's record in the directory",
    ];
    keytab.into_iter().chain(others.map(str::to_owned)).collect()
}
